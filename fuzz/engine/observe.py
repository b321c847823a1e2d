"""What can be seen of an image after its run, from register values and memory: eBPF registers at exit, and breaches of the ABI."""

from collections.abc import Iterator, Sequence
from itertools import chain

from ebpf.instruction import REGISTERS
from fuzz.abi import HOME_AREA, PRESERVED, V0, is_word, register_name
from fuzz.layout import Placement, Segment
from fuzz.verdict import Difference
from jit.compiled import Compiled
from jit.config import Config
from oracle.outcome import Low

NO_REGISTERS: tuple[int | None, ...] = (None,) * REGISTERS
"""Nothing is known of r0 to r10."""


def promised(value: int) -> int:
    """Which bits of a register of the oracle's an image must have, as a mask."""
    return 0xFFFF_FFFF if isinstance(value, Low) else 0xFFFF_FFFF_FFFF_FFFF


def preserved(entry: Sequence[int], after: Sequence[int], config: Config) -> Iterator[Difference]:
    """Registers that do not hold what they held at the entry (both unsigned, as the engine has them)."""
    for number in PRESERVED:
        if after[number] != entry[number]:
            yield Difference("callee-saved", register_name(number, config), f"{entry[number]:#x}", f"{after[number]:#x}")


def result_is_word(after: Sequence[int], config: Config) -> Iterator[Difference]:
    """Both ABIs return a 32-bit integer sign-extended in v0, unsigned or not."""
    if config.cpu_64 and not is_word(after[V0]):
        yield Difference("ABI", "result in $v0", "a sign-extended word", f"{after[V0]:#x}")


def bpf_registers(compiled: Compiled, registers: Sequence[int]) -> tuple[int | None, ...]:
    """r0 to r10 from the MIPS registers at an exit word."""
    values: list[int | None] = []
    for places in compiled.registers:
        if places is None:
            values.append(None)
        elif len(places) == 1:
            values.append(registers[places[0]])
        else:
            low, high = (registers[place] & 0xFFFFFFFF for place in places)
            values.append(high << 32 | low)
    return tuple(values)


def halves_are_words(compiled: Compiled, registers: Sequence[int]) -> Iterator[Difference]:
    """32-bit code on a 64-bit CPU must hold sign-extended words only, or the next 32-bit operation is UNPREDICTABLE (MD00087)."""
    if not compiled.config.cpu_64 or compiled.config.width == 64:
        return
    for number, places in enumerate(compiled.registers):
        for place in places or ():
            if not is_word(registers[place]):
                name = register_name(place, compiled.config)
                yield Difference("ABI", f"half of r{number} in {name} at exit", "a sign-extended word", f"{registers[place]:#x}")


def guards(placement: Placement, after: Sequence[bytes], compiled: Compiled) -> Iterator[Difference]:
    """Bytes outside of all regions that were written: what is not ours in a region's pages, and the stack of the caller."""
    for segment, contents in zip(placement.segments[:-1], after, strict=False):
        if contents != segment.initial:
            yield from _written(segment, contents, 0, segment.start)
            yield from _written(segment, contents, segment.start + segment.size, len(contents))
    stack = placement.segments[-1]
    own = placement.world.frame_pointer - stack.address + compiled.frame_pointer + (HOME_AREA if compiled.config.width == 32 else 0)
    yield from _written(stack, after[-1], own, len(stack.initial), "the caller's stack")


def _written(segment: Segment, contents: bytes, start: int, end: int, where: str = "") -> Iterator[Difference]:
    if contents[start:end] == segment.initial[start:end]:
        return
    place = where or f"outside {segment.name}"
    for first, last in runs(segment.initial[start:end], contents[start:end]):
        first, last = first + start, last + start
        yield memory_difference(f"{place} at {segment.address + first:#x}", segment.initial[first:last], contents[first:last])


def runs(expected: bytes, actual: bytes) -> Iterator[tuple[int, int]]:
    """The longest stretches of bytes in which all differ, as (first, behind the last); both are of the same length."""
    if expected == actual:
        return
    first = None
    for at, (left, right) in enumerate(chain(zip(expected, actual, strict=True), [(0, 0)])):
        if left != right and first is None:
            first = at
        elif left == right and first is not None:
            yield first, at
            first = None


_SHOWN = 32


def memory_difference(place: str, expected: bytes, actual: bytes) -> Difference:
    """A stretch of memory; of a long one the first bytes are shown, and its length."""
    rest = f"… ({len(expected)} bytes)" if len(expected) > _SHOWN else ""
    return Difference("memory", place, expected[:_SHOWN].hex() + rest, actual[:_SHOWN].hex() + rest)

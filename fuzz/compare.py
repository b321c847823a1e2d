"""Every difference between what the oracle says and what an image did, not only the first."""

from collections.abc import Iterator
from itertools import zip_longest

from fuzz.engine.observe import memory_difference, promised, runs
from fuzz.engine.target import Run
from fuzz.layout import Placement
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import Fault

STACK = "stack"
"""The name of the eBPF stack among the regions of an outcome."""


def compare(expected: Run, actual: Run, compiled: Compiled, placement: Placement) -> tuple[Difference, ...]:
    """All differences of an image's run from the oracle's, both in the same placement.

    A fault of the oracle must be the same in the image: its kind and its instruction; memory must then be equal but for the bytes of the faulting
    access, and registers are not compared. Registers in which the oracle has nothing that a program may rely on, or which the image
    does not keep anywhere, are not compared either. Of the stack the bytes that the image reserves for the program are compared; the program
    must not have written below them. What an image breaks of the platform's ABI is for a tripwire (`fuzz.wires.abi`), unless it kept registers from
    being compared; what is not atomic is a difference.
    """
    return (
        *_faults(expected.outcome.fault, actual.outcome.fault),
        *_values(expected, actual),
        *_memory(expected, actual, compiled, placement),
        *_calls(expected, actual),
        *_maps(expected, actual),
        *(violation for violation in actual.violations if violation.kind in ("register", "atomicity")),
    )


def _faults(expected: Fault | None, actual: Fault | None) -> Iterator[Difference]:
    if expected is None and actual is None:
        return
    if expected is None or actual is None or (expected.kind, expected.slot) != (actual.kind, actual.slot):
        yield Difference("fault", "", str(expected or "none"), str(actual or "none"))


def _values(expected: Run, actual: Run) -> Iterator[Difference]:
    if expected.outcome.fault is not None or actual.outcome.fault is not None:
        return
    for number, (left, right) in enumerate(zip(expected.outcome.registers, actual.outcome.registers, strict=True)):
        if left is not None and right is not None and (left ^ right) & promised(left):
            yield Difference("register", f"r{number}", f"{left:#x}", f"{right:#x}")
    if expected.outcome.return_value != actual.outcome.return_value:
        yield Difference("return value", "", f"{expected.outcome.return_value:#x}", f"{actual.outcome.return_value:#x}")


def _memory(expected: Run, actual: Run, compiled: Compiled, placement: Placement) -> Iterator[Difference]:
    before, after = expected.outcome.memory, actual.outcome.memory
    if before.keys() != after.keys():
        raise ValueError(f"the runs have different regions: {', '.join(sorted(before.keys() ^ after.keys()))}")
    world = placement.world
    bottom = len(world.stack) - compiled.stack_size
    areas = [(region.name, region.address, 0) for region in world.regions]
    for name, address, start in (*areas, (STACK, world.frame_pointer - len(world.stack), bottom)):
        left, right = before[name][start:], after[name][start:]
        if left == right:
            continue
        hole = _faulting(expected.outcome.fault, address + start)
        left, right = left[: hole.start] + right[hole] + left[hole.stop :], right
        for first, last in runs(left, right):
            yield memory_difference(_place(name, first + start, last + start, len(world.stack)), left[first:last], right[first:last])
    if before[STACK][:bottom] != world.stack[:bottom]:
        yield Difference("memory", f"stack below r10-{compiled.stack_size}", "to belong to the program, which wrote there", "to belong to the image")


def _faulting(fault: Fault | None, start: int) -> slice:
    """The bytes of a faulting access, as indices into memory that starts there: an image may have done a part of it."""
    if fault is None or fault.address is None or fault.address + fault.size <= start:
        return slice(0, 0)
    return slice(max(fault.address - start, 0), fault.address - start + fault.size)


def _place(name: str, first: int, last: int, stack: int) -> str:
    return f"stack [r10-{stack - first}:r10-{stack - last}]" if name == STACK else f"{name}[{first}:{last}]"


def _calls(expected: Run, actual: Run) -> Iterator[Difference]:
    for number, (left, right) in enumerate(zip_longest(expected.calls, actual.calls), 1):
        if left != right:
            yield Difference("calls", f"number {number}", str(left or "no call"), str(right or "no call"))


def _maps(expected: Run, actual: Run) -> Iterator[Difference]:
    if expected.maps.keys() != actual.maps.keys():
        raise ValueError(f"the runs have different maps: {', '.join(sorted(expected.maps.keys() ^ actual.maps.keys()))}")
    for name, entries in expected.maps.items():
        left, right = ({key: value.hex() for key, value in found} for found in (entries, actual.maps[name]))
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                yield Difference("map", f"{name}[{key.hex()}]", left.get(key, "no entry"), right.get(key, "no entry"))

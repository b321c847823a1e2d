"""The oracle and the kernel of this machine on the same program: do they come to the same?

    program, input ─┬─ place, at three places ─ oracle ─ what is the same at all three ─┬─ compare
                    └─ adapt ─ bpf(2): load, run, read registers and maps ──────────────┘

What a program stores of addresses, of a clock or of random numbers is its own affair. The oracle therefore runs it three times, with other addresses
and other functions, and what is not the same each time is not compared, but counted; where there is a difference, at 64 more places. Nothing at all
is compared where the program takes another way.

The stack holds zeros at the beginning, which `adapt` sees to. A program with functions would need more stack for that than the kernel gives to all of
them together; it is not compared when what it does depends on what it has not written.
"""

import errno
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from ebpf.codec import encode
from ebpf.instruction import FRAME_POINTER, TAIL_CALL
from ebpf.opcodes import lookup
from ebpf.program import LDDW, Map, MapKind, Program, ProgramError
from fuzz.case import Case, Input
from fuzz.engine.observe import memory_difference, runs
from fuzz.engine.target import Run
from fuzz.environment.functions import GET_SMP_PROCESSOR_ID, THROW
from fuzz.environment.maps import Entry
from fuzz.kernel.adapt import RESULTS, adapt, has_functions, with_descriptors
from fuzz.kernel.bpf import READ_ONLY, KernelMap, KernelProgram, ProgramType, VerifierError
from fuzz.layout import KERNEL_AREAS, LAYOUTS, STACK_SIZE, Layout, Placement, moved, place
from fuzz.verdict import Difference
from jit.config import Config
from oracle import interpreter

LOOPS = 8 << 20
"""How often `may_goto` goes on in the kernel (BPF_MAX_LOOPS)."""

_PACKET = bytes(64)
_MARGIN, _FRAME, _NEAR = 64, 0x2C00, 7
_LOW_HALF = 0xFC00_0000
_PLACES = 64
_CLEARED = bytes(STACK_SIZE)
_CONFIG = Config("mips64r6", 64, sys.byteorder == "big")
"""A machine like those that the kernel has eBPF compilers for: 64-bit addresses, and accesses need not be aligned."""


LIMIT = 50_000
"""Instructions that a run may execute: fewer than elsewhere, because a loop that `may_goto` alone ends would execute millions."""


def _inverted(start: int, offset: int) -> int:
    """The start of an area for which the address `offset` bytes behind it has inverse bits, but for the lowest three: values are aligned."""
    return (1 << 64) - 8 - (start + offset) - offset


def _layouts() -> tuple[Layout, Layout, Layout]:
    """Of each area there are two with inverse addresses: what depends on a bit of an address is not the same everywhere.

    The lower halves of the first are nearly as large as they can be, and so those of its inverse nearly zero: what compares a number with one of them
    comes out either way.
    """
    near = {name: getattr(LAYOUTS[64], name) | _LOW_HALF for name in ("context", "data", "stack")}
    one, other = replace(LAYOUTS[64], **near), moved(LAYOUTS[64], KERNEL_AREAS[64][1])
    context = _inverted(one.context, _MARGIN)
    two = replace(one, context=context, data=context + (one.data - one.context), stack=_inverted(one.stack, _FRAME))
    third = replace(other, context=other.context + 0x1_7AB8, data=_inverted(one.data, _MARGIN), stack=other.stack + 0x2_5D48)
    return one, two, third


_LAYOUTS = _layouts()


class Said(Enum):
    """What the witness says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Statement:
    """Of one input of a program.

    reason       why the kernel does not run it (REFUSED), or why the oracle promises nothing of it (INCONCLUSIVE)
    compared     registers and bytes of memory that were compared
    undetermined  those that depend on addresses, the stack, clocks or chance
    """

    said: Said
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    compared: int = 0
    undetermined: int = 0


def witness(program: Program, inputs: Sequence[Input], limit: int = LIMIT) -> Iterator[Statement]:
    """What the kernel says of a program on each input, of which the oracle executes at most `limit` instructions.

    Raises ProgramError for a program that cannot be placed, OSError without permission.
    """
    reason = _unfit(program)
    kernel: _Loaded | None = None
    refused: dict[int, str] = {}
    try:
        for given in inputs:
            if reason:
                yield Statement(Said.REFUSED, reason)
                continue
            if (length := len(given.memory)) in refused:
                yield Statement(Said.REFUSED, refused[length])
                continue
            runs = _oracle(program, given, limit)
            if isinstance(runs, str):
                yield Statement(Said.INCONCLUSIVE, runs)
                continue
            if kernel is None or kernel.length != length:
                if kernel is not None:
                    kernel.close()
                    kernel = None
                try:
                    kernel = _load(program, length, runs)
                except VerifierError as error:
                    refused[length] = category(str(error))
                    yield Statement(Said.REFUSED, refused[length])
                    continue
            state = kernel.run(given.memory)
            said = _compare(program, runs, state)
            yield said if said.said is Said.AGREES else _again(program, given, limit, state)
    finally:
        if kernel is not None:
            kernel.close()


def category(reason: str) -> str:
    """The reason of a verifier without the numbers that are different each time."""
    return re.sub(r"-?\b(0x[0-9a-f]+|\d+)\b", "N", re.sub(r"\bR\d+", "RN", reason))


def _unfit(program: Program) -> str:
    """Why a program cannot be one for the kernel, as far as that is known before asking; empty when it can."""
    if program.context != "memory":
        return "its context is a structure of the kernel"
    if program.byte_order not in (None, sys.byteorder):
        return "it is for the other byte order"
    used = {slot.imm - len(program.data) for slot in program.slots if slot.opcode == LDDW and slot.src}
    for number, declared in enumerate(program.maps):
        if number not in used:
            continue
        if declared.kind is MapKind.LRU_HASH:
            return "an LRU hash, of which the kernel does not promise what it evicts"
        if declared.kind is MapKind.PROG_ARRAY:
            return "programs of a prog array"
    names = {(row.name, slot.imm) for slot in program.slots if (row := lookup(slot)) is not None}
    if ("CALL", TAIL_CALL) in names:
        return "programs of a prog array"
    if ("CALL_KERNEL", THROW) in names or program.exception_callback is not None:
        return "exceptions"
    if any(name == "CALL_KERNEL" for name, _ in names):
        return "kernel functions of the harness"
    return ""


def _random_layout(source: random.Random) -> Layout:
    """The three areas in their order, each anywhere in a quarter of the address space."""
    context, data, stack = sorted(source.randrange(1, 1 << 28) << 36 | source.randrange(1 << 32) & -8 for _ in range(3))
    return replace(LAYOUTS[64], context=context, data=data, stack=stack)


def _oracle(program: Program, given: Input, limit: int, layouts: Sequence[Layout] = _LAYOUTS) -> list[Run] | str:
    """A run at each place; or, where they say nothing of what the kernel does, why."""
    found: list[Run] = []
    seed, processors, cleared = given.seed, set[int](), not has_functions(program)
    for layout in layouts:
        placement = place(Case(program, replace(given, seed=seed)), _CONFIG, layout)
        # There are eight of them; all of the first few are different.
        while (processor := _processor(placement)) in processors and len(processors) < len(_LAYOUTS):
            seed += 1
            placement = place(Case(program, replace(given, seed=seed)), _CONFIG, layout)
        processors.add(processor)
        seed += 1
        found.append(run := _run(placement, _CLEARED if cleared else placement.world.stack, limit))
        if run.outcome.fault is not None:
            return run.outcome.fault.kind.value
        if _way(run) != _way(found[0]):
            return "its way depends on addresses, clocks or chance"
        if not cleared and _run(placement, _CLEARED, limit).outcome.trace != run.outcome.trace:
            return "it reads what it has not written to its stack"
    return found


def _run(placement: Placement, stack: bytes, limit: int) -> Run:
    world, functions = placement.fresh_world()
    outcome = interpreter.run(placement.slots, replace(world, stack=stack, loops=LOOPS, instruction_limit=limit), trace=True)
    return Run(outcome, tuple(functions.calls), maps=functions.maps.contents(outcome.memory))


def _way(run: Run) -> list[int]:
    return [slot for slot, _ in run.outcome.trace]


def _processor(placement: Placement) -> int:
    """The number of the processor that a program would be told."""
    return placement.environment().helpers[GET_SMP_PROCESSOR_ID].function()


class _State(NamedTuple):
    """What the kernel came to: the value, registers by number, memory and the entries of hashes by name."""

    value: int
    registers: dict[int, int]
    memory: dict[str, bytes]
    hashes: dict[str, tuple[Entry, ...]]


class _Loaded:
    """A program in the kernel, with its maps."""

    def __init__(self, program: Program, length: int) -> None:
        self.length = length
        self._program, self._maps = program, list[KernelMap]()
        self._kernel: KernelProgram | None = None
        self.kept: tuple[int, ...] = ()
        sizes = [(section.contents, section.writable) for section in program.data]
        for contents, writable in sizes:
            self._add(MapKind.ARRAY, 4, max(len(contents), 1), 1, 0 if writable else READ_ONLY)
        for declared in program.maps:
            self._add(declared.kind, declared.key_size, declared.value_size, declared.entries)
        self._add(MapKind.ARRAY, 4, max(length, 1), 1)
        self._add(MapKind.ARRAY, 4, RESULTS, 1)

    def _add(self, kind: MapKind, key_size: int, value_size: int, entries: int, flags: int = 0) -> None:
        try:
            self._maps.append(KernelMap(kind, key_size, value_size, entries, flags))
        except OSError as error:
            self.close()
            if error.errno in (errno.EINVAL, errno.E2BIG, errno.ENOMEM):
                raise VerifierError(f"a {kind.name.lower()} of that size: {error.strerror}") from None
            raise

    def load(self, kept: tuple[int, ...]) -> None:
        """Raises VerifierError."""
        where = f"{self._program.source}: {self._program.section}"
        slots = with_descriptors(adapt(self._program, self.length, kept), tuple(one.descriptor for one in self._maps), where)
        self._kernel, self.kept = KernelProgram(encode(slots, sys.byteorder), ProgramType.SOCKET_FILTER), kept

    def close(self) -> None:
        """Give it up."""
        for one in self._maps:
            one.close()
        if self._kernel is not None:
            self._kernel.close()

    def run(self, context: bytes) -> _State:
        """Run it on that context, with everything else as at its beginning."""
        program, maps = self._program, self._maps
        first = bytes(4)
        for section, one in zip(program.data, maps, strict=False):
            one.update(first, section.contents or b"\0")
        declared = list(zip(program.maps, maps[len(program.data) :], strict=False))
        for known, one in declared:
            _empty(known, one)
        maps[-2].update(first, context or b"\0")
        maps[-1].update(first, bytes(RESULTS))
        assert self._kernel is not None
        value = self._kernel.run(_PACKET).value
        results = maps[-1].lookup(first)
        registers = {number: int.from_bytes(results[8 * number :][:8], sys.byteorder) for number in self.kept}
        memory = {section.name: one.lookup(first)[: len(section.contents)] for section, one in zip(program.data, maps, strict=False)}
        memory["context"] = maps[-2].lookup(first)[: len(context)]
        hashes = {}
        for known, one in declared:
            if known.kind is MapKind.HASH:
                hashes[known.name] = tuple(sorted(Entry(key, one.lookup(key)) for key in one.entries()))
            elif known.kind is not MapKind.LRU_HASH:
                memory[known.name] = b"".join(_value(known, one, key) for key in _keys(known))
        return _State(value, registers, memory, hashes)


def _keys(declared: Map) -> Iterator[bytes]:
    return (number.to_bytes(4, sys.byteorder) for number in range(declared.entries))


def _empty(declared: Map, one: KernelMap) -> None:
    if declared.kind is MapKind.HASH:
        for key in list(one.entries()):
            one.delete(key)
        return
    for key in _keys(declared):
        one.update(key, bytes(declared.value_size if declared.kind is MapKind.ARRAY else declared.stride * _processors()))


def _processors() -> int:
    """How many CPUs the kernel keeps values of per-CPU maps for."""
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as possible:
        return 1 + int(re.split("[-,]", possible.read().strip())[-1])


def _value(declared: Map, one: KernelMap, key: bytes) -> bytes:
    """A value, padded; of a per-CPU map that of the CPU on which the program ran, which is the only one that can have changed."""
    if declared.kind is MapKind.ARRAY:
        return one.lookup(key).ljust(declared.stride, b"\0")
    found, stride = one.lookup(key, _processors()), declared.stride
    return next((value for start in range(0, len(found), stride) if any(value := found[start : start + stride])), bytes(stride))


def _load(program: Program, length: int, runs: Sequence[Run]) -> _Loaded:
    """The program in the kernel, keeping all registers at its end that hold something on every way there. Raises VerifierError."""
    kept = tuple(number for number in range(FRAME_POINTER) if runs[0].outcome.registers[number] is not None)
    loaded = _Loaded(program, length)
    while True:
        try:
            loaded.load(kept)
        except VerifierError as error:
            # Without registers that the way of this input has filled and another one has not.
            empty = re.fullmatch(r"R(\d) !read_ok", str(error))
            if empty is None or int(empty[1]) not in kept or empty[1] == "0":
                loaded.close()
                raise
            kept = tuple(number for number in kept if number != int(empty[1]))
        except (OSError, ProgramError, ValueError):
            loaded.close()
            raise
        else:
            return loaded


def _compare(program: Program, runs_: Sequence[Run], kernel: _State) -> Statement:
    first = runs_[0]
    differences: list[Difference] = []
    compared = undetermined = 0
    for number, value in kernel.registers.items():
        known = {run.outcome.registers[number] for run in runs_}
        if len(known) > 1:
            undetermined += 1
            continue
        compared += 1
        expected = known.pop()
        if expected is not None and expected != value:
            differences.append(Difference("register", f"r{number}", f"{expected:#x}", f"{value:#x}"))
    returned = {run.outcome.return_value for run in runs_}
    if len(returned) == 1 and (value_ := returned.pop()) != kernel.value:
        differences.append(Difference("return value", "", f"{value_:#x}", f"{kernel.value:#x}"))
    for name, after in kernel.memory.items():
        memories = [run.outcome.memory[name] for run in runs_]
        expected_bytes = bytearray(memories[0])
        for start, end in {run for other in memories[1:] for run in runs(memories[0], other)}:
            # A value that depends on addresses may have a byte that does not.
            start, end = max(start - _NEAR, 0), end + _NEAR
            undetermined += len(after[start:end])
            expected_bytes[start:end] = after[start:end]
        compared += len(after)
        for start, end in runs(bytes(expected_bytes), after):
            differences.append(memory_difference(f"{name}[{start}:{end}]", memories[0][start:end], after[start:end]))
    for name, entries in kernel.hashes.items():
        if len({run.maps[name] for run in runs_}) == 1:
            compared += len(entries)
            if (wanted := tuple(sorted(first.maps[name]))) != entries:
                differences.append(Difference("map", name, str(wanted), str(entries)))
        else:
            undetermined += len(entries)
    return Statement(Said.DIFFERS if differences else Said.AGREES, "", tuple(differences), compared, undetermined)


def _again(program: Program, given: Input, limit: int, state: _State) -> Statement:
    """The comparison that counts where there is a difference: with the oracle at many more places.

    What a program makes of an address may be the same by chance at three of them, such as a bit or the sign of it.
    """
    source = random.Random(given.seed)
    runs = _oracle(program, given, limit, [_random_layout(source) for _ in range(_PLACES)])
    return Statement(Said.INCONCLUSIVE, runs) if isinstance(runs, str) else _compare(program, runs, state)

"""The screen: which runs are certainly as they must be, told natively, so that only the others are looked at one by one.

    oracle's run ─ expectation ─┐
    placement ──── memory ──────┼─ fuzz.recording.native_screen ─ for each input what may be wrong with it, 0 for nothing
    image ──────── description ─┘

A verdict is defined by `fuzz.compare`, `fuzz.lockstep` and the tripwires, which say in words what they find. That costs much more than the run
itself, and nearly all runs are as they must be. The screen never says so of a run in which they find anything; where it is in doubt, they are asked.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby, repeat
from operator import is_not
from types import NoneType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import REGISTERS, Instruction
from fuzz.abi import HOME_AREA, sign_extended
from fuzz.compare import STACK
from fuzz.engine.entry import entry_registers, instruction_limit
from fuzz.engine.target import Run
from fuzz.environment.calls import Service
from fuzz.environment.native_routines import noise_start
from fuzz.layout import AREA_SIZE, Placement
from fuzz.lockstep import Trace, described, exits
from fuzz.recording import native_record as record
from fuzz.recording import native_screen as native
from fuzz.recording.decoded import FACT_BITS, decoded, owner_array, start_array
from fuzz.recording.kept import kept
from fuzz.recording.native_text import ACCESS, LINK, all_lead
from fuzz.recording.record import Recording
from fuzz.recording.recorder import Recorder
from fuzz.recording.text import text
from fuzz.wires.hazards import HILO_DISTANCE, of_edges
from fuzz.wires.memory import allowed, rights
from jit.compiled import Compiled
from oracle.outcome import Low

Words = NDArray[np.int64]

LARGEST = 1 << 20
"""Inputs with more bytes of memory are not screened: comparing them costs more than what is saved."""

MOST_SEGMENTS = 256
"""Inputs with more segments of memory are not screened either."""

_CHECKS = {Recording.BOUNDARIES: native.PATH, Recording.OPERANDS: native.OPERANDS, Recording.ACCESSES: native.ACCESSES}


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """An input as the screen wants it: what the oracle says of it, and its memory; and where both are."""

    outcome: Words
    memory: Words
    addresses: tuple[int, int]


@kept(256)
def expectation(placement: Placement, expected: Run) -> Expectation | None:
    """What the screen wants to know of an input; None where it does not see enough: a fault, a large memory, a trace that a target cannot record."""
    outcome, segments = expected.outcome, placement.segments
    if outcome.fault is not None or len(outcome.trace) > record.MAXIMUM_BOUNDARIES:
        return None
    if len(segments) > MOST_SEGMENTS or sum(len(segment.initial) for segment in segments) > LARGEST:
        return None
    made = _outcome(expected, placement.world.marked), _memory(placement, expected)
    return Expectation(*made, (_place(made[0]), _place(made[1])))


def _place(array: Words) -> int:
    """The address of its first element. `ctypes.data` says the same, but makes an object of ctypes for it."""
    at: int = array.__array_interface__["data"][0]
    return at


_U64 = (1 << 64) - 1


def _bytes(numbers: Sequence[int]) -> bytes:
    """Integers as native code has them, of 64 bits each."""
    return array("Q", numbers).tobytes()


def _mark(value: int | None) -> int:
    """What is known of register 0 when it is expected to hold this."""
    return 0 if value is None else 1 | 1 << native.LOW_ONLY if isinstance(value, Low) else 1


def _known(registers: Sequence[int | None]) -> int:
    return sum([_mark(value) << number for number, value in enumerate(registers)])


@kept(256)
def _outcome(expected: Run, marked: bool) -> Words:
    """Of an oracle's run, in a world with marks or without. Placements that the program cannot tell apart share one."""
    outcome = expected.outcome
    header = [0] * native.EXPECTED_ROWS
    header[native.EXPECTED_RETURN] = outcome.return_value or 0
    header[native.EXPECTED_KNOWN] = _known(outcome.registers)
    header[native.EXPECTED_COUNT] = len(outcome.trace)
    header[native.EXPECTED_REGISTERS : native.EXPECTED_REGISTERS + REGISTERS] = [value or 0 for value in outcome.registers]
    made = np.empty(native.EXPECTED_ROWS + native.EXPECTED_ROW * len(outcome.trace), np.int64)
    made[: native.EXPECTED_ROWS] = np.frombuffer(_bytes(header), np.int64)
    if outcome.trace:
        _describe(outcome.trace, marked, made[native.EXPECTED_ROWS :].reshape(-1, native.EXPECTED_ROW))
    return made


_KINDS = {NoneType: 0, int: 1, Low: 2}
_MARKS = np.array([_mark(None), _mark(0), _mark(Low(0))], np.int64)
"""By kind of value what is known of register 0. Without marks of zero-extension none is `Low`."""
_PLACES = 1 << np.arange(REGISTERS, dtype=np.int64)


def _describe(trace: Trace, marked: bool, rows: Words) -> None:
    """Write slot, registers and what is known of them before each instruction."""
    slots, registers = zip(*trace, strict=True)
    values = list(chain.from_iterable(registers))
    kinds = np.frombuffer(bytes(map(_KINDS.__getitem__, map(type, values)) if marked else map(is_not, values, repeat(None))), np.uint8)
    rows[:, 0] = slots
    rows[:, 1:-1] = np.frombuffer(_bytes([value or 0 for value in values]), np.int64).reshape(-1, REGISTERS)
    rows[:, -1] = _MARKS[kinds].reshape(-1, REGISTERS) @ _PLACES


def _memory(placement: Placement, expected: Run) -> Words:
    world, memory, segments = placement.world, expected.outcome.memory, placement.segments
    areas = [number for region in world.regions for number in (region.address, len(region.contents), region.writable)]
    at = native.MEMORY_HEADER + len(areas) + native.SEGMENT_ROW * len(segments)
    rows, contents = list[int](), list[bytes]()
    for name, address, initial, start, size in segments:
        length = len(initial) // 8
        rows += (address % AREA_SIZE, length, at, at + length, address if world.address_width == 64 else sign_extended(address))
        contents += (initial, initial[:start], memory[name], initial[start + size :])
        at += 2 * length
    header = [0] * native.ENTRY_REGISTERS
    header[native.FRAME_POINTER], header[native.STACK_ADDRESS] = world.frame_pointer, segments[-1].address
    header[native.UNTOUCHED] = _untouched(world.stack, memory[STACK])
    header[native.SEGMENT_COUNT], header[native.SEGMENTS_AT] = len(segments), native.MEMORY_HEADER + len(areas)
    header[native.AREA_COUNT], header[native.AREAS_AT] = len(world.regions), native.MEMORY_HEADER
    header[native.LIMIT], header[native.FILL] = instruction_limit(placement), placement.fill & _U64
    header[native.ALIGNMENT], header[native.NOISE_START] = world.alignment, noise_start(placement.fill)
    header[native.INTERFERENCE] = placement.interference
    return np.frombuffer(b"".join((_bytes([*header, *entry_registers(placement, 0), *areas, *rows]), *contents)), np.int64)


def _untouched(before: bytes, after: bytes) -> int:
    """How many bytes at the beginning are the same."""
    if before == after:
        return len(before)
    return int((np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8)).argmax())


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Inputs for native code.

    count       of all inputs; `numbers` are those of them that can be screened, and of these is all else
    outcomes    where `Expectation.outcome` of each is, `memories` where `Expectation.memory` is
    calling     those of which the oracle made calls
    pages       ranges of them whose memory lies in the same pages, and in which other CPUs come in between, or do not
    disturbed   whether there are such in which they do
    """

    count: int
    numbers: tuple[int, ...]
    placements: tuple[Placement, ...]
    expected: tuple[Run, ...]
    expectations: tuple[Expectation, ...]
    outcomes: Words
    memories: Words
    calling: tuple[int, ...]
    pages: tuple[tuple[int, int], ...]
    disturbed: bool


def _pages(placement: Placement) -> tuple[bool, list[tuple[int, int]]]:
    return placement.interference > 0, [(segment.address, len(segment.initial)) for segment in placement.segments]


@kept(32)
def batch(inputs: tuple[tuple[Placement, Run], ...]) -> Batch:
    """Inputs, with what the oracle says of them. Images of many configurations run on the same ones."""
    known = [expectation(*pair) for pair in inputs]
    numbers = tuple(number for number, made in enumerate(known) if made is not None)
    expectations = tuple(made for made in known if made is not None)
    placements = tuple(inputs[number][0] for number in numbers)
    expected = tuple(inputs[number][1] for number in numbers)
    pages, start = [], 0
    for _, group in groupby(placements, _pages):
        pages.append((start, start := start + len(list(group))))
    return Batch(
        len(inputs),
        numbers,
        placements,
        expected,
        expectations,
        np.array([each.addresses[0] for each in expectations], np.int64),
        np.array([each.addresses[1] for each in expectations], np.int64),
        tuple(number for number, run in enumerate(expected) if run.calls),
        tuple(pages),
        any(placement.interference for placement in placements),
    )


def conclude(batch: Batch, found: Words, services: Mapping[int, Service], edges_hold: bool) -> list[int]:
    """Of each input what may be wrong with it: what native code has found, the calls that were made, and whether all ways from word to word that runs
    took are harmless. What cannot be screened is doubted."""
    results: list[int] = found.tolist()
    for number in {*batch.calling, *services}:
        service = services.get(number)
        if (service.calls if service else ()) != batch.expected[number].calls or (service and service.violations):
            results[number] |= native.CALLS
    if not edges_hold:
        results = [result | native.EDGES for result in results]
    if len(results) == batch.count:
        return results
    told = [native.ENDING] * batch.count
    for number, result in zip(batch.numbers, results, strict=True):
        told[number] = result
    return told


def harmless(compiled: Compiled, recorder: Recorder) -> bool:
    """Whether the ways that runs of an image took from word to word have all been recorded, and are harmless."""
    if all_lead(recorder.memory, decoded(compiled).following):
        return True
    return recorder.edges is not None and not any(of_edges(compiled, recorder.edges))


class Checks(NamedTuple):
    """What is asked: what has to be recorded, and which checks look at it, as a sum of `PATH` and its like of `fuzz.recording.native_screen`."""

    recordings: frozenset[Recording]
    native: int


def checks(compiled: Compiled, recordings: frozenset[Recording]) -> Checks:
    """What the screen has to record and to check on an image so that wires and lockstep have these recordings."""
    # A compiler need not say where its instructions are.
    return _checks(recordings, bool(compiled.bpf_at), compiled.config.isa in HILO_DISTANCE)


@kept(32)
def _checks(recordings: frozenset[Recording], boundaries: bool, edges: bool) -> Checks:
    wanted = recordings - {Recording.FLIPS} - frozenset(() if boundaries else (Recording.BOUNDARIES,))
    if not edges:
        wanted -= {Recording.EDGES}
    return Checks(wanted, sum(check for recording, check in _CHECKS.items() if recording in wanted))


@kept(4)
def image(compiled: Compiled, slots: tuple[Instruction, ...]) -> Words:
    """What the screen wants to know of an image of these slots."""
    config, count = compiled.config, len(slots)
    made = np.empty(native.IMAGE_HEADER + 2 * count + len(compiled.words), np.int64)
    at = native.IMAGE_HEADER
    made[: native.KEPT] = (
        compiled.base,
        config.cpu_64,
        config.width,
        compiled.frame_pointer,
        compiled.stack_size,
        text(compiled).deepest,
        HOME_AREA if config.width == 32 else 0,
    )
    made[native.EXITS], made[native.STARTS_AT : native.RIGHTS_AT + 1] = len(compiled.exits), (at, at + count, at + 2 * count)
    made[native.KEPT], made[native.LOW : native.HIGH + REGISTERS] = _places(compiled.registers)
    starts = start_array(compiled) if compiled.bpf_at else np.full(count, -1, np.int64)
    about = exits(slots), _access(slots), owner_array(compiled), decoded(compiled).facts, FACT_BITS[ACCESS], FACT_BITS[LINK]
    if len(starts) != count or not native.describe(starts, *about, made):
        return plain(compiled, slots, made[: native.IMAGE_HEADER])
    return made


def plain(compiled: Compiled, slots: tuple[Instruction, ...], header: Words) -> Words:
    """What `image` makes, for images that are not what they say, from what `fuzz.lockstep` and `fuzz.wires.memory` say."""
    known = described(slots, compiled)
    header[native.SHARES] = known.shares
    width, direction = rights(compiled, slots)
    may = width.astype(np.int64) | direction[:, 0] * native.READS | direction[:, 1] * native.WRITES
    return np.concatenate((header, known.starts, known.exits.astype(np.int64), may))


@kept(64)
def _access(slots: tuple[Instruction, ...]) -> Words:
    """Of each slot what its code may access, as `fuzz.recording.native_screen.describe` wants it."""
    found = [
        size | reads * native.READS | writes * native.WRITES | indivisible * native.INDIVISIBLE
        for size, reads, writes, indivisible in map(allowed, slots)
    ]
    return np.array(found, np.int64)


@lru_cache(maxsize=64)
def _places(registers: tuple[tuple[int, ...] | None, ...]) -> tuple[int, Words]:
    """Which eBPF registers are kept, and where: their lower or only parts, then the upper ones, -1 for none."""
    low = [(places or (0,))[0] for places in registers]
    high = [-1 if places is None or len(places) == 1 else places[1] for places in registers]
    return _known([None if places is None else places[0] for places in registers]), np.array(low + high, np.int64)

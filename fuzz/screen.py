"""The screen: which runs are certainly as they must be, told natively, so that only the others are looked at one by one.

    oracle's run ─ expectation ─┐
    placement ──── memory ──────┼─ fuzz.native_screen ─ for each input what may be wrong with it, 0 for nothing
    image ──────── description ─┘

A verdict is defined by `fuzz.compare`, `fuzz.lockstep` and the tripwires, which say in words what they find. That costs much more than the run
itself, and nearly all runs are as they must be. The screen never says so of a run in which they find anything; where it is in doubt, they are asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import REGISTERS, Instruction
from fuzz import native_record as record
from fuzz import native_screen as native
from fuzz.abi import HOME_AREA
from fuzz.calls import Service
from fuzz.compare import STACK
from fuzz.entry import entry_registers
from fuzz.kept import kept
from fuzz.layout import AREA_SIZE, Placement
from fuzz.lockstep import Image, described
from fuzz.record import Recording
from fuzz.target import Run
from fuzz.wires.hazards import of_edges
from fuzz.wires.memory import lowest_stack_pointer, rights
from jit.compiled import Compiled
from oracle.outcome import Low

Words = NDArray[np.int64]

LARGEST = 1 << 20
"""Inputs with more bytes of memory are not screened: comparing them costs more than what is saved."""

_CHECKS = {Recording.BOUNDARIES: native.PATH, Recording.OPERANDS: native.OPERANDS, Recording.ACCESSES: native.ACCESSES}


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """An input as the screen wants it: what the oracle says of it, and its memory."""

    outcome: Words
    memory: Words


@kept(256)
def expectation(placement: Placement, expected: Run) -> Expectation | None:
    """What the screen wants to know of an input; None where it does not see enough: a fault, a large memory, a trace that a target cannot record,
    registers of which halves are promised."""
    outcome = expected.outcome
    size = sum(len(segment.initial) for segment in placement.segments)
    if outcome.fault is not None or placement.world.marked or size > LARGEST or len(outcome.trace) > record.MAXIMUM_BOUNDARIES:
        return None
    return Expectation(_outcome(expected), _memory(placement, expected))


def _signed(values: Sequence[int]) -> Words:
    return np.array(values, np.uint64).view(np.int64)


def _mark(value: int | None) -> int:
    """What is known of register 0 when it is expected to hold this."""
    return 0 if value is None else 1 | 1 << native.LOW_ONLY if isinstance(value, Low) else 1


def _known(registers: Sequence[int | None]) -> int:
    return sum(_mark(value) << number for number, value in enumerate(registers))


@kept(256)
def _outcome(expected: Run) -> Words:
    """Of an oracle's run. Placements that the program cannot tell apart share one."""
    outcome = expected.outcome
    header = np.zeros(native.EXPECTED_ROWS, np.int64)
    header[native.EXPECTED_RETURN] = outcome.return_value or 0
    header[native.EXPECTED_KNOWN] = _known(outcome.registers)
    header[native.EXPECTED_COUNT] = len(outcome.trace)
    header[native.EXPECTED_REGISTERS : native.EXPECTED_REGISTERS + REGISTERS] = _signed([value or 0 for value in outcome.registers])
    rows = np.zeros((len(outcome.trace), native.EXPECTED_ROW), np.int64)
    if len(rows):
        known = np.array([[_mark(value) for value in registers] for _, registers in outcome.trace])
        values = [[value or 0 for value in registers] for _, registers in outcome.trace]
        rows[:, 0] = [slot for slot, _ in outcome.trace]
        rows[:, 1:-1] = np.array(values, np.uint64).view(np.int64)
        rows[:, -1] = known @ (1 << np.arange(REGISTERS))
    return np.concatenate((header, rows.ravel()))


def _memory(placement: Placement, expected: Run) -> Words:
    world = placement.world
    header = np.zeros(native.MEMORY_HEADER, np.int64)
    areas = _signed([number for region in world.regions for number in (region.address, len(region.contents))])
    at = len(header) + len(areas) + native.SEGMENT_ROW * len(placement.segments)
    rows, contents = [], []
    for segment in placement.segments:
        after = segment.initial[: segment.start] + expected.outcome.memory[segment.name] + segment.initial[segment.start + segment.size :]
        length = len(segment.initial) // 8
        rows.append((segment.address % AREA_SIZE, length, at, at + length))
        contents += [np.frombuffer(segment.initial, np.int64), np.frombuffer(after, np.int64)]
        at += 2 * length
    header[native.FRAME_POINTER :][:2] = _signed((world.frame_pointer, placement.segments[-1].address))
    header[native.UNTOUCHED] = _untouched(world.stack, expected.outcome.memory[STACK])
    header[native.SEGMENT_COUNT], header[native.SEGMENTS_AT] = len(rows), len(header) + len(areas)
    header[native.AREA_COUNT], header[native.AREAS_AT] = len(world.regions), len(header)
    header[native.ENTRY_REGISTERS :] = _signed(entry_registers(placement, 0))
    return np.concatenate((header, areas, np.array(rows, np.int64).ravel(), *contents))


def _untouched(before: bytes, after: bytes) -> int:
    """How many bytes at the beginning are the same."""
    changed = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    return int(changed[0]) if len(changed) else len(before)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Inputs whose memory lies in the same pages, for one native call; `outcomes` and `memories` are the addresses of their expectations' arrays."""

    placements: tuple[Placement, ...]
    expected: tuple[Run, ...]
    expectations: tuple[Expectation, ...]

    @property
    def outcomes(self) -> Words:
        """Where `Expectation.outcome` of each is."""
        return np.array([each.outcome.ctypes.data for each in self.expectations])

    @property
    def memories(self) -> Words:
        """Where `Expectation.memory` of each is."""
        return np.array([each.memory.ctypes.data for each in self.expectations])


def by_pages(
    inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording], run: Callable[[Batch, frozenset[Recording]], list[int]]
) -> list[int]:
    """Screen inputs in batches whose memory lies in the same pages, which are mapped before native code runs. What cannot be screened is doubted."""
    found = [native.ENDING] * len(inputs)
    wanted = [(number, *pair, made) for number, pair in enumerate(inputs) if (made := expectation(*pair)) is not None]
    for _, group in groupby(wanted, lambda each: [(segment.address, len(segment.initial)) for segment in each[1].segments]):
        numbers, *rest = zip(*group, strict=True)
        for number, result in zip(numbers, run(Batch(*rest), recordings - {Recording.FLIPS}), strict=True):
            found[number] = result
    return found


NO_EDGES = np.zeros((0, 2), np.int64)


def conclude(compiled: Compiled, batch: Batch, found: Words, services: Mapping[int, Service], edges: Words | None) -> list[int]:
    """Add what native code does not see: the calls that were made, and ways from word to word, None where there was no room for them."""
    results: list[int] = found.tolist()
    for number, run in enumerate(batch.expected):
        service = services.get(number)
        if (service.calls if service else ()) != run.calls or (service and service.violations):
            results[number] |= native.CALLS
    if not edges_hold(compiled, edges):
        results = [result | native.EDGES for result in results]
    return results


def edges_hold(compiled: Compiled, edges: Words | None) -> bool:
    """Whether the ways that runs of an image took from word to word are harmless; None where they have not all been recorded."""
    return edges is not None and not any(of_edges(compiled, edges))


def image(compiled: Compiled, slots: tuple[Instruction, ...], placement: Placement, recordings: frozenset[Recording], limit: int) -> Words:
    """What the screen wants to know of an image of these slots that runs in this placement's layout, for at most `limit` MIPS instructions."""
    made = _image(compiled, slots).copy()
    made[native.RETURN_PAGE] = _signed((placement.layout.return_page,))[0]
    made[native.LIMIT] = limit
    made[native.CHECKS] = sum(check for recording, check in _CHECKS.items() if recording in recordings)
    if not compiled.bpf_at:
        # A compiler that does not say where its instructions are.
        made[native.CHECKS] &= ~native.PATH
    return made


@kept(4)
def _image(compiled: Compiled, slots: tuple[Instruction, ...]) -> Words:
    config = compiled.config
    header = np.zeros(native.IMAGE_HEADER, np.int64)
    known: Image = described(slots, compiled)
    at = len(header) + np.cumsum([0, len(known.starts), len(known.exits)])
    fields = {
        native.BASE: _signed((compiled.base,))[0],
        native.CPU_64: config.cpu_64,
        native.WIDTH: config.width,
        native.TOP: compiled.frame_pointer,
        native.STACK_SIZE: compiled.stack_size,
        native.DEEPEST: lowest_stack_pointer(compiled),
        native.HOME: HOME_AREA if config.width == 32 else 0,
        native.KEPT: _known([None if places is None else places[0] for places in compiled.registers]),
        native.EXITS: len(compiled.exits),
        native.SHARES: known.shares,
        native.STARTS_AT: at[0],
        native.LEAVING_AT: at[1],
        native.RIGHTS_AT: at[2],
    }
    for field, value in fields.items():
        header[field] = value
    header[native.LOW : native.LOW + REGISTERS] = [(places or (0,))[0] for places in compiled.registers]
    header[native.HIGH : native.HIGH + REGISTERS] = [-1 if places is None or len(places) == 1 else places[1] for places in compiled.registers]
    width, direction = rights(compiled, slots)
    allowed = width.astype(np.int64) | direction[:, 0] * native.READS | direction[:, 1] * native.WRITES
    return np.concatenate((header, known.starts, known.exits.astype(np.int64), allowed))

"""Findings made small: instructions left out, immediates, offsets and inputs made plain, as long as the fingerprint stays the same.

Whatever the case came from, what is reduced is the program. A jump to an instruction that goes leads to the next one afterwards. What a verifier
would refuse is judged INCONCLUSIVE and so is never taken.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ebpf.instruction import Instruction
from ebpf.opcodes import lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import check
from fuzz.case import Case, Compiler, Input
from fuzz.finding import Diagnosis, Finding, diagnose
from fuzz.judge import judge
from fuzz.layout import place
from fuzz.target import Target
from fuzz.verdict import Status, Verdict
from fuzz.wires.wire import Wire
from jit.config import Config
from oracle import interpreter
from oracle.world import NO_PACKET

JUDGINGS = 600
"""So often a case is judged at most; not by time, so that the result is always the same."""

_EXECUTED = 4096
"""Executed instructions of a reduced program: one that has lost the end of its loop would run for long."""


@dataclass(slots=True)
class _Reducer:
    """The case as small as it has become."""

    program: Program
    given: Input
    holds: Callable[[Program, Input], bool]
    left: int = JUDGINGS

    def try_program(self, program: Program | None) -> bool:
        return program is not None and self._try(program, self.given)

    def try_input(self, given: Input) -> bool:
        return self._try(self.program, given)

    def _try(self, program: Program, given: Input) -> bool:
        if self.left <= 0 or (program == self.program and given == self.given):
            return False
        self.left -= 1
        if not self.holds(program, given):
            return False
        self.program, self.given = program, given
        return True


def reduce(finding: Finding, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Finding:
    """The smallest finding with the same fingerprint that is found; the finding itself where its first failing input alone does not show it."""
    config = Config.parse(finding.config)

    def examine(program: Program, given: Input) -> tuple[Verdict, Diagnosis] | None:
        try:
            check(program)
            case = Case(program, given)
            if not _ends(case, config):
                return None
            verdict = judge(case, config, target, compiler, wires)
            if verdict.status not in (Status.DIFFER, Status.TRIPPED, Status.ENGINE):
                return None
            found = diagnose(case, verdict, target, compiler, wires)
        except ProgramError:
            return None
        return (verdict, found) if found.fingerprint == finding.fingerprint else None

    for given in finding.inputs:
        if examine(finding.program, given) is not None:
            break
    else:
        return replace(finding, reduced=True)
    reducer = _Reducer(finding.program, given, lambda program, given: examine(program, given) is not None)
    while reducer.left > 0:
        before = reducer.program, reducer.given
        _leave_out(reducer)
        _simplify(reducer)
        _plain_input(reducer)
        if (reducer.program, reducer.given) == before:
            break
    found = examine(reducer.program, reducer.given)
    assert found is not None
    verdict, diagnosis = found
    return replace(
        finding,
        program=reducer.program,
        inputs=(reducer.given,),
        status=verdict.status.name,
        details=tuple(str(one) for one in (*verdict.differences, *verdict.trips)),
        wrong=diagnosis.wrong,
        words=diagnosis.words,
        reduced=True,
    )


def _ends(case: Case, config: Config) -> bool:
    """Whether the program ends soon."""
    placement = place(case, config)
    world, _ = placement.fresh_world()
    outcome = interpreter.run(placement.slots, replace(world, instruction_limit=_EXECUTED))
    return outcome.executed < _EXECUTED


def _leave_out(reducer: _Reducer) -> None:
    """Runs of instructions, half of the program at first, single ones at last, from the end to the start."""
    size = max(1, len(starts(reducer.program.slots)) // 2)
    while True:
        at = len(starts(reducer.program.slots)) - size
        while at >= 0 and reducer.left > 0:
            units = starts(reducer.program.slots)
            gone = {slot for start in units[at : at + size] for slot in _unit(reducer.program.slots, start)}
            reducer.try_program(without(reducer.program, gone))
            at -= size
        if size == 1:
            return
        size = max(1, size // 2)


def _simplify(reducer: _Reducer) -> None:
    """Immediates and offsets of single instructions."""
    at = 0
    while at < len(reducer.program.slots) and reducer.left > 0:
        for simpler in _simpler(reducer.program.slots[at]):
            slots = reducer.program.slots
            if reducer.try_program(replace(reducer.program, slots=(*slots[:at], simpler, *slots[at + 1 :]))):
                break
        at += 1


def _simpler(slot: Instruction) -> Iterator[Instruction]:
    row = lookup(slot)
    if row is None:
        return
    if row.imm == "imm":
        yield from (slot._replace(imm=imm) for imm in (0, 1, -1, slot.imm & 0xFF, slot.imm & 0x7FFF) if abs(imm) < abs(slot.imm))
    if row.offset == "memory" and slot.offset and slot.dst != 10 and slot.src != 10:
        yield slot._replace(offset=0)
    if isinstance(row.src, str) and row.offset != "memory" and slot.src != slot.dst and row.src == "r":
        yield from (slot._replace(src=number) for number in range(min(slot.src, 10)) if number != slot.dst)


def _plain_input(reducer: _Reducer) -> None:
    """Zeros in the context, half of it at first; a shorter context; no packet."""
    if reducer.given.packet != NO_PACKET:
        reducer.try_input(replace(reducer.given, packet=NO_PACKET))
    while len(reducer.given.memory) > 8 and reducer.try_input(replace(reducer.given, memory=reducer.given.memory[: len(reducer.given.memory) // 2])):
        pass
    size = len(reducer.given.memory)
    while size >= 1 and reducer.left > 0:
        for at in range(0, len(reducer.given.memory), size):
            memory = reducer.given.memory
            reducer.try_input(replace(reducer.given, memory=memory[:at] + bytes(len(memory[at : at + size])) + memory[at + size :]))
        size //= 2


def starts(slots: Sequence[Instruction]) -> list[int]:
    """The first slots of the instructions."""
    found, at = [], 0
    while at < len(slots):
        found.append(at)
        at += len(_unit(slots, at))
    return found


def _unit(slots: Sequence[Instruction], at: int) -> range:
    row = lookup(slots[at])
    return range(at, at + (row.slots if row is not None else 1))


def distance(slots: Sequence[Instruction], at: int) -> tuple[str, int] | None:
    """The field of an instruction that holds a distance in slots, and the slot that it leads to; None when there is none."""
    row = lookup(slots[at])
    if row is None:
        return None
    if row.offset == "jump":
        return "offset", at + 1 + slots[at].offset
    if row.imm == "jump" or row.name == "LDDW_CODE":
        return "imm", at + 1 + slots[at].imm
    return None


def without(program: Program, gone: set[int]) -> Program | None:
    """The program without these slots, with jumps that lead where they led; None where a jump does not fit any more, or nothing is left."""
    slots = program.slots
    new, position = [], 0
    for at in range(len(slots) + 1):
        new.append(position)
        position += at not in gone
    kept: list[Instruction] = []
    for at in range(len(slots)):
        if at in gone:
            continue
        slot, led = slots[at], distance(slots, at)
        if led is not None:
            field, to = led
            if not 0 <= to <= len(slots):
                return None
            value = new[to] - new[at] - 1
            slot = slot._replace(offset=value) if field == "offset" else slot._replace(imm=value)
        kept.append(slot)
    return replace(program, slots=tuple(kept), lines={}, labels={}) if kept else None

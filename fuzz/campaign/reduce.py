"""Findings made small: instructions left out, operands, inputs, packets and maps made plain, as long as the symptom stays the same.

    finding ─ the wrong instruction by itself ─ passes in turn, until nothing changes ─► 1-minimal case ─ its neighbours ─► condition, fingerprint
                                          ▲                                                              │
                                          └─ it passes where the case that it was made from fails ───────┘

What Hypothesis has generated it has not shrunk in a campaign, because a campaign drives it by bytes; all cases are reduced here, whatever they came
from. A pass is a row of `PASSES`. 1-minimal means that no single step of any pass leaves the symptom as it is. What a verifier would refuse is judged
INCONCLUSIVE and so is never taken.

The condition is that of the small case, judged on each configuration. A case that has become so plain that it passes where the one that it was made
from fails, such as with a constant that has no carry in 64-bit code, goes back to the last state that fails there, and what is taken after that
must fail there too (`_Witnesses`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import check
from fuzz.campaign.isolate import alone, ended, executed
from fuzz.campaign.shape import starts, unit, without
from fuzz.case import Case, Compiler, Input
from fuzz.engine.target import Target
from fuzz.findings.condition import Condition, examine
from fuzz.findings.diagnosis import Diagnosis, Symptom, diagnose
from fuzz.findings.finding import Finding
from fuzz.findings.fingerprint import fingerprint, kept, operation, same_bug
from fuzz.findings.side_by_side import side_by_side
from fuzz.judge import interpret, judge, judge_all
from fuzz.layout import place
from fuzz.verdict import FAILED, Status, Verdict
from fuzz.wires.wire import Wire
from jit.config import Config
from oracle import interpreter
from oracle.world import NO_PACKET

JUDGINGS = 1200
"""So often a case is judged at most; not by time, so that the result is always the same."""

_ROUNDS = 3
"""So often a small case goes back, because it passes where the one that it was made from fails."""

_PAGE = 16
"""Bits of an address that are left out to ask whether a number may be an address."""

_EXECUTED, _LONG = 4096, 1 << 16
"""Executed instructions of a reduced program: one that has lost the end of its loop would run for long. As many as the case had, up to the second."""


class Shown(NamedTuple):
    """A verdict on a case that fails, and what is wrong."""

    verdict: Verdict
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Bench:
    """What judges cases: a target, the compiler under test and tripwires; `limit` is how many instructions a case may execute."""

    target: Target
    compiler: Compiler
    wires: Sequence[Wire]
    limit: int = _EXECUTED

    def shown(self, program: Program, given: Input, config: Config) -> Shown | None:
        """What is wrong with a case; None where nothing is. Raises ProgramError for a case that cannot be judged."""
        check(program)
        case = Case(program, given)
        if _executed(case, config, self.limit + 1) > self.limit:
            raise ProgramError(f"{program.source}: {program.section}: does not end soon")
        verdict = judge(case, config, self.target, self.compiler, self.wires)
        if verdict.status is Status.INCONCLUSIVE:
            raise ProgramError(f"{program.source}: {program.section}: {verdict.reason}")
        if verdict.status not in FAILED:
            return None
        return Shown(verdict, diagnose(case, verdict, self.target, self.compiler, self.wires))


@dataclass(slots=True)
class _Reducer:
    """The case as small as it has become; `holds` judges others, at most `left` more of them. `states` are the case that it was, and all since."""

    program: Program
    given: Input
    config: Config
    holds: Callable[[Program, Input], bool]
    left: int = JUDGINGS
    states: list[tuple[Program, Input]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states.append((self.program, self.given))

    def try_program(self, program: Program | None) -> bool:
        return program is not None and self._try(program, self.given)

    def try_slots(self, slots: Sequence[Instruction]) -> bool:
        return self.try_program(replace(self.program, slots=tuple(slots)))

    def try_input(self, given: Input) -> bool:
        return self._try(self.program, given)

    def _try(self, program: Program, given: Input) -> bool:
        if self.left <= 0 or (program == self.program and given == self.given):
            return False
        self.left -= 1
        if not self.holds(program, given):
            return False
        self.program, self.given = program, given
        self.states.append((program, given))
        return True

    def back_to(self, at: int) -> None:
        """To one of the states, without those behind it."""
        del self.states[at + 1 :]
        self.program, self.given = self.states[at]


def reduce(finding: Finding, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Finding:
    """The smallest finding with the same symptom that is found; the case itself where its first failing input alone does not show it."""
    config = Config.parse(finding.config)
    bench = Bench(target, compiler, wires, _limit(finding, config))

    def shown(program: Program, given: Input) -> Shown | None:
        try:
            found = bench.shown(program, given, config)
        except ProgramError:
            return None
        return found if found is not None and str(found.diagnosis.symptom) == finding.symptom else None

    first, given = next(((found, given) for given in finding.inputs if (found := shown(finding.program, given)) is not None), (None, None))
    if first is None or given is None:
        return _as_it_is(finding, bench)
    witnesses = _Witnesses(bench, first.diagnosis.symptom, finding.program, given)

    def holds(program: Program, given: Input) -> bool:
        return shown(program, given) is not None and witnesses.all_fail(program, given)

    reducer = _Reducer(finding.program, given, config, holds)
    _isolate(reducer, first.diagnosis.slot)
    make_small(reducer)
    condition = _with_witnesses(reducer, witnesses, first.diagnosis.slot)
    found = shown(reducer.program, reducer.given)
    assert found is not None
    return _concluded(finding, reducer, found, bench, condition)


def _as_it_is(finding: Finding, bench: Bench) -> Finding:
    """Not made small: it may take what earlier inputs or runs have left. Its configurations are those on which it fails again, if any."""
    configs = tuple(map(Config.parse, finding.configs))
    try:
        verdicts = list(judge_all(finding.program, finding.inputs, configs, bench.target, bench.compiler, wires=bench.wires))
    except ProgramError:
        return replace(finding, reduced=True)
    failing = tuple(dict.fromkeys(str(verdict.config) for verdict in verdicts if verdict.status in FAILED))
    return replace(finding, configs=failing or (finding.config,), reduced=True)


@dataclass(slots=True)
class _Witnesses:
    """Configurations on which a small case must fail as well, because the case that it was made from does.

    program, given  that case
    configs         so far
    answers         what judging that case has come to
    """

    bench: Bench
    symptom: Symptom
    program: Program
    given: Input
    configs: list[Config] = field(default_factory=list)
    answers: dict[Config, bool | None] = field(default_factory=dict)

    def fails(self, program: Program, given: Input, config: Config) -> bool | None:
        """Whether a case fails in the same way; None where it cannot be judged."""
        try:
            found = self.bench.shown(program, given, config)
        except ProgramError:
            return None
        return found is not None and same_bug(found.diagnosis.symptom, self.symptom)

    def all_fail(self, program: Program, given: Input) -> bool:
        """Whether a case fails on all of them."""
        return all(self.fails(program, given, config) for config in self.configs)

    def at_first(self, config: Config) -> bool | None:
        """What becomes of the case that the small one was made from."""
        if config not in self.answers:
            self.answers[config] = self.fails(self.program, self.given, config)
        return self.answers[config]


def _with_witnesses(reducer: _Reducer, witnesses: _Witnesses, slot: int | None) -> Condition:
    """The condition of the small case, which is made again with more witnesses as long as it is too small to fail where it did at first."""
    condition, missing = _condition(reducer, witnesses)
    for _ in range(_ROUNDS):
        if not missing:
            break
        before, witnesses.configs = (list(reducer.states), list(witnesses.configs)), [*witnesses.configs, *missing]
        _again(reducer, witnesses, slot)
        if _occurrences(reducer.program, witnesses.symptom) > _occurrences(before[0][-1][0], witnesses.symptom):
            # Another of the same instructions goes wrong there: that is no reason to keep both.
            reducer.states, witnesses.configs = before
            reducer.back_to(len(reducer.states) - 1)
            break
        condition, missing = _condition(reducer, witnesses)
    return condition


def _condition(reducer: _Reducer, witnesses: _Witnesses) -> tuple[Condition, list[Config]]:
    """The condition of the small case, and configurations on which it passes and the first case does not: one for each width and byte order."""
    missing: dict[tuple[int, bool], Config] = {}

    def fails(config: Config) -> bool | None:
        answer = witnesses.fails(reducer.program, reducer.given, config)
        if not answer and witnesses.at_first(config):
            missing.setdefault((config.width, config.big_endian), config)
        # Where it cannot be judged the first case tells where the bug is not.
        return False if answer is None and witnesses.at_first(config) is False else answer

    return examine(reducer.config, fails), list(missing.values())


def _again(reducer: _Reducer, witnesses: _Witnesses, slot: int | None) -> None:
    """From the last state that fails on all witnesses. The first one does."""
    low, high = 0, len(reducer.states) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if witnesses.all_fail(*reducer.states[middle]) else (low, middle - 1)
    reducer.back_to(low)
    if low == 0:
        _isolate(reducer, slot)
    make_small(reducer)


def _occurrences(program: Program, symptom: Symptom) -> int:
    rows = [row for slot in program.slots if (row := lookup(slot)) is not None]
    return sum(operation(row.name) == operation(symptom.row) for row in rows)


def _isolate(reducer: _Reducer, slot: int | None) -> None:
    """The instruction that went wrong by itself, else what comes before it."""
    program = reducer.program
    if slot is None or slot >= len(program.slots):
        return
    if any(reducer.try_program(each) for each in alone(Case(program, reducer.given), reducer.config, slot)):
        return
    reducer.try_program(ended(program, slot))
    reducer.try_program(executed(Case(reducer.program, reducer.given), reducer.config))


def make_small(reducer: _Reducer) -> None:
    """All passes, until none of them changes anything."""
    while reducer.left > 0:
        before = reducer.program, reducer.given
        for each in PASSES:
            each.run(reducer)
        if (reducer.program, reducer.given) == before:
            return


def _concluded(finding: Finding, reducer: _Reducer, shown: Shown, bench: Bench, condition: Condition) -> Finding:
    """The reduced finding, with its fingerprint."""
    verdict, diagnosis = shown

    def symptom(program: Program) -> Symptom | None:
        found = bench.shown(program, reducer.given, reducer.config)
        return None if found is None else found.diagnosis.symptom

    small = Case(reducer.program, reducer.given)
    variants = kept(small, reducer.config, diagnosis.slot, diagnosis.symptom, symptom)
    return replace(
        finding,
        fingerprint=fingerprint(diagnosis.symptom, condition, *variants),
        program=reducer.program,
        inputs=(reducer.given,),
        status=verdict.status.name,
        configs=tuple(dict.fromkeys((finding.config, *condition.failing))),
        details=tuple(str(one) for one in (*verdict.differences, *verdict.trips)),
        wrong=diagnosis.wrong,
        words=diagnosis.words,
        condition=condition.text,
        row=diagnosis.symptom.row,
        steps=side_by_side(small, reducer.config, bench.target, bench.compiler, bench.wires, diagnosis.slot),
        reduced=True,
    )


def _executed(case: Case, config: Config, limit: int) -> int:
    """How many instructions the oracle executes, up to the limit."""
    placement = place(case, config)
    world, _ = placement.fresh_world()
    return interpreter.run(placement.slots, replace(world, instruction_limit=limit)).executed


def _limit(finding: Finding, config: Config) -> int:
    """How many instructions a case of a reduction may execute: not more than the one that it is made from, or few."""
    try:
        return max(_EXECUTED, *(_executed(Case(finding.program, given), config, _LONG) for given in finding.inputs))
    except ProgramError:
        return _EXECUTED


# The passes.


def _programs(reducer: _Reducer) -> None:
    """A prog array without one of its programs, which then may be left out itself."""
    for number, declared in enumerate(reducer.program.maps):
        for entry in declared.programs:
            maps = reducer.program.maps
            rest = tuple(other for other in maps[number].programs if other != entry)
            reducer.try_program(replace(reducer.program, maps=(*maps[:number], replace(maps[number], programs=rest), *maps[number + 1 :])))


def _leave_out(reducer: _Reducer) -> None:
    size = max(1, len(starts(reducer.program.slots)) // 2)
    while True:
        at = len(starts(reducer.program.slots)) - size
        while at >= 0 and reducer.left > 0:
            units = starts(reducer.program.slots)
            gone = {slot for start in units[at : at + size] for slot in unit(reducer.program.slots, start)}
            reducer.try_program(without(reducer.program, gone))
            at -= size
        if size == 1:
            return
        size = max(1, size // 2)


def _constants(reducer: _Reducer) -> None:
    """A value that is loaded depends on the byte order, and on an input; so do results of calls. An address would depend on the width."""
    at = 0
    while at < len(reducer.program.slots) and reducer.left > 0:
        register = _fetches(reducer.program.slots[at])
        if register is not None and (value := _fetched(reducer, at, register)) is not None:
            signed = value - (1 << 64) if value >> 63 else value
            if -(1 << 31) <= signed < 1 << 31:
                reducer.try_slots((*reducer.program.slots[:at], _constant(register, signed), *reducer.program.slots[at + 1 :]))
        at += 1


def _fetches(slot: Instruction) -> int | None:
    """The register into which an instruction loads something, from memory or a packet, or what a function returns; None for others."""
    row = lookup(slot)
    if row is None:
        return None
    if row.name.startswith(("LDABS", "LDIND", "CALL")):
        return 0
    return slot.dst if row.offset == "memory" and row.dst == "w" else None


def _constant(register: int, value: int) -> Instruction:
    return Instruction(BY_NAME["MOV64_IMM"].opcode, register, 0, 0, value)


def _fetched(reducer: _Reducer, at: int, register: int) -> int | None:
    """What the instruction there first loads."""
    placement = place(Case(reducer.program, reducer.given), reducer.config)
    trace = interpret(placement, trace=True).outcome.trace
    value = next((after[register] for (slot, _), (_, after) in pairwise(trace) if slot == at), None)
    pages = {segment.address >> _PAGE for segment in placement.segments}
    return None if value is not None and value >> _PAGE in pages else value


def _simplify(reducer: _Reducer) -> None:
    at = 0
    while at < len(reducer.program.slots) and reducer.left > 0:
        for simpler in _simpler(reducer.program.slots[at]):
            slots = reducer.program.slots
            if reducer.try_slots((*slots[:at], simpler, *slots[at + 1 :])):
                break
        at += 1


def _simpler(slot: Instruction) -> Iterator[Instruction]:
    row = lookup(slot)
    if row is None:
        return
    if row.imm == "imm":
        yield from (slot._replace(imm=imm) for imm in (0, 1, -1, slot.imm & 0xFF, slot.imm & 0x7FFF) if abs(imm) < abs(slot.imm))
    if row.offset == "memory":
        base = "src" if row.dst == "w" else "dst"
        yield from (slot._replace(offset=offset, **{base: number}) for number, offset in ((1, 0), (10, -8)) if offset != slot.offset)
        if slot.offset and getattr(slot, base) != 10:
            yield slot._replace(offset=0)
    if isinstance(row.src, str) and row.offset != "memory" and slot.src != slot.dst and row.src == "r":
        yield from (slot._replace(src=number) for number in range(min(slot.src, 10)) if number != slot.dst)


def _renumber(reducer: _Reducer) -> None:
    """Each register becomes a lower one throughout that the program does not name."""
    for number in range(9, 0, -1):
        used = {register for slot in reducer.program.slots for register in _registers(slot)}
        for lower in range(number) if number in used else ():
            if lower not in used and reducer.try_slots([_renamed(slot, number, lower) for slot in reducer.program.slots]):
                break


def _registers(slot: Instruction) -> Iterator[int]:
    row = lookup(slot)
    if row is not None:
        yield from (slot.dst,) if isinstance(row.dst, str) else ()
        yield from (slot.src,) if isinstance(row.src, str) else ()


def _renamed(slot: Instruction, number: int, lower: int) -> Instruction:
    row = lookup(slot)
    if row is not None and isinstance(row.dst, str) and slot.dst == number:
        slot = slot._replace(dst=lower)
    if row is not None and isinstance(row.src, str) and slot.src == number:
        slot = slot._replace(src=lower)
    return slot


def _packet(reducer: _Reducer) -> None:
    if reducer.given.packet != NO_PACKET:
        reducer.try_input(replace(reducer.given, packet=NO_PACKET))


def _context(reducer: _Reducer) -> None:
    while len(reducer.given.memory) > 8 and reducer.try_input(replace(reducer.given, memory=reducer.given.memory[: len(reducer.given.memory) // 2])):
        pass
    reducer.try_input(replace(reducer.given, memory=bytes(len(reducer.given.memory))))
    size = len(reducer.given.memory)
    while size >= 1 and reducer.left > 0:
        for at in range(0, len(reducer.given.memory), size):
            memory = reducer.given.memory
            reducer.try_input(replace(reducer.given, memory=memory[:at] + bytes(len(memory[at : at + size])) + memory[at + size :]))
        size //= 2


def _seed(reducer: _Reducer) -> None:
    reducer.try_input(replace(reducer.given, seed=0))


def _maps(reducer: _Reducer) -> None:
    """The last declared map as long as nothing refers to it; maps of one entry."""
    while reducer.program.maps and reducer.try_program(replace(reducer.program, maps=reducer.program.maps[:-1])):
        pass
    for number, declared in enumerate(reducer.program.maps):
        if declared.entries > 1 and not declared.programs:
            maps = reducer.program.maps
            reducer.try_program(replace(reducer.program, maps=(*maps[:number], replace(declared, entries=1), *maps[number + 1 :])))


def _data(reducer: _Reducer) -> None:
    if reducer.program.data and not reducer.program.maps:
        reducer.try_program(replace(reducer.program, data=()))


class Pass(NamedTuple):
    """One way to make a case smaller, tried at every place of it."""

    name: str
    run: Callable[[_Reducer], None]


PASSES = (
    Pass("prog arrays without one of their programs", _programs),
    Pass("runs of instructions left out, half of the program at first, single ones at last", _leave_out),
    Pass("constants in the place of loads and calls", _constants),
    Pass("smaller immediates, no offset, lower source registers", _simplify),
    Pass("lower registers", _renumber),
    Pass("no packet", _packet),
    Pass("a shorter context of zeros", _context),
    Pass("seed 0", _seed),
    Pass("no data sections", _data),
    Pass("fewer and smaller maps", _maps),
)
"""In the order in which they are run."""

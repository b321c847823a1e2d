"""What went wrong first in a case whose verdict is DIFFER or TRIPPED, and the symptom that says which cases are probably the same bug.

    verdict ─ the case is run again with everything recorded ─┬─ lockstep: the first wrong eBPF instruction ─┐
                                                              ├─ memory: the last one that wrote the bytes  ─┼─ Diagnosis
                                                              └─ tripwires: the instruction that tripped    ─┘

A symptom says what differs, or which rule was broken, and at which instruction; it has no values, addresses, registers or positions in it. A broken
rule says more than the wrong value that it leads to, so it comes first where it was broken at or before the first wrong instruction. A wrong value
that was loaded from memory is a matter of what wrote it, where memory itself is wrong.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ebpf.disassembler import disassemble
from ebpf.instruction import Instruction
from ebpf.opcodes import Row, lookup
from fuzz.abi import SP
from fuzz.case import Case, Compiler
from fuzz.engine.abilities import telling
from fuzz.engine.observe import promised
from fuzz.engine.target import Run, Target
from fuzz.findings.detail import detail, own_function
from fuzz.judge import bounded, interpret, recordings
from fuzz.layout import Placement, place
from fuzz.lockstep import Divergence, Trace, first_difference, written
from fuzz.verdict import Trip, Verdict
from fuzz.wires.wire import Wire
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import ROWS as MIPS_ROWS

_STORES = (2, 3)
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
"""Classes of opcodes and sizes of accesses in bytes, by bits 2 to 0 and 4 to 3 of the opcode (RFC 9669, sections 3 and 5)."""


class Symptom(NamedTuple):
    """What is wrong, and where.

    kind   "value", "path", "fault" or "store": the register that is written, the way of the program, an end before its time, or memory; "upper
           bits": of that register those above the 8, 16 or 32 bits of the result; "clobber": another register; the name of a tripwire; "compiler";
           the kind of another difference
    rule   of a tripwire which rule was broken, in words that hold for any program; of the compiler the type of the error; of functions that
           compilers have code of their own for which one it is; what such an instruction did wrong (`fuzz.findings.detail`)
    row    name of the eBPF instruction; "entry" for entry and exit code, "frame" for what an image does in its own frame, "any" where the rule does
           not depend on it, "-" where it is not known
    width  of the code in bits
    """

    kind: str
    rule: str
    row: str
    width: int

    def __str__(self) -> str:
        return f"{self.kind}{f' ({self.rule})' if self.rule else ''} {self.row} {'o32' if self.width == 32 else 'n64'}"


class Diagnosis(NamedTuple):
    """The symptom, and what shows it to people: the slot and the text of the wrong instruction, and its MIPS words."""

    symptom: Symptom
    slot: int | None
    wrong: str
    words: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """The symptom as text."""
        return str(self.symptom)


class _Scene(NamedTuple):
    """A case that was run again."""

    case: Case
    placement: Placement
    compiled: Compiled
    expected: Run
    actual: Run

    @property
    def divergence(self) -> Divergence | None:
        if not self.compiled.bpf_at:
            return None
        return first_difference(self.placement.slots, self.expected.outcome, self.actual, self.compiled)


def diagnose(case: Case, verdict: Verdict, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Diagnosis:
    """Run a case whose verdict is DIFFER or TRIPPED again, to see where it goes wrong first."""
    config, target = verdict.config, telling(target)
    try:
        placement = place(case, config)
        compiled = compiler(placement.slots, config, placement.addresses)
        target.load(compiled, placement)
    except Exception as error:
        found = re.search(r"instruction (\d+)", str(error))
        return _diagnosis("compiler", type(error).__name__, int(found[1]) if found else None, case.program.slots, config, ())
    scene = _run(case, placement, compiled, target, wires)
    divergence = scene.divergence
    if broken := _broken_rule(verdict.trips, scene, divergence):
        return broken
    if divergence is not None:
        return _of_divergence(divergence, scene)
    if verdict.differences:
        return _at_the_end(verdict, scene)
    return _of_variant(verdict, scene, target, compiler, wires)


def _run(case: Case, placement: Placement, compiled: Compiled, target: Target, wires: Sequence[Wire]) -> _Scene:
    """Run a loaded image."""
    expected = interpret(placement, trace=True)
    actual = target.run(bounded(placement, expected.outcome.executed), recordings(wires, lockstep=True))
    return _Scene(case, placement, compiled, expected, actual)


def _broken_rule(trips: Sequence[Trip], scene: _Scene, divergence: Divergence | None) -> Diagnosis | None:
    """The first trip that says where it is, unless something else had gone wrong before."""
    for trip in trips:
        if trip.slot is not None and (divergence is None or trip.slot in _until(divergence, trip, scene)):
            words = () if trip.word is None else tuple(_listing(scene.compiled, trip.slot))
            found = _diagnosis(trip.wire, rule_of(trip), trip.slot, scene.placement.slots, scene.compiled.config, words)
            # At which instruction a stack pointer that has gone astray is used first is chance.
            return found._replace(symptom=found.symptom._replace(rule=rule_of(trip), row="frame")) if _in_frame(trip, scene.compiled) else found
    return None


def _in_frame(trip: Trip, compiled: Compiled) -> bool:
    """Whether the trip is of an access that is none of the program's: the image's own, outside of its frame. The base is in bits 25 to 21."""
    at_pointer = trip.word is not None and compiled.words[trip.word] >> 21 & 31 == SP
    return at_pointer and trip.wire == "memory" and "outside of" in trip.detail


_BEHIND, _FAR_BEHIND = 1, 2
"""So many instructions behind the first wrong one may have spoilt what it has not yet read: HI and LO as late as two MIPS instructions afterwards."""


def _until(divergence: Divergence, trip: Trip, scene: _Scene) -> set[int]:
    """The slots of what was executed until it went wrong, and of what may have made it go wrong."""
    # Where the access would go is what the wrong instruction left; nothing is spoilt by it.
    behind = {"hazards": _FAR_BEHIND, "memory": 0}.get(trip.wire, _BEHIND)
    return {slot for slot, _ in scene.expected.outcome.trace[: divergence.execution + 1 + behind]}


def _with_code(divergence: Divergence, scene: _Scene) -> Divergence:
    """Of several instructions without a boundary between them the last one that writes the wrong register, else the last one that has code.

    One without code is right where nothing changes: `r0 += 0`.
    """
    slots, trace, compiled = scene.placement.slots, scene.expected.outcome.trace, scene.compiled
    before = []
    for execution in range(divergence.execution, -1, -1):
        slot = trace[execution][0]
        before.append(execution)
        if compiled.bpf_at[slot] is not None and slot in compiled.slot_of:
            break
    writers = [
        execution
        for execution in before
        if divergence.register in written(slots[trace[execution][0]])
        and (trace[execution][0] in compiled.slot_of or _changes(trace, execution, divergence.register))
    ]
    if divergence.slot is None or not before:
        return divergence
    chosen = (writers or [execution for execution in before if trace[execution][0] in compiled.slot_of] or before)[0]
    return replace(divergence, slot=trace[chosen][0], execution=chosen)


def _changes(trace: Trace, execution: int, register: int | None) -> bool:
    after = trace[execution + 1 :][:1]
    return register is None or not after or after[0][1][register] != trace[execution][1][register]


def _of_divergence(divergence: Divergence, scene: _Scene) -> Diagnosis:
    divergence = _with_code(divergence, scene)
    slots, config = scene.placement.slots, scene.compiled.config
    row = None if divergence.slot is None else lookup(slots[divergence.slot])
    if row is not None and _reads_memory(row) and (writer := _writer(scene, divergence)) is not None:
        return _of_store(writer, scene)
    faults = {None if run.outcome.fault is None else run.outcome.fault.kind for run in (scene.expected, scene.actual)}
    # A jump writes no register, and where a program goes that takes a wrong way is chance; so is what becomes of a wrong value.
    jumps = row is not None and "jump" in (row.offset, row.imm)
    kind = "path" if jumps else _wrong_register(divergence, scene) if divergence.register is not None else "fault" if len(faults) > 1 else "path"
    rule = detail(divergence, slots, scene.expected, scene.actual) if kind in ("value", "path") else ""
    found = _diagnosis(kind, rule, divergence.slot, slots, config, divergence.listing(scene.compiled))
    return found if divergence.slot is not None else _entry(found)


def _wrong_register(divergence: Divergence, scene: _Scene) -> str:
    """The kind of a wrong register: one that the instruction does not write, the upper bits of one that it does, or another value."""
    if divergence.slot is None:
        return "value"
    instruction, (registers, found) = scene.placement.slots[divergence.slot], _registers(divergence, scene)
    different = {}
    for number in written(instruction):
        expected, actual = registers[number], found[number]
        if expected is not None and actual is not None and (bits := (expected ^ actual) & promised(expected)):
            different[number] = bits
    if not different:
        return "clobber"
    row = lookup(instruction)
    low = (1 << (64 if row is None else _result_bits(row))) - 1
    return "value" if any(bits & low for bits in different.values()) else "upper bits"


def _registers(divergence: Divergence, scene: _Scene) -> tuple[Sequence[int | None], Sequence[int | None]]:
    """r0 to r10 of oracle and image where it showed."""
    boundaries, outcome = scene.actual.record.boundaries, scene.expected.outcome
    if divergence.boundary is None or boundaries is None:
        return outcome.registers, scene.actual.outcome.registers
    expected = next(registers for slot, registers in outcome.trace[divergence.execution + 1 :] if slot == divergence.reached)
    return expected, boundaries[divergence.boundary, 1:].tolist()


_NARROW = re.compile(r"^(?!LE|BE|BSWAP|MOVSX64).*32(_|$)")


def _result_bits(row: Row) -> int:
    """Bits of the result, above which there are zeros: wrong ones there alone are a mistake of another kind than a wrong result.

    Not so with byte swaps, where what should not be there is shifted into the result as well, as it happens.
    """
    if row.offset == "memory":
        return {"LDX_B": 8, "LDX_H": 16, "LDX_W": 32}.get(row.name, 64)
    return 32 if _NARROW.match(row.name) else 64


def _of_store(writer: int, scene: _Scene) -> Diagnosis:
    """Memory is wrong that this instruction wrote, or should have written."""
    slots, way = scene.placement.slots, [slot for slot, _ in scene.expected.outcome.trace]
    accesses = scene.actual.record.accesses
    kind = "store"
    if accesses is not None and not any(int(slot) == writer and written for slot, _, _, written, *_ in accesses.tolist()):
        # It was not executed: a jump without a boundary behind it went wrong.
        jumps = [slot for slot in way[: way.index(writer)] if (row := lookup(slots[slot])) is not None and row.offset == "jump"]
        kind, writer = ("path", jumps[-1]) if jumps else (kind, writer)
    return _diagnosis(kind, "", writer, slots, scene.compiled.config, tuple(_listing(scene.compiled, writer)))


def _at_the_end(verdict: Verdict, scene: _Scene) -> Diagnosis:
    slots, config = scene.placement.slots, scene.compiled.config
    if (writer := _writer(scene, None)) is not None:
        return _of_store(writer, scene)
    faults = (scene.actual.outcome.fault, scene.expected.outcome.fault)
    slot = next((fault.slot for fault in faults if fault is not None and fault.slot is not None), None)
    boundaries = scene.actual.record.boundaries
    if slot is None and any(faults) and boundaries is not None and len(boundaries):
        slot = int(boundaries[-1, 0])
    kind = "store" if verdict.differences[0].kind == "memory" else verdict.differences[0].kind
    return _diagnosis(kind, "", slot, slots, config, ())


def _of_variant(verdict: Verdict, scene: _Scene, target: Target, compiler: Compiler, wires: Sequence[Wire]) -> Diagnosis:
    """A further run of the input went wrong, or a rule was broken at no place in particular."""
    trip = verdict.trips[0]
    wire = next((wire for wire in wires if wire.name == trip.wire), None)
    if wire is not None and wire.variants is not None:
        for placement in wire.variants(scene.compiled, scene.case, scene.placement):
            compiled = compiler(placement.slots, verdict.config, placement.addresses)
            target.load(compiled, placement)
            varied = _run(scene.case, placement, compiled, target, wires)
            found = None
            if (divergence := varied.divergence) is not None:
                found = _of_divergence(divergence, varied)
            elif (writer := _writer(varied, None)) is not None:
                found = _of_store(writer, varied)
            if found is not None:
                # Which values show a wrong value is chance; that other CPUs are needed is not.
                return found._replace(symptom=found.symptom._replace(kind=trip.wire)) if placement.interference else found
    rule = "" if wire is not None and wire.variants is not None else rule_of(trip)
    found = _diagnosis(trip.wire, rule, trip.slot, scene.placement.slots, verdict.config, ())
    return _entry(found) if trip.word is not None and trip.slot is None else found


def _entry(found: Diagnosis) -> Diagnosis:
    return found._replace(symptom=found.symptom._replace(row="entry"), wrong="entry or exit code")


_PLACES = re.compile(r" at word -?\d+|-?0x[0-9a-f]+|(?<![\w.$])-?\d+|\bmips[0-9a-z]+\b|: expected .*")
_REGISTERS = re.compile(r"\$\w+")
_MNEMONIC = re.compile(r"(^|\bof |\bwhat |\bwhile |\bbehind |: )([a-z][a-z0-9.]*)\b")
_MNEMONICS = frozenset(row.mnemonic for row in MIPS_ROWS)
_ACCESS = re.compile(r"^(load|store) of bytes at (: )?")


def rule_of(trip: Trip) -> str:
    """The rule that a trip is about: its detail without numbers, ISAs and MIPS instructions; registers stay where the convention speaks of them."""
    text = _PLACES.sub("", trip.detail)
    if trip.wire != "abi":
        text = _REGISTERS.sub("", text)
    text = _MNEMONIC.sub(lambda found: f"{found[1]}an instruction" if found[2] in _MNEMONICS else found[0], text)
    words = " ".join(re.sub(r"[^\w', :;$-]", " ", text).split())
    return _ACCESS.sub("", re.sub(r"( [,:;])+(?= )|( [,:;])+$", "", words))


_OF_PASSES = {"errata": "", "hazards": "slot of|load delay|HI or LO"}
"""Rules by tripwire that passes keep and not the code of single instructions: which instruction breaks them is chance."""


def _diagnosis(kind: str, rule: str, slot: int | None, slots: Sequence[Instruction], config: Config, words: tuple[str, ...]) -> Diagnosis:
    row = lookup(slots[slot]) if slot is not None and slot < len(slots) else None
    wrong = f"{slot}: {disassemble(slots)[slot]}" if row is not None and slot is not None else ""
    rule = ", ".join(filter(None, (rule, own_function(slots[slot]) if row is not None and slot is not None else "")))
    name = "any" if kind in _OF_PASSES and re.search(_OF_PASSES[kind], rule) else row.name if row else "-"
    return Diagnosis(Symptom(kind, rule, name, config.width), slot, wrong, words)


def _listing(compiled: Compiled, slot: int) -> Iterator[str]:
    words = tuple(at for at, owner in enumerate(compiled.slot_of) if owner == slot)
    yield from Divergence(slot, 0, None, None, None, None, None, words).listing(compiled)


# Who wrote the memory that is not as it should be.


def _reads_memory(row: Row) -> bool:
    return row.offset == "memory" and row.dst == "w"


def _writes_memory(row: Row) -> bool:
    return row.offset == "memory" and row.opcode & 7 in _STORES and row.dst != "w"


def _access(slot: Instruction, row: Row, registers: Sequence[int | None]) -> range | None:
    base = registers[slot.dst if _writes_memory(row) else slot.src]
    return None if base is None else range(base + slot.offset, base + slot.offset + _SIZES[row.opcode & 0x18])


def _writer(scene: _Scene, loading: Divergence | None) -> int | None:
    """The slot that last wrote, in the run of the oracle, bytes that are wrong at the end; None when nothing is wrong, or nobody wrote it.

    With the divergence of a load, only the bytes that it loads, and only what comes before it.
    """
    slots, trace = scene.placement.slots, scene.expected.outcome.trace
    wrong = _wrong_bytes(scene)
    if loading is not None:
        slot, registers = trace[loading.execution]
        row = lookup(slots[slot])
        loaded = None if row is None else _access(slots[slot], row, registers)
        wrong &= set(loaded or ())
        trace = trace[: loading.execution]
    if not wrong:
        return None
    for slot, registers in reversed(trace):
        row = lookup(slots[slot])
        written = _access(slots[slot], row, registers) if row is not None and _writes_memory(row) else None
        if written is not None and not wrong.isdisjoint(written):
            return slot
    return None


def _wrong_bytes(scene: _Scene) -> set[int]:
    """Addresses, as the program sees them."""
    world = scene.placement.world
    starts = {region.name: region.address for region in world.regions} | {"stack": world.frame_pointer - len(world.stack)}
    expected, actual = scene.expected.outcome.memory, scene.actual.outcome.memory
    return {
        starts[name] + at
        for name, contents in expected.items()
        if name in starts and contents != actual.get(name, contents)
        for at, (left, right) in enumerate(zip(contents, actual[name], strict=True))
        if left != right
    }

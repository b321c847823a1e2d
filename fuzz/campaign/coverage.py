"""What a case has reached: of the instruction set, of the compiler's table and passes, and of the compiler's own Python.

A feature is a text of four parts, so that a report can take it apart:

    class of configurations | row | operands | code
    o32 32r6 | JSLT64_IMM | one imm+16 forward taken | slti bne nop

`operands` says which registers are the same, what kind of immediate or offset there is, and where a jump goes. `code` are the MIPS mnemonics of the
instruction in the image: they show which alternative of the lowering table was taken, the form of a branch, and what the passes made of it. Only
instructions that were executed count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.verdict import Verdict
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import decode
from oracle.outcome import Outcome
from reports.table import CLASSES, class_of


class Reached(NamedTuple):
    """The executed slots of a program by what they are: (row, operands). Jumps have several, one for each way that they went.

    executed   instructions of the first run
    """

    slots: Mapping[int, tuple[tuple[str, str], ...]]
    executed: int = 0

    @property
    def rows(self) -> frozenset[str]:
        """Names of the rows."""
        return frozenset(row for described in self.slots.values() for row, _ in described)


def reached_by(program: Program, inputs: Sequence[Input], configs: Iterable[Config]) -> dict[bool, Reached]:
    """What a program executes on one world of each byte order, with and without the verifier's marks as far as these configurations have them.

    Marks are instructions, by which the others are counted anew. Raises ProgramError for a program that cannot be placed.
    """
    worlds: dict[bool, dict[bool, Config]] = {}
    for config in configs:
        worlds.setdefault(config.marked, {}).setdefault(config.big_endian, config)
    found = {}
    for is_marked, chosen in worlds.items():
        placements = [place(Case(program, given), config) for config in chosen.values() for given in inputs]
        found[is_marked] = reached(placements[0].slots, [interpret(placement, trace=True).outcome for placement in placements])
    return found


def reached_in(verdicts: Iterable[Verdict], program: Program, given: Input) -> dict[bool, Reached]:
    """The same from verdicts on the program in lockstep, for which the oracle has run. Nothing is told where none ended."""
    outcomes: dict[bool, dict[int, tuple[Config, Outcome]]] = {}
    for verdict in verdicts:
        if verdict.outcome is not None and verdict.outcome.trace:
            # Configurations of a world share what the oracle says.
            outcomes.setdefault(verdict.config.marked, {}).setdefault(id(verdict.outcome), (verdict.config, verdict.outcome))
    found = {}
    for is_marked, known in outcomes.items():
        config, _ = next(iter(known.values()))
        found[is_marked] = reached(place(Case(program, given), config).slots, [outcome for _, outcome in known.values()])
    return found


def reached(slots: Sequence[Instruction], outcomes: Sequence[Outcome]) -> Reached:
    """What runs of the oracle, with their traces, have executed."""
    ways: set[tuple[int, bool]] = set()
    for outcome in outcomes:
        trace = [slot for slot, _ in outcome.trace]
        ways.update((at, following != at + 1) for at, following in zip(trace, (*trace[1:], -1), strict=True))
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for at, jumped in sorted(ways):
        row = lookup(slots[at])
        if row is not None:
            operands = operand_class(row, slots[at])
            if row.offset == "jump":
                operands += " taken" if jumped else " not taken"
            found[at] = (*found.get(at, ()), (row.name, operands))
    return Reached(found, outcomes[0].executed)


@lru_cache(maxsize=4096)
def operand_class(row: Row, slot: Instruction) -> str:
    """The kind of operands that an instruction has."""
    parts = []
    if isinstance(row.dst, str) and isinstance(row.src, str):
        parts.append("same" if slot.dst == slot.src else "fp" if FRAME_POINTER in (slot.dst, slot.src) else "two")
    elif isinstance(row.dst, str):
        parts.append("r0" if slot.dst == 0 else "fp" if slot.dst == FRAME_POINTER else "one")
    if row.imm == "imm":
        parts.append(immediate_class(slot.imm))
    if row.offset == "memory":
        parts.append(f"off {'0' if slot.offset == 0 else '9' if -256 <= slot.offset < 256 else '16'}")
    if "jump" in (row.offset, row.imm):
        parts.append("forward" if (slot.offset if row.offset == "jump" else slot.imm) >= 0 else "back")
    return " ".join(parts)


def immediate_class(value: int) -> str:
    """What a signed 32-bit immediate is to MIPS: 16 bits signed, 16 bits unsigned, the upper half of a word, or more."""
    if value in (0, 1, -1, -0x80000000, 0x7FFFFFFF, -0x8000):
        return str(value)
    if -0x8000 <= value < 0x8000:
        return "imm+16" if value > 0 else "imm-16"
    return "immu16" if 0 <= value < 0x10000 else "immhigh" if not value & 0xFFFF else "imm+32" if value > 0 else "imm-32"


class _Mnemonics(dict[int, str]):
    """By word, for one ISA."""

    def __init__(self, isa: str) -> None:
        super().__init__()
        self._isa = isa

    def __missing__(self, word: int) -> str:
        decoded = decode(word, self._isa)
        if len(self) > 100_000:
            self.clear()
        self[word] = name = "nop" if not word else decoded[0].mnemonic if decoded else "?"
        return name


_mnemonics: dict[str, _Mnemonics] = {}


def features(found: Reached, compiled: Compiled) -> Iterator[str]:
    """The features of one image."""
    isa = compiled.config.isa
    names = _mnemonics.get(isa) or _mnemonics.setdefault(isa, _Mnemonics(isa))
    code: dict[int, list[str]] = {}
    for owner, word in zip(compiled.slot_of, compiled.words, strict=True):
        code.setdefault(owner, []).append(names[word])
    kinds = config_classes(compiled.config)
    for slot, described in found.slots.items():
        text = " ".join(code.get(slot, ()))
        for row, operands in described:
            for kind in kinds:
                yield f"{kind} | {row} | {operands} | {text}"


@lru_cache(maxsize=1024)
def config_classes(config: Config) -> tuple[str, ...]:
    """The class of a configuration, ABI and ISAs as the tables have it; with options it is each of them, whatever the rest."""
    return tuple(f"+{option}" for option in config.options) or (CLASSES[class_of(config)][0].replace("\n", " "),)

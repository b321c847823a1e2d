"""The proof of the model: every row of the MIPS table on every ISA and byte order, in three ways that must agree, with QEMU in four.

    states ─┬─ reference: one instruction at a time in plain Python (`fuzz.model.reference`)
            ├─ model: the compiled engine, from the words of an image (`fuzz.model.target`)
            ├─ Unicorn, on the same image
            └─ QEMU in user mode, on the same image, where it is installed

The image of a row is a loop over records of memory (`fuzz.model.proof_image`), so that ten thousand states cost a run on each engine. What the
reference says of them does not depend on the ISA, only on registers of 32 or 64 bits and byte order: it is calculated once, and each ISA is compared
with it. What traps ends a run, and has runs of its own. Where the manual leaves a result open engines may differ: each such case is in `OPEN`, and is
counted. The sentences on operands that are no words and on division by zero are those of the manual, as release 6 has them; the others are shortened.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.engine.abilities import missing
from fuzz.engine.target import Target
from fuzz.layout import LAYOUTS, Placement, place
from fuzz.model import rows as number
from fuzz.model.bits import is_word, word
from fuzz.model.proof_image import (
    INSTANCES,
    MEMORY,
    RECORD,
    REGISTERS,
    Class,
    Image,
    Instance,
    State,
    after,
    class_of,
    context,
    expected,
    image,
    read,
    states,
    trapping,
)
from fuzz.model.reference import Effect
from fuzz.model.rows import meaning
from fuzz.model.target import ModelTarget
from fuzz.qemu.target import QemuTarget
from fuzz.unicorn.target import UnicornTarget
from jit.config import ISAS, ISAS_64, Config
from jit.mips import HI, LO, RA, ROWS, Row, text

MODEL, UNICORN, QEMU = "model", "Unicorn", "QEMU"

_PLACES = (*REGISTERS, HI, LO, RA)
_NAMES = ("$8", "$9", "$10", "HI", "LO", "$ra", "marks of the way")
_EMPTY = Program("proof", "main", (Instruction(0xB7), Instruction(0x95)))


class Seen(NamedTuple):
    """A value in which an engine differs from the reference: of which row, with which values of register operands, what the reference knows of it."""

    engine: str
    row: Row
    operands: Mapping[str, int]
    effect: Effect
    expected: int
    actual: int


class Open(NamedTuple):
    """What the manual leaves open: the sentence, and whether a difference is of that kind."""

    name: str
    sentence: str
    covers: Callable[[Seen], bool]


OPEN: tuple[Open, ...] = (
    Open(
        "operands that are no words",
        "If either GPR rt or GPR rs does not contain sign-extended 32-bit values (bits 63..31 equal), then the result of the operation is "
        "UNPREDICTABLE. (MD00087, ADDU and others)",
        lambda seen: any(f"word_{name}" in seen.row.facts and not is_word(value) for name, value in seen.operands.items()),
    ),
    Open(
        "division by zero",
        "If the divisor in GPR rt is zero, the arithmetic result value is UNPREDICTABLE. (MD00087, DIV and others)",
        lambda seen: bool(seen.effect.unpredictable) and seen.operands["rt"] & (0xFFFFFFFF if "word_rt" in seen.row.facts else -1) == 0,
    ),
    Open(
        "upper half after lwr",
        "If bit 31 is not loaded, bits 63..32 are implementation dependent: unchanged, or copies of the current value of bit 31. (MD00087, LWR)",
        lambda seen: seen.row.mnemonic == "lwr" and word(seen.expected) == seen.actual,
    ),
)
"""All that is left open and in which engines by others may differ. The model does as the reference does, but for what is UNPREDICTABLE."""

MISTAKES: tuple[Open, ...] = (
    Open(
        "bovc and bnvc of register 0 link",
        "With rs = 0 and rt = 0 BOVC never branches, BNVC always; the encodings with a link have rs = 0 < rt. (MD00087, BOVC, B<cond>ZALC)",
        lambda seen: seen.row.mnemonic in ("bovc", "bnvc") and seen.operands == {"rs": 0, "rt": 0} and seen.expected == 0,
    ),
)
"""Where Unicorn 2.1.4 and QEMU 7.2 do what the manual does not allow."""

LACKING: Mapping[str, frozenset[str]] = {UNICORN: frozenset({"addiupc", "lwpc", "lwupc", "ldpc", "auipc", "aluipc"})}
"""What release 6 has and an engine takes for a reserved instruction: Unicorn 2.1.4."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A state about which an engine and the reference do not agree: where, and what each says."""

    config: Config
    instruction: str
    state: str
    place: str
    expected: str
    engine: str
    actual: str

    def __str__(self) -> str:
        return f"{self.config}: {self.instruction} with {self.state}: {self.place}: reference {self.expected}, {self.engine} {self.actual}"


@dataclass(slots=True)
class Proof:
    """What came of rows.

    states      that were compared on each engine, and of how many of them the reference was asked anew
    open        how often an engine differed in what is open or known, by engine and name
    lacking     by engine, on how many ISAs it has not the row
    """

    states: int = 0
    calculated: int = 0
    open: Counter[tuple[str, str]] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def add(self, other: "Proof") -> None:
        """Count another one as well."""
        self.states += other.states
        self.calculated += other.calculated
        self.open += other.open
        self.lacking += other.lacking
        self.disagreements += other.disagreements


@cache
def engines() -> Mapping[str, Target]:
    """The engines that are compared with the reference, by name."""
    found: dict[str, Target] = {MODEL: ModelTarget(), UNICORN: UnicornTarget()}
    if not missing("qemu"):
        found[QEMU] = QemuTarget()
    return found


def subjects(row_glob: str = "*", config_globs: Sequence[str] = ()) -> Iterator[tuple[Row, Config]]:
    """Each row with each of its ISAs in both byte orders, at the width of the registers; those together for which states are the same."""
    configs = [Config(isa, 64 if isa in ISAS_64 else 32, big_endian) for big_endian in (False, True) for isa in ISAS]
    chosen = [config for config in configs if not config_globs or any(fnmatchcase(str(config), glob) for glob in config_globs)]
    for row in ROWS:
        if fnmatchcase(row.mnemonic, row_glob):
            yield from ((row, config) for config in sorted(chosen, key=lambda config: config.cpu_64) if config.isa in row.isas)


def prove(row: Row, config: Config, count: int, seed: int = 0) -> Proof:
    """Compare a row on an ISA that has it, on at least so many states."""
    made = image(row, config, LAYOUTS[config.width].image, seed)
    found = Proof()
    if meaning(row).kind != number.EXCEPTION:
        _bulk(made, -(-count // INSTANCES) * INSTANCES, seed, found)
    if meaning(row).kind in (number.EXCEPTION, number.OVERFLOW, number.TRAP):
        for each in range(4):
            _trap(made, seed + each, found)
    return found


Records = NDArray[np.uint8]


class _Given(NamedTuple):
    """States of a class, and the records of memory before and after the instruction."""

    of: tuple[Class, tuple[Instance, ...], int, int]
    states: Sequence[State]
    before: bytes
    start: int
    after: Records


_last: list[_Given] = []


def _given(made: Image, count: int, seed: int, found: Proof) -> _Given:
    """The states that an image runs on. Those of the image before are kept: its instances are often the same, on another ISA."""
    of = (class_of(made.row, made.compiled.config), made.instances, count, seed)
    if not _last or _last[0].of != of:
        drawn = states(made, count, seed)
        before = context(made, drawn)
        start = _placed(made, before).world.arguments[0]
        wanted = np.frombuffer(expected(made, drawn, start), np.uint8).reshape(-1, RECORD)
        _last[:] = [_Given(of, drawn, before, start, wanted)]
        found.calculated += count
    return _last[0]


def _placed(made: Image, contents: bytes) -> Placement:
    """The records in memory. A run may execute a hundred instructions for each of them."""
    placement = place(Case(_EMPTY, Input(contents)), made.compiled.config)
    return replace(placement, world=replace(placement.world, instruction_limit=len(contents) // RECORD))


def _bulk(made: Image, count: int, seed: int, found: Proof) -> None:
    given = _given(made, count, seed, found)
    placement = _placed(made, given.before)
    for name, target in engines().items():
        target.load(made.compiled, placement)
        outcome = target.run(placement).outcome
        if outcome.fault is None:
            left = np.frombuffer(outcome.memory["context"], np.uint8).reshape(-1, RECORD)
            for at in np.flatnonzero((left != given.after).any(axis=1)).tolist():
                _compare(made, at, given, name, left[at].tobytes(), found)
        elif made.row.mnemonic in LACKING.get(name, ()):
            found.lacking[name] += 1
        else:
            found.disagreements.append(Disagreement(made.compiled.config, str(made.row), "all states", "fault", "none", name, str(outcome.fault)))
    found.states += count


def _compare(made: Image, at: int, given: _Given, engine: str, record: bytes, found: Proof) -> None:
    """Look at a record that is not as the reference says."""
    instance, state = made.instances[at % INSTANCES], given.states[at]
    wanted, effect = after(made, instance, state, given.start + RECORD * at + MEMORY)
    left = read(made, record)
    if wanted == left:
        raise RuntimeError(f"{made.compiled.config}: {made.row}: the reference says two things of one state")
    differences = []
    for name, register, want, actual in zip(_NAMES, (*_PLACES, None), wanted.values, left.values, strict=True):
        if want != actual and not _is_permitted(made, instance, state, effect, Difference(engine, register, want, actual), found):
            differences.append((name, f"{want:#x}", engine, f"{actual:#x}"))
    if wanted.memory != left.memory:
        differences.append(("memory", wanted.memory.hex(), engine, left.memory.hex()))
    written = text(made.row, instance.operands, instance.pc, made.compiled.config.width)
    shown = ", ".join(f"{name} {value:#x}" for name, value in zip(_NAMES[:5], state.values, strict=True))
    found.disagreements += (Disagreement(made.compiled.config, written, shown, *difference) for difference in differences)


class Difference(NamedTuple):
    """A register, None for the marks, that an engine leaves otherwise than the reference."""

    engine: str
    register: int | None
    expected: int
    actual: int


def _is_permitted(made: Image, instance: Instance, state: State, effect: Effect, difference: Difference, found: Proof) -> bool:
    """Whether what is UNPREDICTABLE, open, or a known mistake explains a difference; it is counted."""
    engine, register, want, actual = difference
    if engine == MODEL:
        return register in effect.unpredictable
    held = dict(zip(REGISTERS, state.values, strict=False)) | {0: 0}
    operands = {name: held[register] for name, register in zip(made.row.operands, instance.operands, strict=True) if name in ("rs", "rt", "rd")}
    seen = Seen(engine, made.row, operands, effect, want, actual)
    name = next((each.name for each in (*OPEN, *MISTAKES) if each.covers(seen)), "")
    if name:
        found.open[engine, name] += 1
    return bool(name)


def _trap(made: Image, seed: int, found: Proof) -> None:
    """A run that ends in an exception: all engines must name the same one at the same place, the instruction's. QEMU tells but a signal."""
    state = trapping(made, seed)
    if state is None:
        return
    placement = _placed(made, context(made, [state] * INSTANCES))
    at = f"at word {(made.instances[0].pc - made.compiled.base) // 4}:"
    first = ""
    for name, target in engines().items():
        target.load(made.compiled, placement)
        fault = str(target.run(placement).outcome.fault)
        first = first or fault
        if (fault != first and name != QEMU) or at not in fault:
            config, instruction = made.compiled.config, str(made.row)
            found.disagreements.append(Disagreement(config, instruction, str(state.values), "exception", f"{first} {at}", name, fault))
    found.states += 1

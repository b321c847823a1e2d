"""The proof of the model: every row of the MIPS table on every ISA and byte order, in three ways that must agree.

    states ─┬─ reference: one instruction at a time in plain Python (`fuzz.model.reference`)
            ├─ model: the compiled engine, from the words of an image (`fuzz.model.target`)
            └─ Unicorn, on the same image

The image of a row is a loop over records of memory (`fuzz.model.proof_image`), so that ten thousand states cost two runs. What traps ends a run, and
has runs of its own. Where the manual leaves a result open engines may differ: each such case is in `OPEN`, with the sentence, and is counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.engine.target import Target
from fuzz.layout import LAYOUTS, Placement, place
from fuzz.model import rows as number
from fuzz.model.bits import is_word, word
from fuzz.model.proof_image import INSTANCES, MEMORY, RECORD, REGISTERS, After, Image, Instance, State, after, context, image, read, states, trapping
from fuzz.model.reference import Effect
from fuzz.model.rows import meaning
from fuzz.model.target import ModelTarget
from fuzz.unicorn.target import UnicornTarget
from jit.config import ISAS, ISAS_64, Config
from jit.mips import HI, LO, RA, ROWS, Row, text

_PLACES = (*REGISTERS, HI, LO, RA)
_NAMES = ("$8", "$9", "$10", "HI", "LO", "$ra", "marks of the way")
_EMPTY = Program("proof", "main", (Instruction(0xB7), Instruction(0x95)))


class Seen(NamedTuple):
    """A value in which Unicorn differs from the reference: of which row, with which values of register operands, what the reference knows of it."""

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
        lambda seen: bool(seen.effect.unpredictable) and seen.row.mnemonic != "mul",
    ),
    Open(
        "HI and LO after mul",
        "The contents of HI and LO are UNPREDICTABLE after the operation. (MD00087, MUL)",
        lambda seen: seen.row.mnemonic == "mul" and bool(seen.effect.unpredictable),
    ),
    Open(
        "upper half after lwr",
        "If the word sign bit is not loaded, bits 63..32 of the destination are either unchanged or copies of bit 31. (MD00087, LWR)",
        lambda seen: seen.row.mnemonic == "lwr" and word(seen.expected) == seen.actual,
    ),
)
"""All that is left open and in which Unicorn may differ."""

MISTAKES: tuple[Open, ...] = (
    Open(
        "bovc and bnvc of register 0 link",
        "BOVC and BNVC with rs = rt = 0 compare and branch; the encodings with a link have rs = 0 < rt. (MD00087, BOVC, B<cond>ZALC)",
        lambda seen: seen.row.mnemonic in ("bovc", "bnvc") and seen.operands == {"rs": 0, "rt": 0} and seen.expected == 0,
    ),
)
"""Where Unicorn 2.1.4 does what the manual does not allow. The model is compared with the reference alone."""

LACKING = frozenset({"addiupc", "lwpc", "lwupc", "ldpc", "auipc", "aluipc"})
"""What release 6 has and Unicorn 2.1.4 takes for a reserved instruction. There as well the reference is all that the model is compared with."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A state about which they do not agree: where, and what each says."""

    config: Config
    instruction: str
    state: str
    place: str
    expected: str
    model: str
    unicorn: str

    def __str__(self) -> str:
        said = f"reference {self.expected}, model {self.model}, Unicorn {self.unicorn}"
        return f"{self.config}: {self.instruction} with {self.state}: {self.place}: {said}"


@dataclass(slots=True)
class Proof:
    """What came of rows: states that were compared; how often Unicorn differed in what is open, by its name; disagreements."""

    states: int = 0
    open: Counter[str] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)

    def add(self, other: "Proof") -> None:
        """Count another one as well."""
        self.states += other.states
        self.open += other.open
        self.disagreements += other.disagreements


@cache
def _targets() -> tuple[Target, Target]:
    return ModelTarget(), UnicornTarget()


def subjects(row_glob: str = "*", config_globs: Sequence[str] = ()) -> Iterator[tuple[Row, Config]]:
    """Each row with each of its ISAs in both byte orders, at the width of the registers."""
    for isa in ISAS:
        for big_endian in (False, True):
            config = Config(isa, 64 if isa in ISAS_64 else 32, big_endian)
            if not config_globs or any(fnmatchcase(str(config), glob) for glob in config_globs):
                yield from ((row, config) for row in ROWS if isa in row.isas and fnmatchcase(row.mnemonic, row_glob))


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


def _placed(made: Image, given: Sequence[State]) -> Placement:
    return place(Case(_EMPTY, Input(context(made, given))), made.compiled.config)


def _bulk(made: Image, count: int, seed: int, found: Proof) -> None:
    given = states(made, count, seed)
    placement = _placed(made, given)
    start = placement.world.arguments[0]
    said: list[list[After]] = []
    for target in _targets():
        target.load(made.compiled, placement)
        outcome = target.run(placement).outcome
        if said and outcome.fault is not None and made.row.mnemonic in LACKING:
            found.open["instructions that Unicorn lacks"] += 1
            said.append([after(made, made.instances[at % INSTANCES], state, start + RECORD * at + MEMORY)[0] for at, state in enumerate(given)])
            break
        if outcome.fault is not None:
            engines = ["", ""]
            engines[len(said)] = str(outcome.fault)
            found.disagreements.append(Disagreement(made.compiled.config, str(made.row), "all states", "fault", "none", *engines))
            return
        said.append(list(read(made, outcome.memory["context"])))
    for at, (state, model, unicorn) in enumerate(zip(given, *said, strict=True)):
        _compare(made, at, state, start + RECORD * at + MEMORY, model, unicorn, found)
    found.states += count


def _compare(made: Image, at: int, state: State, memory: int, model: After, unicorn: After, found: Proof) -> None:
    instance = made.instances[at % INSTANCES]
    expected, effect = after(made, instance, state, memory)
    if expected == model == unicorn:
        return
    differences = []
    for name, register, want, ours, theirs in zip(_NAMES, (*_PLACES, None), expected.values, model.values, unicorn.values, strict=True):
        permitted = want == theirs or _is_open(made, instance, state, effect, want, theirs, found)
        if (want != ours and register not in effect.unpredictable) or not permitted:
            differences.append((name, f"{want:#x}", f"{ours:#x}", f"{theirs:#x}"))
    if not expected.memory == model.memory == unicorn.memory:
        differences.append(("memory", expected.memory.hex(), model.memory.hex(), unicorn.memory.hex()))
    written = text(made.row, instance.operands, instance.pc, made.compiled.config.width)
    shown = ", ".join(f"{name} {value:#x}" for name, value in zip(_NAMES[:5], state.values, strict=True))
    found.disagreements += (Disagreement(made.compiled.config, written, shown, *difference) for difference in differences)


def _is_open(made: Image, instance: Instance, state: State, effect: Effect, expected: int, actual: int, found: Proof) -> bool:
    held = dict(zip(REGISTERS, state.values, strict=False)) | {0: 0}
    operands = {name: held[register] for name, register in zip(made.row.operands, instance.operands, strict=True) if name in ("rs", "rt", "rd")}
    seen = Seen(made.row, operands, effect, expected, actual)
    name = next((each.name for each in (*OPEN, *MISTAKES) if each.covers(seen)), "")
    if name:
        found.open[name] += 1
    return bool(name)


def _trap(made: Image, seed: int, found: Proof) -> None:
    """A run that ends in an exception: both engines must name the same one at the same place, the instruction's."""
    state = trapping(made, seed)
    if state is None:
        return
    placement = _placed(made, [state] * INSTANCES)
    faults = []
    for target in _targets():
        target.load(made.compiled, placement)
        faults.append(str(target.run(placement).outcome.fault))
    at = f"at word {(made.instances[0].pc - made.compiled.base) // 4}:"
    if faults[0] != faults[1] or at not in faults[0]:
        config, instruction = made.compiled.config, str(made.row)
        found.disagreements.append(Disagreement(config, instruction, str(state.values), "exception", f"an exception {at}", *faults))
    found.states += 1

"""MIPS instructions: what can be encoded, how, and on which ISA.

Everything derives from the text of `jit.mips_rows`. A field is a run of one letter in an encoding figure; an operand goes into one
field, or into several. In all of them an operand contributes to the word linearly: the register of pre-release-6 `clz rd, rs` stands in rd and
rt, and in `ins rt, rs, pos, size` the field msb is pos + size - 1, so that pos counts in lsb and in msb. Hence

    word = constant + sum of (operand & mask) * multiplier

where the mask only cuts the sign of a signed operand: what does not fit is refused before. Decoding takes the fields apart again.

Operands are integers in the order of the written syntax: registers 0 to 31; immediates and byte offsets as written, signed or not; what counts in
words or doublewords from the pc (branches, jumps, `lwpc`, `addiupc`, ...) as the field holds it; pos and size as written, not as msb and lsb.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from types import MappingProxyType
from typing import NamedTuple

from jit.config import ISAS, ISAS_32, Config, ancestry
from jit.mips_rows import LINES, Line
from jit.watched import Watched

HI, LO = 32, 33
"""The pseudo register numbers of HI and LO in `Row.reads` and `Row.writes`."""

RA = 31

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "word_rs": "on a 64-bit CPU the result is UNPREDICTABLE unless rs holds a sign-extended word",
        "word_rt": "on a 64-bit CPU the result is UNPREDICTABLE unless rt holds a sign-extended word",
        "word_result": "what it writes is always a sign-extended word",
        "load": "reads memory",
        "store": "writes memory",
        "ll": "load linked",
        "sc": "store conditional",
        "sync": "orders memory accesses",
        "branch": "pc-relative transfer of control; the operand `offset` counts in words from the next instruction",
        "jump": "transfer of control that is not relative to the pc of the next instruction",
        "call": "writes a return address",
        "delay": "the next instruction is in its delay slot",
        "likely": "the delay slot is nullified when the branch is not taken",
        "compact": "transfer of control without delay slot",
        "forbidden": "the next instruction is in its forbidden slot and must not be a transfer of control",
        "trap": "may raise an exception that is neither an address error nor a TLB exception",
    }
)
"""The words that a row may state, and what they mean."""


class Field(NamedTuple):
    """What a letter of an encoding figure stands for: operand = field + bias, less pos where `minus_pos`; assembly has operand * unit."""

    operand: str
    signed: bool = False
    bias: int = 0
    minus_pos: bool = False
    unit: int = 1


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "s": Field("rs"),
        "t": Field("rt"),
        "d": Field("rd"),
        "b": Field("base"),
        "a": Field("sa"),
        "A": Field("sa", bias=1),
        "i": Field("immediate", signed=True),
        "u": Field("immediate"),
        "o": Field("offset", signed=True),
        "w": Field("offset", signed=True, unit=4),
        "W": Field("immediate", signed=True, unit=4),
        "D": Field("offset", signed=True, unit=8),
        "x": Field("instr_index", unit=4),
        "c": Field("code"),
        "y": Field("stype"),
        "p": Field("bp"),
        "l": Field("pos"),  # lsb
        "L": Field("pos", bias=32),  # lsbminus32
        "z": Field("size", bias=1),  # msbd
        "Z": Field("size", bias=33),  # msbdminus32
        "m": Field("size", bias=1, minus_pos=True),  # msb
        "M": Field("size", bias=33, minus_pos=True),  # msbminus32
    }
)
REGISTER_OPERANDS = ("rs", "rt", "rd", "base")

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(r"(<=|>=|==|!=|<|>)")
_IMPLICIT = {"hi": HI, "lo": LO, "ra": RA}


class Condition(NamedTuple):
    """A chain of comparisons between sums of operands and constants, as in "32<pos+size<=64"; `terms` are (positions of operands, constant)."""

    text: str
    terms: tuple[tuple[tuple[int, ...], int], ...]
    comparisons: tuple[Callable[[int, int], bool], ...]

    def satisfied(self, operands: Sequence[int]) -> bool:
        """Whether these operands of the row satisfy it."""
        values = [sum([operands[at] for at in positions], constant) for positions, constant in self.terms]
        return all(holds(left, right) for holds, left, right in zip(self.comparisons, values, values[1:], strict=False))


class OperandField(NamedTuple):
    """How one operand stands in the word.

    low, high          its range, apart from conditions
    mask, multiplier   it adds (value & mask) * multiplier
    shifts, width      where its fields are; each holds value - bias, plus the operand at position `plus` where there is one
    unit               what assembly shows is value * unit
    """

    name: str
    low: int
    high: int
    mask: int
    multiplier: int
    shifts: tuple[int, ...]
    width: int
    signed: bool
    bias: int
    plus: int | None
    unit: int

    def extract(self, word: int, before: Sequence[int]) -> int | None:
        """The value that the word holds, given those of the operands before this one; None when it is no value of the operand."""
        fields = {word >> shift & (1 << self.width) - 1 for shift in self.shifts}
        field = fields.pop()
        if fields:
            return None
        if self.signed and field >> self.width - 1:
            field -= 1 << self.width
        value = field + self.bias - (0 if self.plus is None else before[self.plus])
        return value if self.low <= value <= self.high else None


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One encoding of one instruction; compared by identity, as each exists once.

    mnemonic, syntax, figure   as in the manual: lower case; operands without the marks of the table; 32 characters without blanks
    isas                       the names of the ISAs (`jit.config`) on which it is legal
    facts                      words of `FACTS`
    operands                   names of the operands as written
    mask, bits                 the word of every encoding has `bits` where `mask` is set
    """

    mnemonic: str
    syntax: str
    figure: str
    isas: frozenset[str]
    facts: frozenset[str]
    operands: tuple[str, ...]
    mask: int
    bits: int
    condition: Condition | None
    fields: tuple[OperandField, ...]
    _encoders: tuple[tuple[int, int, int, int], ...]
    _extractors: tuple[tuple[int, int, int, int], ...] | None
    _constant: int
    _reads: tuple[int, ...]
    _writes: tuple[int, ...]
    _implicit_reads: tuple[int, ...]
    _implicit_writes: tuple[int, ...]

    def __repr__(self) -> str:
        return f"<{self.mnemonic} {self.syntax}>"

    def encode(self, *operands: int) -> int:
        """The 32-bit word of the instruction with these operands, in written order.

        Raises ValueError when there are too many or too few, when one is out of range, or when together they would make another instruction.
        """
        if len(operands) != len(self._encoders):
            raise ValueError(f"{self.mnemonic}: {len(operands)} operands given; it takes {len(self._encoders)}: {self.syntax}")
        word = self._constant
        for value, (low, high, mask, multiplier) in zip(operands, self._encoders, strict=True):
            if not low <= value <= high:
                raise self._refusal(operands)
            word += (value & mask) * multiplier
        if self.condition is not None and not self.condition.satisfied(operands):
            raise self._refusal(operands)
        return word

    def reads(self, operands: Sequence[int]) -> tuple[int, ...]:
        """Numbers of the registers whose value the instruction uses, HI and LO as 32 and 33; register 0 is a constant and left out."""
        return (*[number for at in self._reads if (number := operands[at])], *self._implicit_reads)

    def writes(self, operands: Sequence[int]) -> tuple[int, ...]:
        """Numbers of the registers that the instruction changes or leaves undefined, HI and LO as 32 and 33; register 0 never changes."""
        return (*[number for at in self._writes if (number := operands[at])], *self._implicit_writes)

    def operand_range(self, name: str) -> tuple[int, int]:
        """The smallest and the largest value of that operand, apart from conditions; raises ValueError when there is no such operand."""
        field = self.fields[self.operands.index(name)]
        return field.low, field.high

    def extract(self, word: int) -> tuple[int, ...] | None:
        """The operands of a word of this row, None when the word is of another row."""
        if word & self.mask != self.bits:
            return None
        if self._extractors is not None:
            operands = tuple([((word >> shift & mask) ^ sign) - less for shift, mask, sign, less in self._extractors])
            return operands if self.condition is None or self.condition.satisfied(operands) else None
        values: list[int] = []
        for field in self.fields:
            value = field.extract(word, values)
            if value is None:
                return None
            values.append(value)
        return tuple(values) if self.condition is None or self.condition.satisfied(values) else None

    def _refusal(self, operands: Sequence[int]) -> ValueError:
        for field, value in zip(self.fields, operands, strict=True):
            if not field.low <= value <= field.high:
                return ValueError(f"{self.mnemonic}: {field.name} is {value}, not in {field.low}..{field.high}")
        given = ", ".join(f"{name} = {value}" for name, value in zip(self.operands, operands, strict=True))
        return ValueError(f"{self.mnemonic}: {'' if self.condition is None else self.condition.text} does not hold for {given}")


def isa_set(expression: str) -> frozenset[str]:
    """The ISAs of an expression such as "mips4|mips32r1 !r6"; raises ValueError for an unknown word."""
    chosen: frozenset[str] = frozenset()
    for word in expression.replace("|", " ").split():
        root = "mips32r6" if word == "!r6" else word.removeprefix("!")
        if root not in ISAS:
            raise ValueError(f"{expression!r} is not a set of ISAs: {word!r}")
        heirs = {isa for isa in ISAS if root in ancestry(isa)}
        chosen = chosen - heirs if word[0] == "!" else chosen | heirs
    return chosen


@cache
def _fields(figure: str) -> Mapping[str, Sequence[tuple[int, int]]]:
    """For each letter its fields, as (shift, width). Blanks end a field, so that one operand may stand in two adjacent ones."""
    fields: dict[str, list[tuple[int, int]]] = {}
    position = 32
    for group in figure.split():
        for run in re.finditer(r"([A-Za-z])\1*", group):
            fields.setdefault(run[1], []).append((position - run.end(), len(run[0])))
        position -= len(group)
    return fields


def _condition(line: Line, names: tuple[str, ...]) -> Condition | None:
    if not line.condition:
        return None
    parts = _COMPARISON.split(line.condition)
    if len(parts) < 3:
        raise ValueError(f"{line.mnemonic}: condition {line.condition!r} compares nothing")
    terms = []
    for part in parts[::2]:
        addends = part.split("+")
        constants = [int(addend) for addend in addends if addend.isdigit()]
        variables = [addend for addend in addends if not addend.isdigit()]
        if not set(variables) <= set(names):
            raise ValueError(f"{line.mnemonic}: condition {line.condition!r} names what is not an operand")
        terms.append((tuple(names.index(name) for name in variables), sum(constants)))
    return Condition(line.condition, tuple(terms), tuple(_COMPARISONS[symbol] for symbol in parts[1::2]))


def _operand_field(line: Line, name: str, names: tuple[str, ...]) -> OperandField:
    places = _fields(line.figure)
    letters = [letter for letter in places if FIELDS[letter].operand == name]
    if len(letters) != 1:
        raise ValueError(f"{line.mnemonic}: operand {name} has {len(letters)} fields in the figure")
    field = FIELDS[letters[0]]
    width = places[letters[0]][0][1]
    if any(other != width for _, other in places[letters[0]]) or (name in REGISTER_OPERANDS and width != 5):
        raise ValueError(f"{line.mnemonic}: the field of {name} has a wrong width")
    span = 1 << width
    low, high = (-span // 2, span // 2 - 1) if field.signed else (field.bias, field.bias + span - 1)
    plus = None
    if field.minus_pos:
        plus, low = names.index("pos"), 1
        if line.condition != (bounds := f"{field.bias - 1}<pos+size<={high}".removeprefix("0<")):
            raise ValueError(f"{line.mnemonic}: without the condition {bounds} the field of size overflows")
    shifts = tuple(shift for shift, _ in places[letters[0]])
    added = [shift for letter in places if name == "pos" and FIELDS[letter].minus_pos for shift, _ in places[letter]]
    multiplier = sum(1 << shift for shift in (*shifts, *added))
    mask = span - 1 if field.signed else -1
    return OperandField(name, low, high, mask, multiplier, shifts, width, field.signed, field.bias, plus, field.unit)


def _extractor(field: OperandField) -> tuple[int, int, int, int]:
    """For an operand with one field that no other one changes (shift, mask, sign, less): it is what stands there, ^ sign, - less."""
    sign = 1 << field.width - 1 if field.signed else 0
    return field.shifts[0], (1 << field.width) - 1, sign, sign - field.bias


def _check_facts(mnemonic: str, facts: frozenset[str], names: tuple[str, ...]) -> None:
    if unknown := facts - set(FACTS):
        raise ValueError(f"{mnemonic}: unknown facts {' '.join(sorted(unknown))}")
    for fact in ("word_rs", "word_rt"):
        if fact in facts and fact.removeprefix("word_") not in names:
            raise ValueError(f"{mnemonic}: {fact} without that operand")
    if len(facts & {"delay", "compact"}) != len(facts & {"branch", "jump"}):
        raise ValueError(f"{mnemonic}: a transfer of control, and nothing else, is either compact or has a delay slot")
    for narrower, wider in (("likely", "delay"), ("forbidden", "compact"), ("call", "delay compact"), ("ll", "load"), ("sc", "store")):
        if narrower in facts and facts.isdisjoint(wider.split()):
            raise ValueError(f"{mnemonic}: {narrower} without {wider}")


def parse(line: Line) -> Row:
    """The row of a line of the table; raises ValueError when the line contradicts itself."""
    figure = line.figure.replace(" ", "")
    if len(figure) != 32:
        raise ValueError(f"{line.mnemonic}: the figure has {len(figure)} characters, not 32")
    if unknown := set(figure) - {"0", "1", *FIELDS}:
        raise ValueError(f"{line.mnemonic}: the figure has unknown letters {''.join(sorted(unknown))}")
    syntax, _, implicit = line.syntax.partition(";")
    marks: dict[str, str] = {}
    for mark, name in re.findall(r"([=+$]?)(\w+)", syntax):
        if mark != "$":
            marks.setdefault(name, mark)
    names = tuple(marks)
    if {FIELDS[letter].operand for letter in figure if letter not in "01"} != set(names):
        raise ValueError(f"{line.mnemonic}: the operands of {line.syntax!r} are not the fields of {line.figure!r}")
    facts = frozenset(line.facts.split())
    _check_facts(line.mnemonic, facts, names)
    fields = tuple(_operand_field(line, name, names) for name in names)
    bits = int(re.sub("[A-Za-z]", "0", figure), 2)
    registers = [(at, marks[name]) for at, name in enumerate(names) if name in REGISTER_OPERANDS]
    effects = re.findall(r"([=+]?)(\w+)", implicit)
    if unknown := {name for _, name in effects} - set(_IMPLICIT):
        raise ValueError(f"{line.mnemonic}: unknown register {' '.join(sorted(unknown))}")
    return Row(
        mnemonic=line.mnemonic,
        syntax=re.sub("[=+]", "", syntax),
        figure=figure,
        isas=isa_set(line.isas),
        facts=facts,
        operands=names,
        mask=int("".join("01"[character in "01"] for character in figure), 2),
        bits=bits,
        condition=_condition(line, names),
        fields=fields,
        _encoders=tuple((field.low, field.high, field.mask, field.multiplier) for field in fields),
        _extractors=tuple(map(_extractor, fields)) if all(len(field.shifts) == 1 and field.plus is None for field in fields) else None,
        _constant=bits - sum(field.bias << shift for field in fields for shift in field.shifts),
        _reads=tuple(at for at, mark in registers if mark != "="),
        _writes=tuple(at for at, mark in registers if mark),
        _implicit_reads=tuple(_IMPLICIT[name] for mark, name in effects if mark != "="),
        _implicit_writes=tuple(_IMPLICIT[name] for mark, name in effects if mark),
    )


ROWS: tuple[Row, ...] = tuple(parse(line) for line in LINES)
"""Every row, in table order."""


_NOT_USED: Mapping[str, frozenset[str]] = MappingProxyType({"nollsc": frozenset({"ll", "sc"})})
"""By option the facts of the rows that code does without."""


@cache
def _by_mnemonic(isa: str, width: int, options: tuple[str, ...]) -> Mapping[str, Row]:
    unused = frozenset[str]().union(*(_NOT_USED.get(option, ()) for option in options))
    legal = (row for row in ROWS if isa in row.isas and not row.facts & unused)
    return MappingProxyType({row.mnemonic: row for row in legal if width == 64 or not row.isas.isdisjoint(ISAS_32)})


def rows(config: Config) -> Mapping[str, Row]:
    """The rows that code for this configuration may use, by mnemonic.

    Code of width 32 uses only what a 32-bit ISA has as well, also on a 64-bit CPU. Without LL and SC there are none of their rows.
    """
    if isinstance(config, Watched):
        return config.watch(rows(config.config))
    return _by_mnemonic(config.isa, config.width, config.options)


_SELECTOR = 0xFC00003F


@cache
def _of_opcode(isa: str) -> Mapping[int, Sequence[Row]]:
    """The rows of an ISA by major opcode."""
    found: dict[int, list[Row]] = {}
    for row in ROWS:
        if isa in row.isas:
            found.setdefault(row.bits >> 26, []).append(row)
    return found


@cache
def _candidates(isa: str, selector: int) -> tuple[Row, ...]:
    """The rows of an ISA that a word with these major opcode and function bits may be."""
    return tuple(row for row in _of_opcode(isa).get(selector >> 26, ()) if not (selector ^ row.bits) & row.mask & _SELECTOR)


def decode(word: int, isa: str) -> tuple[Row, tuple[int, ...]] | None:
    """The row and the operands of a 32-bit word on that ISA; None when it is no instruction of the table."""
    for row in _candidates(isa, word & _SELECTOR):
        operands = row.extract(word)
        if operands is not None:
            return row, operands
    return None


# fmt: off
_NAMES_O32 = (
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7",
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp", "fp", "ra",
)
_NAMES_N64 = (
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3",
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp", "fp", "ra",
)
# fmt: on
REGISTER_NAMES: Mapping[int, tuple[str, ...]] = MappingProxyType({32: _NAMES_O32, 64: _NAMES_N64})
"""The names of registers 0 to 31, by the width of the code: those of the o32 and of the n64 ABI."""


def text(row: Row, operands: Sequence[int], address: int, width: int = 32) -> str:
    """The instruction as assemblers write it, with register names of the ABI of that width and the targets of branches and jumps absolute, in hex.

    `address` is where the instruction lies. Targets are of as many bits as the addresses of the code: 32 or 64.
    """
    if row.mnemonic == "sll" and not any(operands):
        return "nop"
    following = address + 4
    spelled = {"$0": "$zero"}
    for field, value in zip(row.fields, operands, strict=True):
        if field.name in REGISTER_OPERANDS:
            spelled[field.name] = f"${REGISTER_NAMES[width][value]}"
        elif field.name == "instr_index":
            spelled[field.name] = f"{(following & ~0xFFFFFFF) + value * field.unit:#x}"
        elif field.name == "offset" and "branch" in row.facts:
            spelled[field.name] = f"{following + value * field.unit & (1 << width) - 1:#x}"
        else:
            spelled[field.name] = str(value * field.unit)
    return f"{row.mnemonic} {re.sub('[$]0|[a-z_]+', lambda name: spelled[name[0]], row.syntax)}"


_REGISTERS_THAT_MATTER = (0, 1, 2, 3, 31)


def _both_match(first: Row, second: Row) -> bool:
    """Whether some word may be of both rows.

    Conditions compare up to three registers with each other, with 0 and with 31, so that a few numbers stand for all. The fields of other operands
    are zero: the conditions on them (of bit fields, of stype) let that through.
    """
    if (first.bits ^ second.bits) & first.mask & second.mask:
        return False
    shifts = {
        shift
        for row in (first, second)
        for field in row.fields
        if field.name in REGISTER_OPERANDS and (row.condition is not None or len(field.shifts) > 1)
        for shift in field.shifts
    }
    for numbers in product(_REGISTERS_THAT_MATTER, repeat=len(shifts)):
        word = first.bits | second.bits
        for shift, number in zip(shifts, numbers, strict=True):
            word = word & ~(31 << shift) | number << shift
        if first.extract(word) is not None and second.extract(word) is not None:
            return True
    return False


def defend(table: Sequence[Row]) -> None:
    """Raise ValueError for a row with more than one major opcode, and two that are legal on one ISA with one mnemonic or a word that both match."""
    for row in table:
        if row.mask >> 26 != 0x3F:
            raise ValueError(f"{row.mnemonic}: more than one major opcode")
    for first, second in _pairs(table, lambda row: row.mnemonic):
        raise ValueError(f"{first.mnemonic}: two rows on {min(first.isas & second.isas)}")
    # Rows with other major opcodes match no word of each other's.
    for first, second in _pairs(table, lambda row: row.bits >> 26):
        if _both_match(first, second):
            raise ValueError(f"{first.mnemonic} and {second.mnemonic} match the same word on {min(first.isas & second.isas)}")


def _pairs(table: Sequence[Row], key: Callable[[Row], object]) -> Iterator[tuple[Row, Row]]:
    """Those of one key that are legal on one ISA."""
    groups: dict[object, list[Row]] = {}
    for row in table:
        groups.setdefault(key(row), []).append(row)
    for group in groups.values():
        yield from ((first, second) for first, second in combinations(group, 2) if not first.isas.isdisjoint(second.isas))


defend(ROWS)

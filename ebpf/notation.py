"""How instructions are written, in both directions, from one template each.

A template is the text of an instruction with placeholders for its operands, such as `{rdst} += {imm}`. It is cut into tokens once. A line to be
read is cut into tokens by the same rules, each token is replaced by its class (a register by its letter, a number by `#`), and the classes
together are the key under which the forms of all templates are found: reading a line costs one dictionary look-up, however many rows there are.

Placeholders:
    {dst} {src} {rdst} {rsrc}   rN
    {wdst} {wsrc}               wN
    {wdst|rdst}                 either is read, the first is written (LLVM's choice depends on whether it has 32-bit registers)
    {imm} {next}                signed or unsigned 32 bits: imm of this slot, imm of the next one
    {imm64}                     signed or unsigned 64 bits: imm of both slots
    {jump}                      signed distance in slots from the next instruction, or a label
    {call}                      the same written `pc+N`, or a label (LLVM reads labels only; `pc+N` is what bpftool writes)
    {memory}                    `+ N` or `- N`: signed 16 bits
    {displacement} {index}      the same or nothing for zero: 16 bits of offset, 32 bits of imm
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from ebpf.instruction import REGISTERS, Instruction
from ebpf.opcodes import ROWS, Row
from ebpf.program import wide_immediate

_TOKEN = re.compile(
    r"""(?P<placeholder>\{[^}]*\})
    |(?P<register>[rw](?:0|[1-9]\d*)\b)
    |(?P<number>(?:[-+]\s*)?(?:0x[0-9a-fA-F]+|0|[1-9]\d*)\b)
    |(?P<operator>s?(?:<<=|>>=|/=|%=|<=|>=|<|>)|[-+*|&^=!]=|[-+*&=(),\[\]])
    |(?P<word>[A-Za-z_.$][\w.$]*)
    |(?P<error>\S)""",
    re.VERBOSE,
)

# What each placeholder may look like: the classes of its tokens, of which the last holds the value.
_SHAPES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(("dst", "src", "rdst", "rsrc"), (("r",),)),
    **dict.fromkeys(("wdst", "wsrc"), (("w",),)),
    **dict.fromkeys(("imm", "next", "imm64"), (("#",),)),
    "jump": (("#",), ("name",)),
    "call": (("pc", "#"), ("name",)),
    "memory": (("±",),),
    **dict.fromkeys(("displacement", "index"), (("±",), ())),
}


class Operand(NamedTuple):
    """A placeholder's name without its braces, and what stands there."""

    placeholder: str
    text: str


class _Form(NamedTuple):
    row: Row
    operands: tuple[tuple[int, str], ...]
    fixed: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Notation:
    """A dialect: the forms that are read, by their key, and the template that is written, by row name, cut at its placeholders."""

    forms: Mapping[str, _Form]
    templates: Mapping[str, tuple[str, ...]]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Class and text of each token. A signed number after a register is a displacement, `±`; elsewhere it is a number."""
    previous = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        match match.lastgroup:
            case "register":
                kind = token[0]
            case "number":
                kind = "±" if previous in ("r", "w") and token[0] in "+-" else "#"
            case "placeholder":
                kind = "placeholder"
            case "error":
                raise ValueError(f"unexpected {token!r}")
            case _:
                kind = token
        yield kind, token
        previous = kind


def _forms(row: Row, template: str) -> Iterator[tuple[str, _Form]]:
    """Key and form of every way to write the row."""
    tokens = list(_tokens(template))
    choices = [
        [(name, shape) for name in token[1:-1].split("|") for shape in _SHAPES[name]] if kind == "placeholder" else [("", (kind,))]
        for kind, token in tokens
    ]
    for choice in product(*choices):
        classes: list[str] = []
        operands, fixed = [], []
        for (name, shape), (kind, token) in zip(choice, tokens, strict=True):
            classes += shape
            if name and shape:
                operands.append((len(classes) - 1, name))
            elif kind in ("r", "w"):
                fixed.append((len(classes) - 1, token))
        yield " ".join(classes), _Form(row, tuple(operands), tuple(fixed))


def notation(templates: Iterable[tuple[Row, str]]) -> Notation:
    """The dialect that writes each row by its template. Raises ValueError when two rows could not be told apart.

    A row may have several templates: all are read, the first is written.
    """
    forms: dict[str, _Form] = {}
    parts: dict[str, tuple[str, ...]] = {}
    for row, template in templates:
        parts.setdefault(row.name, tuple(re.split(r"\{([^}|]*)[^}]*\}", template)))
        for key, form in _forms(row, template):
            if forms.setdefault(key, form) != form:
                raise ValueError(f"{row.name} and {forms[key].row.name} are both written {key!r}")
    return Notation(forms, parts)


def parse(dialect: Notation, statement: str) -> tuple[Row, tuple[Operand, ...]]:
    """The row that a statement names and its operands. Raises ValueError with the reason when it is no instruction."""
    tokens = list(_tokens(statement))
    classes = [kind for kind, _ in tokens]
    form = dialect.forms.get(" ".join(classes))
    if form is None and tokens and re.match(r"[A-Za-z_.$]", tokens[-1][1]):
        # A word at the end may be a label, whatever else it means.
        form = dialect.forms.get(" ".join([*classes[:-1], "name"]))
    if form is None:
        raise ValueError(f"not an instruction: {statement.strip()}")
    for at, text in form.fixed:
        if tokens[at][1] != text:
            raise ValueError(f"{tokens[at][1]} must be {text}: {statement.strip()}")
    return form.row, tuple(Operand(name, tokens[at][1]) for at, name in form.operands)


def number(text: str, bits: int) -> int:
    """A number read as a signed one of `bits` bits; raises ValueError when it does not fit.

    Written may be the signed value, the unsigned value of that width, or the unsigned 64-bit value that its sign extension makes.
    """
    value = int(text.replace(" ", "").replace("\t", ""), 0)
    for width in (bits, 64):
        low = 1 << width - 1
        signed = value - (1 << width) if low <= value < 2 * low else value
        if -(1 << bits - 1) <= signed < 1 << bits - 1:
            return signed
    raise ValueError(f"{text} does not fit {bits} bits")


def signed_number(text: str, bits: int) -> int:
    """A number that is written as a signed one of `bits` bits; raises ValueError when it does not fit."""
    value = int(text.replace(" ", "").replace("\t", ""), 0)
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise ValueError(f"{text} does not fit {bits} signed bits")
    return value


def register(text: str) -> int:
    """The number of register rN or wN; raises ValueError when there is no such register."""
    if int(text[1:]) >= REGISTERS:
        raise ValueError(f"register {text} does not exist")
    return int(text[1:])


def _written(placeholder: str, row: Row, slot: Instruction, following: Instruction) -> str:
    match placeholder:
        case "dst" | "rdst":
            return f"r{slot.dst}"
        case "src" | "rsrc":
            return f"r{slot.src}"
        case "wdst":
            return f"w{slot.dst}"
        case "wsrc":
            return f"w{slot.src}"
        case "imm":
            return str(slot.imm)
        case "next":
            return str(following.imm)
        case "imm64":
            value = wide_immediate(slot, following)
            return str(value - (1 << 64) if value >> 63 else value)
        case "jump":
            return f"{slot.offset if row.offset == 'jump' else slot.imm:+d}"
        case "call":
            return f"pc{slot.imm:+d}"
    value = slot.imm if placeholder == "index" else slot.offset
    if value == 0 and placeholder != "memory":
        return ""
    return f"{'-' if value < 0 else '+'} {abs(value)}"


def write(dialect: Notation, row: Row, slots: Sequence[Instruction], at: int) -> str:
    """The text of the instruction at slot `at`, which `row` describes. Raises KeyError when the dialect has no text for the row."""
    parts = dialect.templates[row.name]
    following = slots[at + 1] if row.slots == 2 else slots[at]
    written = [part if number % 2 == 0 else _written(part, row, slots[at], following) for number, part in enumerate(parts)]
    return re.sub(r" +\]", "]", "".join(written))


LLVM = notation((row, row.text) for row in ROWS)
"""The dialect of LLVM and of the table's `text` column."""

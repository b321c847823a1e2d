"""LLVM's dialect to a program, one statement a line.

Two passes: the first reads every line into a row and its operands and gives each label its slot, the second fills in the fields. What
a line may hold besides an instruction: `name:` before it, several statements separated by `;` as LLVM has it, and comments from `#` or
`//` to the end of the line. A line that begins with `;` is a comment as well, because llvm-objdump writes source lines that way.

LLVM's assembler drops the bits of an immediate that do not fit. This one refuses them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, NoReturn

from ebpf.instruction import Instruction
from ebpf.notation import LLVM, Notation, Operand, number, parse, register, signed_number
from ebpf.opcodes import Row
from ebpf.program import Program, ProgramError, wide_slots

MAXIMUM_LINES = 1_000_000
"""Lines of a text, together with the semicolons in it. A program of Linux has at most as many instructions (BPF_COMPLEXITY_LIMIT_INSNS)."""

EXCEPTION_CALLBACK = "exception_callback"
"""The label of the function that takes the cookies of exceptions, where a program has one."""

_COMMENT = re.compile(r"#|//|^\s*;")
_LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$]*)\s*:")


class _Statement(NamedTuple):
    line: int
    at: int
    row: Row
    operands: tuple[Operand, ...]


def assemble(text: str, source: str = "<text>") -> Program:
    """The program that the text describes. Raises ProgramError naming `source`, the line and the reason."""
    refuse_long(text, source)
    return assemble_lines(enumerate(text.splitlines(), 1), LLVM, source)


def refuse_long(text: str, source: str) -> None:
    """Raise ProgramError for a text that would take long to find out about: of more than MAXIMUM_LINES lines and statements."""
    if text.count("\n") + text.count(";") > MAXIMUM_LINES:
        raise ProgramError(f"{source}: more than {MAXIMUM_LINES} lines and statements")


def assemble_lines(lines: Iterable[tuple[int, str]], dialect: Notation, source: str) -> Program:
    """The program that numbered lines of a dialect describe. Raises ProgramError naming `source`, the line and the reason."""
    statements: list[_Statement] = []
    labels: dict[str, int] = {}
    at = 0
    for line, text in _split(lines):
        try:
            while label := _LABEL.match(text):
                if label[1] in labels:
                    raise ValueError(f"label {label[1]} is defined twice")
                labels[label[1]] = at
                text = text[label.end() :]
            if not text.strip():
                continue
            row, operands = parse(dialect, text)
        except ValueError as error:
            _refuse(source, line, error)
        statements.append(_Statement(line, at, row, operands))
        at += row.slots
    slots: list[Instruction] = []
    functions: dict[int, str] = {}
    for statement in statements:
        try:
            slots += _slots(statement, labels)
        except ValueError as error:
            _refuse(source, statement.line, error)
        if statement.row.name in ("CALL_LOCAL", "LDDW_CODE"):
            functions |= {labels[operand.text]: operand.text for operand in statement.operands if operand.text in labels}
    callback = labels.get(EXCEPTION_CALLBACK)
    if callback is not None:
        functions[callback] = EXCEPTION_CALLBACK
    lines_of = {statement.at: statement.line for statement in statements}
    return Program(source, ".text", tuple(slots), lines=lines_of, labels=functions, exception_callback=callback)


def _refuse(source: str, line: int, error: ValueError) -> NoReturn:
    raise ProgramError(f"{source}: line {line}: {error}") from None


def _split(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for line, text in lines:
        comment = _COMMENT.search(text)
        for statement in (text[: comment.start()] if comment else text).split(";"):
            yield line, statement


def _slots(statement: _Statement, labels: Mapping[str, int]) -> tuple[Instruction, ...]:
    """One slot or two. Fields that no operand gives hold the constants of the row."""
    row = statement.row
    fields = {name: value for name in ("dst", "src", "offset", "imm") if isinstance(value := getattr(row, name), int)}
    following = 0
    for placeholder, text in statement.operands:
        match placeholder:
            case "imm64":
                return wide_slots(fields["dst"], number(text, 64) & 0xFFFFFFFFFFFFFFFF)
            case "next":
                following = number(text, 32)
                continue
            case "imm":
                field, value = "imm", number(text, 32)
            case "index":
                field, value = "imm", signed_number(text, 32)
            case "memory" | "displacement":
                field, value = "offset", signed_number(text, 16)
            case "jump" | "call":
                field = "offset" if row.offset == "jump" else "imm"
                value = _distance(text, statement.at, labels, 16 if field == "offset" else 32)
            case _:
                field, value = placeholder[-3:], register(text)
        if fields.setdefault(field, value) != value:
            raise ValueError(f"{text} must be the same register as the destination")
    slot = Instruction(row.opcode, fields.get("dst", 0), fields.get("src", 0), fields.get("offset", 0), fields.get("imm", 0))
    return (slot,) if row.slots == 1 else (slot, Instruction(0, imm=following))


def _distance(text: str, at: int, labels: Mapping[str, int], bits: int) -> int:
    if text[0] in "+-" or text[0].isdigit():
        return signed_number(text, bits)
    if text not in labels:
        raise ValueError(f"label {text} is not defined")
    distance = labels[text] - at - 1
    if not -(1 << bits - 1) <= distance < 1 << bits - 1:
        raise ValueError(f"label {text} is {distance} slots away, which does not fit {bits} bits")
    return distance

"""LLVM's dialect to a program, one statement a line.

Two passes: the first reads every line into a row and its operands and gives each label its slot, the second fills in the fields. What
a line may hold besides an instruction: `name:` before it, several statements separated by `;` as LLVM has it, and comments from `#` or
`//` to the end of the line. A line that begins with `;` is a comment as well, because llvm-objdump writes source lines that way.

Directives declare maps, which are numbered in their order, what prog arrays hold, and what the program uses of the kernel:

    .map counts hash 4 8 16                      name, kind, bytes of a key, bytes of a value, entries
    .program table 2 second                      name of a prog array, index, label of the program's first instruction
    .kernel_function scale 100 s16 u8 s32        name, BTF id, type of the result, types of the arguments
    .variable jiffies 101 00000000fffffed4       name, BTF id, contents in hexadecimal as they lie in memory

LLVM's assembler drops the bits of an immediate that do not fit. This one refuses them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

from ebpf.instruction import KERNEL_FUNCTIONS, Instruction
from ebpf.kernel import KernelFunction, KernelVariable
from ebpf.notation import LLVM, Notation, Operand, number, parse, register, signed_number
from ebpf.opcodes import Row
from ebpf.program import Map, MapKind, Program, ProgramError, wide_slots

MAXIMUM_LINES = 1_000_000
"""Lines of a text, together with the semicolons in it. A program of Linux has at most as many instructions (BPF_COMPLEXITY_LIMIT_INSNS)."""

EXCEPTION_CALLBACK = "exception_callback"
"""The label of the function that takes the cookies of exceptions, where a program has one."""

_COMMENT = re.compile(r"#|//|^\s*;")
_LABEL = re.compile(r"\s*([A-Za-z_.$][\w.$]*)\s*:")


_DIRECTIVES = {
    ".map": ".map NAME KIND KEY VALUE ENTRIES",
    ".program": ".program NAME INDEX LABEL",
    ".kernel_function": ".kernel_function NAME BTF_ID RESULT ARGUMENT...",
    ".variable": ".variable NAME BTF_ID HEX...",
}
"""How each is written."""


class _Directive(NamedTuple):
    line: int
    words: tuple[str, ...]


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
    directives: list[_Directive] = []
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
            if text.split()[0] in _DIRECTIVES:
                directives.append(_Directive(line, tuple(text.split())))
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
    declared = _declarations(directives, labels, source)
    return Program(source, ".text", tuple(slots), lines=lines_of, labels=functions, exception_callback=callback, **declared)


def _declarations(directives: Iterable[_Directive], labels: Mapping[str, int], source: str) -> dict[str, Any]:
    """What directives declare, by the names of the fields of a program."""
    maps: dict[str, Map] = {}
    functions: dict[int, KernelFunction] = {}
    variables: dict[int, KernelVariable] = {}
    for line, (what, name, *rest) in ((one.line, (*one.words, "", "")) for one in directives):
        arguments = [word for word in rest if word]
        try:
            if what == ".map":
                if name in maps:
                    raise ValueError(f"map {name} is declared twice")
                maps[name] = _declared(name, arguments)
            elif what == ".program":
                maps[name] = _with_program(maps.get(name), name, arguments, labels)
            else:
                number = _btf_id(what, arguments, {*functions, *variables})
                if what == ".variable":
                    variables[number] = KernelVariable(name, number, _contents(arguments[1:]))
                else:
                    functions[number] = KernelFunction(name, number, arguments[1], tuple(arguments[2:]))
        except ValueError as error:
            _refuse(source, line, error)
    return {"maps": tuple(maps.values()), "kernel_functions": tuple(functions.values()), "variables": tuple(variables.values())}


def _btf_id(what: str, arguments: list[str], known: Set[int]) -> int:
    if len(arguments) < 2 or not arguments[0].isdecimal():
        raise ValueError(f"not a declaration: {_DIRECTIVES[what]}")
    number = int(arguments[0])
    if number in known:
        raise ValueError(f"BTF id {number} is declared twice")
    if number in KERNEL_FUNCTIONS.values():
        raise ValueError(f"BTF id {number} is taken: {', '.join(f'{one} is {name}' for name, one in KERNEL_FUNCTIONS.items())}")
    return number


def _contents(words: list[str]) -> bytes:
    try:
        return bytes.fromhex("".join(words))
    except ValueError:
        raise ValueError(f"not bytes in hexadecimal: {' '.join(words)}") from None


def _declared(name: str, arguments: list[str]) -> Map:
    kinds = {kind.name.lower(): kind for kind in MapKind}
    if len(arguments) != 4 or arguments[0] not in kinds or not all(text.isdecimal() for text in arguments[1:]):
        raise ValueError(f"not a map: {_DIRECTIVES['.map']}, where KIND is {', '.join(kinds)}")
    key_size, value_size, entries = map(int, arguments[1:])
    return Map(name, kinds[arguments[0]], key_size, value_size, entries)


def _with_program(array: Map | None, name: str, arguments: list[str], labels: Mapping[str, int]) -> Map:
    if array is None:
        raise ValueError(f"map {name} is not declared")
    if len(arguments) != 2 or not arguments[0].isdecimal() or arguments[1] not in labels:
        raise ValueError(f"not a program of a prog array: {_DIRECTIVES['.program']}")
    return replace(array, programs=(*array.programs, (int(arguments[0]), labels[arguments[1]])))


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

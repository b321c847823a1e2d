"""The `.data` files of the bpf_conformance suite: a program in another dialect, its memory and its expected result.

A file is made of sections, each begun by a line `-- name`:

    asm                  instructions such as `add32 %r0, %r1`; the percent sign may be left out
    raw                  the same program as 64-bit numbers, one slot each, as a little-endian machine reads them
    mem                  hexadecimal bytes of the context
    result               the expected r0
    error                the program is expected to be refused or to fault
    c, no register offset    notes, not read

Where both asm and raw have code they must agree. `exit` may be used as a label that nothing defines: it is the first exit instruction.
The expected result of programs that look at memory or swap bytes is that of a little-endian machine, so programs are marked
little-endian.

Mnemonics follow from row names by a rule (`_template`): the operation in lower case, `32` behind it for 32-bit operations and nothing for
64-bit ones, the size behind loads and stores. Load-acquire, store-release and wide loads of anything but numbers are not in the dialect.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from ebpf.assembler import assemble_lines, refuse_long
from ebpf.codec import decode
from ebpf.instruction import Instruction
from ebpf.notation import notation
from ebpf.opcodes import ROWS, Row
from ebpf.program import Program, ProgramError

_RULES = tuple(
    (re.compile(pattern), mnemonic)
    for pattern, mnemonic in (
        (r"((?:LE|BE|BSWAP)\d+|JA|EXIT|CALLX?|LDDW)", r"\1"),
        (r"([A-Z]+)64(?:_(?:IMM|REG))?", r"\1"),
        (r"([A-Z]+)32(?:_(?:IMM|REG))?", r"\g<1>32"),
        (r"MOVSX(\d+)_(\d+)", r"movsx\2\1"),
        (r"CALL_LOCAL", "call local"),
        (r"CALL_KERNEL", "call runtime"),
        (r"(LDX|LDXSX|ST|STX|LDABS|LDIND)_([BHWD]+)", r"\1\2"),
        (r"(?:ATOMIC_)?([A-Z]+)_W", r"lock \g<1>32"),
        (r"(?:ATOMIC_)?([A-Z]+)_DW", r"lock \1"),
        (r"ATOMIC_FETCH_([A-Z]+)_W", r"lock fetch \g<1>32"),
        (r"ATOMIC_FETCH_([A-Z]+)_DW", r"lock fetch \1"),
    )
)
"""What a row is called; the first rule whose pattern is the whole name holds, and makes lower case."""

_UNREAD = ("c", "no register offset")
_READ = ("asm", "raw", "mem", "result", "error")


class ConformanceTest(NamedTuple):
    """One file: the program, the context, the expected r0 (unsigned 64 bits) if stated, and whether an error is expected."""

    program: Program
    memory: bytes
    result: int | None
    error: bool


def _mnemonic(name: str) -> str | None:
    for pattern, mnemonic in _RULES:
        if match := pattern.fullmatch(name):
            return match.expand(mnemonic).lower().replace("ldxsx", "ldxs")
    return None


def _template(row: Row, mnemonic: str) -> str:
    """The mnemonic and the operands in the order destination, source, immediate, jump; memory counts as its base register."""
    base = "src" if row.dst == "w" else "dst"
    operands = []
    for register, use in (("dst", row.dst), ("src", row.src)):
        if not isinstance(use, int):
            operands.append(f"[{{{register}}} {{displacement}}]" if row.offset == "memory" and register == base else f"{{{register}}}")
    if row.imm in ("imm", "imm64", "helper", "btf"):
        operands.append("{imm64}" if row.imm == "imm64" else "{imm}")
    if "jump" in (row.offset, row.imm):
        operands.append("{jump}")
    return f"{mnemonic} {', '.join(operands)}"


def _templates() -> Iterator[tuple[Row, str]]:
    for row in ROWS:
        mnemonic = _mnemonic(row.name)
        if mnemonic is not None:
            yield row, _template(row, mnemonic)
            if mnemonic.startswith("bswap"):
                yield row, _template(row, mnemonic[1:])


DATA = notation(_templates())
"""The dialect of the suite's `asm` sections."""


class ExpectedRefusalError(ProgramError):
    """The program of a test is none, and the test expects an error."""


def read(text: str, source: str) -> ConformanceTest:
    """The test that a file describes. Raises ProgramError naming `source`, the line and the reason."""
    refuse_long(text, source)
    sections = _sections(text, source)
    try:
        program = assemble_lines(_with_exit_label(sections.get("asm", [])), DATA, source)
        raw = tuple(_raw(sections.get("raw", []), source))
    except ProgramError as error:
        if "error" in sections:
            raise ExpectedRefusalError(*error.args) from None
        raise
    if raw and program.slots and raw != program.slots:
        raise ProgramError(f"{source}: asm and raw are different programs")
    if not raw and not program.slots:
        raise ProgramError(f"{source}: no instructions")
    return ConformanceTest(
        Program(
            source,
            "asm" if program.slots else "raw",
            program.slots or raw,
            byte_order="little",
            lines=program.lines,
            labels=program.labels,
            exception_callback=program.exception_callback,
        ),
        _memory(sections.get("mem", []), source),
        _result(sections.get("result", []), source),
        "error" in sections,
    )


def _refuse(source: str, line: int, reason: str) -> NoReturn:
    raise ProgramError(f"{source}: line {line}: {reason}") from None


def _sections(text: str, source: str) -> dict[str, list[tuple[int, str]]]:
    """The numbered lines of each section, comments and percent signs of registers taken out, empty lines left out."""
    sections: dict[str, list[tuple[int, str]]] = {}
    lines: list[tuple[int, str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("--"):
            name = line[2:].strip()
            if name not in _READ + _UNREAD:
                _refuse(source, number, f"unknown section {name!r}")
            if name in sections:
                _refuse(source, number, f"second section {name!r}")
            lines = sections[name] = []
            continue
        content = re.sub(r"%(?=r\d)", "", line.split("#")[0]).strip()
        if lines is not None and content:
            lines.append((number, content))
        elif content:
            _refuse(source, number, "text before the first section")
    return sections


def _with_exit_label(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    exits = [at for at, (_, line) in enumerate(lines) if re.fullmatch(r"([\w.$]+:\s*)*exit", line)]
    if not exits or any(re.match(r"exit\s*:", line) for _, line in lines):
        return lines
    first = exits[0]
    number, line = lines[first]
    return [*lines[:first], (number, f"exit: {line}"), *lines[first + 1 :]]


def _raw(lines: list[tuple[int, str]], source: str) -> Iterator[Instruction]:
    for number, line in lines:
        try:
            data = int(line, 16).to_bytes(8, "little")
        except (ValueError, OverflowError):
            _refuse(source, number, f"not a 64-bit hexadecimal number: {line}")
        yield from decode(data, "little", source, "raw")


def _memory(lines: list[tuple[int, str]], source: str) -> bytes:
    data = b""
    for number, line in lines:
        try:
            data += bytes.fromhex(line)
        except ValueError:
            _refuse(source, number, f"not hexadecimal bytes: {line}")
    return data


def _result(lines: list[tuple[int, str]], source: str) -> int | None:
    if not lines:
        return None
    number, line = lines[0]
    try:
        value = int(line, 0)
    except ValueError:
        _refuse(source, number, f"not a number: {line}")
    if len(lines) > 1 or not -(1 << 63) <= value < 1 << 64:
        _refuse(source, number, "the result must be one 64-bit number")
    return value & 0xFFFFFFFFFFFFFFFF

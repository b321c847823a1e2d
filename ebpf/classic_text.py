"""Classic BPF as text: what `tcpdump -ddd` and `tcpdump -dd` print.

    -ddd    the number of instructions, then each on a line of its own: code jt jf k, in decimal
    -dd     elements of a C array, `{ 0x28, 0, 0, 0x0000000c },`, each on a line of its own

Around the elements of an array there may be the rest of its definition, and C comments, each in lines of their own or behind an element.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

from ebpf.classic import MAXIMUM_LENGTH, ClassicInstruction, check
from ebpf.program import ProgramError

_NUMBER = r"(0[xX][0-9a-fA-F]{1,16}|\d{1,20})"
_DECIMAL = re.compile(r"\s*(\d{1,20})\s+(\d{1,20})\s+(\d{1,20})\s+(\d{1,20})\s*")
_ELEMENT = re.compile(rf"\s*\{{\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\}}\s*,?\s*")
_DEFINITION = re.compile(r"\s*((static|const|struct)\s+)*sock_filter\s+\w+\s*\[\s*\w*\s*\]\s*=\s*\{\s*|\s*\}\s*;?\s*")
_COMMENT = re.compile(r"/\*.*?\*/|//.*")
_SHOWN = 40


def read_classic(text: str, source: str) -> tuple[ClassicInstruction, ...]:
    """The instructions of a well-formed filter. Raises ProgramError naming `source`, the line and the reason."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    read = _decimal if re.fullmatch(r"[\d\s]+", first) else _array
    instructions = tuple(read(lines, source))
    check(instructions, source)
    return instructions


def is_classic(text: str) -> bool:
    """Whether a text looks like a filter in one of the two forms: so that it is no mistake to read it as one."""
    lines = [stripped for line in text.splitlines() if (stripped := _COMMENT.sub("", line).strip())]
    if lines and re.fullmatch(r"\d+", lines[0]):
        return len(lines) > 1 and _DECIMAL.fullmatch(lines[1]) is not None
    return any(_ELEMENT.fullmatch(line) for line in lines)


def _refuse(source: str, line: int, reason: str) -> NoReturn:
    raise ProgramError(f"{source}: line {line}: {reason}")


def _shown(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _decimal(lines: list[str], source: str) -> Iterator[ClassicInstruction]:
    count: int | None = None
    found = last = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        last = number
        if count is None:
            if not re.fullmatch(r"\s*\d{1,9}\s*", line):
                _refuse(source, number, f"expected the number of instructions, not {_shown(line)}")
            count = int(line)
            if count > MAXIMUM_LENGTH:
                _refuse(source, number, f"{count} instructions; a filter has at most {MAXIMUM_LENGTH}")
            continue
        match = _DECIMAL.fullmatch(line)
        if match is None:
            _refuse(source, number, f"expected code, jt, jf and k in decimal, not {_shown(line)}")
        found += 1
        if found > count:
            _refuse(source, number, f"more than the {count} instructions that the first line announces")
        code, jt, jf, k = map(int, match.groups())
        yield ClassicInstruction(code, jt, jf, k, number)
    if count is not None and found < count:
        _refuse(source, last, f"{found} instructions; the first line announces {count}")


def _array(lines: list[str], source: str) -> Iterator[ClassicInstruction]:
    commented = False
    for number, line in enumerate(lines, 1):
        rest = line
        if commented:
            commented, rest = "*/" not in rest, rest.partition("*/")[2]
        rest = _COMMENT.sub("", rest)
        if "/*" in rest:
            commented, rest = True, rest.partition("/*")[0]
        if not rest.strip() or _DEFINITION.fullmatch(rest):
            continue
        match = _ELEMENT.fullmatch(rest)
        if match is None:
            _refuse(source, number, f"expected an element of an array, {{ code, jt, jf, k }}, not {_shown(line)}")
        # C takes a leading zero for octal; tcpdump writes none.
        code, jt, jf, k = (int(field, 16 if field[:2] in ("0x", "0X") else 10) for field in match.groups())
        yield ClassicInstruction(code, jt, jf, k, number)

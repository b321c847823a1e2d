"""The fingerprint: which findings are one bug, as far as can be told without knowing the bug.

    kind (rule) operation class        value DIV64 o32        hazards (the result of sc is not tested) ATOMIC_ADD_W        blinding (…) ST_W +blind

It is made of the symptom (`fuzz.findings.diagnosis`), of the form of the operation where that matters (`fuzz.findings.form`), of its family where
that does (`fuzz.findings.family`), and of the class of configurations outside of which the case does not fail (`fuzz.findings.condition`). Which of
the instructions that swap bytes it is is chance, and so is the size of a load from a packet; `operation` leaves them out.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ebpf.program import Program, ProgramError
from fuzz.case import Case
from fuzz.findings.condition import Condition
from fuzz.findings.diagnosis import Symptom
from fuzz.findings.family import family
from fuzz.findings.form import form
from jit.config import Config

_FORM = re.compile(r"_(REG|IMM)$")
_SWAP = re.compile(r"^(BSWAP|BE|LE)(?=\d)")
_PACKET = re.compile(r"^(LDABS|LDIND)_\w+$")


def operation(row: str) -> str:
    """The operation of a row of the table of eBPF instructions."""
    return _SWAP.sub("SWAP", _PACKET.sub("LD_PACKET", _FORM.sub("", row)))


_CLASSES = ((re.compile(r"^MOV\d+$"), "MOV"), (re.compile(r"^J\w+32$"), "JMP32"), (re.compile(r"^J\w+$"), "JMP"), (re.compile(r"^ST_\w+$"), "ST"),
            (re.compile(r"^[A-Z]+32$"), "ALU"), (re.compile(r"^[A-Z]+64$"), "ALU64"))  # fmt: skip
"""Classes of instructions with immediates (RFC 9669, section 3), and moves apart from the other arithmetic."""


def place(symptom: Symptom) -> str:
    """Where it went wrong: the operation, and for constant blinding, which knows no more of an instruction, its class."""
    name = operation(symptom.row)
    if symptom.kind != "blinding":
        return name
    return next((group for pattern, group in _CLASSES if pattern.match(name)), name)


def fingerprint(symptom: Symptom, condition: Condition, only: str = "", siblings: str = "") -> str:
    """The fingerprint as text, in one line.

    `only` is "_REG" or "_IMM" where the operation goes wrong in that form alone, `siblings` its family where others of it go wrong as well.
    """
    rule = f"({symptom.rule})" if symptom.rule else ""
    # What passes do wrong, they do at both widths; at which one a case shows it depends on the case.
    kind = condition.kind if symptom.row != "any" else " ".join(part for part in condition.kind.split() if part.startswith("+"))
    return " ".join(filter(None, (symptom.kind, rule, (siblings or place(symptom)) + only, kind)))


def same_bug(first: Symptom, second: Symptom) -> bool:
    """Whether two symptoms differ at most in the width of the code and in what is chance."""
    return first[:2] == second[:2] and place(first) == place(second)


class Kept(NamedTuple):
    """What is asked of variants of a case, in one place for all that make fingerprints: the form and the family of its wrong operation."""

    form: str
    family: str


def kept(case: Case, config: Config, slot: int | None, symptom: Symptom, shown: Callable[[Program], Symptom | None]) -> Kept:
    """Judge variants of a case. `shown` is the symptom of a program with the input of the case; None where nothing is wrong.

    It raises ProgramError where the program cannot be judged.
    """

    def fails(program: Program, row: str = "") -> bool | None:
        try:
            found = shown(program)
        except ProgramError:
            return None
        return found is not None and same_bug(found, symptom._replace(row=row or symptom.row))

    # What passes do wrong, they do with any form, and with any operation.
    if symptom.row == "any" or symptom.kind == "blinding":
        return Kept("", "")
    return Kept(form(case, config, slot, fails), family(case.program, slot, fails))

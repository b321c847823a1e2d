"""`bpfmips oracle --witness kernel`: what the kernel of this machine says of programs, beside the oracle."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from fuzz.cli.options import refuse
from fuzz.kernel.bpf import permitted
from fuzz.kernel.witness import Said, Statement, witness
from fuzz.sources import Refusal, Subject, file_subjects

DIFFERENT = 1


def ask_kernel(path: str, section: str | None, memory: bytes | None) -> int:
    """Ask about the programs of a file or directory, print what it says, and return the exit status.

    Raises ProgramError when the kernel cannot be asked, and when there is nothing that it could be asked about.
    """
    if reason := permitted():
        refuse(f"--witness kernel: {reason}")
    count, refused = Counter[Said](), Counter[tuple[Said, str]]()
    compared = undetermined = programs = 0
    unusable = False
    for one in file_subjects((path,), section, memory):
        if isinstance(one, Refusal):
            unusable = unusable or not one.expected
            click.echo(one.message, err=True)
            continue
        if not _of_this_machine(one):
            continue
        said = list(witness(one.program, one.inputs))
        programs += 1
        for line in _lines(one, said):
            click.echo(line)
        for statement in said:
            count[statement.said] += 1
            if statement.reason:
                refused[statement.said, statement.reason] += 1
            compared += statement.compared
            undetermined += statement.undetermined
    if unusable and not programs:
        return 2
    if not programs:
        refuse("--witness kernel: no program of this machine's byte order")
    click.echo(f"programs {programs}, inputs {count.total()}; {compared} registers and bytes compared, {undetermined} not determined by the program")
    for kind in Said:
        click.echo(f"{kind.name:<12} {count[kind]}")
        for (_, text), number in sorted((each for each in refused.items() if each[0][0] is kind), key=lambda each: -each[1]):
            click.echo(f"  {number:>10} {text}")
    return DIFFERENT if count[Said.DIFFERS] else 2 if unusable or not count[Said.AGREES] else 0


def _of_this_machine(subject: Subject) -> bool:
    """What has no byte order of its own comes twice."""
    return subject.byte_order == sys.byteorder


def _lines(subject: Subject, said: Sequence[Statement]) -> Iterator[str]:
    """What is different."""
    for number, statement in enumerate(said):
        if statement.differences:
            yield f"DIFFERS {subject}: input {number}, the oracle's as expected and the kernel's as got"
            yield from (f"    {difference}" for difference in statement.differences)

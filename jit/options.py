"""What a configuration may have besides ISA, width and byte order: CPU options, errata of certain CPUs, hardening, and what a verifier
does for the compiler. A row each.

An erratum belongs to the CPUs that have it. It combines with the ISAs whose code such a CPU executes, and with other errata only if some CPU has all
of them.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from jit.erratum_rows import CPUS, ROWS

CPU_OPTION, ERRATUM, HARDENING, VERIFIER = "CPU option", "erratum", "hardening", "verifier"
KINDS = (CPU_OPTION, ERRATUM, HARDENING, VERIFIER)


class Option(NamedTuple):
    """One row.

    name      as it stands in the name of a configuration, behind a "+"
    kind      one of `KINDS`
    meaning   in one line
    cpus      the CPUs that have the erratum, names of `CPUS`
    without   ISAs on which the option means nothing, with the reason
    widths    the widths of code on which it means something, in bits
    needs     options without which it means nothing
    excludes  options with which it means nothing
    """

    name: str
    kind: str
    meaning: str
    cpus: tuple[str, ...] = ()
    without: Mapping[str, str] = MappingProxyType({})
    widths: tuple[int, ...] = (32, 64)
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option(
        "nollsc",
        CPU_OPTION,
        "no LL and SC are emitted: atomic operations are calls of runtime routines, of 32 and of 64 bits",
        without={"mips1": "it has no LL and SC anyway"},
    ),
    *(Option(row.name, ERRATUM, row.instead, row.cpus, widths=row.widths, needs=row.needs, excludes=row.excludes) for row in ROWS),
    Option("blind", HARDENING, "constant blinding: no immediate of the program is to be found in the image"),
    Option(
        "nospec",
        HARDENING,
        "a speculation barrier (BPF_ST | BPF_NOSPEC) is a `sync`; otherwise it is nothing",
        without={"mips1": "it has no sync"},
    ),
    Option("zext", VERIFIER, "the verifier marks the 32-bit results whose upper halves are used; no others are zero-extended"),
)
"""In the order in which they stand in the name of a configuration."""

BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})


def common_cpus(names: Sequence[str]) -> tuple[str, ...]:
    """The CPUs that have all errata among these options; all CPUs when there is none."""
    rows = [BY_NAME[name] for name in names if BY_NAME[name].kind == ERRATUM]
    return tuple(cpu for cpu in CPUS if all(cpu in row.cpus for row in rows))


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """The names in their usual order. Raises ValueError for one that is not known, or is there twice."""
    for name in names:
        if name not in BY_NAME:
            raise ValueError(f"unknown option {name!r}; one of {', '.join(BY_NAME)}")
    if len(set(names)) < len(names):
        raise ValueError(f"option {next(name for name in names if names.count(name) > 1)} is given twice")
    return tuple(option.name for option in OPTIONS if option.name in names)

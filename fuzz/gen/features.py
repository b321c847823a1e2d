"""Which features a program uses: swarm testing.

A program that may use everything uses little of each, and features hide each other's bugs. Each therefore draws a subset of the instructions
and of what is done with them (Groce and others, "Swarm testing", ISSTA 2012).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from ebpf.kernel import INTEGERS, POINTER, KernelFunction, KernelVariable
from ebpf.opcodes import Row
from fuzz.gen.rows import ARITHMETIC, ATOMICS, BRANCHES, LOADS, STORES

Tier = Literal["single", "block", "structured"]

TIERS: tuple[Tier, ...] = ("single", "block", "structured")
"""Single operations between few others; straight blocks; control flow with loops, functions and calls."""

FIRST_FUNCTION, FIRST_VARIABLE = 1000, 2000
"""BTF ids of what programs declare, from these on."""

_ROWS = {
    "arithmetic": frozenset(ARITHMETIC),
    "loads": frozenset(LOADS),
    "stores": frozenset(STORES),
    "atomics": frozenset(ATOMICS),
    "branches": frozenset(BRANCHES),
}
"""The instructions of each form."""

_LEAST = {"context": 88, "singles": 1, "length": 1, "constants": 1, "functions": 0, "tails": 0, "callbacks": 0, "nesting": 0}
"""Numbers below which a field means nothing."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Features:
    """What programs are made of. Calls, maps, functions and what is nested are for the structured tier; in the others there is none of it.

    Raises ValueError for what there is no program of, and for a tier that there is not, which would be taken for a block.

    tier          one of TIERS
    arithmetic …  the instructions that may be used, at least one of each form; there may be no atomic ones, and no branches where nothing is nested
    context       bytes of context, at least 88: eight for each register and eight more
    singles       how many single operations a program of that tier is about
    length        mean number of statements of a straight block
    constants     whether registers start as constants rather than with numbers from the context, once in so many times
    data          whether there are data sections
    misaligned    whether some accesses are misaligned, which is a fault on most configurations and ends the program
    packet        whether legacy packet instructions are used
    calls         whether helper functions and kernel functions are called
    maps          whether there are maps, and helper functions that work on them
    functions     how many functions of its own the program has at most
    tails         how many programs tail calls reach at most
    throws        whether there are exceptions
    callbacks     how many functions there are at most that bpf_loop calls
    declared      kernel functions that programs declare, and may call when they call anything
    variables     variables of the kernel that programs declare, and may read
    addresses     whether the frame pointer is an operand as if it were a number
    nesting       how deeply branches and loops are nested; 0 is straight code
    """

    tier: Tier = "structured"
    arithmetic: tuple[Row, ...] = ARITHMETIC
    loads: tuple[Row, ...] = LOADS
    stores: tuple[Row, ...] = STORES
    atomics: tuple[Row, ...] = ATOMICS
    branches: tuple[Row, ...] = BRANCHES
    context: int = 128
    singles: int = 1
    length: int = 24
    constants: int = 3
    data: bool = True
    misaligned: bool = False
    packet: bool = True
    calls: bool = True
    maps: bool = True
    functions: int = 2
    tails: int = 0
    throws: bool = False
    callbacks: int = 0
    declared: tuple[KernelFunction, ...] = ()
    variables: tuple[KernelVariable, ...] = ()
    addresses: bool = False
    nesting: int = 2

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ValueError(f"tier {self.tier!r}; one of {', '.join(TIERS)}")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} {getattr(self, name)}; at least {least}")
        for name, rows in _ROWS.items():
            if other := sorted(row.name for row in set(getattr(self, name)) - rows):
                raise ValueError(f"{name}: {other[0]} is none of them")
        for name in ("arithmetic", "loads", "stores", *(("branches",) if self.tier == "structured" and self.nesting else ())):
            if not getattr(self, name):
                raise ValueError(f"{name}: none, but programs of this tier are made of them")


def _some(source: random.Random, rows: Sequence[T]) -> tuple[T, ...]:
    """A subset: all once in four times, else each with a probability that is drawn as well; never empty."""
    if source.randrange(4) == 0:
        return tuple(rows)
    share = source.choice((0.1, 0.3, 0.6))
    return tuple(row for row in rows if source.random() < share) or (source.choice(rows),)


def _or_none(source: random.Random, rows: tuple[Row, ...], one_in: int) -> tuple[Row, ...]:
    return () if source.randrange(one_in) == 0 else _some(source, rows)


def _declared(source: random.Random) -> tuple[KernelFunction, ...]:
    """Kernel functions of any types."""
    kinds = (*INTEGERS, POINTER, POINTER)
    return tuple(
        KernelFunction(f"declared{number}", FIRST_FUNCTION + number, source.choice(INTEGERS), tuple(source.choices(kinds, k=source.randrange(6))))
        for number in range(source.choice((0, 1, 2, 3)))
    )


def _variables(source: random.Random) -> tuple[KernelVariable, ...]:
    """Variables of any contents."""
    sizes = source.sample((1, 2, 8, 24, 64), source.choice((1, 2)))
    return tuple(KernelVariable(f"variable{number}", FIRST_VARIABLE + number, source.randbytes(size)) for number, size in enumerate(sizes))


def draw_features(source: random.Random, tier: Tier) -> Features:
    """The features of one program, or of some."""
    structured = tier == "structured"
    chosen = Features(
        tier=tier,
        arithmetic=_some(source, ARITHMETIC),
        loads=_some(source, LOADS),
        stores=_some(source, STORES),
        atomics=_or_none(source, ATOMICS, 2),
        branches=_some(source, BRANCHES),
        context=source.choice((88, 96, 101, 128, 256)),
        length=source.choice((6, 10, 16) if structured else (16, 24, 40)),
        constants=source.choice((2, 4, 8)),
        singles=source.choice((1, 6)) if tier == "single" else 1,
        data=source.randrange(3) == 0,
        misaligned=source.randrange(16) == 0,
        packet=source.randrange(3) == 0,
        calls=structured and source.randrange(2) == 0,
        maps=structured and source.randrange(4) == 0,
        functions=source.choice((0, 0, 1, 3)) if structured else 0,
        tails=source.choice((0, 1, 1, 3)) if structured else 0,
        throws=structured and source.randrange(5) < 2,
        addresses=tier == "single" or source.randrange(8) == 0,
        nesting=source.choice((1, 2, 3)) if structured else 0,
        callbacks=source.choice((0, 1, 1, 2)) if structured else 0,
        declared=_declared(source) if structured else (),
        variables=_variables(source) if structured and source.randrange(4) == 0 else (),
    )
    if chosen.throws and source.randrange(4):
        # An exception that leaves one frame leaves that of the caller, too.
        chosen = replace(chosen, functions=3)
    if chosen.tails and source.randrange(2):
        # Of functions that make tail calls one is too few: the count goes on where they return. What they hand on is in a data section.
        chosen = replace(chosen, functions=3, data=True)
    # All instructions are equally likely where the tier is about them.
    return replace(chosen, arithmetic=ARITHMETIC, loads=LOADS, stores=STORES, atomics=ATOMICS, branches=BRANCHES) if tier == "single" else chosen

"""What to compile for: one frozen value.

A configuration is an ISA, a code width and a byte order. Width 32 is code for the o32 ABI with each eBPF register in a pair of
MIPS registers; width 64 is code for the n64 ABI. `str(config)` is the name used on the command line, in test ids, in reports and
in the corpus; `Config.parse` is its inverse.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

# Each ISA, and what it extends, after the MIPS architecture manuals (MD00083 volume I-A, chapter 2). Release 6 removes as well as adds, which is
# why legality is a set in the MIPS table and not a level.
EXTENDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mips1": (),
        "mips2": ("mips1",),
        "mips3": ("mips2",),
        "mips4": ("mips3",),
        "mips5": ("mips4",),
        "mips32r1": ("mips2",),
        "mips32r2": ("mips32r1",),
        "mips32r3": ("mips32r2",),
        "mips32r5": ("mips32r3",),
        "mips32r6": ("mips32r5",),
        "mips64r1": ("mips5", "mips32r1"),
        "mips64r2": ("mips64r1", "mips32r2"),
        "mips64r3": ("mips64r2", "mips32r3"),
        "mips64r5": ("mips64r3", "mips32r5"),
        "mips64r6": ("mips64r5", "mips32r6"),
    }
)

ISAS_32 = ("mips1", "mips2", "mips32r1", "mips32r2", "mips32r3", "mips32r5", "mips32r6")
ISAS_64 = ("mips3", "mips4", "mips5", "mips64r1", "mips64r2", "mips64r3", "mips64r5", "mips64r6")
ISAS = ISAS_32 + ISAS_64

_NAME = re.compile(r"(?P<isa>[a-z0-9]+)-(?P<width>32|64)(?P<order>le|be)")


@cache
def ancestry(isa: str) -> frozenset[str]:
    """The ISA itself and every ISA that it extends, directly or not."""
    return frozenset({isa}.union(*(ancestry(parent) for parent in EXTENDS[isa])))


@dataclass(frozen=True, slots=True, order=True)
class Config:
    """One configuration of the compiler. Raises ValueError for a combination that does not exist."""

    isa: str
    width: int
    big_endian: bool

    def __post_init__(self) -> None:
        if self.isa not in EXTENDS:
            raise ValueError(f"unknown ISA {self.isa!r}; one of {', '.join(ISAS)}")
        if self.width not in (32, 64):
            raise ValueError(f"unknown width {self.width}; 32 or 64")
        if self.width == 64 and self.isa in ISAS_32:
            raise ValueError(f"{self.isa} has no 64-bit registers")

    def __str__(self) -> str:
        return f"{self.isa}-{self.width}{'be' if self.big_endian else 'le'}"

    @classmethod
    def parse(cls, name: str) -> "Config":
        """The configuration of that name; raises ValueError with the reason when there is none."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"unknown configuration {name!r}; see `bpfmips configs`")
        try:
            return cls(match["isa"], int(match["width"]), match["order"] == "be")
        except ValueError as error:
            raise ValueError(f"unknown configuration {name!r}: {error}") from None

    @property
    def cpu_64(self) -> bool:
        """Whether the CPU has 64-bit registers, whatever the width of the code."""
        return self.isa in ISAS_64


BASE_CONFIGS: tuple[Config, ...] = tuple(
    Config(isa, width, big_endian) for isa in ISAS for width in (32, 64) if width == 32 or isa in ISAS_64 for big_endian in (False, True)
)
"""The 46 combinations of ISA, width and byte order."""

"""What to compile for: one frozen value.

A configuration is an ISA, a code width and a byte order, and what there is besides. Width 32 is code for the o32 ABI with each eBPF register in a
pair of MIPS registers; width 64 is code for the n64 ABI. `str(config)` is the name used on the command line, in test ids, in reports and in the
corpus; `Config.parse` is its inverse:

    mips64r2-64be                     ISA, width, byte order
    mips32r1-32le@mips32r2            code for MIPS32 release 1 on a CPU of release 2: what is newer is not used
    mips64r2-64be+nollsc              options of `jit.options`, in the order of that table

Every combination that means something is legal, and `all_configs` lists them; any other is refused with the reason:

* the CPU executes the ISA (one of release 6 no older code), and its registers are as wide: 32-bit code on a 64-bit CPU is width 32 of a 64-bit ISA
* options are those of the ISA and of the width; CPU options and hardening combine with each other and with all else
* errata are those of one CPU, which executes the ISA; that CPU is then the CPU of the configuration, and no other can be named
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from types import MappingProxyType

from jit import options
from jit.erratum_rows import CPUS

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

_NAME = re.compile(r"(?P<isa>[a-z0-9]+)-(?P<width>32|64)(?P<order>le|be)(@(?P<cpu>[a-z0-9]+))?(?P<options>(\+[a-z0-9-]+)*)")


@cache
def ancestry(isa: str) -> frozenset[str]:
    """The ISA itself and every ISA that it extends, directly or not."""
    return frozenset({isa}.union(*(ancestry(parent) for parent in EXTENDS[isa])))


@dataclass(frozen=True, slots=True, order=True)
class Config:
    """One configuration of the compiler. Raises ValueError, with the reason, for a combination that is not legal.

    cpu      the ISA of the CPU; given as "", and for the errata of a CPU always, it is the obvious one
    options  names of `jit.options.OPTIONS`, given in any order
    """

    isa: str
    width: int
    big_endian: bool
    cpu: str = ""
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.isa not in EXTENDS:
            raise ValueError(f"unknown ISA {self.isa!r}; one of {', '.join(ISAS)}")
        if self.width not in (32, 64):
            raise ValueError(f"unknown width {self.width}; 32 or 64")
        if self.width == 64 and self.isa in ISAS_32:
            raise ValueError(f"{self.isa} has no 64-bit registers")
        object.__setattr__(self, "options", options.in_order(self.options))
        if self.options:
            _check_options(self)
        given = self.cpu or self.isa
        if given != self.isa:
            _check_cpu(self)
        object.__setattr__(self, "cpu", _cpu_with_errata(self) or given)

    def __str__(self) -> str:
        cpu = f"@{self.cpu}" if self.cpu != self.isa and not self.errata else ""
        return "".join((f"{self.isa}-{self.width}{'be' if self.big_endian else 'le'}{cpu}", *(f"+{name}" for name in self.options)))

    @classmethod
    def parse(cls, name: str) -> "Config":
        """The configuration of that name; raises ValueError with the reason when there is none."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"unknown configuration {name!r}; see `bpfmips configs`")
        try:
            return cls(match["isa"], int(match["width"]), match["order"] == "be", match["cpu"] or "", tuple(match["options"].split("+")[1:]))
        except ValueError as error:
            raise ValueError(f"unknown configuration {name!r}: {error}") from None

    @property
    def cpu_64(self) -> bool:
        """Whether the CPU has 64-bit registers, whatever the width of the code."""
        return self.isa in ISAS_64

    @property
    def marked(self) -> bool:
        """Whether the compiler relies on marks of zero-extension in the program."""
        return "zext" in self.options

    @property
    def errata(self) -> tuple[str, ...]:
        """The names of the errata among the options."""
        return tuple(name for name in self.options if options.BY_NAME[name].kind == options.ERRATUM)


def _check_options(config: Config) -> None:
    for name in config.options:
        option = options.BY_NAME[name]
        if config.isa in option.without:
            raise ValueError(f"{name} means nothing for {config.isa}: {option.without[config.isa]}")
        if config.width not in option.widths:
            raise ValueError(f"{name} means nothing for code of {config.width} bits")
        if missing := [other for other in option.needs if other not in config.options]:
            raise ValueError(f"{name} needs {missing[0]}")
        if refused := [other for other in option.excludes if other in config.options]:
            raise ValueError(f"{name} means nothing with {refused[0]}")
    errata = config.errata
    if errata and not options.common_cpus(errata):
        raise ValueError(f"no CPU has {' and '.join(errata)}")
    if errata and config.cpu not in ("", _cpu_with_errata(config)):
        raise ValueError(f"{errata[0]} is of a CPU of {_cpu_with_errata(config)}, not of {config.cpu}")
    for cpu in options.common_cpus(errata) if errata else ():
        if not executes(CPUS[cpu], config.isa):
            raise ValueError(f"{errata[0]}: the {cpu} does not execute code for {config.isa}, or only as code for a 64-bit ISA of width 32")


def _check_cpu(config: Config) -> None:
    if config.cpu not in EXTENDS:
        raise ValueError(f"unknown ISA of a CPU {config.cpu!r}; one of {', '.join(ISAS)}")
    if (config.cpu in ISAS_64) != config.cpu_64:
        raise ValueError(f"a CPU of {config.cpu} has registers of another width; 32-bit code on a 64-bit CPU is width 32 of a 64-bit ISA")
    if not executes(config.cpu, config.isa):
        raise ValueError(f"a CPU of {config.cpu} does not execute code for {config.isa}")


def _cpu_with_errata(config: Config) -> str:
    return CPUS[options.common_cpus(config.errata)[0]] if config.errata else ""


def executes(cpu: str, isa: str) -> bool:
    """Whether a CPU of one ISA executes code for another with registers of the same width: release 6 executes none of the releases before."""
    release_6 = "mips32r6"
    return isa in ancestry(cpu) and (cpu in ISAS_64) == (isa in ISAS_64) and (release_6 in ancestry(cpu)) == (release_6 in ancestry(isa))


BASE_CONFIGS: tuple[Config, ...] = tuple(
    Config(isa, width, big_endian) for isa in ISAS for width in (32, 64) if width == 32 or isa in ISAS_64 for big_endian in (False, True)
)
"""The 46 combinations of ISA, width and byte order."""


@cache
def all_configs() -> tuple[Config, ...]:
    """Every legal combination: for each of `BASE_CONFIGS` all CPUs without errata, and all sets of options."""
    names = [option.name for option in options.OPTIONS if option.kind != options.ERRATUM]
    plain = [chosen for size in range(len(names) + 1) for chosen in combinations(names, size)]
    found: list[Config] = []
    for base in BASE_CONFIGS:
        cpus = [cpu for cpu in ISAS if executes(cpu, base.isa)]
        wanted = [(cpu, chosen) for chosen, cpu in product(plain, cpus)]
        wanted += [("", chosen + errata) for errata in _sets_of_errata() for chosen in plain]
        for cpu, chosen in wanted:
            try:
                found.append(Config(base.isa, base.width, base.big_endian, cpu, chosen))
            except ValueError:
                continue
    return tuple(found)


def _sets_of_errata() -> list[tuple[str, ...]]:
    """The sets of errata that one CPU has: each single one, and all of a CPU together with every selection of them."""
    errata = [option for option in options.OPTIONS if option.kind == options.ERRATUM]
    places = {option.name: place for place, option in enumerate(errata)}
    found: set[tuple[str, ...]] = set()
    for cpu in CPUS:
        names = [option.name for option in errata if cpu in option.cpus]
        found.update(chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size))
    return sorted(found, key=lambda chosen: (len(chosen), [places[name] for name in chosen]))

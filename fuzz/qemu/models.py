"""Which program of QEMU runs code for a CPU, and which of its CPU models.

32-bit CPUs are run by `qemu-mips` and `qemu-mipsel`, 64-bit ones by `qemu-mips64` and `qemu-mips64el`, 32-bit code on them included: user mode with
32-bit addresses (`qemu-mipsn32`) would show nothing more, because everything lies below 2 GiB.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from jit.config import Config

# The nearest superset where there is no such model: tripwires say what an ISA lacks.
# fmt: off
_MODELS: Mapping[str, str] = MappingProxyType({
    "mips1":    "4Kc",
    "mips2":    "4Kc",
    "mips32r1": "4Kc",
    "mips32r2": "24Kc",
    "mips32r3": "24Kc",
    "mips32r5": "P5600",
    "mips32r6": "mips32r6-generic",
    "mips3":    "R4000",
    "mips4":    "VR5432",
    "mips5":    "5Kc",
    "mips64r1": "5Kc",
    "mips64r2": "5KEc",
    "mips64r3": "5KEc",
    "mips64r5": "5KEc",
    "mips64r6": "I6400",
})
"""By the ISA of the CPU."""

_CPUS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "loongson2f": {"mips3": "Loongson-2F"},
    "loongson3":  {"mips64r2": "Loongson-3A1000"},
})
"""By the beginning of the name of an erratum, the model of the CPU that has it, where QEMU knows that CPU. It does not play the erratum."""
# fmt: on


_NAN2008 = ("P5600", "mips32r6-generic", "I6400")
_EF_MIPS_NAN2008 = 0x400


class Model(NamedTuple):
    """A CPU of QEMU: the program that has it, and its name there; whether it has 64 bits, and its byte order."""

    program: str
    cpu: str
    wide: bool
    big_endian: bool

    @property
    def flags(self) -> int:
        """e_flags of an executable that it accepts: how it encodes NaNs must be right, though there are none here."""
        return _EF_MIPS_NAN2008 if self.cpu in _NAN2008 else 0


def model(config: Config) -> Model:
    """What runs code for a configuration."""
    program = f"qemu-mips{'64' if config.cpu_64 else ''}{'' if config.big_endian else 'el'}"
    named = [
        models[config.cpu] for erratum, models in _CPUS.items() if config.cpu in models and any(name.startswith(erratum) for name in config.errata)
    ]
    return Model(program, named[0] if named else _MODELS[config.cpu], config.cpu_64, config.big_endian)


@cache
def missing() -> str:
    """Why there is no QEMU here; empty where there is one."""
    absent = [name for name in ("qemu-mips", "qemu-mipsel", "qemu-mips64", "qemu-mips64el") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian: apt-get install qemu-user)" if absent else ""


@cache
def version() -> str:
    """Of QEMU, such as 7.2.22."""
    printed = subprocess.run(["qemu-mips", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\S+)", printed)
    return found[1] if found else "unknown"

"""The CPUs of Unicorn that run the code for each ISA. To know them nothing has to be imported that takes long."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Model(NamedTuple):
    """A CPU of the engine."""

    name: str
    bits: int


# The nearest superset for MIPS I, II, V and releases 3 and 5 of MIPS64, which the engine does not have.
# fmt: off
MODELS: Mapping[str, Model] = MappingProxyType({
    "mips1":    Model("MIPS32_4KC",              32),
    "mips2":    Model("MIPS32_4KC",              32),
    "mips32r1": Model("MIPS32_4KC",              32),
    "mips32r2": Model("MIPS32_24KC",             32),
    "mips32r3": Model("MIPS32_24KC",             32),
    "mips32r5": Model("MIPS32_P5600",            32),
    "mips32r6": Model("MIPS32_MIPS32R6_GENERIC", 32),
    "mips3":    Model("MIPS64_R4000",            64),
    "mips4":    Model("MIPS64_VR5432",           64),
    "mips5":    Model("MIPS64_5KC",              64),
    "mips64r1": Model("MIPS64_5KC",              64),
    "mips64r2": Model("MIPS64_MIPS64R2_GENERIC", 64),
    "mips64r3": Model("MIPS64_MIPS64R2_GENERIC", 64),
    "mips64r5": Model("MIPS64_MIPS64R2_GENERIC", 64),
    "mips64r6": Model("MIPS64_I6400",            64),
})
"""By the ISA of the CPU."""
# fmt: on

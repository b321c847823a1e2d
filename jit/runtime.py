"""The runtime routines: C functions that the image calls where the hardware lacks an operation.

The compiler is given their addresses (`Addresses.routines`) and calls them with the conventions of the platform's ABI (o32 or n64).
A caller provides what each signature says; the kernel has a function of the same kind for every one of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Routine(NamedTuple):
    """A C signature: `result` and each of `arguments` are "u32", "u64" or "pointer".

    That of a kernel function has integers of other sizes too: "u8", "s8", "u16", "s16", "s32", "s64".
    """

    result: str
    arguments: tuple[str, ...]


def _atomics() -> dict[str, Routine]:
    routines = {}
    for bits in (32, 64):
        word = f"u{bits}"
        for operation in ("add", "and", "or", "xor"):
            routines[f"atomic{bits}_fetch_{operation}"] = Routine(word, ("pointer", word))
        routines[f"atomic{bits}_xchg"] = Routine(word, ("pointer", word))
        routines[f"atomic{bits}_cmpxchg"] = Routine(word, ("pointer", word, word))
    return routines


ROUTINES: Mapping[str, Routine] = MappingProxyType(
    {
        # 64-bit division on 32-bit code. The divisor is never zero; the signed ones truncate towards zero and wrap INT64_MIN / -1.
        "udiv64": Routine("u64", ("u64", "u64")),
        "umod64": Routine("u64", ("u64", "u64")),
        "sdiv64": Routine("u64", ("u64", "u64")),
        "smod64": Routine("u64", ("u64", "u64")),
        # Atomic operations, fully ordered, on a naturally aligned location: 64-bit ones on 32-bit code, 32-bit ones where there is no LL/SC. They
        # return what was there before; cmpxchg takes the expected value, then the new one.
        **_atomics(),
        # A 64-bit location that is read with acquire or written with release ordering in one piece.
        "atomic64_load": Routine("u64", ("pointer",)),
        "atomic64_store": Routine("void", ("pointer", "u64")),
        # (context, offset, size in bytes: 1, 2 or 4): the value in host order, zero-extended to 64 bits; negative when it lies outside the packet.
        "packet_load": Routine("u64", ("pointer", "u32", "u32")),
    }
)
"""Every routine by name."""

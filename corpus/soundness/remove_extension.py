"""Remove one sign extension from an image: an `sll rd, rt, 0` becomes a plain copy, as if the compiler had thought it superfluous.

    python remove_extension.py IMAGE NUMBER OUTPUT

IMAGE has the name that build.py gives it, which says its instruction set and byte order; NUMBER counts its extensions from 0.
"""

import struct
import sys
from pathlib import Path

SLL, SA_ZERO, RD = 0xFFE007FF, 0x00000000, 0x1F << 11
"""The bits of `sll rd, rt, 0` that are fixed (all zero), and the field rd, which in `nop` is zero (MD00087, SLL)."""

OR = 0x00000025


def extensions(words: tuple[int, ...]) -> list[int]:
    """The indices of all `sll rd, rt, 0` but `nop`. Constants may look like one."""
    return [at for at, word in enumerate(words) if word & SLL == SA_ZERO and word & RD]


def without_extension(image: bytes, big_endian: bool, number: int) -> bytes:
    """The image with `or rd, rt, zero` in that place; raises IndexError when there are fewer extensions."""
    layout = f"{'>' if big_endian else '<'}{len(image) // 4}I"
    words = struct.unpack(layout, image)
    at = extensions(words)[number]
    word = words[at]
    copy = OR | (word >> 16 & 31) << 21 | word & RD
    return struct.pack(layout, *words[:at], copy, *words[at + 1 :])


def main(name: str, number: str, output: str) -> None:
    """The command line."""
    path = Path(name)
    Path(output).write_bytes(without_extension(path.read_bytes(), path.stem.endswith("eb"), int(number)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Memory of the engine: areas of addresses, the bytes of all one after the other in one array.

An address is a signed 64-bit integer, as registers have it: so 32-bit code on a 64-bit CPU finds only what it addresses with sign-extended words.
"""

import numpy as np
from numpy.typing import NDArray

from fuzz.model.bits import Numbers, minus, native

Bytes = NDArray[np.uint8]

# Columns of an area: its first address, its size in bytes, where its bytes begin, whether it may be written.
START, SIZE, PLACE, WRITABLE = range(4)
AREA_ROW = 4

NOWHERE = -1


@native
def find(areas: Numbers, address: int, size: int, writes: bool) -> int:
    """Where the bytes of an access are in the array of bytes, or `NOWHERE` when they are not all in one area that permits it.

    `areas` are rows one behind the other.
    """
    for row in range(0, len(areas), AREA_ROW):
        offset = minus(address, areas[row + START])
        if 0 <= offset <= areas[row + SIZE] - size and (areas[row + WRITABLE] or not writes):
            return int(areas[row + PLACE]) + offset
    return NOWHERE


@native
def load(memory: Bytes, place: int, size: int, big_endian: int) -> int:
    """The unsigned integer there, or of 8 bytes the doubleword."""
    value = 0
    for at in range(size):
        value = value << 8 | memory[place + at if big_endian else place + size - 1 - at]
    return value


@native
def store(memory: Bytes, place: int, size: int, value: int, big_endian: int) -> None:
    """Write the low `size` bytes of a doubleword."""
    for at in range(size):
        memory[place + size - 1 - at if big_endian else place + at] = value >> 8 * at & 0xFF

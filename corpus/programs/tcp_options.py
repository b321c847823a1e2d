"""TCP options: they are put together here from their fields, so that what must be found is known beforehand."""

import struct

from ebpf.program import ByteOrder

SEGMENT_SIZE = struct.pack(">2BH", 2, 4, 1460)
WINDOW_SCALE = bytes((3, 3, 7))
SACK_PERMITTED = bytes((4, 2))
SACK = struct.pack(">2B4I", 5, 18, 1, 2, 3, 4)
TIMESTAMPS = struct.pack(">2B2I", 8, 10, 0xFEDCBA98, 0x12345678)
NOTHING = b"\x01"
END = b"\x00"
UNKNOWN = bytes((253, 6)) + b"test"
MALFORMED = 2**64 - 1


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    order = ">" if byte_order == "big" else "<"

    def found(value: int = 0, echo: int = 0, size: int = 536, scale: int = 0, permitted: int = 0, blocks: int = 0, unknown: int = 0) -> bytes:
        return struct.pack(f"{order}2IH4B2x", value, echo, size, scale, permitted, blocks, unknown)

    synchronise = SEGMENT_SIZE + SACK_PERMITTED + TIMESTAMPS + NOTHING + WINDOW_SCALE
    runs = (
        (synchronise, 5, found(0xFEDCBA98, 0x12345678, 1460, 7, 1)),
        (NOTHING * 2 + TIMESTAMPS + NOTHING * 2 + SACK, 6, found(0xFEDCBA98, 0x12345678, blocks=2)),
        (UNKNOWN + bytes((3, 3, 200)) + UNKNOWN + END + SEGMENT_SIZE, 3, found(scale=14, unknown=2)),
        (b"", 0, found()),
        (SEGMENT_SIZE + b"\x08", MALFORMED, found(size=1460)),
        (SACK_PERMITTED + bytes((3, 4, 1, 1)), MALFORMED, found(size=0, permitted=1)),
        (bytes((254, 1)), MALFORMED, found(size=0)),
        (TIMESTAMPS[:-1], MALFORMED, found(size=0)),
    )
    short = (bytes(15), MALFORMED, bytes(15))
    return [short, *((b"\x77" * 16 + options, result, stored + options) for options, result, stored in runs)]

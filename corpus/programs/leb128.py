"""LEB128: numbers known beforehand, encoded here from their binary digits; the examples of DWARF 5 (tables 7.7 and 7.8) are asserted."""

import struct

from ebpf.program import ByteOrder


def encode(number: int, signed: bool) -> bytes:
    """The shortest encoding, by cutting two's complement digits into groups of seven."""
    bits = max(number.bit_length() + signed if number >= 0 else (~number).bit_length() + 1, 1)
    groups = -(-bits // 7)
    digits = format(number % 2 ** (7 * groups), f"0{7 * groups}b")
    low_first = [int(digits[place : place + 7], 2) for place in range(7 * groups - 7, -1, -7)]
    return bytes(group | 0x80 for group in low_first[:-1]) + bytes(low_first[-1:])


assert [encode(number, False) for number in (2, 127, 128, 12857)] == [b"\x02", b"\x7f", b"\x80\x01", b"\xb9\x64"]
assert [encode(number, True) for number in (2, -2, 127, -127, 129, -129)] == [b"\x02", b"\x7e", b"\xff\x00", b"\x81\x7f", b"\x81\x01", b"\xff\x7e"]

UNSIGNED = (0, 1, 127, 128, 624485, 2**31, 2**32 - 1, 2**32, 2**56 + 5, 2**63, 2**64 - 1)
SIGNED = (0, -1, 63, 64, -64, -65, -123456, -(2**31), 2**31 - 1, 2**62, -(2**63))


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    layout = struct.Struct(">2Q" if byte_order == "big" else "<2Q")
    results = [(b"\x05" * 15, 2**64 - 1, b"\x05" * 15)]
    for numbers in (UNSIGNED, SIGNED), (UNSIGNED[:3], SIGNED[4:7]), (UNSIGNED[-1:], SIGNED[-1:]), ((), ()):
        text = b"".join(encode(unsigned, False) + encode(signed, True) for unsigned, signed in zip(*numbers, strict=True))
        sums = layout.pack(*(sum(group) % 2**64 for group in numbers))
        results.append((bytes(16) + text, 2 * len(numbers[0]), sums + text))
        cut = text + b"\x80\x80"
        results.append((bytes(16) + cut, 2**64 - 1 - 16 - len(text), sums + cut))
    long = b"\x03" + b"\xff" * 10 + b"\x01"
    return [*results, (bytes(16) + long, 2**64 - 1 - 17, layout.pack(3, 0) + long)]

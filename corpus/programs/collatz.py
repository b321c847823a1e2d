"""Collatz sequences in integers modulo 2^64."""

import hashlib

from ebpf.program import ByteOrder


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = []
    for numbers in ((), (0, 1, 2, 3), (27, 97, 871), tuple(hashlib.shake_128(b"collatz").digest(6)), (2**64 - 1, 2**63, 0x5555555555555555)):
        ends, total = [], 0
        for start in numbers:
            number, steps = start, 0
            while number > 1 and steps < 200:
                number = (3 * number + 1) % 2**64 if number % 2 else number // 2
                steps += 1
            ends.append(number)
            total += steps
        pack = [b"".join(number.to_bytes(8, byte_order) for number in some) for some in (numbers, ends)]
        results.append((pack[0], total, pack[1]))
    return results

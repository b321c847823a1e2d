"""Function pointers: the operations as Python functions in a list, on integers modulo 2^64."""

import hashlib

from ebpf.program import ByteOrder

MASK = 2**64 - 1
OPERATIONS = (
    lambda state, argument: state + argument,
    lambda state, argument: state * (argument | 1),
    lambda state, argument: (state * 2**13) ^ state >> 51 ^ argument,
    lambda state, argument: state ^ (state >> 32) * argument,
)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(b"1234567", 0, b"1234567")]
    for codes in (b"", bytes(range(0, 128, 5)), bytes(range(128, 256, 7)), hashlib.shake_128(b"pointers").digest(40)):
        start = hashlib.shake_128(codes).digest(8)
        state, twice = int.from_bytes(start, byte_order), 0
        for code in codes:
            if code < 128:
                state = OPERATIONS[code % 4](state, code) & MASK
                continue
            middle = OPERATIONS[code % 4](state, code) & MASK
            state = (OPERATIONS[code // 4 % 4](middle, MASK - code) - middle) & MASK
            twice += 1
        results.append((start + codes, len(codes) + twice * 2**32, state.to_bytes(8, byte_order) + codes))
    return results

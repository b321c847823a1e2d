"""Jenkins one-at-a-time: published values (Wikipedia, "Jenkins hash function"), and polynomial steps over Python integers modulo 2^32."""

from functools import reduce

from ebpf.program import ByteOrder

PUBLISHED = {b"a": 0xCA2E9442, b"The quick brown fox jumps over the lazy dog": 0x519E91F5}


def one_at_a_time(data: bytes) -> int:
    """The hash with the shifts written as products and quotients of powers of two."""

    def step(state: int, byte: int) -> int:
        spread = (state + byte) * 1025 % 2**32
        return spread ^ spread // 64

    end = reduce(step, data, 0) * 9 % 2**32
    return (end ^ end // 2048) * 32769 % 2**32


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    computed = {data: one_at_a_time(data) for data in (b"", b"\xff" * 50, bytes(range(256)))}
    return [(data, hash_, data) for data, hash_ in (PUBLISHED | computed).items()]

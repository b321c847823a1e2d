"""xxHash64: published values of the reference implementation and of its Python binding, seed 0."""

from ebpf.program import ByteOrder

VECTORS = {
    b"": 0xEF46DB3751D8E999,
    b"a": 0xD24EC4F1A98C6E5B,
    b"abc": 0x44BC2CF5AD770999,
    b"Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1,
}


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    return [(message, hash_, message) for message, hash_ in VECTORS.items()]

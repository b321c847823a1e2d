"""Jenkins lookup3: the values that its author gives for hashlittle (driver5 of lookup3.c)."""

from ebpf.program import ByteOrder

SENTENCE = b"Four score and seven years ago"

PUBLISHED = (
    (b"", 0, 0xDEADBEEF),
    (b"", 0xDEADBEEF, 0xBD5B7DDE),
    (SENTENCE, 0, 0x17770551),
    (SENTENCE, 1, 0xCD628161),
)
"""Key, initial value, hash."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    contexts = [(start.to_bytes(8, "little") + key, hash_) for key, start, hash_ in PUBLISHED]
    return [(context, hash_, context) for context, hash_ in [(bytes(7), (1 << 64) - 1), *contexts]]

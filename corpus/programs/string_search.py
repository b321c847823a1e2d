"""String search: bytes.find()."""

import hashlib

from ebpf.program import ByteOrder

TEXT = b"It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness"
NOISE = hashlib.shake_128(b"haystack").digest(300)

PAIRS = (
    (b"it was the age of foolish", TEXT),
    (b"times", TEXT),
    (b"Times", TEXT),
    (TEXT, TEXT),
    (TEXT + b"!", TEXT),
    (b"s", b"foolishness"),
    (NOISE[250:257], NOISE),
    (NOISE[-1:], NOISE),
    (b"aaab", b"aaa" * 20 + b"b"),
    (b"ab", b""),
)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    contexts = [(bytes((len(needle),)) + needle + haystack, haystack.find(needle) % 2**64) for needle, haystack in PAIRS]
    contexts += [(b"", 2**64 - 1), (b"\x00abc", 2**64 - 1), (b"\x05abcd", 2**64 - 1)]
    return [(context, place, context) for context, place in contexts]

"""Base64 decoding: texts made by the base64 module from known data, and the test vectors of RFC 4648 section 10."""

import base64
import hashlib

from ebpf.program import ByteOrder

PUBLISHED = {b"": b"", b"Zg==": b"f", b"Zm8=": b"fo", b"Zm9vYmE=": b"fooba", b"Zm9vYmFy": b"foobar"}
BAD = ((b"Zm9vYg", 4), (b"Zm9vYg=", 4), (b"Zm9*", 0), (b"Zm==Zm8=", 0), (b"Zm9vZh==", 4), (b"Zm9\xe1", 0), (b"====", 0))
"""Text, and where its first bad group begins."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    computed = {base64.b64encode(data): data for data in (bytes(range(0, 256, 3)), hashlib.shake_128(b"base64 decode").digest(80), b"\xff" * 32)}
    results = []
    for text, data in (PUBLISHED | computed).items():
        results.append((text, len(data), data + text[len(data) :]))
    for text, place in BAD:
        decoded = base64.b64decode(text[:place])
        results.append((text, 2**64 - 1 - place, decoded + text[len(decoded) :]))
    return results

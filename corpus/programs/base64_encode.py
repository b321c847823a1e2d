"""Base64 encoding: the test vectors of RFC 4648 section 10, and the base64 module."""

import base64
import hashlib

from ebpf.program import ByteOrder

PUBLISHED = {b"": b"", b"f": b"Zg==", b"fo": b"Zm8=", b"foo": b"Zm9v", b"foob": b"Zm9vYg==", b"fooba": b"Zm9vYmE=", b"foobar": b"Zm9vYmFy"}


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    computed = {data: base64.b64encode(data) for data in (b"\xff" * 47, hashlib.shake_128(b"base64").digest(255))}
    results = [(bytes((3,)) + bytes(6), 2**64 - 1, bytes((3,)) + bytes(6)), (b"", 2**64 - 1, b"")]
    for data, text in (PUBLISHED | computed).items():
        start = bytes((len(data),)) + data
        results.append((start + b"#" * (len(text) + 3), len(text), start + text + b"###"))
    return results

"""RC4: key streams of RFC 6229 (offset 0) and three published ciphertexts (Wikipedia, "RC4")."""

from ebpf.program import ByteOrder

PUBLISHED = (
    (b"Key", b"Plaintext", "bbf316e8d940af0ad3"),
    (b"Wiki", b"pedia", "1021bf0420"),
    (b"Secret", b"Attack at dawn", "45a01f645fc35b383552544b9bf5"),
    (bytes(range(1, 6)), bytes(16), "b2396305f03dc027ccc3524a0a1118a8"),
    (bytes(range(1, 17)), bytes(16), "9ac7cc9a609d1ef7b2932899cde41b97"),
)
"""Key, data, encrypted data."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(context, 2**64 - 1, context) for context in (b"", b"\x00data", b"\x05key")]
    for key, data, encrypted in PUBLISHED:
        start = bytes((len(key),)) + key
        results.append((start + data, len(data), start + bytes.fromhex(encrypted)))
    return results

"""SipHash-2-4: the test vector of the paper's appendix A and those of its reference implementation (key 00 01 … 0f, message 00 01 …)."""

from ebpf.program import ByteOrder

VECTORS = {
    0: 0x726FDB47DD0E0E31,
    1: 0x74F839C593DC67FD,
    2: 0x0D6C8009D9A94F5A,
    7: 0xAB0200F58B01D137,
    8: 0x93F5F5799A932462,
    15: 0xA129CA6149BE45E5,
    63: 0x958A324CEB064572,
}
"""Length of the message to tag."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    contexts = {bytes(range(16)) + bytes(range(length)): tag for length, tag in VECTORS.items()}
    return [(context, tag, context) for context, tag in ({bytes(15): (1 << 64) - 1} | contexts).items()]

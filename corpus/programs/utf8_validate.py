"""UTF-8: bytes.decode(), and where its UnicodeDecodeError begins."""

from ebpf.program import ByteOrder

TEXTS = (
    b"",
    "plain text, then ¢ € 𐍈 ﷽ \U0010ffff \ud7ff \ue000 Ωμέγα 漢字".encode(),
    b"".join(
        chr(code).encode() for code in (0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF)
    ),
)
BAD = (
    "80",
    "c0af",
    "c1bf",
    "e080af",
    "e09fbf",
    "eda080",
    "edbfbf",
    "f08fbfbf",
    "f4908080",
    "f5808080",
    "ff",
    "c2",
    "e282",
    "f0908d",
    "c241",
    "e28241",
    "f1808041",
)
"""Ill-formed sequences: stray tail, overlong forms, surrogates, above U+10FFFF, never allowed, cut, interrupted."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    texts = [*TEXTS, *("é!".encode() + bytes.fromhex(bad) for bad in BAD)]
    results = []
    for text in texts:
        try:
            result = len(text.decode())
        except UnicodeDecodeError as error:
            result = 2**64 - 1 - error.start
        results.append((text, result, text))
    return results

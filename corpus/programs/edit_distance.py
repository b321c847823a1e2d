"""Edit distance: its recursive definition with memory; the textbook values of two pairs are asserted."""

from functools import cache

from ebpf.program import ByteOrder


@cache
def distance(first: bytes, second: bytes) -> int:
    """The Levenshtein distance."""
    if not first or not second:
        return len(first) + len(second)
    if first[0] == second[0]:
        return distance(first[1:], second[1:])
    return 1 + min(distance(first[1:], second[1:]), distance(first[1:], second), distance(first, second[1:]))


assert (distance(b"kitten", b"sitting"), distance(b"intention", b"execution")) == (3, 5)

PAIRS = (
    (b"kitten", b"sitting"),
    (b"intention", b"execution"),
    (b"", b"abc"),
    (b"abc", b""),
    (b"the quick brown fox jumps over the lazy dog and runs away", b"a quick fox ran"),
    (b"same", b"same"),
)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    contexts = [(bytes((len(first),)) + first + second, distance(first, second)) for first, second in PAIRS]
    contexts += [(b"", 2**64 - 1), (bytes((58,)) + bytes(70), 2**64 - 1), (b"\x04abc", 2**64 - 1)]
    return [(context, result, context) for context, result in contexts]

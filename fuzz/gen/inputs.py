"""What generated programs work on: contexts whose 64-bit words are boundary values as often as any, packets, and what else a seed decides.

Words come to a program in the byte order of its machine, and one input goes to machines of either: inputs with even seeds have their words in
little-endian order, those with odd ones in big-endian order, so that each machine meets boundary values in half of its inputs, and their bytes
reversed in the others.
"""

import random

from ebpf.program import ByteOrder
from fuzz.case import Input
from fuzz.gen.calls import PACKET
from fuzz.gen.values import EDGES, MASK, random_value
from oracle.world import Packet

INPUTS = 8
"""Inputs of a program, unless told otherwise."""


def _words(source: random.Random, count: int) -> list[int]:
    """Values of which some stand close to the one before, so that comparisons come out either way."""
    words: list[int] = []
    for _ in range(count):
        close = words and source.randrange(4) == 0
        word = words[-1] + source.choice((0, 0, 1, -1, 1 << 31, 1 << 32, 1 << 63)) if close else random_value(source)
        words.append(word & MASK)
    return words


def make_input(seed: int, size: int) -> Input:
    """The input with this number: `size` bytes of context. All of its memory is zero for seed 0, and small numbers for the next few."""
    source = random.Random(seed)
    order: ByteOrder = "big" if seed % 2 else "little"
    count = -(-size // 8)
    words = [EDGES[seed % 8]] * count if seed < 4 else _words(source, count)
    memory = b"".join(word.to_bytes(8, order) for word in words)[:size]
    return Input(memory, Packet(source.randbytes(PACKET), source.randrange(PACKET)), seed)

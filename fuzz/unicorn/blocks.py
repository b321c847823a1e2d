"""Where code runs straight on for so long that the engine's translator would overflow.

Unicorn 2.1.4 translates up to the next transfer of control or the end of the page, loses one temporary of 512 per instruction on the way, and
crashes or damages memory when a block is longer than about 350 instructions. A hook on each instruction makes blocks shorter but translation
three times dearer, so that only runs that need it are hooked.
"""

from collections.abc import Iterator
from itertools import pairwise

from jit.config import Config, ancestry

LONGEST = 256
"""So many instructions without a transfer of control are left alone. Over all rows of the MIPS table no crash was seen below 340."""

# Major opcodes of transfers of control, after the opcode tables of MD00086 (MIPS32) and MD00087 (MIPS64). Taking something else for a transfer
# would let a long run pass; missing one only costs time, so what depends on further fields is left out.
_JUMPS = frozenset((0x02, 0x03, 0x04, 0x05, 0x06, 0x07))
_LIKELY = frozenset((0x14, 0x15, 0x16, 0x17))
_COMPACT = frozenset((0x06, 0x07, 0x08, 0x16, 0x17, 0x18, 0x32, 0x36, 0x3A, 0x3E))
_REGISTER_JUMPS = frozenset((0x08, 0x09))
_REGISTER_BRANCHES = frozenset((0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x13))


def is_transfer(word: int, config: Config) -> bool:
    """Whether the word is certainly a branch or a jump on this configuration's ISA."""
    major = word >> 26
    if major == 0:
        return word & 0x3F in _REGISTER_JUMPS
    if major == 1:
        return word >> 16 & 0x1F in _REGISTER_BRANCHES
    return major in _JUMPS or major in (_COMPACT if "mips32r6" in ancestry(config.isa) else _LIKELY)


def straight_runs(words: tuple[int, ...], config: Config) -> Iterator[tuple[int, int]]:
    """The runs of more than `LONGEST` words without a transfer of control, as (index of the first word, index behind the last one)."""
    if len(words) <= LONGEST:
        return
    transfers = (at for at, word in enumerate(words) if is_transfer(word, config))
    for before, after in pairwise((-1, *transfers, len(words))):
        if after - before - 1 > LONGEST:
            yield before + 1, after

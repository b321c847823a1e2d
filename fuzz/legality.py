"""The tripwire for words that are no instruction of the configuration: engines execute some that the CPU lacks.

The rule: each word is a row of the MIPS table that is legal on the ISA, and 32-bit code uses only what 32-bit CPUs have as well. A word that is
not in the table may still be legal MIPS; no compiler judged here has a reason to emit it.
"""

from collections.abc import Iterator
from functools import lru_cache

from fuzz.verdict import Trip
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import decode, rows

WIRE = "illegal instruction"


def illegal_words(compiled: Compiled) -> Iterator[Trip]:
    """A trip for each word of the image that breaks the rule."""
    config = compiled.config
    bad = {word: reason for word in set(compiled.words) if (reason := _reason(word, config))}
    if not bad:
        return
    for at, word in enumerate(compiled.words):
        if word in bad:
            slot = compiled.slot_of[at]
            yield Trip(WIRE, at, slot if slot >= 0 else None, bad[word])


@lru_cache(maxsize=1 << 17)
def _reason(word: int, config: Config) -> str:
    """Why the word is illegal; empty when it is not."""
    decoded = decode(word, config.isa)
    if decoded is None:
        return f"{word:#010x} is no instruction of {config.isa}"
    row = decoded[0]
    return "" if rows(config).get(row.mnemonic) is row else f"{row.mnemonic} is not for code of width {config.width}"

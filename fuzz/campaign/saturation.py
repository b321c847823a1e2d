"""How much there is left to find, estimated from what was seen rarely: what more time would buy.

A batch is a sample, a feature a species (A. Chao, Biometrics 43 (1987), 783-791, for incidence data, known as Chao2; I. J. Good, Biometrika 40
(1953), 237-264; for fuzzing M. Böhme, STADS, ACM TOSEM 27 (2018)). With n batches, of whose features q1 were seen in one batch only and q2 in two:

    in the next batch        about q1 / n features that were never seen before (Good and Turing)
    never seen so far        about (n - 1) / n * q1 * q1 / (2 * q2), or with q1 * (q1 - 1) / 2 where q2 is 0; a lower bound

Both hold as long as the campaign goes on in the same way; that mutation follows what was found makes them estimates and no more.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Saturation(NamedTuple):
    """seen: features so far. unseen: a lower bound of those that there are besides. next_batch: new ones to be expected of the next batch."""

    seen: int
    unseen: float
    next_batch: float

    @property
    def share(self) -> float:
        """Of all features the share that was seen, at most."""
        return self.seen / (self.seen + self.unseen) if self.seen else 0.0


def estimate(batches: int, occurrences: Iterable[int]) -> Saturation:
    """From the numbers of batches in which each feature was seen; of numbers above two it does not matter how large they are."""
    counts = Counter(occurrences)
    once, twice, seen = counts[1], counts[2], counts.total()
    if not batches:
        return Saturation(0, 0.0, 0.0)
    pairs = once * once / (2 * twice) if twice else once * (once - 1) / 2
    return Saturation(seen, (batches - 1) / batches * pairs, once / batches)

"""What judging a case on a configuration comes to: types only.

A verdict is one of five. AGREE: everything that can be observed is equal. DIFFER: something is not, and every such thing is listed.
TRIPPED: what was observed is equal, but a rule of the architecture or of its ABI was broken on the way (`fuzz.wires`). ENGINE: two engines ran the
image and ended differently, so that nothing is said about it. INCONCLUSIVE: nothing was compared, for a reason that is to be counted and shown.
"""

from dataclasses import dataclass, field
from enum import Enum

from jit.config import Config
from oracle.outcome import Outcome


class Status(Enum):
    """The verdicts."""

    AGREE = "agree"
    DIFFER = "differ"
    TRIPPED = "tripped"
    ENGINE = "engine"
    INCONCLUSIVE = "inconclusive"


FAILED = frozenset({Status.DIFFER, Status.TRIPPED, Status.ENGINE})
"""Those that say that something is wrong."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    kind      "register", "return value", "memory", "map", "fault", "calls": oracle and image disagree at the end; "lockstep": they do before;
              "callee-saved", "ABI": the image breaks the platform's calling convention; "compiler": there is no image
    place     which register, which bytes of which region, which call
    """

    kind: str
    place: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.kind} {self.place}".rstrip() + f": expected {self.expected}, got {self.actual}"


@dataclass(frozen=True, slots=True)
class Trip:
    """A rule that was broken: the tripwire, details, and where that is known.

    word     the index of the MIPS word, None for what was seen of a run as a whole
    slot     the eBPF instruction, None for entry and exit code
    address  of the MIPS word, an unsigned integer of the width of the code; None without one
    """

    wire: str
    word: int | None
    slot: int | None
    detail: str
    address: int | None = None

    def __str__(self) -> str:
        owner = "entry or exit code" if self.slot is None else f"instruction {self.slot}"
        place = "" if self.address is None else f" at {self.address:#x}"
        where = "" if self.word is None and self.slot is None else f"{owner}: " if self.word is None else f"word {self.word}{place} ({owner}): "
        return f"{self.wire}: {where}{self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one input of a program on one configuration; `input` is the number of the input, from 0.

    reason       why nothing was compared; in a verdict that is not INCONCLUSIVE what was not watched to the end
    explanation  for people
    outcome      what the oracle says of the input; where the verdict is AGREE, so does the image
    repeated     whether the image was not run, because the same one had agreed on the same CPU before
    """

    status: Status
    config: Config
    input: int = 0
    differences: tuple[Difference, ...] = ()
    trips: tuple[Trip, ...] = ()
    reason: str = ""
    explanation: str = ""
    outcome: Outcome | None = field(default=None, compare=False, repr=False)
    repeated: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        details = [str(detail) for detail in (*self.differences, *self.trips)] or [self.reason]
        return f"{self.config} input {self.input}: {self.status.value}" + "".join(f"\n  {detail}" for detail in details if detail)

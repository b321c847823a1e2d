"""What became of a conformance test."""

from dataclasses import dataclass
from enum import Enum

from jit.config import Config


class Kind(Enum):
    """What became of a test on a configuration."""

    PASSED = "passed"
    ERROR = "refused or faulted, as expected"
    OTHER_ORDER = "expectation of the other byte order"
    MISALIGNED = "misaligned access, which the machine does not permit"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A test on a configuration; `detail` says what went wrong, in one line."""

    test: str
    config: Config
    kind: Kind
    detail: str = ""

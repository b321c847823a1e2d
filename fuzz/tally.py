"""What judging a subject comes to, and the sum over all of them: types, and nothing but adding up."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from ebpf.context import ContextKind
from ebpf.program import ByteOrder
from fuzz.verdict import Status, Verdict
from jit.config import Config


@dataclass(slots=True)
class Images:
    """How images were come by.

    wanted    configurations for which there is one
    compiled  compilations, those for variants among them
    run       configurations whose image was run, or at least looked at by `fuzz.judge`
    checked   configurations that shared an image, and were compiled on their own to see that it is theirs
    """

    wanted: int = 0
    compiled: int = 0
    run: int = 0
    checked: int = 0

    def add(self, other: "Images") -> None:
        """Add those of another subject."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, slots=True)
class Result:
    """One subject, judged.

    agreed, judged  pairs of input and configuration, by configuration; a pair that is inconclusive is not judged
    findings        verdicts that are DIFFER, TRIPPED or ENGINE
    inconclusive    verdicts that are INCONCLUSIVE
    context         the kind of context
    returned        where the inputs are packets: how many of them it returns each value for
    repeated        how many of the agreed were not run, because the same image had agreed on the same CPU
    images          how the images were come by
    unseen          how often a judged pair was not watched to the end, by what was missed
    wrong           where the oracle is at odds with the answer, one line each
    failure         why the subject could not be judged to the end: the engine died, or an exception in the harness
    expected_errors inputs on which the program faults, as is expected of it
    unusable        why the program cannot be judged with these inputs: it does not fit
    """

    name: str
    version: str
    source: str
    section: str
    byte_order: ByteOrder
    inputs: int
    agreed: Mapping[Config, int] = field(default_factory=dict)
    judged: Mapping[Config, int] = field(default_factory=dict)
    findings: tuple[Verdict, ...] = ()
    inconclusive: tuple[Verdict, ...] = ()
    wrong: tuple[str, ...] = ()
    failure: str = ""
    expected_errors: int = 0
    unusable: str = ""
    unseen: Mapping[str, int] = field(default_factory=dict)
    context: ContextKind = "memory"
    returned: Mapping[int, int] = field(default_factory=dict)
    repeated: int = 0
    images: Images = field(default_factory=Images)


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts over all results.

    versions  different programs; `programs` counts those that were made from the same source once
    inputs    of all versions, once for each byte order
    judged    pairs of an input and a configuration
    """

    programs: int
    versions: int
    inputs: int
    configurations: int
    judged: int
    agree: int
    differ: int
    tripped: int
    engine: int
    inconclusive: Mapping[str, int]
    wrong: int
    failures: int
    expected_errors: int
    unseen: Mapping[str, int]
    repeated: int = 0
    images: Images = field(default_factory=Images)


_ADDRESS = re.compile(r" of \d+ bytes at 0x[0-9a-f]+")
_PLACE = re.compile(r"instruction \d+: ")


def without_address(reason: str) -> str:
    """The reason without what depends on the configuration: where things lie."""
    return _ADDRESS.sub("", reason)


def without_place(reason: str) -> str:
    """The reason without what depends on the program either: its kind."""
    return _PLACE.sub("", without_address(reason))


def summarise(results: Iterable[Result]) -> Summary:
    """Add up."""
    found = tuple(results)
    reasons = Counter(without_place(verdict.reason) for result in found for verdict in result.inconclusive)
    unseen: Counter[str] = Counter()
    for result in found:
        unseen.update(result.unseen)
    images = Images()
    for result in found:
        images.add(result.images)
    statuses = Counter(verdict.status for result in found for verdict in result.findings)
    return Summary(
        programs=len({result.name for result in found}),
        versions=len({(result.source, result.section) for result in found}),
        inputs=sum(result.inputs for result in found),
        configurations=len({config for result in found for config in result.judged}),
        judged=sum(sum(result.judged.values()) for result in found),
        agree=sum(sum(result.agreed.values()) for result in found),
        differ=statuses[Status.DIFFER],
        tripped=statuses[Status.TRIPPED],
        engine=statuses[Status.ENGINE],
        inconclusive=dict(sorted(reasons.items())),
        wrong=sum(len(result.wrong) for result in found),
        failures=sum(result.failure != "" for result in found),
        expected_errors=sum(result.expected_errors for result in found),
        unseen=dict(sorted(unseen.items())),
        repeated=sum(result.repeated for result in found),
        images=images,
    )

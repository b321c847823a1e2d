"""What became of conformance tests, as text and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from fuzz.conformance.judgement import Judgement, Kind


def _counts(judgements: Sequence[Judgement]) -> dict[Kind, int]:
    counted = Counter(one.kind for one in judgements)
    return {kind: counted[kind] for kind in Kind}


def _grouped(judgements: Sequence[Judgement]) -> Iterator[tuple[Judgement, int]]:
    """All that is not passed, the same on several configurations once, with their number."""
    groups: dict[tuple[str, Kind, str], list[Judgement]] = {}
    for one in judgements:
        if one.kind not in (Kind.PASSED, Kind.ERROR):
            # Where something lies depends on the configuration, and is no other reason.
            groups.setdefault((one.test, one.kind, one.detail.partition(" of ")[0]), []).append(one)
    for same in groups.values():
        yield same[0], len(same)


def print_conformance(judgements: Sequence[Judgement], tests: int, configurations: int, seconds: float) -> None:
    """Everything that has not passed, and the counts."""
    for one, number in _grouped(judgements):
        click.echo(f"{one.kind.name} {one.test}: {one.detail} ({number} of {configurations} configurations, first {one.config})")
    runs = len(judgements)
    each = f", {1000 * seconds / runs:.2f} ms each" if runs else ""
    click.echo(f"tests {tests}, configurations {configurations}, runs {runs}, {seconds:.1f} s{each}")
    for kind, count in _counts(judgements).items():
        if count or kind in (Kind.PASSED, Kind.FAILED):
            click.echo(f"{count:>8} {kind.value}")


def conformance_json(judgements: Sequence[Judgement], tests: int, seconds: float, unusable: Sequence[str]) -> str:
    """The same as one document."""
    document = {
        "tests": tests,
        "runs": len(judgements),
        "seconds": round(seconds, 3),
        "counts": {kind.name.lower(): count for kind, count in _counts(judgements).items()},
        "unusable": list(unusable),
        "not_passed": [
            {"test": one.test, "configuration": str(one.config), "kind": one.kind.name.lower(), "detail": one.detail}
            for one in judgements
            if one.kind not in (Kind.PASSED, Kind.ERROR)
        ],
    }
    return json.dumps(document, indent=1)

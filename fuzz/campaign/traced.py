"""Trampolines in campaigns: what one shows on some configurations, what it reaches, and findings made small.

    text ─ judge ─► differences ─┬─► symptom: which kind of difference comes first, a broken rule before a wrong value
                                 └─► calls that agree, and calls that do not

A finding is made small by leaving out programs, calls and what is told of them as long as the symptom stays. A program of a finding is the first one
that is attached; the whole of it is in `Finding.trampoline`.
"""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from ebpf.program import ProgramError
from ebpf.trampoline import Traced, parse
from fuzz.campaign.configurations import is_plain
from fuzz.campaign.coverage import config_classes
from fuzz.casefile import text_of
from fuzz.findings.condition import examine
from fuzz.findings.diagnosis import Symptom
from fuzz.findings.finding import Finding
from fuzz.findings.fingerprint import fingerprint, same_bug
from fuzz.trampoline.judge import RULES, Compiler, judge
from fuzz.trampoline.target import TrampolineTarget
from fuzz.verdict import Difference, Status
from jit.config import Config
from jit.trampoline import placed

ROW = "TRAMPOLINE"
"""In the place of the name of an instruction."""

_PLAIN, _OTHERS = 5, 2
"""On so many configurations without options, and with some, each is judged: it takes as long as some programs."""

_KINDS = ("fentry", "fmod_ret", "fexit")


class Shown(NamedTuple):
    """What is wrong with a trampoline on a configuration."""

    symptom: Symptom
    differences: tuple[Difference, ...]


target = cache(TrampolineTarget)
"""Each process keeps its engines."""


def some(configs: Sequence[Config]) -> tuple[Config, ...]:
    """Those of the configurations of a case that a trampoline is judged on, over their whole range."""
    plain, others = ([config for config in configs if is_plain(config) == wanted] for wanted in (True, False))
    return (*_spread(plain, _PLAIN), *_spread(others, _OTHERS))


def _spread(configs: Sequence[Config], count: int) -> Iterator[Config]:
    """So many, or all, over their whole range."""
    return (configs[at * len(configs) // count] for at in range(count)) if len(configs) > count else iter(configs)


def shown(traced: Traced, config: Config, compiler: Compiler) -> Shown | None:
    """What is wrong; None where nothing is. Raises ProgramError for a trampoline that cannot be judged."""
    found = judge(traced, config, target(), compiler)
    if not found:
        return None
    kinds = [difference.kind for difference in found]
    kind = next((rule for rule in RULES if rule in kinds), kinds[0])
    return Shown(Symptom("trampoline", kind, "-", config.width), found)


def failed_calls(found: Shown, calls: int) -> int:
    """How many calls of the traced function differences name; all where they are about the code."""
    named = {difference.place.partition(":")[0].partition(",")[0] for difference in found.differences if difference.place.startswith("call ")}
    return len(named) or calls


def features(traced: Traced, config: Config) -> Iterator[str]:
    """What a trampoline reaches, as `fuzz.campaign.coverage` writes features."""
    trampoline, registers = traced.trampoline, 8 if config.width == 64 else 4
    signature = trampoline.signature
    counts = " ".join(f"{kind} {len(getattr(trampoline, kind))}" for kind in _KINDS)
    reached = [(counts, "replaces" if trampoline.replaces else "skipped" if traced.skipped else "all run"), (f"result {signature.result}", "")]
    for number, (kind, at) in enumerate(placed(signature.arguments, config)):
        reached.append((f"argument {number} {kind}", "register" if at < registers else "stack"))
    for name in config_classes(config):
        for operands, code in reached:
            yield f"{name} | {ROW} | {operands} | {code}"


def reduce_traced(finding: Finding, compiler: Compiler) -> Finding:
    """The smallest finding with the same symptom that is found, with its condition and fingerprint."""
    config = Config.parse(finding.config)

    def fails(text: str) -> bool:
        found = _judged(text, config, compiler)
        return found is not None and str(found.symptom) == finding.symptom

    if not fails(finding.trampoline):
        return replace(finding, reduced=True)
    text = _small(finding.trampoline, fails)
    found = _judged(text, config, compiler)
    assert found is not None

    def elsewhere(other: Config) -> bool | None:
        try:
            there = shown(parse(text, finding.origin), other, compiler)
        except ProgramError:
            return None
        return there is not None and same_bug(there.symptom, found.symptom)

    condition = examine(config, elsewhere)
    return replace(
        finding,
        fingerprint=fingerprint(found.symptom, condition),
        program=parse(text, finding.origin).trampoline.programs[0].program,
        trampoline=text,
        status=Status.DIFFER.name,
        configs=tuple(dict.fromkeys((finding.config, *condition.failing))),
        details=tuple(map(str, found.differences)),
        condition=condition.text,
        row=found.symptom.row,
        reduced=True,
    )


def _judged(text: str, config: Config, compiler: Compiler) -> Shown | None:
    try:
        return shown(parse(text, "reduced"), config, compiler)
    except ProgramError:
        return None


def _small(text: str, fails: Callable[[str], bool]) -> str:
    """Without all that can be left out, one thing after the other, until nothing can: programs, calls, what is skipped, cookies, lines."""
    known, before = tomllib.loads(text), None
    while known != before:
        before = known
        for step in (_programs, _calls, _told, _lines):
            # Those at the end come first, so that the others keep their places.
            for change in reversed(list(step(known))):
                smaller = change(known)
                if fails(text_of(smaller)):
                    known = smaller
    return text_of(known)


Description = dict[str, Any]
Change = Callable[[Description], Description]


def _without(one: Sequence[Any], at: int) -> list[Any]:
    return [*one[:at], *one[at + 1 :]]


def _programs(known: Description) -> Iterator[Change]:
    for kind in _KINDS:
        for at in range(len(known.get(kind, []))):
            yield lambda now, kind=kind, at=at: {**now, kind: _without(now[kind], at)}  # type: ignore[misc]


def _calls(known: Description) -> Iterator[Change]:
    # None at all is no description.
    for at in range(1, len(known["calls"])):
        yield lambda now, at=at: {**now, "calls": _without(now["calls"], at)}  # type: ignore[misc]
    if len(known["calls"]) > 1:
        yield lambda now: {**now, "calls": now["calls"][-1:]}


def _told(known: Description) -> Iterator[Change]:
    if known.get("skipped"):
        yield lambda now: {name: value for name, value in now.items() if name != "skipped"}
    for kind in _KINDS:
        for at, one in enumerate(known.get(kind, [])):
            if "cookie" in one:
                yield lambda now, kind=kind, at=at: _changed(now, kind, at, {"program": now[kind][at]["program"]})  # type: ignore[misc]


def _lines(known: Description) -> Iterator[Change]:
    for kind in _KINDS:
        for at, one in enumerate(known.get(kind, [])):
            for line in range(len(one["program"].splitlines())):
                yield lambda now, kind=kind, at=at, line=line: _changed(  # type: ignore[misc]
                    now, kind, at, {**now[kind][at], "program": "\n".join(_without(now[kind][at]["program"].splitlines(), line))}
                )


def _changed(known: Description, kind: str, at: int, other: Description) -> Description:
    attached = known[kind]
    return {**known, kind: [*attached[:at], other, *attached[at + 1 :]]}

"""What the plan of a campaign may say: it comes from a file that somebody may have changed."""

from collections.abc import Iterator, Mapping
from typing import Any

from ebpf.program import ProgramError
from fuzz.campaign.generation import SYSTEMATIC, TIERS
from fuzz.engine.abilities import ABILITIES
from fuzz.findings.finding import why_no_configuration
from fuzz.wires import select


def why_no_plan(plan: Mapping[str, Any]) -> str:
    """The first field that cannot be, and why; empty where all of them can."""
    return next((f"{field}: {reason}" for field, reason in _reasons(plan)), "")


def _reasons(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("version", "tier", "tripwires", "engine"):
        if not isinstance(plan[field], str):
            yield field, f"{plan[field]!r} is not text"
    for field, least in (("seed", 0), ("confirm", 1), ("cases", 1)):
        number = plan[field]
        if not (isinstance(number, int) and not isinstance(number, bool) and number >= least) and not (field == "cases" and number is None):
            yield field, f"{number!r} is not a number from {least} on"
    if plan["tier"] not in (*TIERS, SYSTEMATIC):
        yield "tier", f"no tier {plan['tier']!r}"
    if plan["engine"] not in ABILITIES:
        yield "engine", f"no engine {plan['engine']!r}"
    if not plan["configs"]:
        yield "configs", "there are none"
    for field in ("configs", "drawn"):
        yield from ((field, reason) for name in plan[field] if (reason := _why_not(name)))
    try:
        select(plan["tripwires"])
    except (ProgramError, ValueError) as error:
        yield "tripwires", str(error)


def _why_not(name: Any) -> str:
    return why_no_configuration(name) if isinstance(name, str) else f"{name!r} is not text"

"""What engines tell differently of the same run of an image: differences whose kind is ENGINE."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from fuzz.engine.observe import memory_difference, runs
from fuzz.engine.target import Run
from fuzz.verdict import Difference

ENGINE = "engine"
"""The kind of a difference between engines."""


def disagreements(first: Run, second: Run) -> Iterator[Difference]:
    """What two engines tell differently of a run, as expected from the first one and told by the second."""
    left, right = first.outcome, second.outcome
    faults = [None if fault is None else (fault.kind, fault.slot) for fault in (left.fault, right.fault)]
    if faults[0] != faults[1]:
        yield Difference(ENGINE, "fault", str(left.fault or "none"), str(right.fault or "none"))
        return
    for number, (value, other) in enumerate(zip(left.registers, right.registers, strict=True)):
        if value != other:
            yield Difference(ENGINE, f"register r{number}", *(("nothing" if each is None else f"{each:#x}") for each in (value, other)))
    if left.return_value != right.return_value:
        yield Difference(ENGINE, "return value", str(left.return_value), str(right.return_value))
    for name in left.memory:
        for start, end in runs(left.memory[name], right.memory[name]):
            found = memory_difference(f"{name}[{start}:{end}]", left.memory[name][start:end], right.memory[name][start:end])
            yield replace(found, kind=ENGINE)
    for number, (call, other_call) in enumerate(zip_longest(first.calls, second.calls), 1):
        if call != other_call:
            yield Difference(ENGINE, f"call {number}", str(call or "none"), str(other_call or "none"))
    for violation in set(first.violations) ^ set(second.violations):
        yield replace(violation, kind=ENGINE, place=f"{violation.kind} {violation.place}, as one of them tells")

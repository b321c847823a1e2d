"""From the state that an engine ends in to what a target tells of the run."""

from collections.abc import Sequence
from typing import NamedTuple

from fuzz.abi import V0
from fuzz.engine import observe
from fuzz.engine.target import Run
from fuzz.environment.calls import Service
from fuzz.layout import Placement
from fuzz.recording.record import Record
from fuzz.verdict import Difference
from jit.compiled import Compiled
from oracle.outcome import Fault, Outcome


class Ending(NamedTuple):
    """How an engine ended: why, if it was no return; instructions executed; registers at entry, at the end, and where an exit word was passed.

    Registers are unsigned, of 64 bits on a 64-bit CPU and 32 bits otherwise.
    """

    fault: Fault | None
    executed: int
    entry: Sequence[int]
    registers: Sequence[int]
    left: Sequence[int] | None


def conclude(compiled: Compiled, placement: Placement, ending: Ending, after: Sequence[bytes], service: Service, record: Record) -> Run:
    """The run; `after` is what the segments hold."""
    violations = list(service.violations)
    registers, return_value = observe.NO_REGISTERS, None
    if ending.fault is None:
        violations += observe.preserved(ending.entry, ending.registers, compiled.config)
        violations += observe.result_is_word(ending.registers, compiled.config)
        return_value = ending.registers[V0] & 0xFFFFFFFF
        if ending.left is not None:
            registers = observe.bpf_registers(compiled, ending.left)
            violations += observe.halves_are_words(compiled, ending.left)
        elif compiled.exits:
            violations.append(Difference("register", "r0 to r10", "an exit word to be executed", "a return without"))
    violations += observe.guards(placement, after, compiled)
    memory = {s.name: contents[s.start : s.start + s.size] for s, contents in zip(placement.segments, after, strict=True)}
    outcome = Outcome(registers, return_value, memory, ending.fault, ending.executed)
    return Run(outcome, service.calls, tuple(violations), record, service.maps(memory))

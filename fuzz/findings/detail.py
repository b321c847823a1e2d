"""What an instruction that does several things did wrong: part of the rule of a symptom, so that causes at one instruction are told apart.

    call of a function      "argument": this function, or one before it, was called with another one; "result": all calls so far were right, and what
                            became of the result is not
    tail call               "not taken"; "taken beyond the limit", "taken without a program": the oracle goes on behind it
    may_goto                "jumps too early", "jumps too late"
    load from a packet      "outside": the program ends there

None of these depends on values: for other jumps it is chance which way they go wrongly.
"""

from collections.abc import Sequence
from itertools import pairwise

from ebpf.instruction import KERNEL_FUNCTIONS, LOOP, TAIL_CALL, Instruction
from ebpf.opcodes import lookup
from fuzz.engine.target import Run
from fuzz.lockstep import Divergence
from oracle.functions import MAXIMUM_TAIL_CALLS

ARGUMENT, RESULT = "argument", "result"
NOT_TAKEN, BEYOND, WITHOUT = "not taken", "taken beyond the limit", "taken without a program"
EARLY, LATE = "jumps too early", "jumps too late"
OUTSIDE = "outside"

_OWN = {("CALL", TAIL_CALL): "tail_call", ("CALL", LOOP): "bpf_loop", ("CALL_KERNEL", KERNEL_FUNCTIONS["bpf_throw"]): "bpf_throw"}
"""What looks like a call of a function and is code of the compiler's own, by row and number."""


def own_function(slot: Instruction) -> str:
    """The name of the function that an instruction is, without being a call of one; empty for all others."""
    row = lookup(slot)
    return "" if row is None else _OWN.get((row.name, slot.imm), "")


def detail(divergence: Divergence, slots: Sequence[Instruction], expected: Run, actual: Run) -> str:
    """What the instruction of the divergence did wrong; empty where there is nothing more to say."""
    row = None if divergence.slot is None else lookup(slots[divergence.slot])
    if row is None or divergence.slot is None:
        return ""
    if row.name.startswith(("LDABS", "LDIND")):
        return OUTSIDE if _goes_on(divergence, expected) is None else ""
    if row.name == "MAY_GOTO" and divergence.register is None:
        return EARLY if _goes_on(divergence, expected) == divergence.slot + 1 else LATE
    function = own_function(slots[divergence.slot])
    if function == "tail_call" and divergence.register is None:
        return _tail_call(divergence, slots, expected)
    if row.name in ("CALL", "CALL_KERNEL") and not function and divergence.register is not None:
        wrong = _first_wrong_call(expected, actual)
        return ARGUMENT if wrong is not None and wrong <= _calls(divergence, slots, expected) else RESULT
    return ""


def _goes_on(divergence: Divergence, expected: Run) -> int | None:
    """The slot at which the oracle goes on, None at the end."""
    trace = expected.outcome.trace
    return trace[divergence.execution + 1][0] if divergence.execution + 1 < len(trace) else None


def _tail_call(divergence: Divergence, slots: Sequence[Instruction], expected: Run) -> str:
    assert divergence.slot is not None
    if _goes_on(divergence, expected) != divergence.slot + 1:
        return NOT_TAKEN
    way = [slot for slot, _ in expected.outcome.trace[: divergence.execution + 1]]
    taken = sum(own_function(slots[slot]) == "tail_call" and then != slot + 1 for slot, then in pairwise(way))
    return BEYOND if taken >= MAXIMUM_TAIL_CALLS else WITHOUT


def _calls(divergence: Divergence, slots: Sequence[Instruction], expected: Run) -> int:
    """How many calls of functions the oracle had made before this one."""
    found = 0
    for slot, _ in expected.outcome.trace[: divergence.execution]:
        row = lookup(slots[slot])
        found += row is not None and row.name in ("CALL", "CALL_KERNEL") and not own_function(slots[slot])
    return found


def _first_wrong_call(expected: Run, actual: Run) -> int | None:
    """The number of the first call that the image made in another way, from 0; results aside, which follow from the arguments."""
    for number, call in enumerate(expected.calls):
        other = actual.calls[number] if number < len(actual.calls) else None
        if other is None or (other.name, other.arguments, other.data) != (call.name, call.arguments, call.data):
            return number
    return None

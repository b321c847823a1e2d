"""A run of the oracle and of an image side by side, one executed eBPF instruction after the other, with the MIPS words and what each changed.

      0: r0 = 0                oracle  r0=0x0
           00001025  or $v0, …  image   r0=0x0
    > 1: r1 /= r2              oracle  r1=0x0
           0085001b  ddivu …    image   r1=0x1

An image tells its registers where its instructions begin (`Compiled.bpf_at`); where it does not, because a word has moved, what it changed is shown
with the next instruction that has such a place. The side by side ends a few instructions behind the first that is wrong, because what comes later is
chance.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ebpf.disassembler import disassemble
from fuzz.case import Case, Compiler
from fuzz.engine.target import Run, Target
from fuzz.judge import bounded, interpret, recordings
from fuzz.layout import place
from fuzz.lockstep import Divergence, first_difference
from fuzz.wires.wire import Wire
from jit.compiled import Compiled
from jit.config import Config

BEFORE, AFTER = 24, 3
"""How many executed instructions are shown before the first wrong one, and behind it."""

Registers = tuple[int | None, ...]


class Step(NamedTuple):
    """One executed instruction.

    slot, text      of the eBPF instruction
    mips            its MIPS words: address, word and text
    oracle, image   the registers that it changed there, such as "r1=0x0"; of the image "-" where it does not tell
    wrong           whether it is the first that went wrong
    """

    slot: int
    text: str
    mips: tuple[str, ...]
    oracle: str
    image: str
    wrong: bool = False


def side_by_side(case: Case, config: Config, target: Target, compiler: Compiler, wires: Sequence[Wire], wrong: int | None) -> tuple[Step, ...]:
    """The steps around the first wrong one; empty where there is no image.

    `wrong` is the slot that a tripwire names, where lockstep finds nothing.
    """
    placement = place(case, config)
    try:
        compiled = compiler(placement.slots, config, placement.addresses)
        target.load(compiled, placement)
    except Exception:
        return ()
    expected = interpret(placement, trace=True)
    actual = target.run(bounded(placement, expected.outcome.executed), recordings(wires, lockstep=True))
    divergence = first_difference(placement.slots, expected.outcome, actual, compiled) if compiled.bpf_at else None
    return tuple(_steps(disassemble(placement.slots), compiled, expected, actual, divergence, wrong))


def _steps(texts: Sequence[str], compiled: Compiled, expected: Run, actual: Run, divergence: Divergence | None, wrong: int | None) -> Iterator[Step]:
    trace = expected.outcome.trace
    told = _told(trace, compiled, actual)
    at_fault = divergence.execution if divergence is not None else -1
    if wrong is not None and (divergence is None or trace[max(0, at_fault)][0] != wrong):
        executions = [at for at, (slot, _) in enumerate(trace) if slot == wrong]
        at_fault = max((at for at in executions if divergence is None or at <= divergence.execution), default=at_fault)
    last = len(trace) if at_fault < 0 else min(len(trace), at_fault + 1 + AFTER)
    known: Registers = told.get(0, ())
    for at in range(max(0, last - BEFORE - AFTER), last):
        slot, before = trace[at]
        after = trace[at + 1][1] if at + 1 < len(trace) else expected.outcome.registers
        then = told.get(at + 1)
        image = "-" if then is None or not known else _changed(known, _kept(then, after))
        known = then or known
        yield Step(slot, texts[slot], tuple(_words(compiled, slot)), _changed(before, after), image, at == at_fault)


def _told(trace: Sequence[tuple[int, Registers]], compiled: Compiled, actual: Run) -> dict[int, Registers]:
    """By position in the trace of the oracle the registers of the image, as long as both go the same way; at the end those of the end."""
    boundaries = actual.record.boundaries
    found: dict[int, Registers] = {}
    at = 0
    for row in boundaries.tolist() if boundaries is not None else ():
        following = next((position for position in range(at, len(trace)) if trace[position][0] == row[0]), None)
        # What is skipped must have no place of its own.
        if following is None or any(_has_place(compiled, trace[position][0]) for position in range(at, following)):
            return found
        found[following] = tuple(None if places is None else value for value, places in zip(row[1:], compiled.registers, strict=True))
        at = following + 1
    if actual.outcome.fault is None:
        found[len(trace)] = actual.outcome.registers
    return found


def _has_place(compiled: Compiled, slot: int) -> bool:
    """Whether an instruction has words of its own and a boundary before them."""
    return compiled.bpf_at[slot] is not None and slot in compiled.slot_of


def _kept(image: Registers, oracle: Registers) -> Registers:
    """What a register holds that holds nothing on the oracle is nobody's business."""
    return tuple(None if expected is None else value for value, expected in zip(image, oracle, strict=True))


def _changed(before: Registers, after: Registers) -> str:
    return " ".join(f"r{number}={new:#x}" for number, (old, new) in enumerate(zip(before, after, strict=True)) if new is not None and old != new)


def _words(compiled: Compiled, slot: int) -> Iterator[str]:
    words = tuple(at for at, owner in enumerate(compiled.slot_of) if owner == slot)
    yield from Divergence(slot, 0, None, None, None, None, None, words).listing(compiled)


def rendered(steps: Sequence[Step]) -> Iterator[str]:
    """Lines for a terminal: oracle on the left, image on the right."""
    if not steps:
        return
    width = max(len(step.text) for step in steps) + 6
    yield f"  {'':{width}}  {'oracle':<24}  image"
    for step in steps:
        mark = ">" if step.wrong else " "
        differ = "  <" if step.image != "-" and step.image != step.oracle else ""
        yield f"{mark} {f'{step.slot:4}: {step.text}':<{width}}  {step.oracle:<24}  {step.image}{differ}".rstrip()
        yield from (f"{'':10}{word}" for word in step.mips)

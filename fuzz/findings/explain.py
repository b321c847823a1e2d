"""What went wrong in an image, side by side with the oracle: for people, after a verdict.

A case is run again on one configuration. Where lockstep finds the first wrong eBPF instruction that is shown: the registers before it, after it on
the oracle and after it in the image, and its MIPS words. Then the MIPS words are shown of the instructions at which tripwires tripped. Where
engines disagree, which says nothing of the compiler, the smallest MIPS sequence is shown about which they do.
"""

from collections.abc import Iterator, Sequence

from ebpf.disassembler import disassemble
from ebpf.instruction import REGISTERS
from fuzz.case import Case, Compiler
from fuzz.engine.abilities import telling
from fuzz.engine.sequence import smallest
from fuzz.engine.target import Run, Target
from fuzz.judge import bounded, interpret, recordings
from fuzz.layout import Layout, place
from fuzz.lockstep import Divergence, first_difference
from fuzz.verdict import Status, Verdict
from fuzz.wires.wire import Wire
from jit.compiled import Compiled
from jit.mips import decode, text


def explain(case: Case, verdict: Verdict, target: Target, compiler: Compiler, wires: Sequence[Wire], layout: Layout | None = None) -> str:
    """Lines that show where image and oracle part; empty when the compiler makes no image of the case."""
    if any(difference.kind == "compiler" for difference in verdict.differences):
        return ""
    if verdict.status is Status.ENGINE:
        return "\n".join(_engines(case, verdict, target, compiler, layout))
    target, placement = telling(target), place(case, verdict.config, layout)
    compiled = compiler(placement.slots, verdict.config, placement.addresses)
    target.load(compiled, placement)
    expected = interpret(placement, trace=True)
    actual = target.run(bounded(placement, expected.outcome.executed), recordings(wires, lockstep=True))
    texts = disassemble(placement.slots)
    divergence = first_difference(placement.slots, expected.outcome, actual, compiled) if compiled.bpf_at else None
    parted = () if divergence is None else _divergence(divergence, expected, actual, compiled, texts)
    return "\n".join((*parted, *_tripped(verdict, compiled, texts)))


def _engines(case: Case, verdict: Verdict, target: Target, compiler: Compiler, layout: Layout | None) -> Iterator[str]:
    found = smallest(case, verdict.config, target, compiler, layout)
    if found is None:
        yield "engines disagree, but not when the image is run on its own"
        return
    yield f"engines disagree, which is no fault of the compiler; {'the smallest' if found.minimal else 'a smaller'} sequence that shows it:"
    for before, at in zip((-1, *found.words), found.words, strict=False):
        if at > before + 1:
            yield f"  {at - before - 1} × nop"
        yield f"  {_text(found.compiled, at)}"
    for difference in found.disagreements:
        yield f"  {difference}"


def _divergence(divergence: Divergence, expected: Run, actual: Run, compiled: Compiled, texts: Sequence[str]) -> Iterator[str]:
    trace, at = expected.outcome.trace, divergence.execution
    if divergence.slot is None:
        yield "the entry code is wrong"
    else:
        yield f"the first wrong instruction is {divergence.slot}, after {at} others: {texts[divergence.slot]}"
    owners = [compiled.slot_of[at] for at in divergence.words]
    several = len(set(owners)) > 1
    for owner, line in zip(owners, divergence.listing(compiled), strict=True):
        # Those beside it have no boundary behind them.
        yield f"  {line}{'  <' if several and owner == divergence.slot else ''}"
    if divergence.register is None:
        oracle, image = ("the end" if slot is None else f"{slot}: {texts[slot]}" for slot in (divergence.expected, divergence.actual))
        yield f"  the oracle goes on with {oracle}"
        yield f"  the image goes on with  {image}"
    before = trace[at][1] if at >= 0 else (None,) * REGISTERS
    after = trace[at + 1][1] if at + 1 < len(trace) else expected.outcome.registers
    reached = _row(actual, divergence.boundary)
    yield f"       {'before':<18}  {'oracle, after':<18}  image, after"
    for number, (places, old, new, found) in enumerate(zip(compiled.registers, before, after, reached, strict=True)):
        kept = None if places is None else found
        mark = "  <" if None not in (new, kept) and new != kept else ""
        yield f"  r{number:<3} {'  '.join(f'{_value(value):<18}' for value in (old, new, kept))}{mark}".rstrip()


def _row(actual: Run, boundary: int | None) -> tuple[int | None, ...]:
    """The registers of the image there; without a boundary those of the end."""
    rows = actual.record.boundaries
    if boundary is None or rows is None:
        return actual.outcome.registers
    return tuple(rows[boundary, 1:].tolist())


def _value(value: int | None) -> str:
    return "-" if value is None else f"{value:#x}"


def _tripped(verdict: Verdict, compiled: Compiled, texts: Sequence[str]) -> Iterator[str]:
    shown = set[int]()
    for trip in verdict.trips:
        if trip.word is None or (owner := compiled.slot_of[trip.word]) in shown:
            continue
        shown.add(owner)
        yield "entry or exit code" if owner < 0 else f"instruction {owner}: {texts[owner]}"
        at_trip = {other.word for other in verdict.trips}
        for at in range(len(compiled.words)):
            if compiled.slot_of[at] == owner and (owner >= 0 or abs(at - trip.word) <= 4):
                yield f"  {_text(compiled, at)}{'  <' if at in at_trip else ''}"


def _text(compiled: Compiled, at: int) -> str:
    address, word = compiled.base + 4 * at, compiled.words[at]
    decoded = decode(word, compiled.config.isa)
    return f"{address:#x}  {word:08x}  {text(*decoded, address, compiled.config.width) if decoded else '?'}"

"""A run of the oracle as text: the trace, the registers at exit, the memory that changed."""

from collections.abc import Iterator, Sequence

from ebpf.disassembler import disassemble
from ebpf.instruction import Instruction
from oracle.outcome import Outcome
from oracle.world import World

_BYTES = 16


def _value(value: int | None) -> str:
    return "-" if value is None else f"{value:#x}"


def render_trace(slots: Sequence[Instruction], outcome: Outcome) -> str:
    """One line for each executed instruction, and behind it the registers that it changed; `-` is a register that holds nothing any more."""
    texts = disassemble(slots)
    after = [registers for _, registers in outcome.trace[1:]] + [outcome.registers]
    lines = []
    for (slot, before), then in zip(outcome.trace, after, strict=True):
        changed = "  ".join(f"r{number}={_value(new)}" for number, (old, new) in enumerate(zip(before, then, strict=True)) if old != new)
        lines.append(f"{slot:4}: {texts[slot]:<44}  {changed}".rstrip() + "\n")
    return "".join(lines)


def render_run(world: World, outcome: Outcome) -> str:
    """r0 in decimal and hexadecimal, all registers, the count of instructions, and every line of 16 bytes that is not what it was."""
    r0 = outcome.registers[0]
    lines = [f"r0 = {r0} ({_value(r0)})", f"{outcome.executed} instructions"]
    lines += [f"r{number:<3} {_value(value)}" for number, value in enumerate(outcome.registers)]
    before = {region.name: (region.address, region.contents) for region in world.regions}
    before["stack"] = (world.frame_pointer - len(world.stack), world.stack)
    for name, contents in outcome.memory.items():
        lines += _changes(name, *before[name], contents)
    return "".join(f"{line}\n" for line in lines)


def _changes(name: str, address: int, before: bytes, after: bytes) -> Iterator[str]:
    changed = [at for at in range(0, len(after), _BYTES) if before[at : at + _BYTES] != after[at : at + _BYTES]]
    if changed:
        yield f"{name}, {sum(old != new for old, new in zip(before, after, strict=True))} of {len(after)} bytes changed:"
    for at in changed:
        yield f"  {address + at:#x}  +{at:<5} {after[at : at + _BYTES].hex(' ')}"

"""Hypothesis strategies for instructions and programs, derived from the table."""

from hypothesis import strategies as st

from ebpf.instruction import FRAME_POINTER, REGISTERS, Instruction
from ebpf.opcodes import ROWS, Row, lookup
from ebpf.program import Program
from ebpf.validity import refers_to_function, target

rows = st.sampled_from(ROWS)
offsets = st.integers(-(1 << 15), (1 << 15) - 1)
immediates = st.one_of(st.integers(-(1 << 31), (1 << 31) - 1), st.sampled_from((0, 1, -1, (1 << 31) - 1, -(1 << 31))))


def _register(use: str | int) -> st.SearchStrategy[int]:
    if isinstance(use, int):
        return st.just(use)
    return st.integers(0, FRAME_POINTER - 1 if "w" in use else REGISTERS - 1)


@st.composite
def instructions(draw: st.DrawFn, row: Row | None = None) -> tuple[Instruction, ...]:
    """One or two slots of an instruction whose fields are well-formed; jumps go anywhere."""
    row = row or draw(rows)
    slot = Instruction(
        row.opcode,
        draw(_register(row.dst)),
        draw(_register(row.src)),
        row.offset if isinstance(row.offset, int) else draw(offsets),
        row.imm if isinstance(row.imm, int) else draw(immediates),
    )
    if row.slots == 1:
        return (slot,)
    return slot, Instruction(0, imm=draw(immediates) if row.next_imm else 0)


@st.composite
def programs(draw: st.DrawFn, maximum: int = 30) -> Program:
    """A well-formed program of one function: jumps go to instructions of the program, calls to its begin; the last instruction is exit."""
    slots: list[Instruction] = []
    starts = []
    for instruction in [*draw(st.lists(instructions(), max_size=maximum)), (Instruction(0x95),)]:
        starts.append(len(slots))
        slots += instruction
    for at in starts:
        row = lookup(slots[at])
        assert row is not None
        if target(row, slots[at], at) is None:
            continue
        distance = (0 if refers_to_function(row) else draw(st.sampled_from(starts))) - at - 1
        slots[at] = slots[at]._replace(**{"offset" if row.offset == "jump" else "imm": distance})
    return Program("<generated>", ".text", tuple(slots))

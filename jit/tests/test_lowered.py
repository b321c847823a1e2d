"""Code that is kept is the code that would be made anew, whatever was compiled before."""

import random
from collections.abc import Sequence
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from jit import lowered
from jit.code import Cell, Emitter, Place
from jit.compiled import Addresses, Compiled
from jit.compiler import PARTS, Parts, compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.lowering import Lowering
from jit.runtime import ROUTINES

NEAR, FAR = 0x881_0000, 0x4881_0000

# Behind jumps there is what they may go to.
LINES = (
    "r0 = 7",
    "r3 = 0x123456789abcdef0 ll",
    "w4 = 0x12345",
    "r0 += -5",
    "r0 <<= r3",
    "r0 /= r3",
    "w0 s%= w4",
    "r0 *= r3",
    "r0 = be32 r0",
    "*(u32 *)(r10 - 16) = 0x55667788",
    "lock *(u64 *)(r10 - 8) += r0",
    "w0 = atomic_fetch_add((u32 *)(r10 - 8), w0)",
    "if r0 s> 5 goto +1; r7 = 1; r7 = 1",
    "if w0 & 0x12345 goto +2; r7 = 1; r7 = 1",
    "goto +0; r7 = 1; r7 = 1",
    "gotol +1; r7 = 1; r7 = 1",
    "may_goto +1; r7 = 1; r7 = 1",
    "call 5",
    "call 6",
    "nospec",
)


def addresses(where: int) -> Addresses:
    routines = {name: where + 16 * number for number, name in enumerate(sorted(ROUTINES))}
    return Addresses(base=0x400_0000, routines=routines, helpers={5: where + 0x8000, 6: where + 0x8010})


def described(lines: Sequence[str], config: Config, where: int, parts: Parts) -> object:
    made = compiled(lines, config, where, parts)
    return [getattr(made, field.name) for field in fields(Compiled)]


def compiled(lines: Sequence[str], config: Config, where: int, parts: Parts) -> Compiled:
    return compile_program(assemble("\n".join((*lines, *["r0 = 0"] * 3, "exit"))).slots, config, addresses(where), parts)


@settings(deadline=None)
@given(st.data())
def test_what_was_compiled_before_does_not_matter(data: st.DataObject) -> None:
    parts = Parts()
    for _ in range(data.draw(st.integers(2, 6))):
        lines = data.draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=8))
        config, where = data.draw(st.sampled_from(all_configs())), data.draw(st.sampled_from((NEAR, FAR)))
        assert described(lines, config, where, parts) == described(lines, config, where, Parts())


def test_every_line_on_every_base_configuration_in_any_order() -> None:
    parts, wanted = Parts(), [(line, config, where) for line in LINES for config in BASE_CONFIGS for where in (NEAR, FAR)]
    random.Random(1).shuffle(wanted)
    for line, config, where in wanted:
        # The second of them, that it is not always at the same slot.
        for lines in ((line,), ("r6 = r1", line)):
            assert described(lines, config, where, parts) == described(lines, config, where, Parts()), (lines, str(config))


@pytest.mark.parametrize("most", [1, 7])
def test_little_room(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowered, "MOST", most)
    parts = Parts()
    for config in BASE_CONFIGS[::5]:
        assert described(LINES, config, NEAR, parts) == described(LINES, config, NEAR, Parts())


def with_cell(cell: Cell) -> Parts:
    """Parts with another cell for `r0 = imm`."""
    return Parts(lowering={**PARTS.lowering, "MOV64_IMM": Lowering(cell, cell)})


def low(e: Emitter) -> int:
    """The register that holds r0 or its lower half."""
    return e.registers[0] if isinstance(e.registers[0], int) else int(e.registers[0][0])


def word(parts: Parts, config: str, line: str = "r0 = 1", where: int = NEAR) -> int:
    """The first word of the code of a line, which is preceded by another one."""
    made = compiled(("r6 = r1", line), Config.parse(config), where, parts)
    at = made.bpf_at[1]
    assert at is not None
    return made.words[at]


def test_code_is_shared() -> None:
    """One configuration stands for those that are not told apart: with the same registers, where nothing else is asked."""
    made = []

    def cell(e: Emitter, i: Instruction) -> None:
        made.append(i)
        e.op("addiu", low(e), 0, i.imm)

    parts = with_cell(cell)
    for _ in range(2):
        for config in BASE_CONFIGS:
            word(parts, str(config))
    # Code of 64 bits, code of 32 bits of either byte order; each for `r0 = 1` and the `r0 = 0` at the end.
    assert len(made) == 3 * 2


def test_a_question_that_is_not_always_asked() -> None:
    """What was lowered before the question came up is not taken for an answer."""

    def cell(e: Emitter, i: Instruction) -> None:
        e.op("addiu", low(e), 0, 3 if i.imm > 5 and e.has("seb") else 4)

    parts = with_cell(cell)
    names = ("mips1-32le", "mips32r2-32le")
    assert [word(parts, name, f"r0 = {number}") & 0xFFFF for number in (1, 9, 9, 1, 10) for name in names] == [4, 4, 4, 3, 4, 3, 4, 4, 4, 3]


def test_what_a_place_is_asked() -> None:
    """Places that answer alike have one code; others have theirs."""
    made = []

    def where(place: Place) -> int:
        return place.addresses.helpers[5] >> 24

    def number(place: Place, of: int) -> int:
        return place.addresses.helpers[of] & 0xFF

    def cell(e: Emitter, i: Instruction) -> None:
        made.append(i)
        e.op("addiu", low(e), 0, e.ask(where) + (e.ask(number, 6) if i.imm > 5 else 0))

    parts = with_cell(cell)
    found = [word(parts, "mips32r2-32le", line, at) & 0xFFFF for line in ("r0 = 1", "r0 = 9") for at in (NEAR, FAR, FAR, NEAR)]
    assert found == [0x08, 0x48, 0x48, 0x08, 0x18, 0x58, 0x58, 0x18]
    # And `r0 = 0` at the end, at each of the two.
    assert len(made) == 2 * 3


def test_code_for_one_place_is_made_each_time() -> None:
    def cell(e: Emitter, i: Instruction) -> None:
        e.op("addiu", low(e), 0, e.place_of_instruction.slot)

    parts = with_cell(cell)
    for lines in (("r0 = 1",), ("r6 = r1", "r0 = 1"), ("r0 = 1", "r6 = r1")):
        made = compiled(lines, Config.parse("mips32r2-32le"), NEAR, parts)
        for slot, line in enumerate((*lines, *["r0 = 0"] * 3)):
            at = made.bpf_at[slot]
            assert at is not None
            assert line == "r6 = r1" or made.words[at] & 0xFFFF == slot


@pytest.mark.parametrize("ask", ["throws", "counts"])
def test_code_that_asks_of_the_program_is_made_each_time(ask: str) -> None:
    made = []

    def cell(e: Emitter, i: Instruction) -> None:
        made.append(i)
        e.op("addiu", low(e), 0, getattr(e, ask))

    parts = with_cell(cell)
    for number in (1, 2, 3):
        word(parts, "mips32r2-32le")
        # `r0 = 1`, and three times `r0 = 0`.
        assert len(made) == 4 * number


@pytest.mark.parametrize("effect", ["calls", "spills", "loops"])
def test_what_is_noted_of_a_function_is_noted_each_time(effect: str) -> None:
    """And of the functions that have the code only: it shows in the frame."""

    def cell(e: Emitter, i: Instruction) -> None:
        setattr(e, effect, i.imm == 1 or getattr(e, effect))
        e.op("addiu", low(e), 0, 1)

    parts, config = with_cell(cell), Config.parse("mips32r2-32le")
    with_it, without = ("r0 = 1",), ("r0 = 2",)
    sizes = [len(compiled(lines, config, NEAR, parts).words) for lines in (with_it, without, with_it, without)]
    assert sizes[0] > sizes[1]
    assert sizes[:2] == sizes[2:]

"""Of atomic operations, and of LL and SC, native code finds something exactly where the wires do."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.layout import Placement, place
from fuzz.recording.native_text import LINKED, ORDER
from fuzz.recording.text import doubts
from fuzz.tests.images import Line, image
from fuzz.tests.test_text import near_words
from fuzz.tests.test_words import ATOMIC, changed_images
from fuzz.wires import atomicity, hazards, ordering
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.mips import rows

PROGRAMS = tuple(
    assemble(text)
    for text in (
        "r0 = 0; w0 = atomic_fetch_or((u32 *)(r1 + 0), w0); lock *(u32 *)(r1 + 0) += w0; exit",
        "r0 = 0; w0 = load_acquire((u8 *)(r1 + 0)); store_release((u32 *)(r1 + 0), w0); exit",
        "r0 = 0; nospec; lock *(u64 *)(r1 + 0) += r0; nospec; exit",
        "r0 = 0; exit",
    )
)
NAMES = ("ll", "sc", "lld", "scd", "sync", "lw", "sw", "lb", "addiu", "beq", "beql", "bne", "bc", "beqzc", "bal", "j", "jr")
CONFIGS = (*BASE_CONFIGS, *(config for config in all_configs() if "nospec" in config.options or "nollsc" in config.options))


def found(compiled: Compiled, placement: Placement) -> int:
    """The definition."""
    linked = any(_about_links(trip.detail) for trip in hazards.code(compiled, placement))
    ordered = any(ordering.code(compiled, placement)) or any(atomicity.code(compiled, placement))
    return LINKED * linked | ORDER * ordered


def _about_links(detail: str) -> bool:
    return any(part in detail for part in ("between ll", "is not certain to store", "and its sc lie in", "without a load linked", "is not tested"))


def agree(compiled: Compiled, placement: Placement) -> None:
    assert doubts(compiled, placement) & (LINKED | ORDER) == found(compiled, placement)


@st.composite
def operations(draw: st.DrawFn) -> tuple[Compiled, Placement]:
    """Few words of which many access memory, each part of any instruction of a short program."""
    config = draw(st.sampled_from(CONFIGS))
    placement = place(Case(draw(st.sampled_from(PROGRAMS)), Input(bytes(16))), config)
    names = tuple(name for name in NAMES if name in rows(config))
    given_words = draw(st.lists(near_words(config, names), min_size=1, max_size=12))
    owners = draw(st.lists(st.integers(-1, len(placement.slots) - 1), min_size=len(given_words), max_size=len(given_words)))
    return replace(image(config, []), words=tuple(given_words), slot_of=tuple(owners), exits=()), placement


@st.composite
def attempts(draw: st.DrawFn) -> tuple[Compiled, Placement]:
    """An ll and an sc that nearly belong together, with few words between and behind them, and with barriers around all."""
    config = draw(st.sampled_from([config for config in BASE_CONFIGS if "ll" in rows(config)]))
    placement = place(Case(PROGRAMS[0], Input(bytes(16))), config)
    registers, few = st.sampled_from((4, 8, 9)), st.sampled_from((0,) * 9 + (4,))
    double = "d" * draw(st.booleans()) if config.width == 64 else ""
    result, base = draw(st.sampled_from((8, 9))), draw(st.sampled_from((4, 4, 4, 29)))
    middle: list[Line] = [
        draw(st.sampled_from((("addiu", draw(registers), 8, 1), ("addu", draw(registers), 8, 9), ("lw", 9, 0, 4), ("sync", 0))))
        for _ in range(draw(st.integers(0, 2)))
    ]
    behind = draw(st.sampled_from(("beq", "bne", "addu")))
    last: Line = (
        (behind, result, 0, draw(st.sampled_from((-3 - len(middle), -2 - len(middle), 0, 1)))) if behind != "addu" else ("addu", 9, result, 9)
    )
    lines: list[Line] = [
        *[("sync", 0)] * draw(st.integers(0, 3)),
        (f"ll{double}", 8, draw(few), base),
        *middle,
        (f"sc{'d' * draw(st.booleans()) if double else ''}", result, draw(few), base),
        last,
        ("addu", 9, draw(registers), 9),
        *[("sync", 0)] * draw(st.integers(0, 3)),
        ("beq", 8, 0, 1),
        ("addu", 9, 9, 9),
    ]
    compiled = image(config, lines)
    owners = [draw(st.sampled_from((1,) * 12 + (2, -1))) for _ in lines]
    return replace(compiled, slot_of=(*owners, *[-1] * (len(compiled.words) - len(owners)))), placement


@settings(max_examples=1000)
@given(attempts())
def test_attempts(made: tuple[Compiled, Placement]) -> None:
    agree(*made)


@settings(max_examples=1500)
@given(operations())
def test_operations(made: tuple[Compiled, Placement]) -> None:
    agree(*made)


@settings(max_examples=300)
@given(changed_images())
def test_compiled_code_with_changes(made: tuple[Compiled, Placement]) -> None:
    agree(*made)


@pytest.mark.parametrize("program", [*PROGRAMS, ATOMIC])
@pytest.mark.parametrize("config", CONFIGS[::5], ids=str)
def test_compiled_code_is_not_doubted(program: Program, config: Config) -> None:
    placement = place(Case(program, Input(bytes(16))), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    assert doubts(compiled, placement) & (LINKED | ORDER) == 0
    agree(compiled, placement)


def test_words_of_no_instruction_of_the_program_are_doubted() -> None:
    """Nothing is read or written outside of arrays."""
    config = BASE_CONFIGS[0]
    placement = place(Case(ATOMIC, Input(bytes(16))), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    for owners in ((len(placement.slots),) * len(compiled.words), (-2,) * len(compiled.words), compiled.slot_of[:-1]):
        assert doubts(replace(compiled, slot_of=owners), placement) & (LINKED | ORDER) == LINKED | ORDER

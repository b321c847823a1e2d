"""Other CPUs that are played natively do what those do that are defined in Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from fuzz.case import Case, Input
from fuzz.cpu import faulty_cpu
from fuzz.judge import interpret
from fuzz.layout import Placement, place
from fuzz.model import interference
from fuzz.model.interference import ENOUGH, OTHERS_PLAY, Played
from fuzz.model.target import ModelTarget
from fuzz.recording.native_screen import CALLS, ENDING
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.mips import decode, rows

PROGRAM = assemble("""
    r6 = r1
    r7 = 3
again:
    r0 = 1
    lock *(u32 *)(r6 + 0) += w0
    r0 = atomic_fetch_xor((u64 *)(r6 + 8), r0)
    r0 = 5
    r0 = cmpxchg_64(r6 + 16, r0, r7)
    w0 = xchg32_32(r6 + 4, w0)
    r7 += -1
    if r7 != 0 goto again
    r0 = *(u32 *)(r6 + 0)
    exit
""")
CONFIGS = tuple(config for config in BASE_CONFIGS if "ll" in rows(config))


class Defined(ModelTarget):
    """Other CPUs are played by `fuzz.cpu.faulty_cpu`."""

    def _others(self) -> Played:
        self._disturb()
        return OTHERS_PLAY


NATIVE, DEFINED = ModelTarget(), Defined()


@contextmanager
def patience(most: int) -> Iterator[None]:
    """Other CPUs leave a run alone after so many words."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(faulty_cpu, "PATIENCE", most)
        patched.setattr(interference, "PATIENCE", most)
        yield


def screened(target: ModelTarget, compiled: Compiled, inputs: list[Placement]) -> tuple[list[int], list[int], list[bytes]]:
    """What is found, and what the last run leaves behind."""
    target.load(compiled, inputs[0])
    expected = interpret(replace(inputs[0], interference=0))
    found = target.screen([(each, expected) for each in inputs])
    return found, target.registers(), [target._load(segment.address, len(segment.initial)) for segment in inputs[-1].segments]


@st.composite
def images(draw: st.DrawFn) -> tuple[Compiled, Placement]:
    """Compiled code in which few words are others: no retries, stores that do not fail, accesses of something else."""
    config = draw(st.sampled_from(CONFIGS))
    placement = place(Case(PROGRAM, Input(bytes(range(32)), seed=draw(st.integers(0, 3)))), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    code, owners, table = list(compiled.words), list(compiled.slot_of), rows(config)
    decoded = [decode(word, config.isa) for word in code]
    places = [at for at, word in enumerate(decoded) if word is not None and not word[0].facts.isdisjoint({"ll", "sc", "branch"})]
    for at in draw(st.lists(st.sampled_from(places), max_size=3)) if places else ():
        word = decoded[at]
        assert word is not None
        row, operands = word
        plain = {"ll": "lw", "lld": "ld", "sc": "sw", "scd": "sd"}.get(row.mnemonic)
        changes = [0, code[at] ^ 1 << draw(st.integers(0, 5)), code[at] ^ 1 << draw(st.integers(16, 25))]
        code[at] = draw(st.sampled_from([*changes, *([table[plain].encode(*operands)] * 3 if plain else ())]))
    for at in draw(st.lists(st.integers(0, len(code) - 1), max_size=2)):
        owners[at] = draw(st.integers(-1, len(placement.slots)))
    return replace(compiled, words=tuple(code), slot_of=tuple(owners)), placement


@settings(max_examples=300)
@given(images(), st.lists(st.integers(0, 4), min_size=1, max_size=3), st.sampled_from((1 << 20, 60)))
def test_native_and_defined(made: tuple[Compiled, Placement], broken: list[int], most: int) -> None:
    compiled, placement = made
    inputs = [replace(placement, interference=number, limit=200) for number in broken]
    with patience(most):
        assert screened(NATIVE, compiled, inputs) == screened(DEFINED, compiled, inputs)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_compiled_code_stands_it(config: Config) -> None:
    placement = place(Case(PROGRAM, Input(bytes(32))), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    inputs = [replace(placement, interference=number) for number in (0, 1, 3, 7)]
    assert screened(NATIVE, compiled, inputs)[0] == [0] * len(inputs)


SIMPLE = assemble("r0 = 1; lock *(u32 *)(r1 + 0) += w0; r0 = 0; exit".replace("; ", "\n"))


@pytest.mark.parametrize(("mnemonic", "expected"), [("sw", CALLS), ("nop", ENDING)])
def test_what_is_told(mnemonic: str, expected: int) -> None:
    """A store that does not fail loses a write; one that is never made gets nowhere where it is tried again and again."""
    config = Config.parse("mips32r2-32be")
    placement = replace(place(Case(SIMPLE, Input(bytes(16))), config), interference=3)
    compiled = compile_program(placement.slots, config, placement.addresses)
    words = list(compiled.words)
    for at, word in enumerate(compiled.words):
        found = decode(word, config.isa)
        assert found is not None
        if found[0].mnemonic == "sc":
            words[at] = rows(config)["sw"].encode(*found[1]) if mnemonic == "sw" else rows(config)["addiu"].encode(found[1][0], 0, 0)
    changed = replace(compiled, words=tuple(words))
    assert [found & (CALLS | ENDING) for found in screened(NATIVE, changed, [placement])[0]] == [expected]


def test_other_cpus_leave_a_long_run_alone() -> None:
    config = Config.parse("mips64r2-64le")
    placement = replace(place(Case(PROGRAM, Input(bytes(32))), config), interference=3)
    compiled = compile_program(placement.slots, config, placement.addresses)
    counts = []
    for most in (1 << 20, 5):
        with patience(most):
            played = interference.plan(compiled, placement.slots)
            assert played.run[ENOUGH] == most
            NATIVE.load(compiled, placement)
            NATIVE._others = lambda played=played: _stopping(NATIVE, played)  # type: ignore[method-assign, misc]
            try:
                assert NATIVE.screen([(placement, interpret(placement))]) == [0]
            finally:
                del NATIVE._others
            counts.append(int(played.run[interference.HAPPENED]))
    assert 5 <= counts[1] < 20 < counts[0]


def _stopping(target: ModelTarget, played: Played) -> Played:
    """The same, as `ModelTarget` makes it."""
    ModelTarget._others(target)
    return played

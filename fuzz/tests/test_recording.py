"""What is recorded of a run: the same as the reference in plain Python records, and what examples written by hand say."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.abi import is_word
from fuzz.case import Case, Input
from fuzz.engine.target import Run, Target
from fuzz.environment.calls import noise
from fuzz.environment.functions import KTIME_GET_NS
from fuzz.layout import KERNEL_AREAS, LAYOUTS, moved, place
from fuzz.model.prove import LACKING, UNICORN
from fuzz.model.target import HILO_DISTANCE, ModelTarget
from fuzz.recording import native_record as native
from fuzz.recording.record import NO_SLOT, NOTHING_RECORDED, OperandEvent, Record, Recording
from fuzz.tests.images import A0, MEMORY, RA, S0, T0, T9, V0, Line, constant, image, load_address, placement
from fuzz.tests.reference_recorder import ReferenceRecorder
from fuzz.unicorn.target import UnicornTarget
from jit.compiled import Compiled
from jit.config import Config
from jit.mips import Row, rows

ALL = frozenset(Recording) - {Recording.FLIPS}
CONFIGS = tuple(
    Config.parse(name)
    for name in ("mips1-32be", "mips32r2-32le", "mips32r6-32be", "mips3-64be", "mips64r2-64le", "mips64r2-32be", "mips64r6-64le", "mips64r6-32be")
)
_WITHOUT_HAZARDS = tuple(config for config in CONFIGS if config.isa not in HILO_DISTANCE)
T1, T2 = T0 + 1, T0 + 2


@pytest.fixture(scope="module")
def reference() -> UnicornTarget:
    target = UnicornTarget()
    target._recorder = ReferenceRecorder(lambda: target._running)  # type: ignore[assignment]
    return target


def recorded(target: Target, compiled: Compiled, recordings: frozenset[Recording] = ALL, seed: int = 0) -> Run:
    at = placement(compiled.config, given=Input(MEMORY, seed=seed))
    target.load(compiled, at)
    return target.run(at, recordings)


def plain(record: Record) -> tuple[object, ...]:
    arrays = (record.edges, record.accesses, record.boundaries)
    return record.operands, record.truncated, *(None if array is None else array.tolist() for array in arrays)


# The program's registers, without those that lead somewhere.
_POOL = (V0, 3, 6, 7, T0, T1, T2, 15, 24, 25)
_OPERANDS = st.sampled_from((0, *_POOL))


def _harmless(row: Row) -> bool:
    if row.facts & {"load", "store"}:
        return "base" in row.operands
    return row.facts.isdisjoint({"branch", "jump", "trap"})


@st.composite
def _operand(draw: st.DrawFn, row: Row, name: str) -> int:
    if name == "base":
        return A0
    if name in ("rs", "rt", "rd"):
        return draw(_OPERANDS)
    if name == "offset":
        return 8 * draw(st.integers(0, 3)) + (draw(st.integers(0, 7)) if row.mnemonic[1:] in ("wl", "wr", "dl", "dr", "b", "bu") else 0)
    return draw(st.integers(*row.operand_range(name)))


@st.composite
def _words(draw: st.DrawFn, isa: str, wanted: Callable[[Row], bool]) -> tuple[int, ...]:
    """Instructions of the ISA at any width, and forward branches with their delay slots."""
    table = rows(Config(isa, 64 if isa in ("mips3", "mips64r2", "mips64r6") else 32, False))
    harmless = [row for row in table.values() if _harmless(row) and wanted(row)]
    restricted = [row for row in harmless if row.facts & {"word_rs", "word_rt"}]

    def instruction() -> int:
        row = draw(st.sampled_from(restricted) | st.sampled_from(harmless))
        operands = [draw(_operand(row, name)) for name in row.operands]
        try:
            return row.encode(*operands)
        except ValueError:
            return table["addu"].encode(T0, T1, T2)

    result: list[int] = []
    for _ in range(draw(st.integers(1, 6))):
        result.append(instruction())
        if draw(st.integers(0, 3)) == 0:
            name = draw(st.sampled_from([name for name in ("beq", "bne", "beql", "bnel") if name in table and wanted(table[name])]))
            result += [table[name].encode(draw(_OPERANDS), draw(_OPERANDS), 2), instruction(), instruction()]
    return tuple(result)


@st.composite
def _images(draw: st.DrawFn, configs: Sequence[Config] = CONFIGS, wanted: Callable[[Row], bool] = lambda row: True) -> Compiled:
    config = draw(st.sampled_from(configs))
    empty = image(config, [])
    words = (*draw(_words(config.isa, wanted)), *empty.words)
    starts = tuple(draw(st.lists(st.integers(0, len(words) - 1) | st.none(), max_size=6)))
    owners = tuple(draw(st.lists(st.integers(-1, 5), min_size=len(words), max_size=len(words))))
    pairs = ((V0, 3), (T0, 0), (6, 7), (T2, T1), (15, 24), (25, 0), *[None] * 5)
    registers = pairs if config.width == 32 else (*((number,) for number in _POOL), None)
    return replace(empty, words=words, bpf_at=starts, slot_of=owners, exits=(len(words) - 2,), registers=registers)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(compiled=_images(), seed=st.integers(0, 1000), flips=st.booleans())
def test_native_and_reference_record_the_same(target: UnicornTarget, reference: UnicornTarget, compiled: Compiled, seed: int, flips: bool) -> None:
    wanted = ALL | {Recording.FLIPS} if flips else ALL
    left, right = (recorded(which, compiled, wanted, seed) for which in (target, reference))
    assert plain(left.record) == plain(right.record)
    assert replace(left, record=NOTHING_RECORDED) == replace(right, record=NOTHING_RECORDED)


def _is_defined(row: Row) -> bool:
    """Whether what an instruction computes of any operands is defined, but for words that are none; no engine has ways of its own, or lacks it."""
    if "likely" in row.facts:
        # Unicorn reports the instruction that such a branch nullifies: see `fuzz.engine.faults`.
        return False
    return row.mnemonic not in LACKING[UNICORN] and not row.mnemonic.startswith(("div", "ddiv", "mod", "dmod", "mul", "madd", "msub", "ll", "sc"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(compiled=_images(_WITHOUT_HAZARDS, _is_defined), seed=st.integers(0, 1000))
def test_the_model_and_the_reference_record_the_same(model: ModelTarget, reference: UnicornTarget, compiled: Compiled, seed: int) -> None:
    """Up to the first word operand that is no word: what comes of it is the engine's affair."""
    left, right = (recorded(which, compiled, ALL, seed) for which in (model, reference))
    assert left.record.operands is not None
    assert right.record.operands is not None
    assert left.record.operands[:1] == right.record.operands[:1]
    if not right.record.operands:
        assert replace(left, record=NOTHING_RECORDED) == replace(right, record=NOTHING_RECORDED)
        assert plain(left.record) == plain(right.record)


@given(
    value=st.integers(-3, 3).flatmap(lambda near: st.sampled_from((near, (1 << 31) + near, (1 << 32) + near, -(1 << 31) + near, (1 << 63) + near)))
)
def test_what_is_a_word(recording_target: Target, value: int) -> None:
    config = Config.parse("mips64r2-64le")
    at = placement(config, given=Input((value % (1 << 64)).to_bytes(8, "little")))
    recording_target.load(image(config, [("ld", T0, 0, A0), ("addu", T1, T0, 0)]), at)
    word = -(1 << 31) <= value < 1 << 31
    assert recording_target.run(at, ALL).record.operands == (() if word else (OperandEvent(1, T0, value % (1 << 64)),))


@pytest.mark.parametrize("returns", [False, True])
def test_an_operand_flipped_in_the_delay_slot_of_a_call_or_return_is_as_it_was_afterwards(recording_target: Target, returns: bool) -> None:
    """$s0 must not change; without the restoration it would be seen as clobbered."""
    config = Config.parse("mips64r2-64le")
    table = rows(config)
    bad = table["addu"].encode(T1, S0, 0)
    seeds = [seed for seed in range(20) if not is_word(noise(64, seed, 0)[S0])]
    if returns:
        compiled = image(config, [])
        compiled = replace(compiled, words=(*compiled.words[:-1], bad))
    else:
        function = load_address(config, T9, placement(config).addresses.helpers[KTIME_GET_NS])
        call: list[Line] = [("jalr", RA, T9), ("addu", T1, S0, 0)]
        compiled = image(config, [("or", S0 + 1, RA, 0), *function, *call, ("or", RA, S0 + 1, 0)])
    run = recorded(recording_target, compiled, frozenset({Recording.FLIPS}), seeds[0])
    assert run.record.operands
    assert not [violation for violation in run.violations if "$s0" in violation.place]


@pytest.mark.parametrize("recording", Recording)
def test_what_is_not_asked_for_is_not_recorded(recording_target: Target, recording: Recording) -> None:
    run = recorded(recording_target, image(CONFIGS[4], [("lw", V0, 0, A0)]), frozenset({recording}))
    kinds = {name for name in ("edges", "operands", "accesses", "boundaries") if getattr(run.record, name) is not None}
    assert kinds == {"operands" if recording is Recording.FLIPS else recording.value}
    assert recorded(recording_target, image(CONFIGS[4], []), frozenset()).record == NOTHING_RECORDED


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_recording_changes_nothing(recording_target: Target, config: Config) -> None:
    """An access in a delay slot before a word that must not be executed twice, which it is under a memory hook of the engine."""
    lines: list[Line] = [("addiu", V0, 0, 1), ("beq", 0, 0, 1), ("sb", V0, 0, A0), ("addiu", V0, V0, 1), ("addiu", V0, V0, 1)]
    compiled = image(config, lines)
    with_all, without = recorded(recording_target, compiled), recorded(recording_target, compiled, frozenset())
    assert with_all.outcome.return_value == 3
    assert replace(with_all, record=NOTHING_RECORDED) == without


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_edges(recording_target: Target, config: Config) -> None:
    """A loop of words 1 to 3, taken four times, left by its delay slot."""
    lines: list[Line] = [("addiu", T0, 0, 5), ("addiu", T0, T0, -1), ("bne", T0, 0, -2), ("addu", V0, 0, 0), ("addu", V0, 0, 0)]
    edges = recorded(recording_target, image(config, lines)).record.edges
    assert edges is not None
    assert edges.tolist() == [[-1, 0], [3, 1], [6, -1]]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_runs_do_not_see_each_other(recording_target: Target, config: Config) -> None:
    at = placement(config)
    recording_target.load(replace(image(config, [("lbu", T0, 0, A0), ("beq", 0, 0, 1), ("sb", 0, 0, A0), ("addu", 0, 0, 0)]), bpf_at=(0, 1)), at)
    first, second = (plain(recording_target.run(at, ALL).record) for _ in range(2))
    assert first == second
    assert len(first[3]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mips64r2-64le", "mips3-64be", "mips64r2-32be", "mips64r6-64le"])
def test_operands(recording_target: Target, name: str) -> None:
    config = Config.parse(name)
    table = rows(Config(config.isa, 64, config.big_endian))
    code = image(config, [("addiu", V0, 0, 42)] * 4)
    words = (table["ori"].encode(T0, 0, 5), table["dsll32"].encode(T0, T0, 0), table["addu"].encode(T1, T0, 0), table["srav"].encode(T1, 0, T0))
    run = recorded(recording_target, replace(code, words=(*words, *code.words[4:])))
    assert run.record.operands == (OperandEvent(2, T0, 5 << 32),)


def test_words_are_words_on_a_32_bit_cpu(recording_target: Target) -> None:
    lines: list[Line] = [("lui", T0, 0x8000), ("addu", T0, T0, T0)]
    assert recorded(recording_target, image(Config.parse("mips32r2-32le"), lines)).record.operands == ()


def test_accesses(recording_target: Target) -> None:
    lines: list[Line] = [("lw", T0, 4, A0), ("swl", T0, 5, A0), ("swr", T0, 10, A0)]
    for name, parts in (("mips32r2-32be", [[5, 3], [8, 3]]), ("mips32r2-32le", [[4, 2], [10, 2]])):
        at = placement(Config.parse(name))
        accesses = recorded(recording_target, image(Config.parse(name), lines, slots=[3, 4])).record.accesses
        assert accesses is not None
        start = at.world.arguments[0]
        (low, low_size), (high, high_size) = parts
        expected = [[3, start + 4, 4, 0, 0], [4, start + low, low_size, 1, 1], [NO_SLOT, start + high, high_size, 1, 2]]
        assert accesses[:, :5].tolist() == expected


@pytest.mark.parametrize(("mnemonic", "offset", "first", "size"), [("lwpc", 1, 4, 4), ("ldpc", 0, 0, 8), ("lwupc", 2, 8, 4)])
def test_accesses_relative_to_the_pc(recording_target: Target, mnemonic: str, offset: int, first: int, size: int) -> None:
    compiled = image(Config.parse("mips64r6-64le"), [(mnemonic, T0, offset), ("addu", 0, 0, 0)])
    accesses = recorded(recording_target, compiled).record.accesses
    assert accesses is not None
    assert accesses[:, :5].tolist() == [[NO_SLOT, compiled.base + first, size, 0, 0]]


def test_boundaries_of_slots_without_code(recording_target: Target) -> None:
    compiled = replace(image(Config.parse("mips64r2-64le"), [("addiu", V0, 0, 7)]), bpf_at=(0, None, 1, 1))
    boundaries = recorded(recording_target, compiled).record.boundaries
    assert boundaries is not None
    assert boundaries[:, 0].tolist() == [0, 3]
    assert boundaries[1, 1] == 7


def test_a_record_that_runs_out_of_room_says_so(recording_target: Target) -> None:
    config = Config.parse("mips64r2-64le")
    count = native.MAXIMUM_OPERANDS + 1
    lines: list[Line] = [
        ("ori", T0, 0, 1),
        ("dsll32", T0, T0, 0),
        ("addiu", T1, 0, count),
        ("addiu", T1, T1, -1),
        ("bne", T1, 0, -2),
        ("addu", T2, T0, 0),
    ]
    record = recorded(recording_target, image(config, lines)).record
    assert record.truncated == {Recording.OPERANDS}
    assert record.operands is not None
    assert len(record.operands) == native.MAXIMUM_OPERANDS
    again = recorded(recording_target, image(config, [("addu", T0, 0, 0)])).record
    assert (again.truncated, again.operands) == (frozenset(), ())


@pytest.mark.parametrize("recordings", [ALL, ALL | {Recording.FLIPS}], ids=["all", "flips"])
def test_a_fault_is_told_as_without_recording(recording_target: Target, recordings: frozenset[Recording]) -> None:
    config = Config.parse("mips64r2-64le")
    for lines in ([("addu", 0, 0, 0), ("lw", V0, 1, A0)], [("lw", V0, 0, 0)], [("beq", 0, 0, 1), ("lw", V0, 2, A0)], [("break", 0)]):
        compiled = image(config, lines, slots=[1, 1])
        expected = recorded(recording_target, compiled, frozenset())
        assert expected.outcome.fault is not None
        assert replace(recorded(recording_target, compiled, recordings), record=NOTHING_RECORDED) == expected


def test_a_large_image_has_room(recording_target: Target) -> None:
    length = 5000
    run = recorded(recording_target, image(Config.parse("mips64r2-64le"), [("addu", V0, 0, 0), *[("addiu", V0, V0, 1)] * length]))
    assert (run.outcome.return_value, run.record.operands) == (length, ())
    assert isinstance(run.record.edges, np.ndarray)


def test_a_boundary_of_an_image_is_none_of_the_next(recording_target: Target) -> None:
    compiled = image(Config.parse("mips64r2-64le"), [("addu", 0, 0, 0)] * 3)
    recorded(recording_target, replace(compiled, bpf_at=(0, 2)))
    boundaries = recorded(recording_target, replace(compiled, bpf_at=(1,)), frozenset({Recording.BOUNDARIES})).record.boundaries
    assert boundaries is not None
    assert boundaries[:, 0].tolist() == [0]


@pytest.mark.parametrize("name", ["mips32r2-32le", "mips64r2-32be"])
def test_addresses_of_32_bit_code_have_32_bits(recording_target: Target, name: str) -> None:
    config = Config.parse(name)
    at = place(Case(constant(42), Input(MEMORY)), config, moved(LAYOUTS[32], KERNEL_AREAS[32][0]))
    recording_target.load(image(config, [("lw", T0, 4, A0)]), at)
    accesses = recording_target.run(at, ALL).record.accesses
    assert accesses is not None
    assert accesses[:, 1].tolist() == [at.world.arguments[0] + 4]
    assert at.world.arguments[0] >> 31 == 1


def test_doublewords_relative_to_the_pc_are_aligned(recording_target: Target) -> None:
    compiled = image(Config.parse("mips64r6-64le"), [("addu", 0, 0, 0), ("ldpc", T0, 1), ("addu", 0, 0, 0), ("addu", 0, 0, 0)])
    accesses = recorded(recording_target, compiled).record.accesses
    assert accesses is not None
    assert accesses[:, 1:3].tolist() == [[compiled.base + 8, 8]]


def test_flips_invert_the_low_half(recording_target: Target) -> None:
    config = Config.parse("mips64r2-64le")
    compiled = image(config, [("ori", T0, 0, 1), ("dsll32", T0, T0, 0), ("ori", T0, T0, 5), ("addu", V0, T0, 0)])
    assert recorded(recording_target, compiled).outcome.return_value == 5
    assert recorded(recording_target, compiled, frozenset({Recording.FLIPS})).outcome.return_value == 0xFFFFFFFA


def test_edges_of_a_call(recording_target: Target) -> None:
    config = Config.parse("mips64r2-64le")
    at = placement(config)
    function = load_address(config, T9, at.addresses.helpers[KTIME_GET_NS])
    lines: list[Line] = [("or", S0, RA, 0), *function, ("jalr", RA, T9), ("addu", 0, 0, 0), ("or", RA, S0, 0)]
    edges = recorded(recording_target, image(config, lines)).record.edges
    slot = len(function) + 2
    assert edges is not None
    assert edges.tolist() == [[-1, 0], [slot, -1], [-1, slot + 1], [slot + 3, -1]]

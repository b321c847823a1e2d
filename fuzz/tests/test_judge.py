"""Judging, end to end: oracle, compiler, target and comparison."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.program import wide_slots
from fuzz import judge as judging
from fuzz.case import Case, Input
from fuzz.engine.target import Run
from fuzz.judge import interpret, judge, judge_all
from fuzz.layout import FAR_LAYOUTS, Placement, place
from fuzz.recording.native_screen import ROOM
from fuzz.recording.record import Recording
from fuzz.suite.program import Suite
from fuzz.suite.suites import misaligned_suites, suites
from fuzz.tally import Result, summarise
from fuzz.tests.images import CONFIGS, MEMORY, constant, image, placement, program
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status, Verdict
from fuzz.wires import WIRES, select
from fuzz.wires.wire import Wire
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.mips import rows

# r3 = r2; r0 = 42
CASE = Case(program(Instruction(0xBF, 3, 2), *wide_slots(0, 42)), Input(MEMORY))
LOAD_MISALIGNED = program(Instruction(0xBF, 3, 2), Instruction(0x61, 0, 1, 1))
OUT_OF_BOUNDS = program(Instruction(0x61, 0, 1, 64))


class Broken:
    """The compiler, with a change to what it returns."""

    def __init__(self, **changes: object) -> None:
        self.changes = changes

    def __call__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return replace(compile_program(slots, config, addresses), **self.changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_agree(target: UnicornTarget, config: Config) -> None:
    assert judge(CASE, config, target, compile_program) == Verdict(Status.AGREE, config)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_differ(target: UnicornTarget, config: Config) -> None:
    def wrong(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return compile_program((*slots[:1], *wide_slots(0, 43), *slots[-1:]), config, addresses)

    verdict = judge(CASE, config, target, wrong)
    assert verdict.status is Status.DIFFER
    assert str(verdict).splitlines() == [
        f"{config} input 0: differ",
        "  register r0: expected 0x2a, got 0x2b",
        "  return value: expected 0x2a, got 0x2b",
        "  lockstep r0 after instruction 1, execution 1: expected 0x2a, got 0x2b",
    ]


# fmt: off
# Instructions that the engine's CPU model executes and the configuration does not have, with operands that change nothing that is observed.
FOREIGN = (
    ("mips1-32le",    "mips32r1", "mul",    (1, 1, 1)),
    ("mips2-32be",    "mips32r1", "movz",   (1, 1, 1)),
    ("mips3-64be",    "mips64r1", "mul",    (1, 1, 1)),
    ("mips5-64le",    "mips64r1", "clz",    (1, 1)),
    ("mips64r2-32be", "mips64r2", "daddiu", (1, 1, 0)),
    ("mips64r6-32le", "mips64r6", "daddiu", (1, 1, 0)),
)
# fmt: on


@pytest.mark.parametrize(("name", "owner", "mnemonic", "operands"), FOREIGN)
def test_tripped(target: UnicornTarget, name: str, owner: str, mnemonic: str, operands: tuple[int, ...]) -> None:
    config = Config.parse(name)
    word = rows(Config(owner, 64 if "64" in owner else 32, config.big_endian))[mnemonic].encode(*operands)

    def compiler(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        good = image(config, [("addiu", 2, 0, 42)])
        return replace(good, words=(word, *good.words), slot_of=(0, *good.slot_of), exits=(len(good.words) - 1,))

    verdict = judge(Case(constant(42), Input(MEMORY)), config, target, compiler, select("legality"))
    assert verdict.status is Status.TRIPPED
    assert [(trip.word, trip.slot) for trip in verdict.trips] == [(0, 0)], str(verdict)


def test_inconclusive(target: UnicornTarget) -> None:
    """Outside what a verifier lets through: the image is not even run."""

    class NeverRun(UnicornTarget):
        def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
            raise AssertionError

    verdict = judge(Case(OUT_OF_BOUNDS, Input(MEMORY)), CONFIGS[0], NeverRun(), compile_program)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason == "instruction 0: access out of bounds of 4 bytes at 0x20100080"


def test_a_program_for_the_other_byte_order_is_inconclusive(target: UnicornTarget) -> None:
    case = Case(replace(CASE.program, byte_order="big"), Input(MEMORY))
    verdicts = [judge(case, Config.parse(f"mips32r2-32{order}"), target, compile_program) for order in ("be", "le")]
    assert [verdict.status for verdict in verdicts] == [Status.AGREE, Status.INCONCLUSIVE]
    assert verdicts[1].reason == "the program is for big-endian machines"


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_misaligned_access_is_the_same_fault(target: UnicornTarget, config: Config) -> None:
    case = Case(LOAD_MISALIGNED, Input(MEMORY))
    assert judge(case, config, target, compile_program).status is Status.AGREE
    # The fault is compared: an image in which it belongs to another instruction differs, where there is one.
    verdict = judge(case, config, target, lambda *given: replace(image := compile_program(*given), slot_of=(0,) * len(image.words)), wires=())
    expected = Status.DIFFER if interpret(placement(config, LOAD_MISALIGNED)).outcome.fault else Status.AGREE
    assert verdict.status is expected


def test_a_refusal_of_the_compiler_is_a_difference(target: UnicornTarget) -> None:
    def refuse(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        raise NotImplementedError("not today")

    verdicts = list(judge_all(CASE.program, (CASE.input,) * 2, CONFIGS[:1], target, refuse))
    assert [str(verdict.differences[0]) for verdict in verdicts] == ["compiler: expected an image, got NotImplementedError: not today"] * 2
    assert {verdict.status for verdict in verdicts} == {Status.DIFFER}


@pytest.mark.parametrize("changes", [{"base": 0x5000_0000}, {"frame_pointer": 4}, {"frame_pointer": 1 << 20}, {"frame_pointer": -1 << 20}])
def test_an_image_that_cannot_be_loaded_is_a_difference(target: UnicornTarget, changes: dict[str, object]) -> None:
    verdict = judge(CASE, CONFIGS[0], target, Broken(**changes))
    assert [difference.kind for difference in verdict.differences] == ["compiler"]


@pytest.mark.parametrize("text", ["r0 = 5; exit", "r0 = 5; r0 = 5; r0 = 5; r0 = 5; r0 = 5; r0 = 5; r0 = 5; r0 = 5; exit"])
def test_an_image_of_another_program_is_a_difference(target: UnicornTarget, text: str) -> None:
    """It says of fewer instructions where they are, or of more."""
    other = assemble(text).slots
    verdict = judge(CASE, CONFIGS[0], target, lambda slots, config, addresses: compile_program(other, config, addresses))
    assert verdict.status is Status.DIFFER


def test_an_image_that_is_too_long_is_nobodys_fault(target: UnicornTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.engine.entry.IMAGE_SIZE", 4096)
    verdict = judge(CASE, CONFIGS[0], target, Broken(words=(0,) * 1025))
    assert (verdict.status, verdict.reason) == (Status.INCONCLUSIVE, "an image of 4100 bytes; there is room for 4096 bytes")


@pytest.mark.parametrize("wires", [(), WIRES], ids=["bare", "wires"])
def test_order_and_economy(target: UnicornTarget, monkeypatch: pytest.MonkeyPatch, wires: tuple[Wire, ...]) -> None:
    """One run of the oracle per world and input, alignment apart; one compilation per configuration; verdicts by configuration, then input."""
    oracle: list[Placement] = []
    compiled: list[Config] = []

    def counting_oracle(placement: Placement, trace: bool = False) -> Run:
        oracle.append(placement)
        return interpret(placement, trace)

    def counting_compiler(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        compiled.append(config)
        return compile_program(slots, config, addresses)

    monkeypatch.setattr(judging, "interpret", counting_oracle)
    inputs = [Input(MEMORY, seed=seed) for seed in range(3)]
    verdicts = list(judge_all(CASE.program, inputs, BASE_CONFIGS, target, counting_compiler, wires=wires))
    assert [(verdict.config, verdict.input) for verdict in verdicts] == [(config, number) for config in BASE_CONFIGS for number in range(3)]
    assert {verdict.status for verdict in verdicts} == {Status.AGREE}
    # The program has no data, so that what the tripwires add needs no other image: a run for each area of the kernel's.
    assert len(oracle) == 4 * 3 + (4 * 1 + 4 * 2 if wires else 0)
    assert compiled == list(BASE_CONFIGS)


def test_no_inputs_no_verdicts(target: UnicornTarget) -> None:
    assert list(judge_all(CASE.program, (), BASE_CONFIGS, target, compile_program)) == []


FAR = ("CALL", "CALL_KERNEL", "DIV64_REG", "LDABS_W", "XCHG_DW")


@pytest.mark.parametrize("row_name", FAR)
@pytest.mark.parametrize("name", ["mips1-32be", "mips32r6-32le", "mips3-64le", "mips64r6-64be"])
def test_functions_that_jal_does_not_reach(target: UnicornTarget, name: str, row_name: str) -> None:
    config = Config.parse(name)
    suite = next(suite for suite in suites() if suite.row_name == row_name)
    inputs = suite.inputs("big" if config.big_endian else "little")[:3]
    verdicts = judge_all(suite.program, inputs, [config], target, compile_program, FAR_LAYOUTS)
    assert [str(verdict) for verdict in verdicts if verdict.status is not Status.AGREE] == []


@pytest.mark.parametrize("name", ["mips1-32be", "mips32r6-32le", "mips3-64le", "mips64r6-64be", "mips64r2-32le"])
def test_misaligned_accesses_of_every_kind(target: UnicornTarget, name: str) -> None:
    config = Config.parse(name)
    found: Counter[Status] = Counter()
    for suite in misaligned_suites():
        for verdict in judge_all(suite.program, suite.inputs("big" if config.big_endian else "little"), [config], target, compile_program):
            found[verdict.status] += 1
    assert list(found) == [Status.AGREE]


def test_what_was_recorded_in_part_is_told(target: UnicornTarget) -> None:
    class Short(UnicornTarget):
        def run(self, placement: Placement, recordings: frozenset[Recording] = frozenset()) -> Run:
            run = super().run(placement, recordings)
            return replace(run, record=replace(run.record, truncated=frozenset({Recording.ACCESSES, Recording.EDGES})))

        def screen(self, inputs: Sequence[tuple[Placement, Run]], recordings: frozenset[Recording] = frozenset(), variants: int = 0) -> list[int]:
            return [ROOM] * len(inputs)

    case = Case(constant(42), Input(MEMORY))
    verdict = judge(case, CONFIGS[0], Short(), compile_program)
    assert (verdict.status, verdict.reason) == (Status.AGREE, "recorded in part: accesses, edges")
    assert judge(case, CONFIGS[0], target, compile_program).reason == ""


def test_what_was_not_watched_to_the_end_is_counted() -> None:
    results = [Result(name, "", name, ".text", "little", 1, unseen={"recorded in part: edges": count}) for name, count in (("a", 2), ("b", 3))]
    assert summarise(results).unseen == {"recorded in part: edges": 5}


def test_an_image_that_runs_away_is_stopped_soon(target: UnicornTarget) -> None:
    endless = assemble("again: r0 = 1; goto again; exit").slots

    def looping(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return compile_program(endless, config, addresses)

    program = assemble("r0 = 1; r0 += 1; exit")
    for config in (Config.parse("mips32r2-32be"), Config.parse("mips64r6-64le")):
        verdict = judge(Case(program, Input(b"")), config, target, looping)
        assert verdict.status is Status.DIFFER
        (found,) = (difference for difference in verdict.differences if difference.kind == "fault")
        executed = re.search(r"(\d+) MIPS instructions", found.actual)
        assert executed is not None
        assert int(executed[1]) < 200_000


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize(("width", "strict"), [(32, "mips1"), (64, "mips64r2")])
def test_runs_of_the_oracle_are_shared_with_machines_that_permit_more(order: str, width: int, strict: str, target: UnicornTarget) -> None:
    """What a machine that permits every access says is the same with and without what a stricter one has said before."""
    release_6 = Config.parse(f"mips64r6-{width}{order}")
    aligned = "r0 = *(u64 *)(r1 + 8); r2 = *(u8 *)(r1 + 3); *(u32 *)(r1 + 4) = r2; exit"
    for text, fault in ((aligned, False), ("r0 = *(u32 *)(r1 + 2); exit", True), ("r0 = *(u8 *)(r1 + 900); exit", True)):
        program, inputs = assemble(text.replace("; ", "\n")), [Input(bytes(range(start, start + 32)), seed=start) for start in (0, 7)]
        strictly, alone, after = [
            list(judge_all(program, inputs, configs, target, compile_program))[-len(inputs) :]
            for configs in ((Config.parse(f"{strict}-{width}{order}"),), (release_6,), (Config.parse(f"{strict}-{width}{order}"), release_6))
        ]
        assert after == alone
        outcomes = [[verdict.outcome for verdict in verdicts] for verdicts in (strictly, alone, after)]
        assert outcomes[2] == outcomes[1]
        assert (outcomes[0][0] is None or outcomes[0][0].fault is not None) == fault


@pytest.mark.parametrize("suite", suites()[::25], ids=lambda suite: suite.program.section)
def test_placements_differ_in_alignment_only(suite: Suite) -> None:
    for width, strict in ((32, "mips2"), (64, "mips3")):
        first, second = (place(Case(suite.program, suite.inputs("big")[0]), Config(isa, width, True)) for isa in (strict, "mips64r6"))
        assert first != second
        assert replace(first, world=replace(first.world, alignment=second.world.alignment)) == second


def test_what_is_shared_is_not_run_again(monkeypatch: pytest.MonkeyPatch, target: UnicornTarget) -> None:
    asked: list[Placement] = []

    def counted(at: Placement, trace: bool = False) -> Run:
        asked.append(at)
        return interpret(at, trace)

    monkeypatch.setattr(judging, "interpret", counted)
    configs = [Config.parse(name) for name in ("mips32r2-32le", "mips32r6-32le")]
    for text, runs in (("r0 = *(u32 *)(r1 + 4); exit", 3), ("r0 = *(u32 *)(r1 + 5); exit", 6)):
        asked.clear()
        inputs = [Input(bytes(32), seed=seed) for seed in range(3)]
        assert len(list(judge_all(assemble(text.replace("; ", "\n")), inputs, configs, target, compile_program, wires=()))) == 6
        assert len(asked) == runs


WRITES = program(Instruction(0xB7, 6, 0, 0, 1), *wide_slots(0, 42))


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({"bpf_at": ()}, "lockstep in part"),
        ({"bpf_at": (None,) * len(WRITES.slots)}, "lockstep in part"),
        ({"exits": ()}, "r0 to r10 are not compared at the end"),
        ({"registers": (None,) * 11}, "registers in part"),
        (
            {"registers": (None, *compile_program(WRITES.slots, BASE_CONFIGS[0], placement(BASE_CONFIGS[0]).addresses).registers[1:])},
            "registers in part",
        ),
    ],
)
def test_what_an_image_hides_is_told(target: UnicornTarget, changes: dict[str, object], hidden: str) -> None:
    """Lockstep depends on what an image says of itself: one that says nothing has not been watched."""
    case = Case(WRITES, Input(MEMORY))
    verdict = judge(case, BASE_CONFIGS[0], target, Broken(**changes))
    assert verdict.status is Status.AGREE
    assert verdict.reason.startswith(hidden)
    assert judge(case, BASE_CONFIGS[0], target, compile_program).reason == ""
    assert judge(case, BASE_CONFIGS[0], target, Broken(**changes), lockstep=False).reason == ""

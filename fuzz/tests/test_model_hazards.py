"""What silicon does and emulators do not, as values of the model; and that it does it only where it must."""

from dataclasses import replace

import pytest

from fuzz.model.target import ModelTarget
from fuzz.selftest.selftest import bugs, examine
from fuzz.tests.images import A0, T0, V0, V1, Line, image, placement
from jit.config import Config
from jit.mips import ROWS, rows

NOP: Line = ("addu", 0, 0, 0)
LOADED = 0x04030201
"""What `lw` finds at a0 on a little-endian CPU."""


def returned(name: str, lines: list[Line], model: ModelTarget | None = None) -> int | None:
    config = Config.parse(name)
    target, at = model or ModelTarget(), placement(Config.parse(name))
    target.load(image(config, lines), at)
    outcome = target.run(at).outcome
    assert outcome.fault is None
    return outcome.return_value


@pytest.mark.parametrize(("name", "value"), [("mips1-32le", 7), ("mips2-32le", LOADED), ("mips1-32le@mips2", LOADED), ("mips32r1-32le", LOADED)])
def test_the_instruction_after_a_load_sees_the_old_value_on_mips_1(model: ModelTarget, name: str, value: int) -> None:
    assert returned(name, [("addiu", T0, 0, 7), ("lw", T0, 0, A0), ("or", V0, T0, 0)], model) == value
    assert returned(name, [("addiu", T0, 0, 7), ("lw", T0, 0, A0), NOP, ("or", V0, T0, 0)], model) == LOADED


def test_a_load_in_a_delay_slot_meets_the_target_on_mips_1(model: ModelTarget) -> None:
    lines: list[Line] = [("addiu", T0, 0, 7), ("beq", 0, 0, 2), ("lw", T0, 0, A0), NOP, ("or", V0, T0, 0)]
    assert returned("mips1-32le", lines, model) == 7


def test_what_writes_the_register_in_the_load_delay_slot_wins(model: ModelTarget) -> None:
    assert returned("mips1-32le", [("lw", V0, 0, A0), ("addiu", V0, 0, 9), NOP], model) == 9


@pytest.mark.parametrize(("name", "value"), [("mips1-32le", 7), ("mips2-32le", LOADED)])
def test_a_load_is_under_way_where_the_image_is_left(model: ModelTarget, name: str, value: int) -> None:
    """In the delay slot of the return: the caller sees the old value."""
    table = rows(Config.parse(name))
    compiled, at = image(Config.parse(name), [("addiu", V0, 0, 7)]), placement(Config.parse(name))
    model.load(replace(compiled, words=(*compiled.words[:-1], table["lw"].encode(V0, 0, A0))), at)
    assert model.run(at).outcome.return_value == value


@pytest.mark.parametrize(("name", "spoiled"), [("mips1-32le", True), ("mips3-64le", True), ("mips4-64le", False)])
def test_hi_and_lo_are_under_way_where_the_image_is_left(model: ModelTarget, name: str, spoiled: bool) -> None:
    table = rows(Config.parse(name))
    compiled, at = image(Config.parse(name), [("addiu", T0, 0, 3), ("mult", T0, T0)]), placement(Config.parse(name))
    model.load(replace(compiled, words=(*compiled.words[:-1], table["mflo"].encode(V0))), at)
    assert (model.run(at).outcome.return_value == 9) is not spoiled


def test_halves_of_an_unaligned_word_merge_without_delay_on_mips_1(model: ModelTarget) -> None:
    assert returned("mips1-32le", [("lwl", V0, 4, A0), ("lwr", V0, 1, A0), NOP], model) == 0x05040302


@pytest.mark.parametrize("distance", [0, 1, 2])
@pytest.mark.parametrize("name", ["mips1-32le", "mips2-32be", "mips3-64le", "mips4-64le", "mips32r2-32le"])
def test_hi_and_lo_that_are_changed_too_early_are_garbage(model: ModelTarget, name: str, distance: int) -> None:
    lines: list[Line] = [("addiu", T0, 0, 3), ("mult", T0, T0), ("mflo", V0), *[NOP] * distance, ("mult", 0, 0)]
    spoiled = name.startswith(("mips1-", "mips2-", "mips3-")) and distance < 2
    assert (returned(name, lines, model) == 9) is not spoiled


def test_the_hilo_distance_follows_a_branch(model: ModelTarget) -> None:
    """mflo in a delay slot, and mult at the target."""
    lines: list[Line] = [("addiu", T0, 0, 3), ("mult", T0, T0), ("beq", 0, 0, 2), ("mflo", V0), ("mult", 0, 0), ("mult", 0, 0)]
    assert returned("mips3-64le", lines, model) != 9
    assert returned("mips3-64le", [*lines[:-1], NOP, NOP, ("mult", 0, 0)], model) == 9


@pytest.mark.parametrize("name", ["mips32r2-32le", "mips32r6-32le", "mips64r6-64be"])
def test_division_by_zero_is_garbage(model: ModelTarget, name: str) -> None:
    config = Config.parse(name)
    lines: list[Line] = [("addiu", T0, 0, 3), ("div", V0, T0, 0) if "r6" in name else ("div", T0, 0)]
    lines += [] if "r6" in name else [("mflo", V0)]
    values = set()
    for seed in range(4):
        at = replace(placement(config), fill=seed)
        model.load(image(config, lines), at)
        values.add(model.run(at).outcome.return_value)
    assert len(values) == 4


def test_mul_spoils_hi_and_lo_before_release_6(model: ModelTarget) -> None:
    lines: list[Line] = [("addiu", T0, 0, 3), ("mult", T0, T0), ("mul", V1, T0, T0), ("mflo", V0)]
    assert returned("mips32r2-32le", lines, model) != 9


@pytest.mark.parametrize("name", ["mips2-32le", "mips32r6-32be"])
def test_a_branch_in_a_delay_slot_is_a_reserved_instruction(model: ModelTarget, name: str) -> None:
    config = Config.parse(name)
    at = placement(config)
    model.load(image(config, [("beq", 0, 0, 1), ("beq", 0, 0, 1), NOP]), at)
    assert "reserved instruction at word 1" in str(model.run(at).outcome.fault)


@pytest.mark.parametrize(("rs", "faults"), [(A0, True), (T0, False)], ids=["not taken", "taken"])
def test_a_branch_in_a_forbidden_slot(model: ModelTarget, rs: int, faults: bool) -> None:
    config = Config.parse("mips32r6-32le")
    at = placement(config)
    model.load(image(config, [("addiu", T0, 0, 0), ("beqzc", rs, 1), ("bc", 0), NOP]), at)
    assert ("reserved instruction at word 2" in str(model.run(at).outcome.fault)) is faults


@pytest.mark.parametrize("name", ["mips2-32le", "mips64r2-64be", "mips32r6-32be"])
@pytest.mark.parametrize("at", range(1, 7))
def test_a_broken_link_makes_sc_fail(name: str, at: int) -> None:
    """The link is set by the instruction at word 1 and asked for at word 3."""
    lines: list[Line] = [("addiu", V0, 0, 1), ("ll", T0, 0, A0), NOP, ("sc", V0, 0, A0), NOP]
    assert returned(name, lines, ModelTarget(breaks=(at,))) == (0 if at in (3, 4) else 1)


def test_sc_without_ll_fails(model: ModelTarget) -> None:
    assert returned("mips2-32le", [("addiu", V0, 0, 5), ("sc", V0, 0, A0)], model) == 0


@pytest.mark.parametrize("name", ["mips1-32be", "mips2-32le", "mips32r1-32be", "mips3-64le", "mips4-64be", "mips64r1-64le", "mips64r6-64be"])
def test_words_above_the_isa_are_reserved_instructions(model: ModelTarget, name: str) -> None:
    """Whatever else the CPU models of emulators execute."""
    config = Config.parse(name)
    at = placement(config)
    known = [row for row in ROWS if config.isa in row.isas]
    foreign = [row.bits for row in ROWS if config.isa not in row.isas and all(other.extract(row.bits) is None for other in known)]
    assert len(foreign) > 10
    for word in foreign:
        compiled = image(config, [NOP, NOP])
        model.load(replace(compiled, words=(compiled.words[0], word, *compiled.words[2:])), at)
        assert "reserved instruction at word 1" in str(model.run(at).outcome.fault)


_BUGS = {bug.name: bug for bug in bugs()}


@pytest.mark.parametrize(
    "name", ["load-delay", "load-in-slot", "load-delay-over-label", "hilo-none", "hilo-one", "mul-before-mips32", "likely-before-mips2"]
)
def test_what_an_emulator_computes_as_if_nothing_were_wrong_is_a_wrong_value(model: ModelTarget, name: str) -> None:
    """Seeded bugs of hazards and of levels: tripwires aside, the model shows them."""
    bug = _BUGS[name]
    (capture,) = examine(bug, model, bug.applies()[:1]).captures
    assert capture.values

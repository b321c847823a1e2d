"""What the target must see, on images written by hand, and what it must not complain of."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ebpf.instruction import Instruction
from fuzz.case import Input
from fuzz.compare import compare
from fuzz.engine.target import Target
from fuzz.environment.functions import KTIME_GET_NS, MIX
from fuzz.judge import interpret
from fuzz.tests.images import A0, CONFIGS, FP, MEMORY, S0, SP, T0, T9, V0, V1, Line, image, limited, load_address, placement, program
from jit.config import Config
from jit.mips import rows
from oracle.outcome import FaultKind

ANSWER: Line = ("addiu", V0, 0, 42)
TRUNCATE: Line = ("sll", V0, V0, 0)

# What an image does besides giving the right answer, and the beginning of the one difference that must be reported.
# fmt: off
BREACHES: dict[str, tuple[list[Line], str]] = {
    "wrong r0":             ([("addiu", V0, 0, 43)],                                        "register r0: expected 0x2a, got 0x2b"),
    "wrong r1":             ([("ptr+", A0, A0, 1)],                                         "register r1"),
    "saved register":       ([("addiu", S0, 0, 5)],                                         "callee-saved $s0"),
    "frame pointer":        ([("addiu", FP, 0, 5)],                                         "callee-saved $fp"),
    "kernel register":      ([("addiu", 26, 0, 5)],                                         "callee-saved $k0"),
    "global pointer":       ([("addiu", 28, 0, 5)],                                         "callee-saved $gp"),
    "stack pointer":        ([("ptr+", SP, SP, -32)],                                       "callee-saved $sp"),
    "context":              ([("sb", 0, 3, A0)],                                            "memory context[3:4]: expected 04, got 00"),
    "end of context":       ([("sb", 0, len(MEMORY) - 1, A0)],                              f"memory context[{len(MEMORY) - 1}:{len(MEMORY)}]"),
    "before context":       ([("lb", T0, -1, A0), ("nor", T0, T0, 0), ("sb", T0, -1, A0)],  "memory outside context"),
    "behind context":       ([("sb", V0, len(MEMORY), A0)],                                 "memory outside context"),
    "top of eBPF stack":    ([("lb", T0, -65, SP), ("nor", T0, T0, 0), ("sb", T0, -65, SP)],  "memory stack [r10-1:r10-0]"),
    "end of eBPF stack":    ([("lb", T0, -576, SP), ("nor", T0, T0, 0), ("sb", T0, -576, SP)], "memory stack [r10-512:r10-511]"),
    "caller's stack":       ([("lb", T0, 16, SP), ("nor", T0, T0, 0), ("sb", T0, 16, SP)],  "memory the caller's stack"),
}
# fmt: on


def differences(target: Target, config: Config, lines: Sequence[Line]) -> list[str]:
    compiled, at = image(config, lines), placement(config)
    target.load(compiled, at)
    run = target.run(at)
    return [str(difference) for difference in (*compare(interpret(at), run, compiled, at), *run.violations)]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_right_answer_agrees(any_target: Target, config: Config) -> None:
    assert differences(any_target, config, [ANSWER]) == []


@pytest.mark.parametrize("breach", BREACHES)
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_breaches_are_seen(any_target: Target, config: Config, breach: str) -> None:
    lines, message = BREACHES[breach]
    found = differences(any_target, config, [ANSWER, *lines])
    assert found
    assert found[0].startswith(message)
    assert found[1:] == (["return value: expected 0x2a, got 0x2b"] if breach == "wrong r0" else [])


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_every_difference_is_reported(any_target: Target, config: Config) -> None:
    found = differences(any_target, config, [("addiu", V0, 0, 1), ("sb", 0, 0, A0), ("sb", 0, 9, A0), ("addiu", S0, 0, 5)])
    kinds = [line.split(":")[0] for line in found]
    assert kinds == ["register r0", "return value", "memory context[0", "memory context[9", "callee-saved $s0"]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_what_the_abi_permits_is_no_difference(any_target: Target, config: Config) -> None:
    """Caller-saved registers, native frame, stack below the program's."""
    permitted: list[Line] = [("addiu", register, 0, 7) for register in (1, V1, 7, 10, 13, 15, 24, T9)]
    permitted += [("sb", 0, offset, SP) for offset in (-1, -64, -577, -4000)]
    assert differences(any_target, config, [ANSWER, *permitted]) == []


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_home_area_belongs_to_the_called_function_in_o32_only(any_target: Target, config: Config) -> None:
    found = differences(any_target, config, [ANSWER, ("lb", T0, 15, SP), ("nor", T0, T0, 0), ("sb", T0, 15, SP)])
    assert [line[:26] for line in found] == ([] if config.width == 32 else ["memory the caller's stack "])


@pytest.mark.parametrize("config", [config for config in CONFIGS if config.width == 64], ids=str)
def test_result_must_be_sign_extended(any_target: Target, config: Config) -> None:
    lines: list[Line] = [("ori", V0, 0, 0x8000), ("dsll", V0, V0, 16)]
    at = placement(config, program(Instruction(0xB4, 0, 0, 0, -0x80000000)))
    for extra, expected in (([], ["ABI result in $v0: expected a sign-extended word, got 0x80000000"]), ([("sll", V0, V0, 0)], [])):
        compiled = image(config, [*lines, *extra])
        # r0 is compared where it is still zero-extended: before the last instruction.
        compiled = replace(compiled, exits=(2,))
        any_target.load(compiled, at)
        run = any_target.run(at)
        assert compare(interpret(at), run, compiled, at) == ()
        assert [str(violation) for violation in run.violations] == expected


@pytest.mark.parametrize("config", [config for config in CONFIGS if config.cpu_64 and config.width == 32], ids=str)
def test_halves_must_be_sign_extended(any_target: Target, config: Config) -> None:
    wide = rows(Config(config.isa, 64, config.big_endian))
    compiled = image(config, [ANSWER, ("addiu", V0, 0, 42), ("addiu", V0, 0, 42)])
    dirty = [wide["ori"].encode(T0, 0, 1), wide["dsll32"].encode(T0, T0, 0), wide["daddiu"].encode(T0, T0, 42)]
    at = placement(config)
    registers = ((T0, 0), *compiled.registers[1:])
    compiled = replace(compiled, words=(*compiled.words[:1], *dirty[:2], *compiled.words[3:]), registers=registers)
    any_target.load(compiled, at)
    assert [v.place for v in any_target.run(at).violations] == ["half of r0 in $t4 at exit"]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_return_that_passes_no_exit_is_seen(any_target: Target, config: Config) -> None:
    compiled, at = image(config, [ANSWER]), placement(config)
    any_target.load(replace(compiled, words=(*compiled.words, 0, 0), slot_of=(*compiled.slot_of, -1, -1), exits=(len(compiled.words),)), at)
    assert [violation.actual for violation in any_target.run(at).violations] == ["a return without"]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_code_is_replaced(any_target: Target, config: Config) -> None:
    """The engine keeps translated code when memory changes behind its back."""
    at = placement(config)
    for value in (1, 2, 3):
        any_target.load(image(config, [("addiu", V0, 0, value)]), at)
        assert any_target.run(at).outcome.return_value == value


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_one_image_runs_on_several_inputs(any_target: Target, config: Config) -> None:
    any_target.load(image(config, [("lbu", V0, 0, A0), ("addu", 1, 0, 0), ("sb", 0, 0, A0)]), placement(config))
    for memory in (b"\x05", b"\x07" * 5000, b"\x09"):
        run = any_target.run(placement(config, given=Input(memory)))
        assert (run.outcome.return_value, run.outcome.memory["context"], run.violations) == (memory[0], b"\0" + memory[1:], ())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_executed_instructions_are_counted(recording_target: Target, config: Config) -> None:
    """On fresh and on translated code: 2 + 5 * 3 + 2."""
    recording_target.load(
        image(config, [("addiu", T0, 0, 5), ANSWER, ("addiu", T0, T0, -1), ("bne", T0, 0, -2), ("addu", 1, 0, 0)]), placement(config)
    )
    assert [recording_target.run(placement(config)).outcome.executed for _ in range(2)] == [19, 19]


@pytest.mark.parametrize("length", [2000, 257, 256])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_long_straight_code(any_target: Target, config: Config, length: int) -> None:
    any_target.load(image(config, [("addu", V0, 0, 0), *[("addiu", V0, V0, 1)] * length]), placement(config))
    outcome = any_target.run(placement(config)).outcome
    assert outcome.return_value == length
    assert outcome.executed in (0, length + 3)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_runaway_is_stopped(any_target: Target, config: Config) -> None:
    compiled, at = image(config, [("beq", 0, 0, -1), ("addu", 1, 0, 0)]), placement(config)
    any_target.load(compiled, at)
    run = any_target.run(limited(at, 100))
    assert run.outcome.fault is not None
    assert run.outcome.fault.kind is FaultKind.INSTRUCTION_LIMIT
    assert run.outcome.executed == 0 or 10_000 < run.outcome.executed < 10_010
    any_target.load(image(config, [ANSWER]), at)
    assert any_target.run(at).outcome.return_value == 42


def _call(config: Config, address: int, before: Sequence[Line] = (), after: Sequence[Line] = ()) -> list[Line]:
    """Call a function from an image that keeps ra and moves the stack pointer by 64."""
    word, store, load = (8, "sd", "ld") if config.width == 64 else (4, "sw", "lw")
    return [
        ("ptr+", SP, SP, -64),
        (store, 31, 64 - word, SP),
        *load_address(config, T9, address),
        *before,
        ("jalr", 31, T9),
        ("addu", 0, 0, 0),
        *after,
        (load, 31, 64 - word, SP),
        ("ptr+", SP, SP, 64),
    ]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_calls_are_recorded(any_target: Target, config: Config) -> None:
    at = placement(config, program(Instruction(0x85, 0, 0, 0, KTIME_GET_NS)))
    any_target.load(image(config, _call(config, at.addresses.helpers[KTIME_GET_NS], after=[TRUNCATE])), at)
    run = any_target.run(at)
    assert run.calls == interpret(at).calls
    assert run.violations == ()
    silent = image(config, [ANSWER])
    any_target.load(silent, at)
    found = [str(difference) for difference in compare(interpret(at), any_target.run(at), silent, at)]
    assert f"calls number 1: expected {run.calls[0]}, got no call" in found


SURVIVORS = (1, V0, V1, 4, 5, 6, 7, *range(8, 16), 24, T9)


@pytest.mark.parametrize("register", SURVIVORS)
@pytest.mark.parametrize("config", [CONFIGS[1], CONFIGS[6]], ids=str)
def test_nothing_survives_a_call_that_need_not(any_target: Target, config: Config, register: int) -> None:
    at = placement(config)
    value = 0x1234
    moved: list[Line] = [("or", V0, register, 0)]
    before: list[Line] = [] if register == T9 else [("ori", register, 0, value)]
    any_target.load(image(config, _call(config, at.addresses.helpers[KTIME_GET_NS], before, moved)), at)
    assert any_target.run(at).outcome.return_value not in (value, at.addresses.helpers[KTIME_GET_NS] & 0xFFFFFFFF)


@pytest.mark.parametrize("source", ["mfhi", "mflo"])
@pytest.mark.parametrize("config", [CONFIGS[1], CONFIGS[6]], ids=str)
def test_multiplier_does_not_survive_a_call(any_target: Target, config: Config, source: str) -> None:
    at = placement(config)
    before: list[Line] = [("addiu", V0, 0, -1), ("multu", V0, V0)]
    any_target.load(image(config, _call(config, at.addresses.helpers[KTIME_GET_NS], before, [(source, V0)])), at)
    assert any_target.run(at).outcome.return_value not in (1, 0xFFFFFFFE)


@pytest.mark.parametrize("config", [config for config in CONFIGS if config.width == 32], ids=str)
@pytest.mark.parametrize(("offset", "survives"), [(0, False), (12, False), (16, False), (36, False), (40, True)])
def test_argument_area_belongs_to_the_called_function(any_target: Target, config: Config, offset: int, survives: bool) -> None:
    """Five 64-bit arguments take 40 bytes."""
    at = placement(config)
    before: list[Line] = [("addiu", V0, 0, 0x123), ("sw", V0, offset, SP)]
    after: list[Line] = [("lw", V0, offset, SP), ("addu", 0, 0, 0)]
    any_target.load(image(config, _call(config, at.addresses.kernel_functions[MIX], before, after)), at)
    assert (any_target.run(at).outcome.return_value == 0x123) == survives


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_state_at_calls_is_checked(any_target: Target, config: Config) -> None:
    at = placement(config)
    for register, value, place in ((SP, -4, "$sp at call 1, of helper 5"), (28, 4, "$gp at call 1, of helper 5")):
        change: list[Line] = [("ptr+", register, register, value)]
        restore: list[Line] = [("ptr+", register, register, -value), TRUNCATE]
        any_target.load(image(config, _call(config, at.addresses.helpers[KTIME_GET_NS], change, restore)), at)
        assert [violation.place for violation in any_target.run(at).violations] == [place]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_division_by_zero_never_reaches_the_routine(any_target: Target, config: Config) -> None:
    at = placement(config)
    zero: list[Line] = [("addu", register, 0, 0) for register in (4, 5, 6, 7)]
    lines = _call(config, at.addresses.routines["udiv64"], zero)
    # The word before the return address is the delay slot of the call, and says to which instruction the call belongs.
    slot = next(number for number, line in enumerate(lines) if line[0] == "jalr") + 1
    any_target.load(image(config, lines, slots=range(len(lines))), at)
    fault = any_target.run(at).outcome.fault
    assert str(fault) == f"instruction {slot}: the engine stopped the program: udiv64 called with divisor 0"

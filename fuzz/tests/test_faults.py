"""Faults: what they are called, to which eBPF instruction they belong, and that the engine is as good as new afterwards."""

from dataclasses import replace

import pytest

from fuzz.engine.target import Target
from fuzz.layout import PAGE
from fuzz.tests.images import A0, CONFIGS, MEMORY, T0, T9, V0, Line, image, load_address, placement
from jit.config import Config, ancestry
from jit.mips import rows
from oracle.outcome import Fault, FaultKind

NOP: Line = ("addu", 0, 0, 0)
ANSWER: Line = ("addiu", V0, 0, 42)

_ACCESSES = {"lh": 2, "lhu": 2, "sh": 2, "lw": 4, "sw": 4, "ld": 8, "sd": 8, "lwu": 4}
_LINKED = {"ll": 4, "lld": 8}


def _permits(config: Config) -> bool:
    return "mips32r6" in ancestry(config.isa)


def _accesses(config: Config, table: dict[str, int]) -> dict[str, int]:
    return {name: size for name, size in table.items() if name in rows(config)}


def _fault(target: Target, config: Config, lines: list[Line], slots: list[int]) -> Fault | None:
    """The fault of an image, after which an image without fault must run."""
    at = placement(config)
    target.load(image(config, lines, slots=slots), at)
    fault = target.run(at).outcome.fault
    again = target.run(at).outcome.fault
    assert again == fault
    target.load(image(config, [NOP, ANSWER]), at)
    run = target.run(at)
    assert (run.outcome.return_value, run.violations) == (42, ())
    assert run.outcome.executed in (0, 4)
    return fault


@pytest.mark.parametrize("delay_slot", [False, True], ids=["straight", "delay slot"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_misaligned_accesses(any_target: Target, config: Config, delay_slot: bool) -> None:
    context = placement(config).world.arguments[0]
    for name, size in _accesses(config, _ACCESSES).items():
        lines: list[Line] = [(name, T0, 0, A0), ("beq", 0, 0, 1) if delay_slot else NOP, (name, T0, 1, A0), NOP]
        fault = _fault(any_target, config, lines, [7, 8, 9, 10])
        expected = None if _permits(config) else Fault(FaultKind.MISALIGNED, 9, context + 1, size)
        assert fault == expected


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_misaligned_linked_loads(any_target: Target, config: Config) -> None:
    """These must be aligned in release 6 as well."""
    context = placement(config).world.arguments[0]
    for name, size in _accesses(config, _LINKED).items():
        assert _fault(any_target, config, [(name, T0, 2, A0)], [3]) == Fault(FaultKind.MISALIGNED, 3, context + 2, size)


@pytest.mark.parametrize("delay_slot", [False, True], ids=["straight", "delay slot"])
@pytest.mark.parametrize("name", ["lw", "sw", "lbu", "sb"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_unmapped_memory(any_target: Target, config: Config, name: str, delay_slot: bool) -> None:
    """Pages next to those in use; in 64-bit code the context's address without its upper half, and one that is an address error when aligned."""
    context = placement(config).world.arguments[0]
    size = 4 if name.endswith("w") else 1
    wild = [(context & -PAGE) + PAGE, (context & -PAGE) - PAGE, *([context & 0xFFFFFFFF, 0x8000_0000_0000] if config.width == 64 else [])]
    for address in wild:
        load = load_address(config, T0, address)
        lines: list[Line] = [*load, ("beq", 0, 0, 1) if delay_slot else NOP, (name, V0, 0, T0), NOP]
        fault = _fault(any_target, config, lines, [*[1] * (len(load) + 1), 2, 3])
        assert fault == Fault(FaultKind.OUT_OF_BOUNDS, 2, address, size)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_code_is_not_writable(any_target: Target, config: Config) -> None:
    address = placement(config).layout.image
    load = load_address(config, T0, address)
    fault = _fault(any_target, config, [*load, ("sw", 0, 0, T0)], [*[1] * len(load), 2])
    assert fault == Fault(FaultKind.OUT_OF_BOUNDS, 2, address, 4)


# fmt: off
STOPS: dict[str, tuple[list[Line], str]] = {
    "break":   ([("break", 0)],                              "breakpoint at word 1"),
    "syscall": ([("syscall", 0)],                            "system call at word 1"),
    "overflow": ([("lui", V0, 0x7FFF), ("add", V0, V0, V0)],  "overflow at word 2"),
}
# fmt: on


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_other_exceptions(any_target: Target, config: Config, stop: str) -> None:
    lines, message = STOPS[stop]
    fault = _fault(any_target, config, [NOP, *lines], [4] * (1 + len(lines)))
    assert fault is not None
    assert (fault.kind, fault.slot) == (FaultKind.ENGINE, 4)
    assert fault.detail.startswith(message)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_an_image_that_runs_past_its_end(any_target: Target, config: Config) -> None:
    """Behind it there is `break`, also where a longer image has been before."""
    at = placement(config)
    any_target.load(image(config, [ANSWER] * 100), at)
    any_target.run(at)
    any_target.load(image(config, [ANSWER], returns=False), at)
    fault = any_target.run(at).outcome.fault
    assert fault == Fault(FaultKind.ENGINE, None, detail="the image ran past its end, to word 1")


@pytest.mark.parametrize("load", [False, True], ids=["empty slot", "load in slot"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_jump_to_nowhere(any_target: Target, config: Config, load: bool) -> None:
    address = placement(config).layout.return_page + 16 * PAGE * 16
    lines = [*load_address(config, T9, address), ("jalr", 31, T9), ("lw", T0, 0, A0) if load else NOP]
    fault = _fault(any_target, config, lines, [6] * len(lines))
    assert fault is not None
    assert (fault.kind, fault.slot) == (FaultKind.ENGINE, 6)
    assert f"at word {len(lines) - 1}" in fault.detail


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_reserved_instruction(any_target: Target, config: Config) -> None:
    compiled, at = image(config, [NOP, ANSWER], slots=[0, 1]), placement(config)
    any_target.load(replace(compiled, words=(compiled.words[0], 0x040F0000, *compiled.words[2:])), at)
    assert any_target.run(at).outcome.fault == Fault(FaultKind.ENGINE, 1, detail="reserved instruction at word 1: 0x040f0000")


def test_memory_at_a_fault_is_kept(any_target: Target) -> None:
    config = CONFIGS[0]
    at = placement(config)
    any_target.load(image(config, [("sb", 0, 5, A0), ("lw", T0, 1, A0), ("sb", 0, 6, A0)], slots=[0, 1, 2]), at)
    assert any_target.run(at).outcome.memory["context"] == MEMORY[:5] + b"\0" + MEMORY[6:]

"""Native routines do exactly what the service does, or nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from ebpf.assembler import assemble
from fuzz.abi import A0, GP, SP
from fuzz.case import Case, Input
from fuzz.engine.entry import entry_registers
from fuzz.environment import native_routines
from fuzz.environment.calls import Bytes, Service
from fuzz.environment.routines import RoutineError
from fuzz.judge import interpret
from fuzz.layout import AREA_SIZE, FUNCTIONS, ZEROS, place
from fuzz.recording.screen import expectation
from jit.config import Config
from jit.runtime import ROUTINES

CONFIGS = tuple(Config.parse(name) for name in ("mips1-32be", "mips32r2-32le", "mips64r2-32be", "mips64r6-32le"))
PROGRAM = assemble(".map values array 4 8 2\nr0 = 0; exit")
SIGN, U64 = 1 << 63, (1 << 64) - 1


@njit
def _serve(function, number, registers, memory, places, cpu_64, big, width):  # type: ignore[no-untyped-def]
    return native_routines.serve(function, number, registers, memory, places, cpu_64, big, width)


PLACES = np.zeros(AREA_SIZE, np.uint8)


class Scene:
    """A call about to be made: registers, and memory, twice."""

    def __init__(self, config: Config, fill: int) -> None:
        placed = place(Case(PROGRAM, Input(bytes(range(64)), seed=3)), config)
        self.config, self.placement = config, replace(placed, fill=fill)
        for segment in self.placement.segments:
            self.store(segment.address, segment.initial)
        self.registers = [value & (U64 if config.cpu_64 else 0xFFFFFFFF) for value in entry_registers(self.placement, 64)]

    def load(self, address: int, size: int) -> bytes:
        return PLACES[address % AREA_SIZE :][:size].tobytes()

    def store(self, address: int, contents: bytes) -> None:
        PLACES[address % AREA_SIZE :][: len(contents)] = np.frombuffer(contents, np.uint8)

    def word(self, value: int) -> int:
        """As a register of the CPU has it."""
        value &= 0xFFFFFFFF
        return value | (U64 ^ 0xFFFFFFFF) if self.config.cpu_64 and value >> 31 else value

    def give(self, kinds: tuple[str, ...], values: list[int]) -> None:
        """Pass arguments by the ABI."""
        at = 0
        for kind, value in zip(kinds, values, strict=True):
            words = [value]
            if kind == "u64":
                at += at % 2
                words = [value >> 32, value] if self.config.big_endian else [value, value >> 32]
            for one in words:
                if at < 4:
                    self.registers[A0 + at] = self.word(one)
                else:
                    order = "big" if self.config.big_endian else "little"
                    self.store(self.registers[SP] + 4 * at, (one & 0xFFFFFFFF).to_bytes(4, order))  # type: ignore[arg-type]
                at += 1

    def service(self, function: int, number: int) -> tuple[list[int] | None, list[bytes]]:
        """What the definition does; None where it raises, or breaches are told."""
        before = self.memory()
        served = Service(self.placement, self.config, Bytes(self.load, self.store), self.registers[GP])
        served._gp = entry_registers(self.placement, 64)[GP] & (U64 if self.config.cpu_64 else 0xFFFFFFFF)
        served.served = number - 1
        try:
            after: list[int] | None = served.serve(FUNCTIONS[function], self.registers)
        except RoutineError:
            after = None
        if served.violations:
            after = None
        memory = self.memory()
        for segment, contents in zip(self.placement.segments, before, strict=True):
            self.store(segment.address, contents)
        return after, memory

    def memory(self) -> list[bytes]:
        """All that is mapped."""
        return [self.load(segment.address, len(segment.initial)) for segment in self.placement.segments]

    def native(self, function: int, number: int) -> tuple[list[int] | None, list[bytes]]:
        """What native code does; None where it does nothing."""
        made = expectation(self.placement, interpret(self.placement))
        assert made is not None
        values = self.registers if self.config.cpu_64 else [value - (1 << 32) if value >> 31 else value for value in self.registers]
        registers = np.array([(value ^ SIGN) - SIGN if self.config.cpu_64 else value for value in values], np.int64)
        before = registers.copy()
        done = _serve(function, number, registers, made.memory, PLACES, self.config.cpu_64, self.config.big_endian, self.config.width)
        if not done:
            assert (registers == before).all()
            return None, self.memory()
        mask = U64 if self.config.cpu_64 else 0xFFFFFFFF
        return [int(value) & mask for value in registers], self.memory()


def agree(scene: Scene, function: int, number: int) -> bool:
    """Whether native code has done it; then it has done what the definition does."""
    before = scene.memory()
    expected, memory = scene.service(function, number)
    found, places = scene.native(function, number)
    if found is None:
        assert places == before
        return False
    mask = U64 if scene.config.cpu_64 else 0xFFFFFFFF
    assert expected is not None
    assert found == [value & mask for value in expected]
    assert places == memory
    return True


NATIVE = [number for number, one in enumerate(FUNCTIONS) if one.kind == "routine" and one.key != "packet_load"]
VALUES = st.one_of(st.sampled_from([0, 1, U64, SIGN, SIGN - 1, 1 << 32, (1 << 32) - 1, 1 << 31]), st.integers(0, U64))


def _address(scene: Scene, where: str, offset: int) -> int:
    world = scene.placement.world
    starts = {"context": world.arguments[0], "map": world.regions[1].address, "stack": world.frame_pointer - 64, "below": world.frame_pointer - 4096}
    return starts[where] + offset


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(NATIVE),
    st.sampled_from([7, ~7, ZEROS, 0xFFFFFFFF]),
    st.sampled_from(["context", "map", "stack", "below"]),
    st.integers(0, 7).map(lambda at: 8 * at),
    st.lists(VALUES, min_size=2, max_size=2),
    st.integers(1, 3000),
)
def test_calls_by_the_abi_are_served(config: Config, function: int, fill: int, where: str, offset: int, values: list[int], number: int) -> None:
    scene = Scene(config, fill)
    routine = ROUTINES[str(FUNCTIONS[function].key)]
    address = _address(scene, where, offset % 16 if where == "map" else offset)
    values = [value & 0xFFFFFFFF if kind == "u32" else value for kind, value in zip(routine.arguments[-2:], values, strict=False)]
    given = [address, *values] if routine.arguments[0] == "pointer" else values
    given = given[: len(routine.arguments)]
    scene.give(routine.arguments, given)
    assert agree(scene, function, number) == (routine.arguments[0] == "pointer" or bool(given[1]))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(CONFIGS),
    st.sampled_from(range(len(FUNCTIONS))),
    st.dictionaries(st.sampled_from([*range(A0, A0 + 4), SP, GP]), VALUES, max_size=3),
    st.integers(-40, 80),
    st.integers(1, 3),
)
def test_whatever_the_registers_hold(config: Config, function: int, changed: dict[int, int], offset: int, number: int) -> None:
    scene = Scene(config, 7)
    scene.registers[A0] = scene.word(scene.placement.world.arguments[0] + offset)
    for register, value in changed.items():
        scene.registers[register] = value & (U64 if config.cpu_64 else 0xFFFFFFFF)
    agree(scene, function, number)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_what_is_wrong_is_left_to_the_service(config: Config) -> None:
    by_name = {one.key: number for number, one in enumerate(FUNCTIONS)}
    add = by_name["atomic64_fetch_add"]

    def changed(change: Callable[[Scene], None], function: int = add) -> bool:
        scene = Scene(config, 7)
        scene.give(("pointer", "u64"), [scene.placement.world.arguments[0], 5])
        change(scene)
        return agree(scene, function, 1)

    def set_register(number: int, by: int) -> Callable[[Scene], None]:
        def change(scene: Scene) -> None:
            scene.registers[number] += by

        return change

    assert changed(lambda scene: None)
    assert not changed(set_register(SP, 4))
    assert not changed(set_register(GP, 8))
    assert not changed(set_register(SP, 0x4000))
    assert not changed(set_register(A0, 4))
    assert not changed(set_register(A0, 64))
    assert changed(set_register(A0, 4), by_name["atomic32_xchg"])
    assert not changed(lambda scene: None, by_name["packet_load"])
    assert not changed(lambda scene: scene.give(("u64", "u64"), [5, 0]), by_name["udiv64"])
    if config.cpu_64:
        assert not changed(set_register(A0 + 2, 1 << 40))


def test_ordinary_accesses_need_what_the_configuration_needs() -> None:
    scene = Scene(CONFIGS[0], 7)
    by_name = {one.key: number for number, one in enumerate(FUNCTIONS)}
    scene.give(("pointer",), [scene.placement.world.arguments[0] + 4])
    assert agree(scene, by_name["atomic64_load"], 1)
    scene.give(("pointer",), [scene.placement.world.arguments[0] + 2])
    assert not agree(scene, by_name["atomic64_load"], 1)

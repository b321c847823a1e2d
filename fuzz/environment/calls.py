"""Serving the calls that an image makes: runtime routines, helpers and kernel functions, on behalf of a target.

A call is served as a C function that does its worst within the ABI: it takes its arguments from where the ABI has them, and leaves seeded
random values in every register, and every byte of its caller's argument area, that it may change and that is no result. A compiler that
relies on anything else to survive a call shows.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import shake_128
from typing import NamedTuple

from fuzz import abi
from fuzz.abi import CALLER_SAVED, GP, REGISTERS, SP, STACK_ALIGNMENT, AbiError, Caller
from fuzz.environment.functions import Call, Environment
from fuzz.environment.maps import Entry
from fuzz.environment.routines import MEANINGS, RoutineError
from fuzz.layout import ZEROS, Function, Placement, Segment
from fuzz.verdict import Difference
from jit.config import Config
from jit.runtime import ROUTINES, Routine
from oracle.outcome import Fault, FaultKind
from oracle.world import Helper, RefusedCallError


class Bytes(NamedTuple):
    """Access to the program's memory by address, without checks."""

    load: Callable[[int, int], bytes]
    store: Callable[[int, bytes], None]


_U64 = (1 << 64) - 1
POOL = shake_128(b"noise").digest(1 << 16)
_INVERTED_POOL = bytes(byte ^ 0xFF for byte in POOL)
_DOUBLEWORDS = tuple(value for (value,) in struct.iter_unpack("<Q", POOL))
WORDS = tuple(abi.sign_extended(value) for (value,) in struct.iter_unpack("<I", POOL))


@lru_cache(maxsize=4096)
def noise(width: int, seed: int, number: int) -> tuple[int, ...]:
    """For each register a random value: 64 bits, for 32-bit code a sign-extended word. Seeds n and ~n give values that differ in every bit.

    With the seed `ZEROS` all are zero.
    """
    if seed == ZEROS:
        return (0,) * REGISTERS
    pool = _DOUBLEWORDS if width == 64 else WORDS
    start = (max(seed, ~seed) * 7919 + number * 104729) % (len(pool) - REGISTERS)
    values = pool[start : start + REGISTERS]
    return values if seed >= 0 else tuple(value ^ _U64 for value in values)


class ProgramMemory:
    """Memory as runtime routines and helper functions access it: whole regions, and the eBPF stack."""

    def __init__(self, placement: Placement, memory: Bytes) -> None:
        world = placement.world
        self._memory = memory
        self._order = world.byte_order
        self._mask = (1 << world.address_width) - 1
        self.alignment = world.alignment
        self.context = world.arguments[0]
        self._areas = [(region.address, region.address + len(region.contents), region.writable) for region in world.regions]
        self._areas.append((world.frame_pointer - len(world.stack), world.frame_pointer, True))

    def _check(self, address: int, size: int, write: bool) -> None:
        for start, end, writable in self._areas:
            if start <= address and address + size <= end:
                if write and not writable:
                    raise RoutineError(Fault(FaultKind.READ_ONLY, None, address, size))
                return
        raise RoutineError(Fault(FaultKind.OUT_OF_BOUNDS, None, address, size))

    def load(self, address: int, size: int) -> int:
        """The unsigned integer there; raises RoutineError when it is not wholly in one region."""
        self._check(address, size, write=False)
        return int.from_bytes(self._memory.load(address, size), self._order)

    def store(self, address: int, size: int, value: int) -> None:
        """Store an unsigned integer; raises RoutineError when it is not wholly in one writable region."""
        self._check(address, size, write=True)
        self._memory.store(address, value.to_bytes(size, self._order))

    def read(self, address: int, size: int) -> bytes:
        """Bytes, see `oracle.world.HelperMemory`; raises RoutineError."""
        self._check(address & self._mask, size, write=False)
        return self._memory.load(address & self._mask, size)

    def write(self, address: int, contents: bytes) -> None:
        """Change bytes, see `oracle.world.HelperMemory`; raises RoutineError."""
        self._check(address & self._mask, len(contents), write=True)
        self._memory.store(address & self._mask, contents)


class Service:
    """The functions during one run.

    calls        of helpers and kernel functions so far
    served       how many calls there were so far, those of runtime routines included
    violations   of the ABI that were seen at calls
    """

    def __init__(self, placement: Placement, config: Config, memory: Bytes, gp: int) -> None:
        self._placement, self._config, self._memory, self._gp = placement, config, memory, gp
        self._program_memory = ProgramMemory(placement, memory)
        self._made: Environment | None = None
        self.served = 0
        self.violations: list[Difference] = []

    @property
    def _environment(self) -> Environment:
        """Runs that call no more than runtime routines need none."""
        if self._made is None:
            self._made = self._placement.environment()
        return self._made

    @property
    def calls(self) -> tuple[Call, ...]:
        """Of helpers and kernel functions."""
        return () if self._made is None else tuple(self._made.calls)

    def maps(self, memory: Mapping[str, bytes]) -> Mapping[str, tuple[Entry, ...]]:
        """What is in each hash, by its name, when memory holds this, by the names of its regions."""
        return self._environment.maps.contents(memory)

    def serve(self, function: Function, registers: Sequence[int]) -> list[int]:
        """The registers after the call, of 64 bits each; raises RoutineError when the run ends here."""
        self.served += 1
        if self.served > self._placement.instruction_limit:
            raise RoutineError(Fault(FaultKind.INSTRUCTION_LIMIT, None, detail=f"{self.served - 1} calls"))
        signature, meaning = self._meaning(function)
        self._check_state(function, registers)
        try:
            arguments = Caller(self._config, registers, self._stack_bytes).arguments(signature.arguments)
        except AbiError as error:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"ABI: argument of {function.kind} {function.key} in {error}")) from None
        try:
            value = meaning(*arguments)
        except RefusedCallError as error:
            raise RoutineError(Fault(FaultKind.ARGUMENT, None, detail=f"{self._helper(function).name}: {error}")) from None
        random = noise(self._config.width, self._placement.fill, self.served)
        after = list(registers)
        for group in CALLER_SAVED:
            after[group] = random[group]
        for register, word in abi.result(signature.result, value, self._config).items():
            after[register] = word
        self._spoil(abi.argument_area(signature.arguments, self._config.width), registers[SP] & (1 << self._config.width) - 1)
        return after

    def _meaning(self, function: Function) -> tuple[Routine, Callable[..., int]]:
        if function.kind == "routine":
            name = str(function.key)
            meaning, memory, packet = MEANINGS[name], self._program_memory, self._placement.world.packet
            return ROUTINES[name], lambda *arguments: meaning(memory, packet, *arguments)
        helper = self._helper(function)
        typed = None if function.kind == "helper" else self._placement.addresses.signatures.get(self._number(function))
        if typed is not None:
            return typed, lambda *arguments: helper.function(*arguments) & (1 << int(typed.result[1:])) - 1
        served = partial(helper.function, self._program_memory) if helper.memory else helper.function
        return abi.helper_signature(helper.arguments + helper.more), served

    def _number(self, function: Function) -> int:
        """Of a helper function or a kernel function. Raises RoutineError for the place of one that the program does not declare."""
        declared = self._placement.declared
        if function.kind != "declared":
            return int(function.key)
        if int(function.key) >= len(declared):
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"call of kernel function {function.key} of {len(declared)} that are declared"))
        return declared[int(function.key)].number

    def _helper(self, function: Function) -> Helper:
        table = self._environment.helpers if function.kind == "helper" else self._environment.kernel_functions
        return table[self._number(function)]

    def _check_state(self, function: Function, registers: Sequence[int]) -> None:
        alignment = STACK_ALIGNMENT[self._config.width]
        if registers[SP] % alignment == 0 and registers[GP] == self._gp:
            return
        place = f"at call {self.served}, of {function.kind} {function.key}"
        if registers[SP] % alignment:
            self.violations.append(Difference("ABI", f"$sp {place}", f"a multiple of {alignment}", f"{registers[SP]:#x}"))
        if registers[GP] != self._gp:
            self.violations.append(Difference("ABI", f"{abi.register_name(GP, self._config)} {place}", f"{self._gp:#x}", f"{registers[GP]:#x}"))

    def _stack_segment(self) -> Segment:
        return self._placement.segments[-1]

    def _check_stack(self, address: int, size: int) -> None:
        segment = self._stack_segment()
        if not segment.address <= address <= segment.address + len(segment.initial) - size:
            raise RoutineError(Fault(FaultKind.ENGINE, None, detail=f"ABI: $sp is outside the stack: {size} bytes at {address:#x}"))

    def _stack_bytes(self, address: int, size: int) -> bytes:
        self._check_stack(address, size)
        return self._memory.load(address, size)

    def _spoil(self, size: int, sp: int) -> None:
        if size:
            self._check_stack(sp, size)
            start = self.served * 104729 % (len(POOL) - size)
            fill = self._placement.fill
            pool = POOL if fill >= 0 else _INVERTED_POOL
            self._memory.store(sp, bytes(size) if fill == ZEROS else pool[start : start + size])

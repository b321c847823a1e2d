"""What a trampoline means: which programs run, what they see, what the traced function gets, and what its caller gets.

    tramp_enter                       where there is a function to call
    fentry programs
    fmod_ret programs                 until one returns something
    the function                      unless one did, or there is none
    fexit programs
    tramp_exit

Each program runs between prog_enter, which may forbid it by returning 0, and prog_exit. Everything that happens outside of the programs is an
event. Source: Linux, kernel/bpf/trampoline.c, and arch/x86/net/bpf_jit_comp.c, invoke_bpf and invoke_bpf_mod_ret.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ebpf.instruction import Instruction
from ebpf.trampoline import SIZES, Trampoline
from oracle.arithmetic import s8, s16, s32, u8, u16, u32, u64
from oracle.interpreter import run as interpret
from oracle.outcome import Fault
from oracle.world import Region, World

_CUTS: dict[str, Callable[[int], int]] = {"u8": u8, "s8": s8, "u16": u16, "s16": s16, "u32": u32, "s32": s32, "u64": u64, "s64": u64}


class _EndedError(Exception):
    """A program had a fault."""


class Event(NamedTuple):
    """Something that a trampoline calls: its name, arguments as unsigned 64-bit integers, and the bytes from context - 16 on at that time."""

    name: str
    arguments: tuple[int, ...]
    context: bytes


@dataclass(frozen=True, slots=True)
class Setting:
    """What a trampoline is to be told of its surroundings.

    world      for the programs: all but the frame pointer, the arguments and the regions, which are those of the trampoline
    context    the address of the array
    frames     the frame pointer of each program
    slots      of each program, linked
    start      what prog_enter returns for the program with this index; 0 lets it not run
    original   what the function returns
    address    of the traced function
    """

    world: World
    context: int
    frames: tuple[int, ...]
    slots: tuple[tuple[Instruction, ...], ...]
    start: Callable[[int], int]
    original: int
    address: int


@dataclass(slots=True)
class Ending:
    """What came of a call: events, the result as an unsigned 64-bit integer (0 for void), and the fault of a program that had one."""

    events: list[Event] = field(default_factory=list)
    result: int = 0
    fault: Fault | None = None


def extended(kind: str, value: int, address_width: int) -> int:
    """A value of a type as 64 bits: cut to its size, and extended by its sign where it has one."""
    if kind == "pointer":
        return u32(value) if address_width == 32 else u64(value)
    return u64(_CUTS[kind](value))


class _Run:
    def __init__(self, trampoline: Trampoline, setting: Setting, arguments: Sequence[int]) -> None:
        self.trampoline, self.setting = trampoline, setting
        width = setting.world.address_width
        kinds = trampoline.signature.arguments
        self.arguments = [extended(kind, value, width) for kind, value in zip(kinds, arguments, strict=True)]
        self.result = 0
        self.ending = Ending()

    def context(self) -> bytes:
        order = self.setting.world.byte_order
        values = (self.setting.address, len(self.arguments), *self.arguments, self.result)
        return b"".join(value.to_bytes(8, order) for value in values)

    def event(self, name: str, *arguments: int) -> None:
        self.ending.events.append(Event(name, arguments, self.context()))

    def program(self, number: int, keep: bool = False) -> None:
        """Run a program, if it may; `keep` its result, an error code of 32 bits, as the return value. Raises _EndedError for a fault."""
        cookie = self.trampoline.programs[number].cookie
        start = self.setting.start(number)
        self.event("prog_enter", number, cookie)
        if start:
            array = self.context()
            world = replace(
                self.setting.world,
                frame_pointer=self.setting.frames[number],
                arguments=(self.setting.context, len(array) - 16),
                regions=(Region("context", self.setting.context - 16, array, False),),
                exception_callback=self.trampoline.programs[number].program.exception_callback,
            )
            outcome = interpret(self.setting.slots[number], world)
            if outcome.fault is not None:
                self.ending.fault = outcome.fault
                raise _EndedError
            if keep:
                self.result = u64(s32(outcome.return_value or 0))
        self.event("prog_exit", number, start, cookie)

    def run(self) -> None:
        trampoline = self.trampoline
        first_exit = len(trampoline.fentry) + len(trampoline.fmod_ret)
        if not trampoline.replaces:
            self.event("tramp_enter")
        for number in range(len(trampoline.fentry)):
            self.program(number, keep=trampoline.replaces)
        modified = False
        for number in range(len(trampoline.fentry), first_exit):
            self.program(number, keep=True)
            if self.result:
                modified = True
                break
        if not (modified or trampoline.replaces):
            self.event("original", *self.arguments)
            if trampoline.signature.result != "void":
                self.result = extended(trampoline.signature.result, self.setting.original, self.setting.world.address_width)
        for number in range(first_exit, len(trampoline.programs)):
            self.program(number)
        if not trampoline.replaces:
            self.event("tramp_exit")


def call(trampoline: Trampoline, setting: Setting, arguments: Sequence[int]) -> Ending:
    """One call of the traced function."""
    running = _Run(trampoline, setting, arguments)
    try:
        running.run()
    except _EndedError:
        return running.ending
    kind = trampoline.signature.result
    running.ending.result = 0 if kind == "void" else extended(kind, running.result, setting.world.address_width)
    return running.ending


if set(_CUTS) | {"pointer"} != set(SIZES):
    raise ValueError("oracle/trampoline.py: not the types of ebpf/trampoline.py")

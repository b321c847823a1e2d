"""Trampolines: code that runs programs before and after a function, with its arguments and its result in memory.

A trampoline is called in place of the function, as the function is. Its frame, from high to low addresses:

    sp at entry ->  caller's frame: in o32 the home area, then arguments that are not in registers
                    ra
                    return value          8 bytes
                    arguments             8 bytes each; r1 of the programs
                    their number          8 bytes
                    the function          8 bytes, its address
                    run context           cookie of the program (8 bytes), and room for the kernel (8 bytes)
                    start time            8 bytes, of the program that is running
             sp ->  argument area         what the function and prog_exit take on the stack

An argument in memory is extended to 64 bits by its type. On the way in o32 passes words and n64 extended doublewords, so that o32 extends all but
64-bit ones, and n64 only u32, which it passes sign-extended. On the way back the low word is loaded, which sign-extends it; of a narrower result
as much as its type has.

What is called, all by its C signature (u64 is 64 bits wide in o32 as well):

    void tramp_enter(void *image)         void prog_exit(void *prog, u64 start, void *run_context)
    void tramp_exit(void *image)          u64 prog_enter(void *prog, void *run_context)
    unsigned int program(void *context, unsigned long length)

Source of the order and of the layout: Linux, arch/x86/net/bpf_jit_comp.c, __arch_prepare_bpf_trampoline. MIPS has none.
"""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from ebpf.trampoline import SIZES, Trampoline
from jit import call, compare
from jit.code import Emitter, Function, Item, Op, Place
from jit.compiled import Addresses
from jit.config import Config
from jit.constants import load
from jit.layout import Laid, lay_out
from jit.passes import Code
from jit.pipeline import PASSES
from jit.registers import A0, A1, A2, A3, AT, RA, SP, V0, V1, ZERO

_SIZE = 1 << 16
"""An upper bound of the code of a trampoline, in bytes."""


_NARROW = {"u8": "lbu", "s8": "lb", "u16": "lhu", "s16": "lh"}
"""What loads a value of a type and extends it as the ABI wants it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The addresses that a trampoline needs.

    base      where it lies itself
    function  of the traced function, as programs are told
    original  where it goes on behind the call of the trampoline
    programs  code of each program, in the order of `Trampoline.programs`
    handles   what stands for each program when prog_enter and prog_exit are called
    image     what stands for the trampoline when tramp_enter and tramp_exit are called
    """

    base: int
    function: int
    original: int
    programs: tuple[int, ...]
    handles: tuple[int, ...]
    image: int
    tramp_enter: int
    tramp_exit: int
    prog_enter: int
    prog_exit: int


class Frame(NamedTuple):
    """Distances from sp, and the size of the frame, in bytes."""

    start: int
    run_context: int
    context: int
    result: int
    saved: int
    size: int


def layout(trampoline: Trampoline, config: Config) -> Frame:
    """The frame of a trampoline."""
    kinds = trampoline.signature.arguments
    if config.width == 32:
        # prog_exit takes a word, a pair at an even place, and a word.
        words = max([5, *(place + _words(kind, config) for kind, place in placed(kinds, config))])
        area = 4 * (words + words % 2)
    else:
        area = 8 * max(0, len(kinds) - 8)
    run_context = area + 8
    context = run_context + 32
    result = context + 8 * len(kinds)
    alignment = 16 if config.width == 64 else 8
    return Frame(area, run_context, context, result, result + 8, -(-(result + 16) // alignment) * alignment)


def _words(kind: str, config: Config) -> int:
    return 2 if config.width == 32 and SIZES[kind] == 8 else 1


def placed(kinds: tuple[str, ...], config: Config) -> Iterator[tuple[str, int]]:
    """Each argument with the number of its first word in o32, of its doubleword in n64; pairs begin at even words."""
    at = 0
    for kind in kinds:
        size = _words(kind, config)
        at += at % size
        yield kind, at
        at += size


class Image(NamedTuple):
    """words: the code. context: distance of the array from the stack pointer at entry, in bytes. frame: bytes of stack."""

    words: tuple[int, ...]
    context: int
    frame: int


def unchanged(e: Emitter, items: list[Item]) -> list[Item]:
    """The same code."""
    return items


@dataclass(frozen=True, eq=False)
class Parts:
    """What the code is made of. The tests of the harness put broken parts in the place of single ones."""

    layout: Callable[[Trampoline, Config], Frame] = layout
    placed: Callable[[tuple[str, ...], Config], Iterator[tuple[str, int]]] = placed
    change: Callable[[Emitter, list[Item]], list[Item]] = unchanged
    passes: tuple[Callable[[Code, Config], Code], ...] = PASSES
    lay_out: Callable[[Code, Config, int, Set[int]], Laid] = lay_out


PARTS = Parts()
"""The code as it is."""


def compile_trampoline(trampoline: Trampoline, config: Config, surroundings: Surroundings, parts: Parts = PARTS) -> Image:
    """The code of a trampoline."""
    made = _Trampoline(trampoline, config, surroundings, parts)
    made.run()
    items = parts.change(made.emitter, list(made.emitter.take()))
    targets = {item.target for item in items if isinstance(item, Op) and item.target is not None}
    code = Code(items, 0, targets)
    for change in parts.passes:
        code = change(code, config)
    laid = parts.lay_out(code, config, surroundings.base, frozenset())
    return Image(tuple(laid.words), made.frame.context - made.frame.size, made.frame.size)


class _Trampoline:
    def __init__(self, trampoline: Trampoline, config: Config, surroundings: Surroundings, parts: Parts) -> None:
        self.trampoline, self.config, self.at, self.parts = trampoline, config, surroundings, parts
        self.kinds = trampoline.signature.arguments
        self.frame = parts.layout(trampoline, config)
        self.emitter = e = Emitter(config)
        self.wide = config.width == 64
        self.low, self.high = (4, 0) if config.big_endian else (0, 4)
        self.labels = count(1)
        none = Function(main=True, exit=0, tail=0, mentioned=frozenset(), passed=frozenset(), entries={}, landing=0)
        e.enter(Place(none, 0, Addresses(surroundings.base), _SIZE))

    def run(self) -> None:
        trampoline, at, e = self.trampoline, self.at, self.emitter
        add, save = ("daddiu", "sd") if self.wide else ("addiu", "sw")
        e.op(add, SP, SP, -self.frame.size)
        e.op(save, RA, self.frame.saved, SP)
        self.save_arguments()
        self.store_constant(at.function, self.frame.context - 16)
        self.store_constant(len(self.kinds), self.frame.context - 8)
        self.store_constant(0, self.frame.result)
        if not trampoline.replaces:
            self.call(at.tramp_enter, at.image)
        numbers = iter(range(len(trampoline.programs)))
        for _ in trampoline.fentry:
            self.program(next(numbers), keep=trampoline.replaces)
        done = next(self.labels)
        for _ in trampoline.fmod_ret:
            self.program(next(numbers), keep=True)
            e.op("lw", AT, self.frame.result + self.low, SP)
            compare.equality(e, "JNE", AT, ZERO, done)
        if not trampoline.replaces:
            self.restore_arguments()
            call.function(e, at.original)
            self.save_result()
        e.place(done)
        for _ in trampoline.fexit:
            self.program(next(numbers), keep=False)
        if not trampoline.replaces:
            self.call(at.tramp_exit, at.image)
        self.leave()

    def leave(self) -> None:
        e = self.emitter
        self.load_result()
        e.op("ld" if self.wide else "lw", RA, self.frame.saved, SP)
        e.with_slot("jr", RA, slot=e.make("daddiu" if self.wide else "addiu", SP, SP, self.frame.size))

    def program(self, number: int, keep: bool) -> None:
        """A program between prog_enter and prog_exit; `keep` its result as the return value."""
        e, frame = self.emitter, self.frame
        self.store_constant(self.trampoline.programs[number].cookie, frame.run_context)
        self.address(A1, frame.run_context)
        self.call(self.at.prog_enter, self.at.handles[number])
        skip = next(self.labels)
        if self.wide:
            e.op("sd", V0, frame.start, SP)
            compare.equality(e, "JEQ", V0, ZERO, skip)
        else:
            e.op("sw", V0, frame.start, SP)
            e.op("sw", V1, frame.start + 4, SP)
            e.op("or", AT, V0, V1)
            compare.equality(e, "JEQ", AT, ZERO, skip)
        self.address(A0, frame.context)
        load(e, A1, frame.result + 8 - frame.context)
        call.function(e, self.at.programs[number])
        if keep:
            self.store_extended("s32", V0, frame.result)
        e.place(skip)
        if self.wide:
            e.op("ld", A1, frame.start, SP)
            self.address(A2, frame.run_context)
        else:
            e.op("lw", A2, frame.start, SP)
            e.op("lw", A3, frame.start + 4, SP)
            self.address(AT, frame.run_context)
            e.op("sw", AT, 16, SP)
        self.call(self.at.prog_exit, self.at.handles[number])

    def call(self, address: int, first: int) -> None:
        """Call a function whose first argument is a constant; the others are in place."""
        load(self.emitter, A0, first)
        call.function(self.emitter, address)

    def address(self, register: int, place: int) -> None:
        self.emitter.op("daddiu" if self.wide else "addiu", register, SP, place)

    def store_constant(self, value: int, place: int) -> None:
        """64 bits."""
        e = self.emitter
        for part, offset in ((value, 0),) if self.wide else ((value & 0xFFFFFFFF, self.low), (value >> 32, self.high)):
            register = ZERO if part == 0 else AT
            if part:
                load(e, AT, part)
            e.op("sd" if self.wide else "sw", register, place + offset, SP)

    # Arguments, and the result.

    def save_arguments(self) -> None:
        """From where the caller has put them to the array."""
        for number, (kind, at) in enumerate(self.parts.placed(self.kinds, self.config)):
            place = self.frame.context + 8 * number
            if _words(kind, self.config) == 2:
                for second in (0, 1):
                    self.emitter.op("sw", self.incoming(at + second), place + 4 * second, SP)
            else:
                self.store_extended(kind, self.incoming(at), place)

    def incoming(self, at: int) -> int:
        """The register that holds an argument word or doubleword: its own, or at, loaded from the caller's frame."""
        in_registers, unit = (8, 8) if self.wide else (4, 4)
        if at < in_registers:
            return A0 + at
        # o32 has room for the words in registers as well.
        above = unit * (at - in_registers if self.wide else at)
        self.emitter.op("ld" if self.wide else "lw", AT, self.frame.size + above, SP)
        return AT

    def store_extended(self, kind: str, register: int, place: int) -> None:
        """Store a value of a type, of at most one register, as 64 bits."""
        e = self.emitter
        if self.wide:
            if kind == "u32":
                e.op("dsll32", AT, register, 0)
                e.op("dsrl32", AT, AT, 0)
                register = AT
            e.op("sd", register, place, SP)
            return
        e.op("sw", register, place + self.low, SP)
        if kind[0] == "s":
            e.op("sra", AT, register, 31)
        e.op("sw", AT if kind[0] == "s" else ZERO, place + self.high, SP)

    def restore_arguments(self) -> None:
        """From the array to where the function expects them; those on the stack first, which go through at."""
        in_registers, unit = (8, 8) if self.wide else (4, 4)
        parts: list[tuple[int, str, int]] = []
        for number, (kind, at) in enumerate(self.parts.placed(self.kinds, self.config)):
            place = self.frame.context + 8 * number
            if _words(kind, self.config) == 2:
                parts += ((at, "lw", place), (at + 1, "lw", place + 4))
            else:
                parts.append((at, *self.load_of(kind, place)))
        e = self.emitter
        for at, mnemonic, place in parts:
            if at >= in_registers:
                e.op(mnemonic, AT, place, SP)
                e.op("sd" if self.wide else "sw", AT, unit * (at - in_registers if self.wide else at), SP)
        for at, mnemonic, place in parts:
            if at < in_registers:
                e.op(mnemonic, A0 + at, place, SP)

    def load_of(self, kind: str, place: int) -> tuple[str, int]:
        """The instruction that loads a value of one register as the ABI has it, and from where."""
        if self.wide and SIZES[kind] in (0, 8):
            return "ld", place
        return "lw", place + self.low

    def save_result(self) -> None:
        """Of the function."""
        kind = self.trampoline.signature.result
        if kind == "void":
            return
        if _words(kind, self.config) == 2:
            self.emitter.op("sw", V0, self.frame.result, SP)
            self.emitter.op("sw", V1, self.frame.result + 4, SP)
        else:
            self.store_extended(kind, V0, self.frame.result)

    def load_result(self) -> None:
        """Into the registers that hold it at the return."""
        kind = self.trampoline.signature.result
        if kind == "void":
            return
        if _words(kind, self.config) == 2:
            self.emitter.op("lw", V0, self.frame.result, SP)
            self.emitter.op("lw", V1, self.frame.result + 4, SP)
        elif kind in _NARROW:
            # A program that took the place of the function leaves a word, of which the type has the low bits.
            place = self.frame.result + (8 - SIZES[kind] if self.config.big_endian else 0)
            self.emitter.op(_NARROW[kind], V0, place, SP)
        else:
            mnemonic, place = self.load_of(kind, self.frame.result)
            self.emitter.op(mnemonic, V0, place, SP)

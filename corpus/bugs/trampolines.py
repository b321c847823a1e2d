"""Trampolines: slots of the array, arguments in registers and on the stack, results, and what must survive."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ebpf.trampoline import SIZES, Trampoline
from fuzz.selftest.seeded_bug import Bug, Change, drop, operands, rename, rewrite
from jit.code import Emitter, Item
from jit.compiler import PARTS
from jit.config import Config
from jit.registers import A1, AT, S0, SP, V0, V1
from jit.trampoline import Frame, Parts, layout

SLOT = "wrong slot"
ARGUMENT = "argument at the wrong place"
EXTENSION = "wrong extension"
N64 = ("*-64*",)
O32 = ("*-32*",)
SOME = ("mips1-32*", "mips32r6-32*", "mips64r2-64*", "mips64r6-64*")


def _changed(change: Change) -> Parts:
    def apply(e: Emitter, items: Sequence[Item]) -> list[Item]:
        return change(e, items)

    return Parts(change=apply)


def _is(register: int) -> Callable[[int, int, int], bool]:
    """Loads and stores of a register."""
    return lambda rt, at, base: rt == register


def _late_result(trampoline: Trampoline, config: Config) -> Frame:
    frame = layout(trampoline, config)
    return frame._replace(result=frame.result + 8, saved=frame.saved + 8, size=frame.size + 16)


def _misaligned(trampoline: Trampoline, config: Config) -> Frame:
    frame = layout(trampoline, config)
    return frame._replace(size=frame.size + config.width // 8)


def _packed(kinds: tuple[str, ...], config: Config) -> Iterator[tuple[str, int]]:
    """64-bit arguments at any word."""
    at = 0
    for kind in kinds:
        yield kind, at
        at += 2 if config.width == 32 and SIZES[kind] == 8 else 1


_bug = partial(Bug, parts=PARTS, suites=())

# fmt: off
BUGS = (
    _bug("trampoline-slot", SLOT, "The second argument word is stored one slot too far.",
        configs=SOME, trampoline=(_changed(operands("sd sw", lambda rt, at, base: (rt, at + 8, base), when=_is(A1))), ("void", "odd*"))),
    _bug("trampoline-result-slot", SLOT, "The return value lies one slot behind its place.",
        configs=SOME, trampoline=(Parts(layout=_late_result), ("modified", "fexit_only"))),
    _bug("trampoline-packed-pairs", ARGUMENT, "o32: 64-bit arguments are taken from the next two words, even or not.",
        configs=O32, trampoline=(Parts(placed=_packed), ("odd*",))),
    _bug("trampoline-stack-argument", ARGUMENT, "An argument on the stack is not passed on.",
        configs=SOME, trampoline=(_changed(drop("sd sw", when=lambda rt, at, base: rt == AT and base == SP and at == 24)), ("twelve*",))),
    _bug("trampoline-register-argument", ARGUMENT, "The second argument word is not restored before the function is called.",
        configs=SOME, trampoline=(_changed(drop("ld lw", nth=0, when=_is(A1))), ("void", "odd*"))),
    _bug("trampoline-start-half", "lost half", "o32: only one half of the start time is kept.",
        configs=O32, trampoline=(_changed(drop("sw", nth=0, when=_is(V1))), ("void",))),
    _bug("trampoline-signed-arguments", EXTENSION, "o32: signed arguments have an undefined upper half.",
        configs=O32, trampoline=(_changed(drop("sra")), ("every*",))),
    _bug("trampoline-u32-as-s32", EXTENSION, "n64: unsigned words are extended by their sign.",
        configs=N64, trampoline=(_changed(rename({"dsrl32": "dsra32"})), ("every*",))),
    _bug("trampoline-misaligned", "stack misaligned at calls", "The frame is no multiple of what the ABI wants.",
        configs=SOME, trampoline=(Parts(layout=_misaligned), ("void",))),
    _bug("trampoline-runs-all", "wrong path", "A program runs although the kernel does not let it.",
        configs=SOME, trampoline=(_changed(drop("beq beqzc")), ("skipped",))),
    _bug("trampoline-calls-anyway", "wrong path", "The function is called although a program has kept it from being called.",
        configs=SOME, trampoline=(_changed(drop("bne bnezc")), ("modified",))),
    _bug("trampoline-s0-unsaved", "unsaved register", "s0 serves as a temporary register and is not saved.",
        configs=SOME, trampoline=(_changed(rewrite("sd sw", lambda e, op: [op, e.make("or", S0, V0, 0)], when=_is(V0))), ("void",))),
    _bug("trampoline-narrow-result", EXTENSION, "A narrow unsigned result is extended by its sign.",
        configs=SOME, trampoline=(_changed(rename({"lhu": "lh", "lbu": "lb"})), ("narrow*",))),
    _bug("trampoline-result-half", "lost half", "o32: the upper half of a 64-bit result is lost.",
        configs=O32, trampoline=(_changed(drop("sw", when=_is(V1))), ("odd*",))),
)
# fmt: on

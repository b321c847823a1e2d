"""Judging trampolines: does the code run the programs, pass the arguments, and return the result as it must?

    description, configuration ─┬─ oracle.trampoline ──────────────────── events, result ─┐
                                └─ jit.trampoline + compiled programs ─ target ─ the same ─┴─ differences

A run is repeated with other contents of all that nobody may rely on, with memory where a kernel has it, and with functions that `jal` does not
reach. The words of the image are held to the rules that need no eBPF program: legality, hazards, reserved registers, and sign-extended operands of
the trampoline itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import shake_128
from itertools import zip_longest

from ebpf.instruction import Instruction
from ebpf.program import ProgramError, link
from ebpf.trampoline import Traced, Trampoline
from fuzz.case import Case, Input
from fuzz.environment.functions import environment
from fuzz.layout import FAR_LAYOUTS, FUNCTION_SIZE, FUNCTIONS, KERNEL_AREAS, LAYOUTS, PAGE, Layout, Segment, addresses, moved, place
from fuzz.marks import marked
from fuzz.recording.record import Recording
from fuzz.trampoline.description import usable
from fuzz.trampoline.target import SERVED, Entry, Ran, TrampolineTarget, served_address, surroundings
from fuzz.unicorn.engine import BREAK
from fuzz.verdict import Difference
from fuzz.wires import abi, hazards, legality
from jit.call import CompileError
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import Config
from jit.trampoline import Image, Surroundings, compile_trampoline
from oracle import trampoline as model

RULES = ("legality", "hazards", "abi", "sign-extension", "callee-saved", "ABI")
"""Kinds of differences that are breaches of a rule, and no wrong values."""

Compiler = Callable[[Trampoline, Config, Surroundings], Image]
"""The seam to the compiler of trampolines."""

_STACK_PAGES = 3
_ENTRY = 0x2E00
"""Distance of the stack pointer at entry from the begin of the stack."""

_SEED = 7
_WATCHED = frozenset({Recording.EDGES, Recording.OPERANDS})


@dataclass(frozen=True, slots=True)
class Built:
    """A trampoline with its programs, ready to run: the image, where the trampoline begins in it, and the frame pointer of each program."""

    image: Compiled
    start: int
    trampoline: Image
    slots: tuple[tuple[Instruction, ...], ...]
    tops: tuple[int, ...]
    first_word: int


def _slots(traced: Traced, config: Config) -> tuple[tuple[Instruction, ...], ...]:
    """The programs, linked. Raises ProgramError for what a program of a trampoline has no place for here."""
    found = []
    for attached in traced.trampoline.programs:
        program = marked(usable(attached.program)) if config.marked else usable(attached.program)
        found.append(link(program, (), {}, ()))
    return tuple(found)


def build(traced: Traced, config: Config, layout: Layout, compiler: Compiler = compile_trampoline) -> Built:
    """Compile everything for one configuration. Raises ProgramError for programs that cannot be."""
    words: list[int] = []
    bases, tops = [], []
    slots = _slots(traced, config)
    for attached, linked in zip(traced.trampoline.programs, slots, strict=True):
        base = layout.image + 4 * len(words)
        program = marked(attached.program) if config.marked else attached.program
        where = replace(addresses(layout), base=base, exception_callback=program.exception_callback)
        try:
            compiled = compile_program(linked, config, where)
        except CompileError as error:
            raise ProgramError(f"{program.source}: {error}") from None
        bases.append(base)
        tops.append(compiled.frame_pointer)
        words += compiled.words
        words += [BREAK] * (-len(words) % 4)
    start = layout.image + 4 * len(words)
    around = Surroundings(
        base=start,
        function=layout.functions + FUNCTION_SIZE * (len(FUNCTIONS) + len(SERVED)),
        original=served_address("original", layout),
        programs=tuple(bases),
        handles=tuple(_handle(layout, number) for number in range(len(bases))),
        image=_handle(layout, -1),
        tramp_enter=served_address("tramp_enter", layout),
        tramp_exit=served_address("tramp_exit", layout),
        prog_enter=served_address("prog_enter", layout),
        prog_exit=served_address("prog_exit", layout),
    )
    trampoline = compiler(traced.trampoline, config, around)
    first = len(words)
    words += trampoline.words
    image = Compiled(config, layout.image, tuple(words), (), (-1,) * len(words), (), (None,) * 11, 0, 0)
    return Built(image, start, trampoline, slots, tuple(tops), first)


def _handle(layout: Layout, number: int) -> int:
    return layout.data + 0x8000 + 0x110 * number


_STACK = shake_128(b"trampoline").digest(PAGE * _STACK_PAGES)
_INVERSE_STACK = bytes(byte ^ 0xFF for byte in _STACK)


def _stack(layout: Layout, fill: int) -> Segment:
    return Segment("stack", layout.stack, _STACK if fill >= 0 else _INVERSE_STACK, 0, len(_STACK))


def _begin(traced: Traced, number: int) -> int:
    """What prog_enter returns: a time above 2**32, or one whose low half is zero, so that a lost half shows."""
    return 0 if number in traced.skipped else ((number + 1) << 32 | (0 if number % 2 else 0x8000_0001 + number))


def expected(traced: Traced, number: int, built: Built, layout: Layout) -> tuple[model.Ending, Sequence[object]]:
    """What the oracle says of a call, and the helper calls that the programs make."""
    config = built.image.config
    arguments, result = traced.calls[number]
    # A world for any program, of which the oracle replaces what belongs to the trampoline.
    placement = place(Case(traced.trampoline.programs[0].program, Input(b"")), config, layout)
    functions = environment(_SEED, surroundings=surroundings(config))
    world = replace(placement.world, helpers=functions.helpers, kernel_functions=functions.kernel_functions, arguments=(0, 0), regions=())
    sp = layout.stack + _ENTRY
    setting = model.Setting(
        world=world,
        context=sp + built.trampoline.context,
        frames=tuple(sp - built.trampoline.frame - top for top in built.tops),
        slots=built.slots,
        start=lambda program: _begin(traced, program),
        original=result,
        address=layout.functions + FUNCTION_SIZE * (len(FUNCTIONS) + len(SERVED)),
    )
    ending = model.call(traced.trampoline, setting, arguments)
    return ending, functions.calls


def actual(traced: Traced, number: int, built: Built, layout: Layout, target: TrampolineTarget, fill: int, *, watched: bool) -> Ran:
    """What the image does."""
    config, signature = built.image.config, traced.trampoline.signature
    arguments, result = traced.calls[number]
    width = config.width
    kind = signature.result
    entry = Entry(
        image=built.image,
        start=built.start,
        layout=layout,
        stack=_stack(layout, fill),
        sp=layout.stack + _ENTRY,
        context=built.trampoline.context,
        handles=tuple(_handle(layout, program) for program in range(len(built.tops))),
        itself=_handle(layout, -1),
        kinds=signature.arguments,
        result_kind=kind,
        arguments=tuple(model.extended(each, value, width) for each, value in zip(signature.arguments, arguments, strict=True)),
        result=0 if kind == "void" else model.extended(kind, result, width),
        begin=lambda program: _begin(traced, program),
        fill=fill,
        seed=_SEED,
        signatures=addresses(layout).signatures,
    )
    return target.run(entry, _WATCHED if watched else frozenset())


def _compared(ending: model.Ending, calls: Sequence[object], ran: Ran) -> Iterator[Difference]:
    if ran.fault is not None:
        yield Difference("fault", "", "none", str(ran.fault))
    for number, (left, right) in enumerate(zip_longest(ending.events, ran.events)):
        if left != right:
            yield Difference("events", f"number {number}", _shown(left), _shown(right))
            break
    for number, (one, other) in enumerate(zip_longest(calls, ran.calls)):
        if one != other:
            yield Difference("calls", f"number {number}", str(one or "no call"), str(other or "no call"))
            break
    if ran.fault is None and ending.result != ran.result:
        yield Difference("result", "", f"{ending.result:#x}", f"{ran.result:#x}")
    yield from ran.violations


def _shown(event: model.Event | None) -> str:
    if event is None:
        return "no event"
    return f"{event.name}({', '.join(map(hex, event.arguments))}) with {event.context.hex(' ', 8)}"


def _of_words(built: Built, traced: Traced, config: Config, layout: Layout) -> Iterator[Difference]:
    placement = place(Case(traced.trampoline.programs[0].program, Input(b"")), config, layout)
    for wire in (legality.WIRE, hazards.WIRE, abi.WIRE):
        assert wire.code is not None
        for found in wire.code(built.image, placement):
            yield Difference(wire.name, "", "the rule to be kept", found.detail)


def _watched(built: Built, ran: Ran) -> Iterator[Difference]:
    if ran.record.edges is not None:
        for found in hazards.of_edges(built.image, ran.record.edges):
            yield Difference("hazards", "", "the rule to be kept", found.detail)
    for event in ran.record.operands or ():
        if event.word >= built.first_word:
            yield Difference("sign-extension", f"word {event.word - built.first_word}", "a sign-extended word", f"{event.value:#x}")


def _layouts(config: Config) -> Mapping[str, Layout]:
    width = config.width
    # Where bits 28 and 29 of addresses are cleared nothing lies as far away.
    far = {} if "loongson2f-jump" in config.options else {"far functions": FAR_LAYOUTS[width]}
    return {"": LAYOUTS[width], **far} | {f"memory from {area:#x} on": moved(LAYOUTS[width], area) for area in KERNEL_AREAS[width]}


def judge(traced: Traced, config: Config, target: TrampolineTarget, compiler: Compiler = compile_trampoline) -> tuple[Difference, ...]:
    """All that is wrong on one configuration; nothing when oracle and image agree.

    Raises ProgramError for a program that has a fault, or that has no place in a trampoline.
    """
    found: dict[Difference, None] = {}
    for name, layout in _layouts(config).items():
        built = build(traced, config, layout, compiler)
        found |= dict.fromkeys(_of_words(built, traced, config, layout))
        for number in range(len(traced.calls)):
            ending, calls = expected(traced, number, built, layout)
            if ending.fault is not None:
                raise ProgramError(f"{traced.source}: call {number}: a program has a fault: {ending.fault}")
            for fill in (_SEED, ~_SEED):
                ran = actual(traced, number, built, layout, target, fill, watched=not name and fill >= 0)
                where = ", ".join(part for part in (f"call {number}", name) if part)
                for difference in (*_compared(ending, calls, ran), *_watched(built, ran)):
                    found[replace(difference, place=f"{where}: {difference.place}")] = None
    return tuple(found)

"""From an eBPF program to an image.

    slots ── functions ── lowering ──► code with labels ── passes ──► code ── layout ──► words
                             │
                  entry and exit of each function

Lowering goes from instruction to instruction and looks at nothing else: there is no analysis of control flow. What is known of a function as a whole
is only which eBPF registers its instructions name, so that registers that do not occur are not saved.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE, MAXIMUM_CALL_DEPTH, REGISTERS, TAIL_CALL, Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import wide_immediate
from jit import blinding, compare, exceptions
from jit.blinding import Blinding
from jit.call import CompileError
from jit.code import CONTROL, Emitter, Function, Item, Label, Op, Place, distance, is_relative
from jit.compiled import ENTRY_SIZE, Addresses, Compiled
from jit.config import Config
from jit.errata import check_addresses
from jit.frame import COUNT, Frame, epilogue, layout, leave, prologue
from jit.layout import Laid, lay_out
from jit.loops import start_counter
from jit.lowered import Codes, Key, Known, Lowered, lower
from jit.lowering import LOWERING, Lowering
from jit.passes import Code
from jit.pipeline import PASSES
from jit.registers import FP, SINGLES, ZERO, pairs
from jit.watched import Watched

# An upper bound of the code of one slot, entry and exit of a function that is called there included.
_BYTES_PER_SLOT = 512

_ARGUMENTS = frozenset(range(1, 6))
_IN_PLACE = frozenset({1, 2})

# Of so many programs what does not depend on the configuration is kept, up to the length that Linux leaves to users without privileges.
_MOST_READ = 16
_LONGEST_READ = 4096


class _Decoded(NamedTuple):
    """An instruction at a slot, and the label there; `whole` is all of it: with the immediate in its second slot, 0 where there is none."""

    slot: int
    instruction: Instruction
    row: Row
    whole: tuple[Instruction, int]
    label: Label


class _Body(NamedTuple):
    """A function, the eBPF registers that it writes, its instructions, and the code of each, None of exits."""

    function: Function
    writes: frozenset[int]
    own: Sequence[_Decoded]
    code: Sequence[tuple[Item, ...] | None]


class _Use(NamedTuple):
    """The eBPF registers that a stretch of the program reads and writes by name."""

    reads: frozenset[int]
    writes: frozenset[int]


class _Read(NamedTuple):
    """What a program is, whatever it is compiled for.

    calls             of each call of a subprogram its slot and the slot that it goes to
    kernel_functions  the BTF ids of those that are called
    tail_calls        whether there are any
    """

    decoded: tuple[_Decoded, ...]
    use: _Use
    calls: tuple[tuple[int, int], ...]
    kernel_functions: frozenset[int]
    tail_calls: bool


@dataclass(frozen=True, eq=False)
class Parts:
    """What the compiler is made of. The tests of the harness put broken parts in the place of single ones."""

    lowering: Mapping[str, Lowering] = field(default_factory=lambda: LOWERING)
    frame: Callable[[Emitter, bool, frozenset[int], int], Frame] = layout
    prologue: Callable[[Emitter, Frame, frozenset[int]], None] = prologue
    epilogue: Callable[[Emitter, Frame], None] = epilogue
    leave: Callable[[Emitter, Frame], None] = leave
    count: Callable[[Emitter, int], None] = start_counter
    inherit: Callable[[Emitter], None] = exceptions.inherit
    land: Callable[[Emitter, Frame], None] = exceptions.land
    passes: tuple[Callable[[Code, Config], Code], ...] = PASSES
    lay_out: Callable[[Code, Config, int, Set[int]], Laid] = lay_out
    blinding: Blinding = field(default_factory=Blinding)


PARTS = Parts()
"""The compiler as it is."""


def compile_program(slots: Sequence[Instruction], config: Config, addresses: Addresses, parts: Parts = PARTS) -> Compiled:
    """Compile a linked and valid program.

    Raises CompileError when it calls something whose address is not given, or is not a valid program.
    """
    return _Compiler(slots, config, addresses, parts).run()


class _Compiler:
    def __init__(self, slots: Sequence[Instruction], config: Config, addresses: Addresses, parts: Parts) -> None:
        self.slots = slots = tuple(slots)
        self.config = config
        self.addresses = addresses
        self.parts = parts
        read = _read(slots) if len(slots) <= _LONGEST_READ else _read.__wrapped__(slots)
        self.decoded, self.use = read.decoded, read.use
        # What a kept piece of code has asked of its configuration nobody would see.
        watched = isinstance(config, Watched)
        self.emitter = Emitter(config if watched else _seen(config))
        self.codes = None if watched else _codes(parts)
        self.known = self.codes.known(self.emitter.config) if self.codes else Known()
        for slot, to in read.calls:
            if to in (0, addresses.exception_callback):
                raise CompileError(f"instruction {slot}: calls {'the exception callback' if to else 'the main program'}")
        self.callback = addresses.exception_callback
        self.emitter.throws = addresses.throw in read.kernel_functions or self.callback is not None
        called = {to for _, to in read.calls}
        self.programs = addresses.programs | {0}
        self.counted = bool(addresses.programs) or read.tail_calls
        self.emitter.counts = self.counted
        starts = sorted(self.programs | called | set(addresses.functions) | ({self.callback} if self.callback is not None else set()))
        # Labels beyond those of the slots: entry, exit and tail of each function, the table of entries, the C function around a main program that has
        # tail calls, the landing of exceptions, and the one of those without a callback; then one for every exit of a program.
        self.entries = {start: len(slots) + 3 * number for number, start in enumerate(starts)}
        self.keys = parts.blinding.keys(slots, addresses.seed) if "blind" in config.options else None
        self.table = len(slots) + 3 * len(starts)
        self.wrapper = self.table + 1
        self.landing = self.wrapper + 1
        self.default_landing = self.landing + 1
        self.next_label = self.default_landing + 1
        self.stack = 0
        if FRAME_POINTER in self.use.reads:
            self.stack = FRAME_SIZE * (MAXIMUM_CALL_DEPTH if len(starts) > 1 else 1)
        self.named = self.use.reads | self.use.writes
        self.exits: list[int] = []
        self.frame_pointer = 0

    def run(self) -> Compiled:
        table = self._table()
        items = [*table, *self._wrapper()]
        for start, end in pairwise((*self.entries, len(self.slots))):
            items.extend(self._function(start, end))
        control = [item for item in items if item.kinds & CONTROL and isinstance(item, Op)]
        targets = {op.target for op in control if op.target is not None}.union(self.exits)
        code = Code(items, len(self.slots), targets)
        for change in self.parts.passes:
            code = change(code, self.config)
        outside = frozenset(range(len(self.slots), self.default_landing + 1))
        laid = self.parts.lay_out(code, self.config, self.addresses.base, outside)
        if table and laid.labels[self.wrapper if self.counted else self.entries[0]] != ENTRY_SIZE // 4 * len({0, *self.addresses.functions}):
            raise CompileError("the entries of functions are not where they must be: something was put in between")
        check_addresses(self.config, self.addresses, 4 * len(laid.words))
        return self._compiled(laid, code.passed)

    def _table(self) -> list[Item]:
        """Where the program holds addresses of functions, the entries that these are: a branch each, and for programs a second one for tail calls.

        See `Addresses.functions` and `jit.tails`.
        """
        if not self.addresses.functions and not self.counted:
            return []
        e = self.emitter
        nop = e.nop()
        e.items.append(Label(self.table))
        for number, (start, address) in enumerate(sorted({0: self.addresses.base, **self.addresses.functions}.items())):
            if address != self.addresses.base + ENTRY_SIZE * number:
                raise CompileError(f"the function at slot {start} cannot be at {address:#x}")
            if self.counted and start in self.programs:
                e.branch("beq", ZERO, ZERO, to=self.entries[start] if start else self.wrapper, slot=e.make("addiu", COUNT, ZERO, 0))
                e.branch("beq", ZERO, ZERO, to=self.entries[start], slot=nop)
            else:
                e.branch("beq", ZERO, ZERO, to=self.entries[start], slot=nop)
                e.items += [nop, nop]
        return list(e.take())

    def _wrapper(self) -> list[Item]:
        """The C function around a main program that has tail calls. It leaves r10 where that of a caller would be."""
        if not self.counted:
            return []
        e = self.emitter
        e.calls, e.spills, e.loops = True, False, False
        frame = self.parts.frame(e, True, frozenset(), self.stack)
        self.frame_pointer = frame.top
        self.parts.prologue(e, frame, self.named)
        if self.stack:
            e.op("daddiu" if self.config.width == 64 else "addiu", FP, FP, FRAME_SIZE)
        e.branch("bal", to=self.entries[0])
        self.parts.epilogue(e, frame)
        return [Label(self.wrapper), *e.take()]

    def _compiled(self, laid: Laid, passed: frozenset[int]) -> Compiled:
        registers: list[tuple[int, ...] | None] = [(r,) for r in SINGLES] if self.config.width == 64 else list(pairs(self.config))
        if not self.stack:
            registers[FRAME_POINTER] = None
        if self.config.width == 32:
            for argument in {1, 2} - self.named:
                registers[argument] = None
        return Compiled(
            config=self.config,
            base=self.addresses.base,
            words=tuple(laid.words),
            bpf_at=tuple(map({**laid.labels, **dict.fromkeys(passed)}.get, range(len(self.slots)))),
            slot_of=tuple(laid.owner),
            exits=tuple(laid.labels[label] for label in self.exits),
            registers=tuple(registers),
            stack_size=self.stack,
            frame_pointer=self.frame_pointer,
        )

    def _function(self, start: int, end: int) -> list[Item]:
        """The code of a function. The exception callback has the frame of the main program, and is lowered together with it."""
        if start == self.callback:
            return self._callback()
        emitter, main = self.emitter, start == 0 and not self.counted
        emitter.calls = emitter.spills = emitter.loops = emitter.tails = False
        body = self._body(start, end, main)
        written = body.writes
        if emitter.throws and start in self.programs:
            written = self.use.writes
            # All programs of an image have the same frame.
            emitter.calls |= self.counted
            if start == 0 and self.callback is not None:
                starts = (*self.entries, len(self.slots))
                self.callback_body = self._body(self.callback, starts[starts.index(self.callback) + 1], main)
        frame = self.parts.frame(emitter, main, written, self.stack)
        code = self._entry(start, frame)
        if start == 0:
            self.frame, self.counts = frame, emitter.loops
        if main:
            self.frame_pointer = frame.top
        self.parts.epilogue(emitter, frame)
        code += self._placed(body, emitter.take())
        if emitter.tails:
            self.parts.leave(emitter, frame)
            code.extend((Label(body.function.tail), *emitter.take()))
        if start == 0 and emitter.throws and (self.counted or self.callback is None):
            code += self._landing()
        return code

    def _body(self, start: int, end: int, main: bool) -> _Body:
        own = self.decoded if len(self.entries) == 1 else [d for d in self.decoded if start <= d.slot < end]
        use = self.use if len(own) == len(self.decoded) else _use(own)
        # Arguments that a function does not name are kept as others are: a comparison at every instruction sees them. In 64-bit code those of the
        # program are in place from the start.
        given = frozenset[int]() if start == 0 and not self.counted else self.named & _ARGUMENTS
        given |= _IN_PLACE if self.config.width == 64 else frozenset[int]()
        mentioned, passed = use.reads | use.writes | given, self.use.writes | {1, 2}
        entry, program = self.entries[start], start in self.programs or start == self.callback
        function = Function(program, entry + 1, entry + 2, mentioned, passed, self.entries, self.landing)
        plain = self.known.plain.get
        code = [self._lower(d, function) if (items := plain(d.whole)) is None else items for d in own]
        return _Body(function, use.writes, own, code)

    def _entry(self, start: int, frame: Frame) -> list[Item]:
        emitter, program = self.emitter, start in self.programs
        if emitter.throws and not program:
            self.parts.inherit(emitter)
        self.parts.prologue(emitter, frame, self.named)
        if emitter.throws:
            exceptions.keep(emitter, program, start == 0)
        if emitter.loops:
            self.parts.count(emitter, self.addresses.loops)
        return [Label(self.entries[start]), *emitter.take()]

    def _placed(self, body: _Body, leave: tuple[Item, ...]) -> list[Item]:
        """The code of the instructions and exits, with their labels."""
        code: list[Item] = []
        exits = body.code.count(None)
        for d, items in zip(body.own, body.code, strict=True):
            code.append(d.label)
            if items is None:
                exits -= 1
                items = tuple(self._exit(body.function, leave, exits == 0))
            code.extend(items)
        if None not in body.code:
            code.extend((Label(body.function.exit), *leave))
        return code

    def _callback(self) -> list[Item]:
        """The landing and the callback behind it."""
        assert self.callback is not None
        self.parts.land(self.emitter, self.frame)
        if self.counted:
            exceptions.unless_main(self.emitter, self.default_landing)
        if self.counts:
            self.parts.count(self.emitter, self.addresses.loops)
        code = [Label(self.landing), Label(self.entries[self.callback]), *self.emitter.take()]
        self.parts.epilogue(self.emitter, self.frame)
        return code + self._placed(self.callback_body, self.emitter.take())

    def _landing(self) -> list[Item]:
        """Without a callback: the cookie is what the program returns."""
        emitter, move = self.emitter, self.parts.lowering["MOV64_REG"]
        if self.callback is None:
            self.parts.land(emitter, self.frame)
        (move.single if self.config.width == 64 else move.pair)(emitter, exceptions.COOKIE_IS_RESULT)
        code = [Label(self.landing if self.callback is None else self.default_landing), *emitter.take()]
        self.parts.epilogue(emitter, self.frame)
        self.exits.append(self.next_label)
        self.next_label += 1
        return [*code, Label(self.exits[-1]), *emitter.take()]

    def _exit(self, function: Function, leave: tuple[Item, ...], last: bool) -> Iterator[Item]:
        """The code of an `exit`: the epilogue itself where it is short or where it is the last one, otherwise a jump to that."""
        if last:
            yield Label(function.exit)
        if function.main and (last or len(leave) == 1):
            self.exits.append(self.next_label)
            yield Label(self.next_label)
            self.next_label += 1
        if last or len(leave) == 1:
            yield from leave
        else:
            compare.jump(self.emitter, function.exit)
            yield from self.emitter.take()

    def _lower(self, d: _Decoded, function: Function) -> tuple[Item, ...] | None:
        """The code of an instruction; None of an exit."""
        if d.row.name == "EXIT":
            return None
        whole = d.instruction._replace(imm=wide_immediate(d.instruction, self.slots[d.slot + 1])) if d.row.slots == 2 else d.instruction
        place = Place(function, d.slot, self.addresses, _BYTES_PER_SLOT * (len(self.slots) + 16))
        if self.keys is None or d.row.name not in self.parts.blinding.forms:
            return self._code(d.row.name, whole, d.whole, place)
        self.parts.blinding.load(self.emitter, whole.imm, d.row.slots == 2, self.keys(d.slot))
        code = self.emitter.take()
        for name, instruction in blinding.with_register(whole, d.row.name, self.parts.blinding.forms):
            code += self._code(name, instruction, (instruction, 0), place)
        return code

    def _code(self, name: str, instruction: Instruction, key: Key, place: Place) -> tuple[Item, ...]:
        """The code of an instruction of a row, with its whole immediate."""
        items = self.known.plain.get(key)
        if items is not None:
            return items
        emitter, lowering = self.emitter, self.parts.lowering[name]
        cell = lowering.single if self.config.width == 64 else lowering.pair
        found = (
            lower(emitter, place, cell, instruction)
            if self.codes is None
            else self.codes.code(self.known, name, key, emitter, place, cell, instruction)
        )
        for effect in found.effects:
            setattr(emitter, effect, True)
        return self._named(found, place.slot) if found.labels else found.items

    def _named(self, code: Lowered, slot: int) -> tuple[Item, ...]:
        """Code with labels of the whole program: new ones for those that are local, slots for those that are relative to this one."""
        names = {}
        for number in code.labels:
            if is_relative(number):
                names[number] = slot + 1 + distance(number)
            else:
                names[number], self.next_label = self.next_label, self.next_label + 1
        return tuple([_renamed(item, names) for item in code.items])


def _renamed(item: Item, names: Mapping[int, int]) -> Item:
    if isinstance(item, Label):
        return Label(names[item.number])
    if item.target is None or item.target not in names:
        return item
    return Op(item.row, item.operands, item.word, item.reads, item.writes, item.facts, item.kinds, names[item.target], item.slot, item.slot_owner)


@cache
def _seen(config: Config) -> Config:
    """What lowering sees of a configuration: which CPU is to run the code, and the errata of that, are an affair of passes, but for a nop that a CPU
    must not have (`jit.code.nop`); and that constants are blinded is no affair of the code which does something with a register that holds one."""
    unseen = {*config.errata} - {"loongson2f-nop"}
    return Config(config.isa, config.width, config.big_endian, options=tuple(name for name in config.options if name not in unseen))


@cache
def _codes(parts: Parts) -> Codes:
    """The code of instructions that occurred before."""
    return Codes()


def _decode(slots: Sequence[Instruction]) -> Iterator[_Decoded]:
    at = 0
    while at < len(slots):
        row = lookup(slots[at])
        if row is None or (row.name not in LOWERING and row.name != "EXIT"):
            raise CompileError(f"instruction {at}: not an instruction of a linked program")
        size = row.slots
        yield _Decoded(at, slots[at], row, (slots[at], slots[at + 1].imm if size == 2 else 0), Label(at))
        at += size


@lru_cache(maxsize=_MOST_READ)
def _read(slots: tuple[Instruction, ...]) -> _Read:
    """Raises CompileError when they are no linked program."""
    decoded = tuple(_decode(slots))
    calls = [(d.slot, d.slot + 1 + d.instruction.imm) for d in decoded if d.row.name == "CALL_LOCAL"]
    kernel_functions = frozenset(d.instruction.imm for d in decoded if d.row.name == "CALL_KERNEL")
    tail_calls = any(d.row.name == "CALL" and d.instruction.imm == TAIL_CALL for d in decoded)
    return _Read(decoded, _use(decoded), tuple(calls), kernel_functions, tail_calls)


class _Named(NamedTuple):
    """How a row uses the registers that its fields name, and those that it uses besides, as a bit mask."""

    reads_dst: bool
    writes_dst: bool
    reads_src: bool
    writes_src: bool
    reads: int


@cache
def _named(row: Row) -> _Named:
    reads = 0
    if row.name.startswith("CALL"):
        # The arguments, by convention; r0 and r1 to r5 are changed, which matters to nobody: no function has to preserve them.
        reads = 0b111110
    elif row.name.startswith(("LDABS", "LDIND", "CMPXCHG", "EXIT")):
        reads = 1 << 0 | (row.group == "packet") << 6
    dst, src = str(row.dst), str(row.src)
    return _Named("r" in dst, "w" in dst, "r" in src, "w" in src, reads)


def _use(decoded: Sequence[_Decoded]) -> _Use:
    reads = writes = 0
    for _, instruction, row, _, _ in decoded:
        named = _named(row)
        reads |= named.reads | named.reads_dst << instruction.dst | named.reads_src << instruction.src
        writes |= named.writes_dst << instruction.dst | named.writes_src << instruction.src
    return _Use(_members(reads), _members(writes))


def _members(mask: int) -> frozenset[int]:
    return frozenset(number for number in range(REGISTERS) if mask >> number & 1)

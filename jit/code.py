"""MIPS code in the making: instructions with symbolic branch targets, and the door through which lowering emits them.

Code is a list of `Op` and `Label`. An `Op` is one instruction of the MIPS table with its operands. A branch names the label that it
goes to and carries the instruction of its delay slot with it, so that nothing can come between the two and no branch can be put into a
delay slot. A branch whose slot is still open gets one in `jit.passes`.

Labels are numbers. Those from 0 to the number of slots are the eBPF instructions themselves; the ones above are made by the compiler. Negative ones
stand in the code of one eBPF instruction, so that this code can be kept and used again for an equal instruction elsewhere: they are local to it, or
name another eBPF instruction by its distance, as jumps do.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from ebpf.instruction import Instruction
from jit.compiled import Addresses
from jit.config import Config
from jit.mips import Row, rows
from jit.registers import AT, HI, LO, ZERO, of_code

CONTROL, LOADS, HILO, LABEL, MOVED = 1, 2, 4, 8, 16
"""Kinds of items, as a bit mask: what transfers control, what reads memory, what reads or writes HI or LO, labels, and what belongs to another eBPF
slot than that at which it stands."""


_RELATIVE = -1 << 40


def is_relative(label: int) -> bool:
    """Whether it names an eBPF instruction by its distance."""
    return label < _RELATIVE // 2


def distance(label: int) -> int:
    """That of a label which does: in slots, from the one behind the instruction."""
    return label - _RELATIVE


class _Number(NamedTuple):
    number: int


class Label(_Number):
    """A place in the code. There is no word at it that would be its own."""

    __slots__ = ()
    kinds = LABEL
    word = 0


class Op(NamedTuple):
    """One MIPS instruction.

    word is its encoding, 0 as long as a target is to be filled in. reads and writes are sets of registers as bit masks; HI and LO are bits 32
    and 33. kinds are those that it is of, whatever is in its delay slot. target is the label that a branch or jump goes to, slot the
    instruction in its delay slot. owner and slot_owner say to which eBPF slot the instruction and the one in its delay slot belong where that
    is not the one at which they stand.
    """

    row: Row
    operands: tuple[int, ...]
    word: int
    reads: int
    writes: int
    facts: frozenset[str]
    kinds: int
    target: int | None = None
    slot: "Op | None" = None
    slot_owner: int | None = None
    owner: int | None = None


Item = Op | Label

EFFECTS = ("calls", "spills", "loops", "tails")
"""What lowering notes of the function that an instruction is part of, as attributes of the emitter."""

Asked = tuple[Callable[..., Hashable], tuple[Hashable, ...]]
"""A question that a place is asked: a function of it, and what else that is given."""

Answer = TypeVar("Answer", bound=Hashable)


def _mask(registers: tuple[int, ...]) -> int:
    mask = 0
    for register in registers:
        mask |= 1 << register
    # Register zero is never a dependency.
    return mask & ~1


@lru_cache(maxsize=1 << 16)
def instruction(row: Row, operands: tuple[int, ...]) -> Op:
    """An instruction without a symbolic target; raises ValueError when an operand does not fit its field."""
    return _op(row, operands, operands, row.encode(*operands))


def _op(row: Row, operands: tuple[int, ...], whole: tuple[int, ...], word: int) -> Op:
    """`whole` are the operands with the offset of a branch."""
    reads, writes = _mask(row.reads(whole)), _mask(row.writes(whole))
    kinds = CONTROL if row.facts & {"branch", "jump"} else 0
    if "load" in row.facts:
        kinds |= LOADS
    if (reads | writes) & (1 << HI | 1 << LO):
        kinds |= HILO
    return Op(row, operands, word, reads, writes, row.facts, kinds)


@lru_cache(maxsize=1 << 16)
def _branch(row: Row, operands: tuple[int, ...]) -> Op:
    with_offset = (*operands, 0)
    # Encoded for its checks: the manual gives some compact branches another meaning when their registers are equal or zero.
    row.encode(*with_offset)
    return _op(row, operands, with_offset, 0)


def nop(config: Config) -> Op:
    """What does nothing: every nop of an image is this one. The one of the Loongson-2F takes the place of the usual one, which it must not have."""
    if "loongson2f-nop" in config.options:
        return instruction(rows(config)["or"], (AT, AT, ZERO))
    return instruction(rows(config)["sll"], (ZERO, ZERO, 0))


def branch(row: Row, operands: tuple[int, ...], target: int, slot: Op | None = None) -> Op:
    """A branch to a label; `operands` are those before the offset. Raises ValueError for a slot on a branch that has none."""
    if slot is not None and ("delay" not in row.facts or slot.facts & {"branch", "jump"}):
        raise ValueError(f"{slot.row.mnemonic} cannot be in a delay slot of {row.mnemonic}")
    op = _branch(row, operands)
    return Op(row, operands, 0, op.reads, op.writes, op.facts, op.kinds, target, slot)


class Function(NamedTuple):
    """What the code of an instruction may have to know of the function that it is part of.

    main       whether it is the main program
    exit       the label of its epilogue
    tail       the label of the code that leaves it for another program
    mentioned  the eBPF registers that its instructions name, and those that hold its arguments
    passed     the eBPF registers that the program writes anywhere: others cannot hold an argument of a call
    entries    for each slot at which a subprogram starts, its label
    landing    the label to which exceptions go
    """

    main: bool
    exit: int
    tail: int
    mentioned: frozenset[int]
    passed: frozenset[int]
    entries: Mapping[int, int]
    landing: int


class Place(NamedTuple):
    """Where an instruction is: its function and slot, the addresses given, and an upper bound of the size of the image in bytes."""

    function: Function
    slot: int
    addresses: Addresses
    size: int


class Emitter:
    """Collects the code of one eBPF instruction; knows which instructions the configuration has.

    marked                whether the program marks where 32-bit results are to be zero-extended
    registers             where r0 to r11 live: a number each in 64-bit code, a pair of numbers in 32-bit code
    throws, counts        whether any function of the program throws, whether the image counts tail calls
    place_of_instruction  reading it, or one of these two, makes the code good for this place only
    reusable              whether the code is good for equal instructions at other places: those that answer the same when asked
    asked                 what the place was asked
    calls, spills, loops  set by code that calls something, by code that saves registers on the stack, and by code that counts iterations
    tails                 set by code that leaves for another program
    """

    def __init__(self, config: Config) -> None:
        self.look(config)
        self._throws = False
        self.registers: Sequence[Any] = of_code(config)
        self.items: list[Item] = []
        self.reusable = True
        self.asked: dict[Asked, None] = {}
        self.calls = False
        self.spills = False
        self.loops = False
        self.tails = False
        self._counts = False
        self._locals = 0
        self._place: Place | None = None

    @property
    def throws(self) -> bool:
        """Whether any function of the program throws."""
        self.reusable = False
        return self._throws

    @throws.setter
    def throws(self, throws: bool) -> None:
        self._throws = throws

    @property
    def counts(self) -> bool:
        """Whether the image counts tail calls."""
        self.reusable = False
        return self._counts

    @counts.setter
    def counts(self, counts: bool) -> None:
        self._counts = counts

    def look(self, config: Config) -> None:
        """Ask this configuration from now on, which has the same registers for r0 to r11."""
        self.config = config
        self.rows: Mapping[str, Row] = rows(config)

    @property
    def marked(self) -> bool:
        """Whether the program marks where 32-bit results are to be zero-extended."""
        return self.config.marked

    def enter(self, place: Place) -> None:
        """Say where the next instruction is."""
        self._place = place
        self.reusable = True
        self.asked = {}

    def ask(self, about: Callable[..., Answer], *given: Hashable) -> Answer:
        """What a function says of the place of the instruction, and of what else it is given."""
        assert self._place is not None
        self.asked[about, given] = None
        return about(self._place, *given)

    @property
    def place_of_instruction(self) -> Place:
        """Where the instruction is; makes the code good for this place only."""
        assert self._place is not None
        self.reusable = False
        return self._place

    def has(self, mnemonic: str) -> bool:
        """Whether the configuration has this instruction."""
        return mnemonic in self.rows

    def fits(self, mnemonic: str, *operands: int) -> bool:
        """Whether these operands can be encoded."""
        try:
            self.make(mnemonic, *operands)
        except ValueError:
            return False
        return True

    def make(self, mnemonic: str, *operands: int) -> Op:
        """The instruction, for use as a delay slot; raises KeyError when the configuration does not have it."""
        return instruction(self.rows[mnemonic], operands)

    def nop(self) -> Op:
        """What does nothing, for use as a delay slot."""
        return nop(self.config)

    def op(self, mnemonic: str, *operands: int) -> None:
        """Emit an instruction; operands in the order in which the manual writes them."""
        self.items.append(instruction(self.rows[mnemonic], operands))

    def branch(self, mnemonic: str, *operands: int, to: int, slot: Op | None = None) -> None:
        """Emit a branch to a label."""
        self.items.append(branch(self.rows[mnemonic], operands, to, slot))

    def with_slot(self, mnemonic: str, *operands: int, slot: Op) -> None:
        """Emit a jump to an address or a register, with the instruction in its delay slot."""
        self.items.append(instruction(self.rows[mnemonic], operands)._replace(slot=slot))

    def local(self) -> int:
        """A new label that is local to the eBPF instruction."""
        self._locals -= 1
        return self._locals

    def to(self, slots: int) -> int:
        """The label of the eBPF instruction that is so many slots behind the next one, as offsets of jumps count."""
        return _RELATIVE + slots

    def place(self, label: int) -> None:
        """Let a label stand for the place behind what has been emitted so far."""
        self.items.append(Label(label))

    def take(self) -> tuple[Item, ...]:
        """What has been emitted since the last call; the emitter is empty afterwards."""
        items = tuple(self.items)
        self.items.clear()
        self._locals = 0
        return items

    def move(self, rd: int, rs: int) -> None:
        """Copy a register; nothing if it is the same one."""
        if rd != rs:
            self.op("or", rd, rs, 0)


Cell = Callable[[Emitter, Instruction], None]
"""Emits the code of an instruction, which has its whole immediate."""

"""A program while it is being written: its code so far, what is known of the registers, and the choices still to be made.

A statement is a function of a `Writer` that appends one instruction, or a few that belong together, and updates what is known. Each
must leave behind a program that is valid whatever comes next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import Row
from fuzz.gen.choose import Chooser
from fuzz.gen.code import Code, row
from fuzz.gen.features import Features
from fuzz.gen.state import FRAME, Pointer, Region, Scalar, State, Value, after_arithmetic
from fuzz.gen.values import COUNTS, immediate, value

SPILL = -8
"""Offset from r10 at which a program keeps the address of its context when no register does."""

BUDGET = 400
"""Executed instructions at which a program gets no more statements."""

LENGTH = 64
"""Instructions of its main function at which it gets none."""

MOV_IMM, MOV_REG, ADD_IMM, LDDW, LDDW_DATA, LDDW_CODE, LOAD_DW = (
    row(name) for name in ("MOV64_IMM", "MOV64_REG", "ADD64_IMM", "LDDW", "LDDW_MAP_VALUE", "LDDW_CODE", "LDX_DW")
)
_LDDW_VARIABLE = row("LDDW_VARIABLE")


@dataclass(slots=True)
class Writer:
    """What statements work on.

    regions     memory that a pointer can be made to: data sections, variables, and the context when its address is spilled
    frame       what of the frame a program uses as it likes
    repeats     how often the code that is written next runs at most
    written     instructions that have been written
    executed    the same, each as often as it runs at most
    needed      registers whose contents at the beginning of the function are read
    first_map   number of the first map, behind those of the data sections
    unspilled   whether the address of the context is read from the frame
    limit       at so many instructions there are no more statements
    places      the last place that was named, shared by all functions
    thrown      whether there are exceptions, shared as well
    callback    whether it is one of bpf_loop, which returns 0 or 1
    stops       whether it is one that always returns 1
    """

    choose: Chooser
    features: Features
    state: State
    regions: tuple[Region, ...] = ()
    frame: Region = FRAME
    code: Code = field(default_factory=Code)
    repeats: int = 1
    written: int = 0
    executed: int = 0
    needed: set[int] = field(default_factory=set)
    first_map: int = 0
    unspilled: bool = False
    limit: int = LENGTH
    callback: bool = False
    stops: bool = False

    @property
    def full(self) -> bool:
        """Whether there should be no more statements."""
        return self.written >= self.limit or self.executed >= BUDGET

    places: list[int] = field(default_factory=lambda: [0])
    thrown: list[bool] = field(default_factory=lambda: [False])

    def emit(self, row: Row, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0, target: int = 0) -> None:
        """Append an instruction and keep account of registers that are read. What is written is for the caller to say."""
        if row.dst in ("r", "rw"):
            self.read(dst)
        if row.src in ("r", "rw"):
            self.read(src)
        self.written += 1
        self.executed += self.repeats
        self.code.emit(row, dst, src, offset, imm, target)

    def read(self, register: int) -> None:
        """Account for a register that is read."""
        if register in self.state.fresh:
            self.needed.add(register)

    def wrote(self, register: int, known: Value) -> None:
        """Say what a register holds from here on."""
        self.state.values[register] = known
        self.state.fresh.discard(register)

    def new_place(self) -> int:
        """A number for a place that has not been used."""
        self.places[0] += 1
        return self.places[0]

    def place(self, number: int) -> None:
        """Name the next instruction."""
        self.code.place(number)

    # Registers.

    def any_writable(self) -> int:
        """A register that may be overwritten."""
        return self.choose.pick(self.state.writable())

    def some_scalar(self, but: Sequence[int] = ()) -> int:
        """A register that holds a number; where there is none, one is made."""
        known = [register for register in self.state.scalars() if register not in but]
        return self.choose.pick(known) if known else self.constant(but)

    def changeable_scalar(self) -> int:
        """A register that holds a number and may be overwritten; where there is none, one is made."""
        known = [register for register in self.state.scalars() if register not in self.state.pinned]
        return self.choose.pick(known) if known else self.constant()

    def constant(self, but: Sequence[int] = ()) -> int:
        """Load a constant into a register and return that."""
        register = self.choose.pick([one for one in self.state.writable() if one not in but])
        if self.choose.rarely(3):
            self.load_constant(register, value(self.choose))
        else:
            self.arithmetic(MOV_IMM, register, imm=immediate(self.choose))
        return register

    def load_constant(self, register: int, number: int) -> None:
        """A wide load of an unsigned 64-bit value."""
        self.emit(LDDW, register, imm=number)
        self.wrote(register, Scalar(number, 0))

    def arithmetic(self, row: Row, dst: int, src: int = 0, imm: int = 0) -> None:
        """An arithmetic instruction on numbers."""
        self.emit(row, dst, src, imm=imm)
        before = self.state.values[src] if src < FRAME_POINTER else None
        self.wrote(dst, after_arithmetic(row, self.state.values[dst], before, imm))

    def count(self) -> int:
        """An immediate for a shift."""
        return self.choose.pick(COUNTS)

    # Addresses.

    def pointer_to(self, region: Region, register: int, offset: int) -> None:
        """Make a register point to a place of a region."""
        if region is self.frame:
            self.emit(MOV_REG, register, FRAME_POINTER)
        elif region.name == "context":
            self.emit(LOAD_DW, register, FRAME_POINTER, SPILL)
            self.unspilled = True
        elif region.name.startswith("variable"):
            self.emit(_LDDW_VARIABLE, register, imm=int(region.name.removeprefix("variable")))
        else:
            section = int(region.name.removeprefix("data"))
            self.emit(LDDW_DATA, register, imm=section | (offset & 0xFFFFFFFF) << 32)
            self.wrote(register, Pointer(region, offset))
            return
        if offset:
            self.emit(ADD_IMM, register, imm=offset)
        self.wrote(register, Pointer(region, offset))

"""What is known while a program is being written: the type of each register, as a verifier keeps it.

    Scalar    a number, with an upper bound and a number of low bits that are zero
    Pointer   an address in a region: a known offset plus a variable part between 0 and a known reach
    None      nothing that may be read

Programs do not compute with addresses in any other way than to add numbers to them, so that nothing but pointers depends on where things lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE
from ebpf.opcodes import Row
from fuzz.gen.rows import is_shift, is_wide
from fuzz.gen.values import MASK

_WORD = (1 << 32) - 1


class Region(NamedTuple):
    """Memory that a program may access: bytes `low` to before `high`, counted from what a pointer with offset 0 points to."""

    name: str
    low: int
    high: int
    writable: bool = True


FRAME = Region("frame", -FRAME_SIZE, 0)
"""All of the stack that a function has."""


class Scalar(NamedTuple):
    """A number: unsigned, at most `maximum`, a multiple of 2 to the power of `zeros`."""

    maximum: int = MASK
    zeros: int = 0


class Pointer(NamedTuple):
    """An address: `offset` bytes from the beginning of the region, and up to `reach` more, which are a multiple of 2 to the power of `zeros`."""

    region: Region
    offset: int = 0
    reach: int = 0
    zeros: int = 64


Value = Scalar | Pointer | None


def meet(one: Value, other: Value) -> Value:
    """What is known of a register that is either."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return Scalar(max(one.maximum, other.maximum), min(one.zeros, other.zeros))
    return one if one == other else None


@dataclass(slots=True)
class State:
    """The registers at a place of a program.

    values   of r0 to r9
    fresh    those that may still hold what they held at the beginning of the function
    pinned   those that must not be written: they belong to an enclosing loop, or are all the program has to find its context
    """

    values: list[Value]
    fresh: set[int] = field(default_factory=set)
    pinned: frozenset[int] = frozenset()

    def copy(self) -> "State":
        """An independent copy."""
        return replace(self, values=list(self.values), fresh=set(self.fresh))

    def scalars(self) -> list[int]:
        """The registers that hold numbers."""
        return [register for register, value in enumerate(self.values) if isinstance(value, Scalar)]

    def pointers(self) -> Iterator[tuple[int, Pointer]]:
        """The registers that hold addresses, r10 the last."""
        yield from ((register, value) for register, value in enumerate(self.values) if isinstance(value, Pointer))

    def writable(self) -> list[int]:
        """The registers that may be overwritten."""
        return [register for register in range(FRAME_POINTER) if register not in self.pinned]

    def join(self, other: "State") -> None:
        """Become what is known where two paths meet."""
        self.values = [meet(one, two) for one, two in zip(self.values, other.values, strict=True)]
        self.fresh |= other.fresh

    def forget_arguments(self) -> None:
        """What every call does to r1 to r5."""
        self.values[1:6] = [None] * 5


def zeros_of(number: int) -> int:
    """Low bits of a number that are zero; 64 for zero."""
    return (number & -number).bit_length() - 1 if number else 64


def after_arithmetic(row: Row, dst: Value, src: Value, imm: int) -> Scalar:
    """What is known of the result of an arithmetic instruction on numbers."""
    top = MASK if is_wide(row) else _WORD
    before = dst if isinstance(dst, Scalar) and dst.maximum <= top else Scalar(top)
    operation = row.name.removesuffix("_IMM").rstrip("0123456789") if row.imm == "imm" else row.name
    if operation == "AND" and imm >= 0:
        return Scalar(min(before.maximum, imm), zeros_of(imm))
    if operation == "MOV" and imm >= 0:
        return Scalar(imm, zeros_of(imm))
    if operation == "MOD" and row.offset == 0 and imm > 0:
        return Scalar(min(before.maximum, imm - 1))
    if operation == "RSH" and is_shift(row):
        return Scalar(before.maximum >> (imm & (63 if is_wide(row) else 31)))
    if operation == "LSH":
        count = imm & (63 if is_wide(row) else 31)
        shifted = before.maximum << count
        return Scalar(shifted if shifted <= top else top, min(before.zeros + count, 64))
    if row.name == "MOV64_REG" and isinstance(src, Scalar):
        return src
    if row.name in ("LE16", "BE16", "BSWAP16"):
        return Scalar(0xFFFF)
    return Scalar(_WORD if row.name in ("LE32", "BE32", "BSWAP32") else top)

"""Statements that compute with numbers."""

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import Row
from fuzz.gen.rows import is_shift
from fuzz.gen.state import Scalar
from fuzz.gen.values import immediate, mask_immediate
from fuzz.gen.writer import Writer


def compute(w: Writer) -> None:
    """One arithmetic instruction."""
    operate(w, w.choose.pick(w.features.arithmetic))


def operate(w: Writer, row: Row) -> None:
    """One instruction of this row, on any registers that hold numbers; both are the same once in eight times at least."""
    if row.src == "r":
        if w.features.addresses and w.choose.rarely(8):
            _with_address(w, row)
            return
        src = w.some_scalar()
        if row.dst == "w":
            w.arithmetic(row, w.any_writable(), src)
        elif src in w.state.writable() and w.choose.rarely(8):
            w.arithmetic(row, src, src)
        else:
            w.arithmetic(row, w.changeable_scalar(), src)
        return
    dst = w.any_writable() if row.dst == "w" else w.changeable_scalar()
    if row.imm != "imm":
        w.arithmetic(row, dst)
    else:
        w.arithmetic(row, dst, imm=_immediate(w, row))


def _immediate(w: Writer, row: Row) -> int:
    if is_shift(row):
        return w.count()
    return mask_immediate(w.choose) if row.name.startswith(("AND", "OR", "XOR")) else immediate(w.choose)


def _with_address(w: Writer, row: Row) -> None:
    """With r10 as the second operand: its value is that of a number like any other."""
    dst = w.any_writable() if row.dst == "w" else w.changeable_scalar()
    w.emit(row, dst, FRAME_POINTER)
    w.wrote(dst, Scalar())


def constant(w: Writer) -> None:
    """A constant into any register."""
    w.constant()

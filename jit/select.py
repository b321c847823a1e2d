"""Conditional replacement of one register by another, with what each ISA has for it: moves, selections, branches."""

from jit.code import Emitter
from jit.registers import ZERO


def replace_if_zero(emitter: Emitter, rd: int, value: int, condition: int) -> None:
    """rd = value if condition == 0. In release 6, where only zero can be selected in one step, `value` is zero or a temporary that is lost."""
    _replace(emitter, rd, value, condition, ("movz", "selnez", "seleqz", "beql", "bne"))


def replace_if_nonzero(emitter: Emitter, rd: int, value: int, condition: int) -> None:
    """rd = value if condition != 0; as above."""
    _replace(emitter, rd, value, condition, ("movn", "seleqz", "selnez", "bnel", "beq"))


def _replace(emitter: Emitter, rd: int, value: int, condition: int, names: tuple[str, str, str, str, str]) -> None:
    move, keep, take, likely, skip = names
    if emitter.has(move):
        emitter.op(move, rd, value, condition)
    elif emitter.has(keep):
        emitter.op(keep, rd, rd, condition)
        if value != ZERO:
            emitter.op(take, value, value, condition)
            emitter.op("or", rd, rd, value)
    else:
        done = emitter.local()
        if emitter.has(likely):
            # A branch-likely annuls its slot when it is not taken: the move is the slot, the target what follows anyway.
            emitter.branch(likely, condition, ZERO, to=done, slot=emitter.make("or", rd, value, ZERO))
        else:
            emitter.branch(skip, condition, ZERO, to=done)
            emitter.op("or", rd, value, ZERO)
        emitter.place(done)

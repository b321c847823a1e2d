"""Is it a well-formed program? What can be said from the table alone, without following values.

Two kinds of question: each instruction by itself (`defect`), and the places that control can reach (`check`). They are those that
the kernel's verifier asks before it looks at any value: fields, jump targets, and functions that are contiguous and that control
enters by calls only and leaves by `exit` only. A constant shift count at or above the width and a constant divisor of zero are no errors here:
RFC 9669 section 4.1 gives both a meaning (shift counts are masked, division by zero yields zero).
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from ebpf.instruction import FRAME_POINTER, REGISTERS, TAIL_CALL, Instruction
from ebpf.opcodes import BY_OPCODE, Row, lookup
from ebpf.program import Program, ProgramError

MAXIMUM_SLOTS = 1_000_000
"""The longest program that is accepted, in slots (Linux: BPF_COMPLEXITY_LIMIT_INSNS)."""

LEAVES = ("EXIT", "JA", "JA32")
"""Rows after which control does not go on to the next instruction."""


def _mismatches(row: Row, slot: Instruction) -> list[str]:
    return [
        field for field in ("dst", "src", "offset", "imm") if isinstance(getattr(row, field), int) and getattr(row, field) != getattr(slot, field)
    ]


def _why_no_row(slot: Instruction) -> str:
    """Why `lookup` finds nothing: the field at fault in the row that comes nearest, and what it may hold."""
    rows = BY_OPCODE.get(slot.opcode)
    if rows is None:
        return f"unknown opcode {slot.opcode:#04x}"
    nearest = min(rows, key=lambda row: len(_mismatches(row, slot)))
    field = _mismatches(nearest, slot)[0]
    allowed = {getattr(row, field) for row in rows if isinstance(getattr(row, field), int)}
    reserved = "reserved field " if allowed == {0} else ""
    return f"opcode {slot.opcode:#04x}: {reserved}{field} is {getattr(slot, field)}, must be {' or '.join(map(str, sorted(allowed)))}"


def _register_defect(row: Row, slot: Instruction) -> str | None:
    for use, number in ((row.dst, slot.dst), (row.src, slot.src)):
        if isinstance(use, int):
            continue
        if number >= REGISTERS:
            return f"register r{number} does not exist"
        if "w" in use and number == FRAME_POINTER:
            return "write to the frame pointer r10"
    return None


def _second_slot_defect(row: Row, slots: Sequence[Instruction], at: int) -> str | None:
    if at + 1 >= len(slots):
        return "lddw without its second slot"
    second = slots[at + 1]
    for field in ("opcode", "dst", "src", "offset") if row.next_imm else Instruction._fields:
        if getattr(second, field):
            return f"second slot of lddw: reserved field {field} is {getattr(second, field)}, must be 0"
    return None


def defect(slots: Sequence[Instruction], at: int) -> str | None:
    """What is wrong with the fields of the instruction at slot `at`, or None. `at` must not be the second slot of a wide one."""
    row = lookup(slots[at])
    if row is None:
        return _why_no_row(slots[at])
    reason = _register_defect(row, slots[at])
    if reason is None and row.slots == 2:
        reason = _second_slot_defect(row, slots, at)
    return reason


def refers_to_function(row: Row) -> bool:
    """Whether the target of the instruction is a function: a local call, or a code address (RFC 9669 section 5.4)."""
    return row.name in ("CALL_LOCAL", "LDDW_CODE")


def target(row: Row, slot: Instruction, at: int) -> int | None:
    """The slot that a jump, a local call or a code address at slot `at` refers to, or None for other instructions.

    All three count from the next slot (RFC 9669 sections 4.3 and 5.4); it need not lie inside the program.
    """
    if row.offset == "jump":
        return at + 1 + slot.offset
    if row.imm == "jump" or refers_to_function(row):
        return at + 1 + slot.imm
    return None


def check(program: Program) -> None:
    """Raise ProgramError for the first defect of the program: one line `file: section: instruction N: reason`."""
    slots = program.slots
    where = f"{program.source}: {program.section}"
    if not slots:
        raise ProgramError(f"{where}: the program is empty")
    if len(slots) > MAXIMUM_SLOTS:
        raise ProgramError(f"{where}: {len(slots)} slots, more than {MAXIMUM_SLOTS}")
    rows: dict[int, Row] = {}
    at = 0
    while at < len(slots):
        row = lookup(slots[at])
        reason = defect(slots, at)
        if reason is not None or row is None:
            raise ProgramError(f"{where}: instruction {at}: {reason}")
        rows[at] = row
        at += row.slots
    for start in sorted(program.programs - rows.keys()):
        raise ProgramError(f"{where}: a prog array holds a program at slot {start}, which is no instruction")
    for at, reason in (*_control_defects(slots, rows, program), *_callback_defects(slots, rows, program)):
        raise ProgramError(f"{where}: instruction {at}: {reason}")
    if not any(row.name == "EXIT" for row in rows.values()):
        raise ProgramError(f"{where}: the program has no exit")


def _control_defects(slots: Sequence[Instruction], rows: Mapping[int, Row], program: Program) -> Iterator[tuple[int, str]]:
    """Instruction and reason: targets that are no instruction, then jumps and falls from one function into another."""
    callback = program.exception_callback
    targets = {at: to for at, row in rows.items() if (to := target(row, slots[at], at)) is not None}
    wrong = {at: to for at, to in targets.items() if to not in rows}
    for at, to in wrong.items():
        where = "in the middle of lddw" if 0 <= to < len(slots) else f"outside the program, which has slots 0 to {len(slots) - 1}"
        yield at, f"{'function at' if refers_to_function(rows[at]) else 'jump to'} slot {to}, {where}"
    if wrong:
        return
    starts = sorted(program.programs.union({0}, (to for at, to in targets.items() if refers_to_function(rows[at]))))
    if callback is not None:
        if callback not in rows or callback == 0:
            yield 0, f"the exception callback is {'the main program' if callback == 0 else f'slot {callback}, no instruction of the program'}"
            return
        starts = sorted({*starts, callback})
    for at, to in targets.items():
        if refers_to_function(rows[at]) and to == callback:
            yield at, "the exception callback is entered by exceptions only"
        if not refers_to_function(rows[at]) and bisect_right(starts, at) != bisect_right(starts, to):
            yield at, f"jump to slot {to}, in another function"
    ends = {*starts, len(slots)}
    for at, row in rows.items():
        if at + row.slots in ends and row.name not in LEAVES:
            yield at, f"control falls off the end of the {'program' if at + row.slots == len(slots) else 'function'}"


def _callback_defects(slots: Sequence[Instruction], rows: Mapping[int, Row], program: Program) -> Iterator[tuple[int, str]]:
    """Tail calls of the exception callback and of what it calls, which Linux's verifier refuses."""
    references = {at: to for at, row in rows.items() if refers_to_function(row) and (to := target(row, slots[at], at)) is not None}
    callback = program.exception_callback
    starts = sorted({0, *program.programs, *references.values(), *(() if callback is None else (callback,))})
    pending, seen = [] if callback is None else [callback], set[int]()
    while pending:
        start = pending.pop()
        seen.add(start)
        following = bisect_right(starts, start)
        for at in range(start, starts[following] if following < len(starts) else len(slots)):
            if at in rows and rows[at].name == "CALL" and slots[at].imm == TAIL_CALL:
                yield at, "a tail call in the exception callback, or in a function that it calls"
            if references.get(at, start) not in seen:
                pending.append(references[at])

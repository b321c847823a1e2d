"""Which loads and stores of a program access its context: what a verifier knows when it rewrites them.

The address of the context is in r1 at entry. It may be copied, kept on the stack at an address relative to r10, and be passed to a local function; no
arithmetic can be done on it. Followed are all ways through the program, by two sets: where it is whichever way was taken (`always`), and
where it is on some way (`sometimes`). An access through a register of which the two say different things is refused, as Linux refuses it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ebpf.context import FIELDS, ContextKind, field_at
from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.opcodes import Row, lookup
from ebpf.program import Program, ProgramError
from ebpf.validity import LEAVES, refers_to_function, target

_SIZES = {"B": 1, "H": 2, "W": 4, "DW": 8}
_SCRATCH = range(6)
_ARGUMENTS = range(1, 6)


class Access(NamedTuple):
    """An access to a field, `within` bytes from its start, of `size` bytes."""

    field: str
    within: int
    size: int
    store: bool


class _State(NamedTuple):
    """Places that hold the address: registers by number, doublewords of the stack by their offset from r10, which is negative."""

    always: frozenset[int]
    sometimes: frozenset[int]

    def merged(self, other: "_State") -> "_State":
        return _State(self.always & other.always, self.sometimes | other.sometimes)

    def without(self, places: frozenset[int]) -> "_State":
        return _State(self.always - places, self.sometimes - places)

    def moved(self, source: int, place: int) -> "_State":
        """The place holds what the source holds."""
        there, left = frozenset({place}), self.without(frozenset({place}))
        return _State(*(after | there if source in before else after for before, after in zip(self, left, strict=True)))


_NOWHERE = _State(frozenset(), frozenset())


def context_accesses(program: Program, kind: ContextKind) -> dict[int, Access]:
    """The accesses of a valid program, by slot. Raises ProgramError for one that is not permitted, and for an address that goes astray."""
    if kind == "memory":
        return {}
    slots = program.slots
    # A tail call gives the context to another program.
    waiting = [0, *program.programs]
    states = {start: _State(frozenset({1}), frozenset({1})) for start in waiting}
    while waiting:
        at = waiting.pop()
        row = _row(slots, at)
        for to, state in _after(program, row, at, states[at]):
            known = states.get(to)
            merged = state if known is None else known.merged(state)
            if merged != known:
                states[to] = merged
                waiting.append(to)
    found = {}
    for at, state in sorted(states.items()):
        access = _access(program, kind, _row(slots, at), at, state)
        if access is not None:
            found[at] = access
    return found


def _row(slots: Sequence[Instruction], at: int) -> Row:
    row = lookup(slots[at])
    assert row is not None, "a valid program"
    return row


def _refuse(program: Program, at: int, reason: str) -> ProgramError:
    return ProgramError(f"{program.source}: {program.section}: instruction {at}: {reason}")


def _after(program: Program, row: Row, at: int, state: _State) -> Iterator[tuple[int, _State]]:
    """Where control may go, and where the address is then."""
    slot = program.slots[at]
    following, to = at + row.slots, target(row, slot, at)
    if row.name == "CALL_LOCAL":
        assert to is not None
        arguments = frozenset(_ARGUMENTS)
        yield to, _State(state.always & arguments, state.sometimes & arguments)
    elif row.name == "CALLX" and state.sometimes & frozenset(_ARGUMENTS):
        raise _refuse(program, at, "the context is passed to a function that is called by its address")
    elif row.name == "LDDW_CODE":
        assert to is not None
        yield to, _NOWHERE
    elif to is not None and not refers_to_function(row):
        yield to, state
    if row.name not in LEAVES:
        yield following, _changed(program, row, at, state)


def _changed(program: Program, row: Row, at: int, state: _State) -> _State:
    """Where the address is after an instruction that control goes on behind."""
    slot = program.slots[at]
    if row.name.startswith("CALL") or row.group == "packet":
        return state.without(frozenset(_SCRATCH))
    if row.name == "MOV64_REG":
        return state.moved(slot.src, slot.dst)
    if row.name == "LDX_DW" and slot.src == FRAME_POINTER:
        return state.moved(slot.offset, slot.dst)
    if row.offset == "memory" and row.dst == "r":
        return _stored(program, row, at, state)
    if row.dst == "rw" and slot.dst in state.sometimes and "64" in row.name:
        raise _refuse(program, at, f"arithmetic on the address of the context, in r{slot.dst}")
    return state.without(frozenset({slot.dst})) if "w" in str(row.dst) else state


def _stored(program: Program, row: Row, at: int, state: _State) -> _State:
    slot, size = program.slots[at], _size(row)
    if row.name == "STX_DW" and slot.src in state.sometimes:
        if slot.dst != FRAME_POINTER or slot.offset % 8:
            raise _refuse(program, at, "the address of the context is stored elsewhere than in a doubleword of the stack relative to r10")
        return state.moved(slot.src, slot.offset)
    changed = frozenset({slot.src} if row.src == "rw" else ()) | frozenset({0} if row.name.startswith("CMPXCHG") else ())
    if slot.dst == FRAME_POINTER:
        changed |= frozenset(place for place in state.sometimes if place < 0 and place < slot.offset + size and slot.offset < place + 8)
    return state.without(changed)


def _size(row: Row) -> int:
    return _SIZES[row.name.rsplit("_", 1)[1]]


def _access(program: Program, kind: ContextKind, row: Row, at: int, state: _State) -> Access | None:
    slot = program.slots[at]
    if row.offset != "memory":
        return None
    store = row.dst == "r"
    base = slot.dst if store else slot.src
    if base not in state.sometimes:
        return None
    if base not in state.always:
        raise _refuse(program, at, f"r{base} holds the address of the context on one way and something else on another")
    if not row.name.startswith(("LDX_", "ST_", "STX_")):
        raise _refuse(program, at, "only plain loads and stores may access the context")
    size = _size(row)
    name = field_at(kind, slot.offset, size)
    if name is None or slot.offset % size:
        raise _refuse(program, at, f"{size} bytes at {slot.offset} of the context are no field, nor part of one")
    field = FIELDS[kind][name]
    whole = name == "cb" or size == field.size
    if store and not (field.writable and whole):
        raise _refuse(program, at, f"field {name} of the context cannot be written{' in part' if field.writable else ''}")
    if name in ("data", "data_end", "data_meta") and not whole:
        raise _refuse(program, at, f"field {name} of the context cannot be read in part")
    return Access(name, slot.offset - field.offset, size, store)

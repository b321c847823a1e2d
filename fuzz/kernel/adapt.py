"""A program of ours as one that the kernel's verifier may accept, with the same body.

A verifier knows no context that is plain memory with its length in r2. But it lets a program work on the value of an array like on its own memory:
so the context becomes a map of its own, as libbpf makes one of each data section, and the program begins and ends differently.

    *(u64 *)(r10 - 8 * N) = 0                    for all of the stack, where there is only the main function
    r1 = value of the context's map
    r2 = length of the context
    main function, with `goto end` for each `exit`
    end:  *(u64 *)(r10 - 8) = r1                 where r1 is one of the registers that are kept
          r1 = value of the map for results
          *(u64 *)(r1 + 8 * N) = rN              for each register that is kept
          r2 = *(u64 *)(r10 - 8);  *(u64 *)(r1 + 8) = r2
          exit
    functions

Maps have the numbers of `ebpf.program`: data sections, declared maps; then come the one of the context and the one for results.
"""

from collections.abc import Collection, Iterator

from ebpf.instruction import FRAME_POINTER, FRAME_SIZE, Instruction
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import LDDW, MAP_FD, MAP_INDEX, MAP_INDEX_VALUE, MAP_VALUE, Program, ProgramError
from ebpf.validity import refers_to_function, target

RESULTS = 8 * FRAME_POINTER
"""Bytes of the map for results: r0 to r9."""

_SAVED = -8
_SHIFTS = frozenset(f"{operation}{width}_IMM" for operation in ("LSH", "RSH", "ARSH") for width in (32, 64))
_SHORT = range(-(1 << 15), 1 << 15)


def _row(name: str, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> Instruction:
    return Instruction(BY_NAME[name].opcode, dst, src, offset, imm)


def _map_value(dst: int, number: int) -> tuple[Instruction, Instruction]:
    return Instruction(LDDW, dst, MAP_VALUE, 0, number), Instruction(0)


def _ending(kept: Collection[int], results: int) -> Iterator[Instruction]:
    if 1 in kept:
        yield _row("STX_DW", FRAME_POINTER, 1, _SAVED)
    yield from _map_value(1, results)
    for register in kept:
        if register != 1:
            yield _row("STX_DW", 1, register, 8 * register)
    if 1 in kept:
        yield _row("LDX_DW", 2, FRAME_POINTER, _SAVED)
        yield _row("STX_DW", 1, 2, 8)
    yield _row("EXIT")


def _main_end(program: Program) -> int:
    """The first slot that does not belong to the main function."""
    starts, at = set[int](), 0
    while at < len(program.slots):
        row = lookup(program.slots[at])
        assert row is not None
        if refers_to_function(row):
            starts.add(target(row, program.slots[at], at) or 0)
        at += row.slots
    return min(starts - {0}, default=len(program.slots))


def has_functions(program: Program) -> bool:
    """Whether there is more than the main function."""
    return _main_end(program) < len(program.slots)


def adapt(program: Program, length: int, kept: Collection[int]) -> tuple[Instruction, ...]:
    """The slots of a valid program whose context has so many bytes, with the registers that are kept at its end.

    Raises ProgramError for a distance that no longer fits.
    """
    context = len(program.data) + len(program.maps)
    ending = tuple(_ending(kept, context + 1))
    main_end = _main_end(program)
    slots = [] if has_functions(program) else [_row("ST_DW", FRAME_POINTER, offset=-offset) for offset in range(8, FRAME_SIZE + 1, 8)]
    slots += (*_map_value(1, context), _row("MOV64_IMM", 2, imm=length))
    beginning, at = len(slots), 0
    while at < len(program.slots):
        if at == main_end:
            slots += ending
        row = lookup(program.slots[at])
        assert row is not None
        first, here = program.slots[at], len(slots)
        if row.name == "EXIT" and at < main_end:
            distance = beginning + main_end - here - 1
            first = _row("JA", offset=distance) if distance in _SHORT else _row("JA32", imm=distance)
        elif row.name == "NOSPEC":
            # Only the kernel itself puts these in, and marks of zero-extension. The one changes nothing that a program can see.
            first = _row("JA")
        elif row.name == "ZEXT":
            first = _row("MOV32_REG", first.dst, first.src)
        elif row.name in _SHIFTS:
            # A verifier refuses larger counts than RFC 9669 section 4.2 masks them to.
            first = first._replace(imm=first.imm & (31 if "32" in row.name else 63))
        elif refers_to_function(row):
            to = target(row, first, at) or 0
            first = first._replace(imm=to + beginning + (len(ending) if to >= main_end else 0) - here - 1)
        elif first.opcode == LDDW:
            first = first._replace(src={MAP_INDEX: MAP_FD, MAP_INDEX_VALUE: MAP_VALUE}.get(first.src, first.src))
        slots += (first, *program.slots[at + 1 : at + row.slots])
        at += row.slots
    if main_end == len(program.slots):
        slots += ending
    return tuple(slots)


def with_descriptors(slots: tuple[Instruction, ...], descriptors: tuple[int, ...], where: str) -> tuple[Instruction, ...]:
    """The slots with file descriptors in place of the numbers of maps. Raises ProgramError for a number that no map has."""
    linked = list(slots)
    for at, slot in enumerate(slots):
        if slot.opcode == LDDW and slot.src in (MAP_FD, MAP_VALUE):
            if not 0 <= slot.imm < len(descriptors):
                raise ProgramError(f"{where}: lddw refers to map {slot.imm}, which is unknown")
            linked[at] = slot._replace(imm=descriptors[slot.imm])
    return tuple(linked)

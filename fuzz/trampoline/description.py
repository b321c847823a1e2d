"""Descriptions of trampolines that can be judged here: `ebpf.trampoline` says what they are, and this what their programs may do."""

from collections.abc import Iterator

from ebpf.files import read_text
from ebpf.instruction import LOOP, TAIL_CALL
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import Program, ProgramError, functions_by_address, printable
from ebpf.trampoline import Traced, parse
from fuzz.sources import checked


def read_usable(path: str) -> Traced:
    """The description in a TOML file. Raises ProgramError, one line, for anything that is none, or that cannot be judged."""
    return parse_usable(read_text(path), printable(path))


def parse_usable(text: str, source: str) -> Traced:
    """The same for the text of such a file, which errors call `source`."""
    traced = parse(text, source)
    for attached in traced.trampoline.programs:
        usable(attached.program)
    return traced


def usable(program: Program) -> Program:
    """The program. Raises ProgramError where it cannot run at all, or needs what a program of a trampoline has no place for here."""
    for without in _without(checked(program)):
        raise ProgramError(f"{program.source}: {without} have no place in programs of a trampoline")
    return program


def _without(program: Program) -> Iterator[str]:
    """What of the program a trampoline cannot have."""
    if program.data or program.maps or functions_by_address(program):
        yield "data sections, maps and addresses of functions"
    if program.variables or program.kernel_functions:
        yield "variables and declared kernel functions"
    rows = [(lookup(slot), slot) for slot in program.slots]
    if program.context != "memory" or any(row is not None and row.group == "packet" for row, _ in rows):
        # Linux, kernel/bpf/verifier.c, may_access_skb: tracing programs are none of those that have a packet.
        yield "packets"
    if any(row is BY_NAME["CALL"] and slot.imm in (LOOP, TAIL_CALL) for row, slot in rows):
        yield "bpf_loop and tail calls"

"""Statements that call helper functions which work on memory: a format is printed, a checksum is taken, bytes of the packet are copied.

trace_printk      format in the frame;  r1 = its address;  r2 = its size;  r3 to r5 = what it prints
csum_diff         r1, r3 = addresses in the frame;  r2, r4 = sizes;  r5 = the checksum before
skb_load_bytes    r1 = context;  r2 = place in the packet;  r3 = address in the frame;  r4 = size
"""

from ebpf.instruction import FRAME_POINTER
from fuzz.environment.functions import CSUM_DIFF, SKB_LOAD_BYTES, TRACE_PRINTK
from fuzz.gen.calls import PACKET, give, may_call, returned
from fuzz.gen.code import row
from fuzz.gen.state import Pointer, Scalar
from fuzz.gen.writer import ADD_IMM, MOV_IMM, MOV_REG, Writer

FORMATS = (b"%d\0", b"%x %u\0", b"%llx\0", b"%lu %lld\0", b"%d%%%li%X\0", b"%llu%lld%llx\0", b"-\0", b"%q\0", b"%-5d|%05lli\0", b"%d")
"""Formats with as many arguments as there are at most, with none, with one that is refused, and without an end."""

_CALL, _STORE_B = row("CALL"), row("ST_B")
_SIZES = (8, 4, 16, 64, 0, 3)


def call_with_memory(w: Writer) -> None:
    """One of them; the last only where the address of the context is known."""
    if not may_call(w):
        return
    call = w.choose.pick((_checksum, _print, _load_bytes))
    if call(w):
        returned(w, Scalar())


def _point(w: Writer, register: int, size: int) -> int:
    """The address of so many bytes of the frame in a register; returned is its distance from r10."""
    place = w.choose.number(w.frame.low, w.frame.high - max(size, 1))
    w.emit(MOV_REG, register, FRAME_POINTER)
    w.emit(ADD_IMM, register, imm=place)
    w.wrote(register, Pointer(w.frame, place))
    return place


def _checksum(w: Writer) -> bool:
    for register in (1, 3):
        size = w.choose.pick(_SIZES)
        _point(w, register, size)
        w.arithmetic(MOV_IMM, register + 1, imm=size)
    give(w, range(5, 6))
    w.emit(_CALL, imm=CSUM_DIFF)
    return True


def _print(w: Writer) -> bool:
    text = w.choose.pick(FORMATS)
    place = _point(w, 1, len(text))
    for at, byte in enumerate(text):
        w.emit(_STORE_B, FRAME_POINTER, 0, place + at, byte)
    w.arithmetic(MOV_IMM, 2, imm=len(text))
    give(w, range(3, 6))
    w.emit(_CALL, imm=TRACE_PRINTK)
    return True


def _load_bytes(w: Writer) -> bool:
    if not _context(w):
        return False
    size = w.choose.number(1, 32)
    outside = (PACKET - size + 1, PACKET, -1, 0x7FFFFFFF)
    w.arithmetic(MOV_IMM, 2, imm=w.choose.pick(outside) if w.choose.rarely(6) else w.choose.number(0, PACKET - size))
    _point(w, 3, size)
    w.arithmetic(MOV_IMM, 4, imm=size)
    w.emit(_CALL, imm=SKB_LOAD_BYTES)
    return True


def _context(w: Writer) -> bool:
    """The address of the context in r1."""
    held = [(register, known) for register, known in w.state.pointers() if known.region.name == "context" and not known.reach]
    if held:
        register, known = w.choose.pick(held)
        if register != 1:
            w.emit(MOV_REG, 1, register)
        if known.offset:
            w.emit(ADD_IMM, 1, imm=-known.offset)
        w.wrote(1, known._replace(offset=0))
        return True
    for region in w.regions:
        if region.name == "context":
            w.pointer_to(region, 1, 0)
            return True
    return False

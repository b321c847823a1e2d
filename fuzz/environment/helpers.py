"""Helper functions that read the program's memory and its packet: trace_printk, skb_load_bytes, csum_diff.

Meanings: bpf-helpers(7). Results and limits: Linux 6.13, kernel/trace/bpf_trace.c, kernel/bpf/helpers.c (bpf_bprintf_prepare), net/core/filter.c.
Integers lie in the byte order of the machine.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ebpf.program import ByteOrder
from oracle.world import NO_PACKET, HelperMemory, Packet, RefusedCallError

EFAULT, EINVAL = 14, 22

MAXIMUM_FORMAT = 128
"""Bytes of a format string that is accepted here, its zero included."""

MAXIMUM_WIDTH = 1024
"""Of a number in a format (MAX_BPRINTF_BUF); Linux has more, but does not print it."""

_U64, _U32 = (1 << 64) - 1, (1 << 32) - 1
_TEXT = re.compile(rb"[\t-\r -~]*")
_CONVERSION = re.compile(rb"%(?:(?P<percent>%)|(?P<flags>[0+\- ]*)(?P<width>[1-9][0-9]*)?(?P<size>ll|l)?(?P<kind>.?))", re.DOTALL)


class Surroundings(NamedTuple):
    """What functions know of the machine and the run: byte order and width of `long` in bits, the packet, and the address of the
    context where that is a socket buffer.
    """

    context: int | None = None
    packet: Packet = NO_PACKET
    byte_order: ByteOrder = "little"
    width: int = 64


class Printed(NamedTuple):
    """What trace_printk printed, and how many arguments behind the format it took; `result` is what it returned."""

    text: bytes
    taken: int
    result: int


def _error(number: int) -> int:
    return (1 << 64) - number


# Oracle and images of many configurations print the same.
@lru_cache(maxsize=1 << 12)
def printed(text: bytes, arguments: tuple[int | None, ...], width: int) -> Printed:
    """A format, which ends with its first zero: %d %i %u %x %X with flags, width, l and ll, and %%.

    Raises RefusedCallError for what Linux has besides, of strings, characters and pointers.
    """
    text, zero, _ = text.partition(b"\0")
    if not zero or not _TEXT.fullmatch(text):
        return Printed(b"", 0, _error(EINVAL))
    parts: list[bytes] = []
    at = taken = 0
    for match in _CONVERSION.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        if match["percent"]:
            parts.append(b"%")
            continue
        if taken == len(arguments):
            return Printed(b"", taken, _error(EINVAL))
        if match["kind"] and match["kind"] in b"scp" and not match["size"]:
            raise RefusedCallError(f"the format has {match[0].decode()}, which is not there")
        if not match["kind"] or match["kind"] not in b"diuxX":
            return Printed(b"", taken, _error(EINVAL))
        value = arguments[taken]
        taken += 1
        if value is None:
            raise RefusedCallError(f"r{2 + taken} holds nothing, and the format takes it")
        parts.append(_number(value, match, width))
    output = b"".join((*parts, text[at:]))
    return Printed(output, taken, len(output))


def _number(value: int, match: re.Match[bytes], long: int) -> bytes:
    """An argument of the size that the conversion says, as it is printed."""
    bits = {None: 32, b"l": long, b"ll": 64}[match["size"]]
    kind, flags, width = match["kind"].decode(), match["flags"].decode(), int(match["width"] or 0)
    if width > MAXIMUM_WIDTH:
        raise RefusedCallError(f"the format has {match[0].decode()}; a number has at most {MAXIMUM_WIDTH} characters here")
    value &= (1 << bits) - 1
    if kind in "di":
        value -= (1 << bits) if value >> bits - 1 else 0
    else:
        # Numbers without a sign have none, whatever the flags.
        flags = flags.replace("+", "").replace(" ", "")
    return f"%{flags}{width or ''}{kind}".encode() % value


def skb_load_bytes(memory: HelperMemory, known: Surroundings, skb: int, offset: int, to: int, size: int) -> int:
    """Copy bytes of the packet; outside of it zeros, and -EFAULT."""
    if known.context is None:
        raise RefusedCallError("the context of the program is no __sk_buff")
    if skb != known.context:
        raise RefusedCallError(f"r1 is {skb:#x}, which is not the context")
    start, length, contents = offset & _U32, size & _U32, known.packet.contents
    if not length:
        raise RefusedCallError("r4 is 0: nothing to load")
    if start >> 31 or start + length > len(contents):
        if length > 1 << 16:
            raise RefusedCallError(f"r4 is {length}: no buffer of a program has so many bytes")
        memory.write(to, bytes(length))
        return _error(EFAULT)
    found = contents[start : start + length] if known.packet.address is None else memory.read(known.packet.address + start, length)
    memory.write(to, found)
    return 0


def csum_diff(memory: HelperMemory, known: Surroundings, first: int, first_size: int, second: int, second_size: int, seed: int) -> int:
    """The checksum `seed` when the bytes at `first` leave it and those at `second` enter, folded to 16 bits.

    Buffers of any length; before Linux 6.13 they had to be multiples of 4 bytes, 512 together, and the sum of most machines was not folded.
    """
    sizes = first_size & _U32, second_size & _U32
    removed, added = (memory.read(at, size) if size else b"" for at, size in zip((first, second), sizes, strict=True))
    total = seed & _U32
    if removed and added:
        total = _add(_sum(added, total, known.byte_order), _sum(removed, 0, known.byte_order) ^ _U32)
    elif removed:
        # So that nothing but zeros leaves zero, and not 0xffff, which stands for the same.
        total = _sum(removed, total ^ _U32, known.byte_order) ^ _U32
    else:
        total = _sum(added, total, known.byte_order)
    folded = (total & 0xFFFF) + (total >> 16)
    return (folded & 0xFFFF) + (folded >> 16)


def _sum(contents: bytes, seed: int, byte_order: ByteOrder) -> int:
    """The sum of the words in ones' complement; what is missing of the last one is zero."""
    total = 0
    for word in _words(contents + bytes(-len(contents) % 4), byte_order):
        total = _add(total, word)
    return _add(total, seed)


def _words(contents: bytes, byte_order: ByteOrder) -> Iterator[int]:
    return (int.from_bytes(contents[at : at + 4], byte_order) for at in range(0, len(contents), 4))


def _add(first: int, second: int) -> int:
    """The sum in ones' complement of 32 bits."""
    total = first + second
    return (total & _U32) + (total >> 32)

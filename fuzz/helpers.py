"""Helper functions that read the program's memory and its packet: trace_printk, skb_load_bytes, csum_diff.

Meanings: bpf-helpers(7); results and limits: Linux, kernel/trace/bpf_trace.c, net/core/filter.c. Integers lie in the byte order of the machine.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ebpf.program import ByteOrder
from oracle.world import NO_PACKET, HelperMemory, Packet, RefusedCallError

EFAULT, EINVAL = 14, 22

MAXIMUM_CHECKSUMMED = 512
"""Bytes of both buffers of csum_diff together (MAX_BPF_STACK)."""

MAXIMUM_FORMAT = 128
"""Bytes of a format string that is accepted here, its zero included."""

_U64, _U32 = (1 << 64) - 1, (1 << 32) - 1
_CONVERSION = re.compile(rb"%(%|(ll|l|)([diuxX]))?")


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


def printed(text: bytes, arguments: tuple[int | None, ...], width: int) -> Printed:
    """A format with its zero at the end. %d %i %u %x %X with l and ll, and %%; Linux has some more, of pointers and strings, that are refused."""
    if not text.endswith(b"\0"):
        return Printed(b"", 0, _error(EINVAL))
    parts: list[bytes] = []
    at = taken = 0
    for match in _CONVERSION.finditer(text := text[: text.index(b"\0")]):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[1] == b"%":
            parts.append(b"%")
            continue
        if match[1] is None or taken == len(arguments):
            return Printed(b"", taken, _error(EINVAL))
        value = arguments[taken]
        taken += 1
        if value is None:
            raise RefusedCallError(f"r{2 + taken} holds nothing, and the format takes it")
        parts.append(_number(value, {b"": 32, b"l": width, b"ll": 64}[match[2]], match[3]))
    output = b"".join((*parts, text[at:]))
    return Printed(output, taken, len(output))


def _number(value: int, bits: int, conversion: bytes) -> bytes:
    value &= (1 << bits) - 1
    if conversion in (b"d", b"i") and value >> bits - 1:
        value -= 1 << bits
    return (f"{value:x}" if conversion == b"x" else f"{value:X}" if conversion == b"X" else str(value)).encode()


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
    """The checksum `seed` when the bytes at `first` leave it and those at `second` enter, folded to 16 bits."""
    sizes = first_size & _U32, second_size & _U32
    if sizes[0] % 4 or sizes[1] % 4 or sum(sizes) > MAXIMUM_CHECKSUMMED:
        return _error(EINVAL)
    removed, added = (memory.read(at, size) if size else b"" for at, size in zip((first, second), sizes, strict=True))
    total = seed & _U32
    for word in _words(added, known.byte_order):
        total = _add(total, word)
    for word in _words(removed, known.byte_order):
        total = _add(total, word ^ _U32)
    folded = (total & 0xFFFF) + (total >> 16)
    return (folded & 0xFFFF) + (folded >> 16)


def _words(contents: bytes, byte_order: ByteOrder) -> Iterator[int]:
    return (int.from_bytes(contents[at : at + 4], byte_order) for at in range(0, len(contents), 4))


def _add(first: int, second: int) -> int:
    """The sum in ones' complement of 32 bits."""
    total = first + second
    return (total & _U32) + (total >> 32)

"""Helper functions that read memory: against struct, `%` of Python, and the checksum that the standard gives."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.program import ByteOrder
from fuzz.environment.functions import CSUM_DIFF, SKB_LOAD_BYTES, TRACE_PRINTK, environment
from fuzz.environment.helpers import Surroundings, printed
from oracle.world import Packet, RefusedCallError

U64 = (1 << 64) - 1
INTEGERS = st.integers(0, U64)


class _Memory:
    def __init__(self, contents: bytes = bytes(0x2000)) -> None:
        self.bytes = bytearray(contents)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes[address : address + size])

    def write(self, address: int, contents: bytes) -> None:
        self.bytes[address : address + len(contents)] = contents


@given(st.lists(st.sampled_from(("d", "i", "u", "x", "X", "lld", "llu", "llx", "%")), max_size=5), st.tuples(INTEGERS, INTEGERS, INTEGERS))
def test_formats_print_what_python_prints(conversions: list[str], values: tuple[int, int, int]) -> None:
    text = "a" + "b".join(f"%{conversion}" for conversion in conversions) + "c"
    wanted = [conversion for conversion in conversions if conversion != "%"]
    done = printed(text.encode() + b"\0", values, 64)
    if len(wanted) > 3:
        assert done.result == U64 - 21
        return
    arguments = []
    for conversion, value in zip(wanted, values, strict=False):
        bits = 64 if conversion.startswith("ll") else 32
        value &= (1 << bits) - 1
        arguments.append(value - (1 << bits) if conversion[-1] in "di" and value >> bits - 1 else value)
    expected = (text.replace("ll", "") % tuple(arguments)).encode()
    assert (done.text, done.taken, done.result) == (expected, len(wanted), len(expected))


@pytest.mark.parametrize("text", [b"%\0", b"%-5\0", b"%d", b"%5%\0", b"%l\0", b"%ls\0", b"%5lld%q\0", b"\x01\0", b"\xe9\0", b"%d%d%d%s\0", b"% \0d"])
def test_formats_that_linux_refuses(text: bytes) -> None:
    assert printed(text, (1, 2, 3), 64).result == U64 - 21


@pytest.mark.parametrize("text", [b"%s\0", b"%5s\0", b"%p\0", b"%pI4\0", b"%c\0", b"%1025d\0", b"%99999999999999999d\0"])
def test_formats_that_are_not_there(text: bytes) -> None:
    with pytest.raises(RefusedCallError, match=r"the format has %\w+[,;]"):
        printed(text, (1, 2, 3), 64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"%02d\0", b"07"),
        (b"%5d|%-5d|%+d\0", b"    7|-3   |+9"),
        (b"% d%05d\0", b" 7-0003"),
        (b"%+u% x\0", b"7fffffffd"),
        (b"%-05d|\0", b"7    |"),
        (b"%d\n\0a", b"7\n"),
        (b"\t\r\v\f~\0", b"\t\r\v\f~"),
        (b"\0", b""),
    ],
)
def test_flags_and_widths(text: bytes, expected: bytes) -> None:
    done = printed(text, (7, U64 - 2, 9), 64)
    assert (done.text, done.result) == (expected, len(expected))


def test_a_format_takes_as_many_registers_as_it_says_and_the_call_is_written_down() -> None:
    functions = environment(0)
    memory = _Memory(b"%ld %x\0" + bytes(64))
    helper = functions.helpers[TRACE_PRINTK]
    assert (helper.arguments, helper.more) == (2, 3)
    assert helper.function(memory, 0, 7, U64, 255, None) == 5
    assert str(functions.calls[0]) == "trace_printk(0x0, 0x7, 0xffffffffffffffff, 0xff) = 0x5, reads 256c6420257800 and 2d31206666"
    with pytest.raises(RefusedCallError, match="r4 holds nothing"):
        helper.function(memory, 0, 7, 1, None, None)
    with pytest.raises(RefusedCallError, match="r2 is 0x0"):
        helper.function(memory, 0, 0, 1, 1, 1)


def test_long_is_as_wide_as_the_machine() -> None:
    assert [printed(b"%ld\0", (0x1_FFFF_FFFF,), width).text for width in (32, 64)] == [b"-1", b"8589934591"]


@pytest.mark.parametrize(
    ("offset", "size", "found"), [(0, 4, True), (4, 16, True), (4, 17, False), (20, 1, False), (U64, 1, False), (1 << 32, 4, True)]
)
def test_bytes_of_the_packet(offset: int, size: int, found: bool) -> None:
    functions = environment(0, surroundings=Surroundings(context=0x500, packet=Packet(bytes(range(1, 21)))))
    memory = _Memory(b"\xff" * 64)
    result = functions.helpers[SKB_LOAD_BYTES].function(memory, 0x500, offset, 8, size)
    start = offset & 0xFFFFFFFF
    expected = bytes(range(1, 21))[start : start + size] if found else bytes(size)
    assert result == (0 if found else U64 - 13)
    assert memory.bytes == b"\xff" * 8 + expected + b"\xff" * (56 - size)


def test_packets_in_memory_and_wrong_arguments() -> None:
    functions = environment(0, surroundings=Surroundings(context=0x500, packet=Packet(bytes(4), 0, 0x20)))
    memory = _Memory(bytes(range(64)))
    load = functions.helpers[SKB_LOAD_BYTES].function
    assert load(memory, 0x500, 1, 8, 2) == 0
    assert memory.bytes[8:10] == b"\x21\x22"
    for arguments, reason in (((0x501, 0, 8, 1), "r1 is 0x501, which is not the context"), ((0x500, 0, 8, 0), "r4 is 0")):
        with pytest.raises(RefusedCallError, match=reason):
            load(memory, *arguments)


@given(st.sampled_from(("little", "big")), st.integers(0, 67), st.integers(0, 600), st.integers(0, 0xFFFF_FFFF), st.integers(0, 1 << 30))
def test_checksums(byte_order: ByteOrder, removed: int, added: int, seed: int, chance: int) -> None:
    """A checksum is a sum modulo 65535 (RFC 1071)."""
    contents = random.Random(chance).randbytes(removed), random.Random(chance + 1).randbytes(added)
    memory = _Memory(b"".join(contents))
    result = environment(0, surroundings=Surroundings(byte_order=byte_order)).helpers[CSUM_DIFF].function(memory, 0, removed, removed, added, seed)
    leaving, entering = (sum(struct.unpack(f"{'>' if byte_order == 'big' else '<'}{len(one) // 2}H", one)) for one in map(_even, contents))
    assert result <= 0xFFFF
    assert result % 0xFFFF == (seed + entering - leaving) % 0xFFFF


def _even(contents: bytes) -> bytes:
    return contents + bytes(len(contents) % 2)


@pytest.mark.parametrize(
    ("removed", "added", "seed", "result"),
    [
        (b"", b"", 0, 0),
        (b"", b"", 0xFFFF_FFFF, 0xFFFF),
        (b"", b"", 0x1_0002, 3),
        (b"", bytes(4), 0, 0),
        (bytes(4), b"", 0, 0),
        (bytes(3), b"", 5, 5),
        (bytes(4), bytes(4), 0, 0xFFFF),
        (b"\1\0", b"", 1, 0),
        (b"", b"\1\2\3", 0, 0x204),
    ],
)
def test_checksums_of_zero_are_those_of_linux(removed: bytes, added: bytes, seed: int, result: int) -> None:
    found = environment(0).helpers[CSUM_DIFF].function(_Memory(removed + added), 0, len(removed), len(removed), len(added), seed)
    assert found == result

"""Write the vectors of `rows`: tests in the format of the bpf_conformance suite, for each instruction.

What each must come to is reasoned out here, with Python integers that have no width, after RFC 9669; the reasoning stands in the file as a comment.
Neither oracle nor compiler is asked, and slots of the `raw` sections are put together by hand. With --check nothing is written, and the files that
would change are printed.

All vectors hold on both byte orders. Where a value depends on the order of bytes in memory, the program makes a number of them with `be16`, `be32`
or `be64`, which read them in network order everywhere.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

Code = tuple[str, ...]

ROWS = Path(__file__).parent / "rows"


class Vector(NamedTuple):
    """A test: the row that it is about, why it comes to what it does, the program, the expected r0 (None: an error), the memory."""

    row: str
    reason: str
    asm: tuple[str, ...]
    result: int | None
    memory: bytes = b""
    raw: tuple[int, ...] = ()


def unsigned(value: int, bits: int) -> int:
    """The number modulo 2^bits."""
    return value % (1 << bits)


def signed(value: int, bits: int) -> int:
    """The number that the low bits mean in two's complement."""
    value %= 1 << bits
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def slot(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> int:
    """A slot as a little-endian machine reads 8 bytes of it (RFC 9669 section 3.1)."""
    return opcode | dst << 8 | src << 12 | unsigned(offset, 16) << 16 | unsigned(imm, 32) << 32


# Arithmetic, section 4.1.


def _quotient(a: int, b: int) -> int:
    """Rounded toward zero, 0 for a division by zero."""
    if b == 0:
        return 0
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: int, b: int) -> int:
    """What the quotient leaves; all for a division by zero."""
    return a - b * _quotient(a, b)


class Operation(NamedTuple):
    """Mnemonic; function of two unsigned or two signed integers and the width; the pairs of operands for 32 and 64 bits."""

    mnemonic: str
    is_signed: bool
    function: Callable[[int, int, int], int]
    pairs: tuple[tuple[int, int], ...]


_CARRY = ((0xFFFF_FFFF, 1), (0x7FFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF), (0xFFFF_FFFF_0000_0000, -1))
_BITS = ((0xF0F0_1234_F0F0_5678, 0x0FF0_FF0F), (0x8000_0000_7FFF_FFFF, -0x8000_0000), (0x0123_4567_89AB_CDEF, -1))
_DIVIDE = ((0xFFFF_FFFF_FFFF_FFFF, 7), (0x8000_0000_8000_0000, -1), (0x1234_5678_9ABC_DEF0, 0))
_SIGNED_DIVIDE = ((-7, 2), (-(1 << 63), -1), (0x7FFF_FFFF_8000_0000, -3), (-5, 0))
_SHIFT = ((0x8000_0001_8000_0001, 1), (0x8765_4321_8765_4321, 31), (0x1234_5678_9ABC_DEF0, 33), (-2, 127))

# fmt: off
OPERATIONS = {
    "ADD":  Operation("add",  False, lambda a, b, w: a + b,           _CARRY),
    "SUB":  Operation("sub",  False, lambda a, b, w: a - b,           ((0, 1), (0x8000_0000_0000_0000, 0x7FFF_FFFF), (0xFFFF_FFFF, -1))),
    "MUL":  Operation("mul",  False, lambda a, b, w: a * b,           ((0xFFFF_FFFF, 0x7FFF_FFFF), (0x1_0000_0001, -3), (0xDEAD_BEEF_CAFE, 65537))),
    "DIV":  Operation("div",  False, lambda a, b, w: _quotient(a, b),  _DIVIDE),
    "SDIV": Operation("sdiv", True,  lambda a, b, w: _quotient(a, b),  _SIGNED_DIVIDE),
    "MOD":  Operation("mod",  False, lambda a, b, w: _remainder(a, b), _DIVIDE),
    "SMOD": Operation("smod", True,  lambda a, b, w: _remainder(a, b), _SIGNED_DIVIDE),
    "OR":   Operation("or",   False, lambda a, b, w: a | b,           _BITS),
    "AND":  Operation("and",  False, lambda a, b, w: a & b,           _BITS),
    "XOR":  Operation("xor",  False, lambda a, b, w: a ^ b,           _BITS),
    "LSH":  Operation("lsh",  False, lambda a, b, w: a << b % w,      _SHIFT),
    "RSH":  Operation("rsh",  False, lambda a, b, w: a >> b % w,      _SHIFT),
    "ARSH": Operation("arsh", True,  lambda a, b, w: a >> b % w,      _SHIFT),
}
# fmt: on


def _wide(register: str, value: int) -> str:
    return f"lddw {register}, {unsigned(value, 64):#x}"


def arithmetic() -> Iterator[Vector]:
    """Two operands, at both widths: a 32-bit result has a zero upper half, whatever was there."""
    for name, (mnemonic, is_signed, function, pairs) in OPERATIONS.items():
        for bits in (32, 64):
            read = signed if is_signed else unsigned
            suffix = "32" if bits == 32 else ""
            for a, b in pairs:
                x, y = read(a, bits), read(b, bits)
                result = unsigned(function(x, y, bits), bits)
                reason = f"{mnemonic} of {x} and {y} in {bits} bits"
                load = _wide("r3", a)
                yield Vector(f"{name}{bits}_IMM", reason, (load, f"{mnemonic}{suffix} r3, {b}", "mov r0, r3", "exit"), result)
                # An operand whose upper half is no part of a 32-bit one.
                second = b if bits == 64 else unsigned(b, 32) | 0xABCD_EF01 << 32
                code: Code = (load, _wide("r7", second), f"{mnemonic}{suffix} r3, r7", "mov r0, r3", "exit")
                yield Vector(f"{name}{bits}_REG", reason, code, result)


def moves() -> Iterator[Vector]:
    """MOV, MOVSX, NEG, and numbers of 64 bits."""
    for bits in (32, 64):
        suffix = "32" if bits == 32 else ""
        for value in (-1, 0x7FFF_FFFF, -0x8000_0000):
            code: Code = (_wide("r0", 0x0123_4567_89AB_CDEF), f"mov{suffix} r0, {value}", "exit")
            yield Vector(f"MOV{bits}_IMM", f"{value} in {bits} bits", code, unsigned(value, bits))
        for value in (0xFEDC_BA98_7654_3210, 0x7FFF_FFFF_8000_0000):
            code = (_wide("r8", value), f"mov{suffix} r0, r8", "exit")
            yield Vector(f"MOV{bits}_REG", f"the low {bits} bits of {value:#x}", code, unsigned(value, bits))
            code = (_wide("r9", value), f"neg{suffix} r9", "mov r0, r9", "exit")
            yield Vector(f"NEG{bits}", f"2^{bits} minus the low {bits} bits of {value:#x}", code, unsigned(-unsigned(value, bits), bits))
        for source in (8, 16, 32)[: 2 if bits == 32 else 3]:
            for value in (0x1234_5678_8000_8080, 0xFFFF_FFFF_7FFF_7F7F):
                code = (_wide("r4", value), f"movsx{source}{bits} r0, r4", "exit")
                result = unsigned(signed(value, source), bits)
                yield Vector(f"MOVSX{bits}_{source}", f"{signed(value, source)}, the low {source} bits, in {bits} bits", code, result)
    for value in (0, 0x8000_0000, 0xFFFF_FFFF_FFFF_FFFF, 0x0123_4567_89AB_CDEF):
        yield Vector("LDDW", "the number", (_wide("r0", value), "exit"), value)


def swaps() -> Iterator[Vector]:
    """BSWAP reverses bytes; after TO_BE the first byte in memory is the highest, after TO_LE the lowest (section 4.2). What is above is zero."""
    value = 0x8122_3344_5566_77F8
    for bits in (16, 32, 64):
        low = unsigned(value, bits)
        octets = low.to_bytes(bits // 8, "big")
        store = {16: "stxh", 32: "stxw", 64: "stxdw"}[bits]
        reversed_ = int.from_bytes(octets, "little")
        yield Vector(f"BSWAP{bits}", f"the bytes of {low:#x} in reverse", (_wide("r0", value), f"bswap{bits} r0", "exit"), reversed_)
        code: Code = (_wide("r0", value), f"bswap{bits} r0", f"bswap{bits} r0", "exit")
        yield Vector(f"BSWAP{bits}", "twice reversed it is as before", code, low)
        for order, first, last in (("be", octets[0], octets[-1]), ("le", octets[-1], octets[0])):
            name = f"{order.upper()}{bits}"
            begin = (_wide("r2", value), f"{order}{bits} r2", f"{store} [r10-8], r2")
            yield Vector(name, "the first byte in memory", (*begin, "ldxb r0, [r10-8]", "exit"), first)
            yield Vector(name, "the last byte in memory", (*begin, f"ldxb r0, [r10{bits // 8 - 9}]", "exit"), last)
            if bits < 64:
                code = (_wide("r2", value), f"{order}{bits} r2", f"rsh r2, {bits}", "mov r0, r2", "exit")
                yield Vector(name, "nothing is left above", code, 0)


CONDITIONS: dict[str, tuple[bool, Callable[[int, int], bool]]] = {
    "JEQ": (False, lambda a, b: a == b),
    "JNE": (False, lambda a, b: a != b),
    "JGT": (False, lambda a, b: a > b),
    "JGE": (False, lambda a, b: a >= b),
    "JLT": (False, lambda a, b: a < b),
    "JLE": (False, lambda a, b: a <= b),
    "JSET": (False, lambda a, b: a & b != 0),
    "JSGT": (True, lambda a, b: a > b),
    "JSGE": (True, lambda a, b: a >= b),
    "JSLT": (True, lambda a, b: a < b),
    "JSLE": (True, lambda a, b: a <= b),
}
_COMPARED = ((5, 5), (0x1_0000_0005, 5), (-1, 1), (0x7FFF_FFFF_8000_0000, -0x8000_0000), (-0x8000_0000, 0x7FFF_FFFF))


def jumps() -> Iterator[Vector]:
    """Each condition on the same operands, so that some are true: r0 = 1 where the jump is taken, 2 where it is not (section 4.3)."""
    for name, (is_signed, holds) in CONDITIONS.items():
        for bits in (32, 64):
            for a, b in _COMPARED:
                x, y = ((signed if is_signed else unsigned)(value, bits) for value in (a, b))
                result = 1 if holds(x, y) else 2
                reason = f"{name} of {x} and {y} is {'true' if result == 1 else 'false'}"
                mnemonic = name.lower() + ("32" if bits == 32 else "")
                before, after = (_wide("r6", a), "mov r0, 1"), ("mov r0, 2", "exit")
                yield Vector(f"{name}{bits}_IMM", reason, (*before, f"{mnemonic} r6, {b}, +1", *after), result)
                yield Vector(f"{name}{bits}_REG", reason, (*before, _wide("r1", b), f"{mnemonic} r6, r1, +1", *after), result)
    yield Vector("JA", "over one instruction, and back", ("ja +2", "mov r0, 1", "exit", "mov r0, 9", "ja -4"), 1)
    code: Code = ("mov r0, 7", "ja +1", "mov r0, 8", "exit")
    yield Vector("JA", "over one instruction", code, 7)
    for to, result in ((0, 8), (1, 7)):
        raw = (slot(0xB7, 0, imm=7), slot(0x06, imm=to), slot(0xB7, 0, imm=8), slot(0x95))
        yield Vector("JA32", f"over {to} instructions, which is in imm", (), result, raw=raw)
    yield Vector("EXIT", "all 64 bits of r0 are the result", (_wide("r0", -2), "exit"), unsigned(-2, 64))
    yield Vector("EXIT", "what follows is not executed", ("mov r0, 3", "exit", "mov r0, 4", "exit"), 3)


def calls() -> Iterator[Vector]:
    """Helper 5 of the suite returns its first argument; a local function has a frame of its own, and r6 to r9 are its caller's afterwards."""
    for value in (0x0123_4567_89AB_CDEF, 0xFFFF_FFFF_0000_0000):
        yield Vector("CALL", "the first argument", (_wide("r1", value), "call 5", "exit"), value)
        code: Code = (
            "mov r6, 11",
            "mov r7, 22",
            "mov r1, 7",
            "call local +3",
            "add r0, r6",
            "add r0, r7",
            "exit",
            "mov r6, 1",
            "mov r7, 2",
            _wide("r0", value),
        )
        yield Vector("CALL_LOCAL", "the result, plus 11 and 22", (*code, "exit"), unsigned(value + 33, 64))
    yield Vector("CALL", "there is no such helper", ("mov r0, 0", "call 99999", "exit"), None)
    yield Vector("CALL_KERNEL", "there is no such kernel function", ("mov r0, 0", "call runtime 99999", "exit"), None)
    code = ("stdw [r10-8], 1", "call local +2", "ldxdw r0, [r10-8]", "exit", "stdw [r10-8], 2", "mov r0, 0", "exit")
    yield Vector("CALL_LOCAL", "the callee's frame is another one", code, 1)


SIZES = {"B": 1, "H": 2, "W": 4, "DW": 8}
_MEMORY = bytes(0x80 + 0x11 * at & 0xFF for at in range(16))


def _network(size: int, register: str) -> tuple[str, ...]:
    """Make a number of the bytes that were loaded, or bytes of the number that will be stored, in network order."""
    return () if size == 1 else (f"be{8 * size} {register}",)


def memory() -> Iterator[Vector]:
    """Loads are zero-extended or sign-extended, stores change as many bytes as they have (sections 5.1 and 5.2)."""
    for name, size in SIZES.items():
        for at in (0, 8 - size, 8):
            value = int.from_bytes(_MEMORY[at : at + size], "big")
            reason = f"the {size} bytes at {at}, in network order"
            code: Code = (_wide("r0", -1), f"ldx{name.lower()} r0, [r1+{at}]", *_network(size, "r0"), "exit")
            yield Vector(f"LDX_{name}", reason, code, value, _MEMORY)
        for value in (0x1122_3344_5566_7788, 0xFFEE_DDCC_BBAA_9988):
            octets = unsigned(value, 8 * size).to_bytes(size, "big")
            after = int.from_bytes(b"\xa5" * (8 - size) + octets, "big")
            fill = (_wide("r3", 0xA5A5_A5A5_A5A5_A5A5), "stxdw [r10-16], r3", "stxdw [r10-8], r3")
            read = ("ldxdw r0, [r10-8]", "be64 r0", "exit")
            reason = f"the last {size} of 8 bytes, in network order, are those of the number"
            code = (_wide("r2", value), *_network(size, "r2"), *fill, f"stx{name.lower()} [r10{-size}], r2", *read)
            yield Vector(f"STX_{name}", reason, code, after)
        for number in (0x7654_3210, -2):
            code = (*fill, f"st{name.lower()} [r10{-size}], {number}", f"ldx{name.lower()} r0, [r10{-size}]", "exit")
            yield Vector(f"ST_{name}", f"{number} in {8 * size} bits", code, unsigned(number, 8 * size))
        kept = int.from_bytes(b"\xa5" * (8 - size) + b"\x00" * size, "big")
        code = (*fill, f"st{name.lower()} [r10{-size}], 0", *read)
        yield Vector(f"ST_{name}", f"{8 - size} of 8 bytes are left alone", code, kept)
        if name != "DW":
            for octet in (0x80, 0x7F, 0xFF):
                result = unsigned(signed(int.from_bytes(bytes([octet]) * size, "big"), 8 * size), 64)
                code = (f"ldxs{name.lower()} r0, [r1+4]", "exit")
                yield Vector(f"LDXSX_{name}", f"{size} bytes {octet:#x}, sign-extended", code, result, bytes(4) + bytes([octet]) * 8)


_ATOMIC: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "ADD": ("add", lambda old, new: old + new),
    "OR": ("or", lambda old, new: old | new),
    "AND": ("and", lambda old, new: old & new),
    "XOR": ("xor", lambda old, new: old ^ new),
}
_OLD, _NEW = 0xF0F0_F0F0_8000_0001, 0x0FF0_1234_8000_00FF


def atomics() -> Iterator[Vector]:
    """Section 5.3. What was in memory comes back zero-extended; of 8 bytes a 32-bit operation changes the 4 that it names."""
    for size, bits, suffix in (("W", 32, "32"), ("DW", 64, "")):
        old, new = unsigned(_OLD, bits), unsigned(_NEW, bits)
        load, store = ("ldxw", "stxw") if bits == 32 else ("ldxdw", "stxdw")
        begin = (_wide("r2", _OLD), _wide("r3", _NEW), "stdw [r10-8], -1", f"{store} [r10-8], r2")
        read = (f"{load} r0, [r10-8]", "exit")
        for name, (mnemonic, function) in _ATOMIC.items():
            after = unsigned(function(old, new), bits)
            reason = f"{mnemonic} of {old:#x} and {new:#x} in {bits} bits"
            yield Vector(f"ATOMIC_{name}_{size}", f"{reason}, in memory", (*begin, f"lock {mnemonic}{suffix} [r10-8], r3", *read), after)
            code: Code = (*begin, f"lock {mnemonic}{suffix} [r10-8], r3", "mov r0, r3", "exit")
            yield Vector(f"ATOMIC_{name}_{size}", "the operand is left alone", code, _NEW)
            fetch = f"lock fetch {mnemonic}{suffix} [r10-8], r3"
            yield Vector(f"ATOMIC_FETCH_{name}_{size}", f"{reason}, in memory", (*begin, fetch, *read), after)
            yield Vector(f"ATOMIC_FETCH_{name}_{size}", "what was there before", (*begin, fetch, "mov r0, r3", "exit"), old)
        exchange = f"lock xchg{suffix} [r10-8], r3"
        yield Vector(f"XCHG_{size}", "what was there before", (*begin, exchange, "mov r0, r3", "exit"), old)
        yield Vector(f"XCHG_{size}", "the operand is in memory", (*begin, exchange, *read), new)
        compare = f"lock cmpxchg{suffix} [r10-8], r3"
        for expected, equal in ((_OLD, True), (_OLD ^ 1, False)):
            code = (*begin, _wide("r0", expected), compare, "exit")
            yield Vector(f"CMPXCHG_{size}", f"what was there before, where it {'is' if equal else 'is not'} what r0 held", code, old)
            code = (*begin, _wide("r0", expected), compare, *read)
            yield Vector(f"CMPXCHG_{size}", f"memory {'has' if equal else 'has not'} changed", code, new if equal else old)


def ordered() -> Iterator[Vector]:
    """Load-acquire and store-release of Linux (Documentation/bpf/standardization/instruction-set.rst): ordinary loads and stores for one CPU."""
    for name, size, opcode, store in (("B", 1, 0xD3, 0x73), ("H", 2, 0xCB, 0x6B), ("W", 4, 0xC3, 0x63), ("DW", 8, 0xDB, 0x7B)):
        for value in (0x0123_4567_89AB_CDEF, 0xFFFF_FFFF_FFFF_FFFE):
            low, wide = unsigned(value, 8 * size), (slot(0x18, 2, imm=value), slot(0, imm=value >> 32))
            ordinary_store, ordinary_load = slot(store, 10, 2, -8), slot(store - 2, 0, 10, -8)
            acquire, release = slot(opcode, 0, 10, -8, 0x100), slot(opcode, 10, 2, -8, 0x110)
            yield Vector(f"LOAD_ACQUIRE_{name}", f"what was stored, {size} bytes", (), low, raw=(*wide, ordinary_store, acquire, slot(0x95)))
            yield Vector(f"STORE_RELEASE_{name}", f"what is stored, {size} bytes", (), low, raw=(*wide, release, ordinary_load, slot(0x95)))


def references() -> Iterator[Vector]:
    """Wide loads that name something (section 5.4): a test has no maps and no variables; the address of a function is not zero."""
    for name, source in (("MAP_FD", 1), ("MAP_VALUE", 2), ("VARIABLE", 3), ("MAP_INDEX", 5), ("MAP_INDEX_VALUE", 6)):
        for imm in (0, 7):
            raw = (slot(0x18, 1, source, imm=imm), slot(0), slot(0xB7, 0), slot(0x95))
            yield Vector(f"LDDW_{name}", "there is nothing to refer to", (), None, raw=raw)
    function = (slot(0xB7, 0, imm=5), slot(0x95))
    rest = (slot(0), slot(0xB7, 0, imm=1), slot(0x55, 1, offset=1), slot(0xB7, 0, imm=2), slot(0x95), *function)
    yield Vector("LDDW_CODE", "the address of a function is not zero", (), 1, raw=(slot(0x18, 1, 4, imm=5), *rest))
    yield Vector("LDDW_CODE", "there is no such instruction", (), None, raw=(slot(0x18, 1, 4, imm=99), *rest))


def linux() -> Iterator[Vector]:
    """What Linux has beyond the RFC (include/uapi/linux/bpf.h, include/linux/filter.h), by its numbers."""
    for register in (3, 8):
        main = (slot(0x18, register, 4, imm=4), slot(0), slot(0xB7, 1, imm=30), slot(0x8D, register), slot(0x95))
        raw: tuple[int, ...] = (*main, slot(0xBF, 0, 1), slot(0x07, 0, imm=12), slot(0x95))
        yield Vector("CALLX", "30 plus 12, by a call of the function whose address is in a register", (), 42, raw=raw)
    raw = (slot(0xB7, 0, imm=1), slot(0xE5, offset=1), slot(0xB7, 0, imm=2), slot(0x95))
    yield Vector("MAY_GOTO", "not taken as long as it has not been executed 8388608 times", (), 2, raw=raw)
    yield Vector("NOSPEC", "no more than a barrier", (), 5, raw=(slot(0xB7, 0, imm=5), slot(0xC2), slot(0x95)))
    for value in (0xFFFF_FFFF_8000_0001, 0x7FFF_FFFF):
        raw = (slot(0x18, 2, imm=value), slot(0, imm=value >> 32), slot(0xBC, 2, 2, imm=1), slot(0xBF, 0, 2), slot(0x95))
        yield Vector("ZEXT", "the upper half becomes zero", (), unsigned(value, 32), raw=raw)


def packets() -> Iterator[Vector]:
    """The packet is the memory of the test, in network order; outside it the program ends with 0 (section 5.5)."""
    for name, size in (("B", 1), ("H", 2), ("W", 4)):
        for at in (0, 3, len(_MEMORY) - size):
            value = int.from_bytes(_MEMORY[at : at + size], "big")
            reason = f"the {size} bytes at {at}"
            yield Vector(f"LDABS_{name}", reason, ("mov r6, r1", f"ldabs{name.lower()} {at}", "exit"), value, _MEMORY)
            code: Code = ("mov r6, r1", f"mov r7, {at + 5}", f"ldind{name.lower()} r7, -5", "exit")
            yield Vector(f"LDIND_{name}", f"{reason}, index {at + 5} minus 5", code, value, _MEMORY)
        end = len(_MEMORY) - size + 1
        code = ("mov r6, r1", "mov r0, 3", f"ldabs{name.lower()} {end}", "mov r0, 4", "exit")
        yield Vector(f"LDABS_{name}", "one byte too far ends the program", code, 0, _MEMORY)
        code = ("mov r6, r1", "mov r0, 3", f"mov r7, {end}", f"ldind{name.lower()} r7, 0", "mov r0, 4", "exit")
        yield Vector(f"LDIND_{name}", "one byte too far ends the program", code, 0, _MEMORY)


FAMILIES = (arithmetic, moves, swaps, jumps, calls, memory, atomics, ordered, references, linux, packets)


def vectors() -> dict[str, str]:
    """The text of each file, by its name."""
    found: dict[str, str] = {}
    counts: dict[str, int] = {}
    for family in FAMILIES:
        for vector in family():
            counts[vector.row] = counts.get(vector.row, 0) + 1
            found[f"{vector.row.lower()}-{counts[vector.row]}.data"] = _text(vector)
    return found


def _text(vector: Vector) -> str:
    parts = [f"# {vector.row}: {vector.reason}"]
    if vector.raw:
        parts += ["-- raw", *(f"{number:#018x}" for number in vector.raw)]
    else:
        parts += ["-- asm", *vector.asm]
    if vector.memory:
        parts += ["-- mem", vector.memory.hex(" ")]
    parts += ["-- error", vector.reason] if vector.result is None else ["-- result", f"{vector.result:#x}"]
    return "\n".join(parts) + "\n"


def main() -> int:
    """The command line; the exit status is 1 when --check found a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with status 1 when a file differs")
    options = parser.parse_args()
    wanted = vectors()
    present = {path.name: path.read_text() for path in ROWS.glob("*.data")}
    differing = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    for name in differing:
        print(name)
        if not options.check:
            if name in wanted:
                (ROWS / name).write_text(wanted[name])
            else:
                (ROWS / name).unlink()
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The runtime routines against the oracle's instructions, which share no code with them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from ebpf.program import wide_slots
from fuzz.environment.routines import MEANINGS, OUTSIDE, RoutineError
from jit.runtime import ROUTINES
from oracle.interpreter import run
from oracle.outcome import FaultKind
from oracle.world import Packet, Region, World

CONTEXT = 0x1000
EDGES = [0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 63) - 1, (1 << 64) - 1]
U64 = st.one_of(st.sampled_from(EDGES), st.integers(0, (1 << 64) - 1))


class _Memory:
    """One region."""

    def __init__(self, contents: bytes, alignment: int = 4) -> None:
        self.contents, self.alignment, self.context = bytearray(contents), alignment, CONTEXT

    def load(self, address: int, size: int) -> int:
        return int.from_bytes(self.contents[address - CONTEXT : address - CONTEXT + size], "little")

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.contents[address - CONTEXT : address - CONTEXT + size])

    def store(self, address: int, size: int, value: int) -> None:
        self.contents[address - CONTEXT : address - CONTEXT + size] = value.to_bytes(size, "little")


def _oracle(name: str, r0: int, r3: int, contents: bytes) -> tuple[int | None, int | None, bytes]:
    """r0, r3 and memory after the instruction with dst r0 or, when it accesses memory, base r1; src r3."""
    row = BY_NAME[name]
    fields = [value if isinstance(value, int) else 0 for value in (row.offset, row.imm)]
    dst = 1 if row.offset == "memory" else 0
    slots = [*wide_slots(0, r0), *wide_slots(3, r3), Instruction(row.opcode, dst, 3, *fields), Instruction(0x95)]
    world = World("little", 32, 4, 0x9000, bytes(4096), (CONTEXT, 16), (Region("context", CONTEXT, contents, True),))
    outcome = run(slots, world)
    assert outcome.fault is None
    return outcome.registers[0], outcome.registers[3], outcome.memory["context"]


@pytest.mark.parametrize("name", ["udiv64", "umod64", "sdiv64", "smod64"])
@given(dividend=U64, divisor=U64.filter(bool))
@example(dividend=1 << 63, divisor=(1 << 64) - 1)
@settings(max_examples=50)
def test_division(name: str, dividend: int, divisor: int) -> None:
    row = {"udiv64": "DIV64_REG", "umod64": "MOD64_REG", "sdiv64": "SDIV64_REG", "smod64": "SMOD64_REG"}[name]
    assert MEANINGS[name](_Memory(b""), Packet(), dividend, divisor) == _oracle(row, dividend, divisor, bytes(16))[0]


@pytest.mark.parametrize("name", ["udiv64", "umod64", "sdiv64", "smod64"])
def test_division_by_zero_is_a_fault(name: str) -> None:
    with pytest.raises(RoutineError, match=f"{name} called with divisor 0"):
        MEANINGS[name](_Memory(b""), Packet(), 1, 0)


_FETCHING = {f"atomic{bits}_fetch_{operation}": f"ATOMIC_FETCH_{operation.upper()}_{'W' if bits == 32 else 'DW'}"
             for bits in (32, 64) for operation in ("add", "and", "or", "xor")}  # fmt: skip


@pytest.mark.parametrize(("name", "row"), [*_FETCHING.items(), ("atomic32_xchg", "XCHG_W"), ("atomic64_xchg", "XCHG_DW")])
@given(old=U64, operand=U64)
@settings(max_examples=25)
def test_fetching_atomics(name: str, row: str, old: int, operand: int) -> None:
    contents = old.to_bytes(8, "little") * 2
    memory = _Memory(contents)
    given = operand if "64" in name else operand & 0xFFFFFFFF
    result = MEANINGS[name](memory, Packet(), CONTEXT, given)
    assert (result, bytes(memory.contents)) == _oracle(row, 0, operand, contents)[1:]


@pytest.mark.parametrize(("name", "row"), [("atomic32_cmpxchg", "CMPXCHG_W"), ("atomic64_cmpxchg", "CMPXCHG_DW")])
@given(old=U64, expected=U64, new=U64, equal=st.booleans())
@settings(max_examples=50)
def test_compare_exchange(name: str, row: str, old: int, expected: int, new: int, equal: bool) -> None:
    contents = old.to_bytes(8, "little") * 2
    memory = _Memory(contents)
    expected = old if equal else expected
    mask = (1 << 64) - 1 if "64" in name else 0xFFFFFFFF
    result = MEANINGS[name](memory, Packet(), CONTEXT, expected & mask, new & mask)
    r0, _, after = _oracle(row, expected, new, contents)
    assert (result, bytes(memory.contents)) == (r0, after)


@pytest.mark.parametrize("alignment", [1, 4, 8])
@pytest.mark.parametrize("name", [name for name in ROUTINES if name.startswith("atomic")])
def test_alignment(name: str, alignment: int) -> None:
    """Read-modify-write operations are aligned to their size everywhere, ordered loads and stores as ordinary ones."""
    needed = alignment if name in ("atomic64_load", "atomic64_store") else 8 if "64" in name else 4
    operands = [0] * (len(ROUTINES[name].arguments) - 1)
    for offset in (0, 1, 2, 4, 8):
        memory = _Memory(bytes(32), alignment)
        if offset % needed == 0:
            MEANINGS[name](memory, Packet(), CONTEXT + offset, *operands)
        else:
            with pytest.raises(RoutineError) as caught:
                MEANINGS[name](memory, Packet(), CONTEXT + offset, *operands)
            assert (caught.value.fault.kind, caught.value.fault.address) == (FaultKind.MISALIGNED, CONTEXT + offset)


@given(U64)
def test_ordered_load_and_store(value: int) -> None:
    memory = _Memory(bytes(16))
    MEANINGS["atomic64_store"](memory, Packet(), CONTEXT + 8, value)
    assert memory.contents == bytes(8) + value.to_bytes(8, "little")
    assert MEANINGS["atomic64_load"](memory, Packet(), CONTEXT + 8) == value


# fmt: off
PACKETS = (
    (0,          4, 0x80112233), (0,  2, 0x8011),  (3, 1, 0x33),    (1, 4, 0x11223344),
    (2,          4, OUTSIDE),    (4,  2, OUTSIDE), (5, 1, OUTSIDE), (4, 1, 0x44),
    (0xFFFFFFFF, 1, OUTSIDE),    (0x80000000, 4, OUTSIDE), (0x7FFFFFFF, 1, OUTSIDE), (0xFFDFFFFF, 1, OUTSIDE),
    (0xFFF00000, 2, 0x2233),     (0xFFF00002, 1, 0x44),    (0xFFF00001, 4, OUTSIDE), (0xFFF00003, 1, OUTSIDE),
    (0xFFE00000, 4, 0x80112233), (0xFFE00004, 1, 0x44),    (0xFFE00002, 4, OUTSIDE), (0xFFEFFFFF, 1, OUTSIDE),
)
# fmt: on


@pytest.mark.parametrize(("offset", "size", "value"), PACKETS)
def test_packet_load(offset: int, size: int, value: int) -> None:
    assert MEANINGS["packet_load"](_Memory(b""), Packet(b"\x80\x11\x22\x33\x44", 2), CONTEXT, offset, size) == value


def test_packet_load_reads_memory_where_the_packet_lies_there() -> None:
    memory = _Memory(bytes(range(16)))
    assert MEANINGS["packet_load"](memory, Packet(bytes(8), 2, CONTEXT + 4), CONTEXT, 1, 2) == 0x0506
    assert MEANINGS["packet_load"](memory, Packet(bytes(8), 2, CONTEXT + 4), CONTEXT, 7, 2) == OUTSIDE


def test_packet_load_without_the_context_is_a_fault() -> None:
    with pytest.raises(RoutineError, match="context 0x1001"):
        MEANINGS["packet_load"](_Memory(b""), Packet(bytes(16)), CONTEXT + 1, 0, 4)


def test_packet_load_of_another_size_is_a_fault() -> None:
    with pytest.raises(RoutineError, match="size 8"):
        MEANINGS["packet_load"](_Memory(b""), Packet(bytes(16)), CONTEXT, 0, 8)

"""Known answers of loads and stores, in both byte orders and address widths, and the faults of memory."""

from typing import Any

import pytest

from ebpf.program import ByteOrder
from oracle.outcome import Fault, FaultKind
from oracle.tests.building import CONTEXT, EXIT, FRAME_POINTER, ORDERS, READ_ONLY, RETURN_0, constant, execute, make_world, slot
from oracle.world import Region, World

BYTES = bytes.fromhex("0123456789abcdef fedcba9876543210 7f80ff00ff80007f")

# fmt: off
LOADS = (
    # name              offset  little-endian       big-endian
    ("LDX_B",            7, 0x00000000000000ef, 0x00000000000000ef), ("LDX_B",           16, 0x000000000000007f, 0x000000000000007f),
    ("LDX_H",            6, 0x000000000000efcd, 0x000000000000cdef), ("LDX_H",           16, 0x000000000000807f, 0x0000000000007f80),
    ("LDX_W",            4, 0x00000000efcdab89, 0x0000000089abcdef), ("LDX_W",            0, 0x0000000067452301, 0x0000000001234567),
    ("LDX_DW",           0, 0xefcdab8967452301, 0x0123456789abcdef), ("LDX_DW",           8, 0x1032547698badcfe, 0xfedcba9876543210),
    ("LDXSX_B",          7, 0xffffffffffffffef, 0xffffffffffffffef), ("LDXSX_B",         16, 0x000000000000007f, 0x000000000000007f),
    ("LDXSX_H",         16, 0xffffffffffff807f, 0x0000000000007f80), ("LDXSX_H",         20, 0xffffffffffff80ff, 0xffffffffffffff80),
    ("LDXSX_W",          0, 0x0000000067452301, 0x0000000001234567), ("LDXSX_W",          4, 0xffffffffefcdab89, 0xffffffff89abcdef),
    ("LOAD_ACQUIRE_B",   7, 0x00000000000000ef, 0x00000000000000ef), ("LOAD_ACQUIRE_B",  16, 0x000000000000007f, 0x000000000000007f),
    ("LOAD_ACQUIRE_H",   6, 0x000000000000efcd, 0x000000000000cdef), ("LOAD_ACQUIRE_H",  16, 0x000000000000807f, 0x0000000000007f80),
    ("LOAD_ACQUIRE_W",   4, 0x00000000efcdab89, 0x0000000089abcdef), ("LOAD_ACQUIRE_W",   0, 0x0000000067452301, 0x0000000001234567),
    ("LOAD_ACQUIRE_DW",  0, 0xefcdab8967452301, 0x0123456789abcdef), ("LOAD_ACQUIRE_DW",  8, 0x1032547698badcfe, 0xfedcba9876543210),
)
STORES = (
    # name              value               little-endian                big-endian
    ("STX_B",            0x0123456789abcdef, "ef",                       "ef"),
    ("STX_H",            0x0123456789abcdef, "ef cd",                    "cd ef"),
    ("STX_W",            0x0123456789abcdef, "ef cd ab 89",              "89 ab cd ef"),
    ("STX_DW",           0x0123456789abcdef, "ef cd ab 89 67 45 23 01",  "01 23 45 67 89 ab cd ef"),
    ("STORE_RELEASE_B",  0x0123456789abcdef, "ef",                       "ef"),
    ("STORE_RELEASE_H",  0x0123456789abcdef, "ef cd",                    "cd ef"),
    ("STORE_RELEASE_W",  0x0123456789abcdef, "ef cd ab 89",              "89 ab cd ef"),
    ("STORE_RELEASE_DW", 0x0123456789abcdef, "ef cd ab 89 67 45 23 01",  "01 23 45 67 89 ab cd ef"),
    ("ST_B",             0x12345678,         "78",                       "78"),
    ("ST_H",             0x12345678,         "78 56",                    "56 78"),
    ("ST_W",             0x12345678,         "78 56 34 12",              "12 34 56 78"),
    ("ST_DW",            0x12345678,         "78 56 34 12 00 00 00 00",  "00 00 00 00 12 34 56 78"),
    ("ST_B",            -2,                  "fe",                       "fe"),
    ("ST_H",            -2,                  "fe ff",                    "ff fe"),
    ("ST_W",            -0x80000000,         "00 00 00 80",              "80 00 00 00"),
    ("ST_DW",           -0x80000000,         "00 00 00 80 ff ff ff ff",  "ff ff ff ff 80 00 00 00"),
)
# fmt: on


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize(("name", "offset", "little", "big"), LOADS)
def test_load(name: str, offset: int, little: int, big: int, width: int, order: ByteOrder) -> None:
    world = make_world(BYTES, byte_order=order, address_width=width)
    for base in (1, 0):  # 0: the base is dst
        outcome = execute(slot("MOV64_REG", 0, 1), slot("ADD64_IMM", base, imm=100), slot(name, 0, base, offset - 100), EXIT, world=world)
        assert (outcome.registers[0], outcome.fault) == (little if order == "little" else big, None)
        assert outcome.memory["context"] == BYTES


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize(("name", "value", "little", "big"), STORES)
def test_store(name: str, value: int, little: str, big: str, width: int, order: ByteOrder) -> None:
    world = make_world(BYTES, byte_order=order, address_width=width)
    store = (slot(name, 1, imm=value, offset=8),) if name.startswith("ST_") else (*constant(7, value), slot(name, 1, 7, 8))
    outcome = execute(store, RETURN_0, world=world)
    stored = bytes.fromhex(little if order == "little" else big)
    assert outcome.memory["context"] == BYTES[:8] + stored + BYTES[8 + len(stored) :]
    assert outcome.fault is None


@pytest.mark.parametrize("order", ORDERS)
def test_store_of_the_base_itself(order: ByteOrder) -> None:
    outcome = execute(slot("STX_DW", 1, 1, 0), RETURN_0, world=make_world(byte_order=order))
    assert outcome.memory["context"][:8] == CONTEXT.to_bytes(8, order)


def test_store_of_the_frame_pointer() -> None:
    outcome = execute(slot("STX_DW", 10, 10, -512), RETURN_0)
    assert outcome.memory["stack"][-512:-504] == FRAME_POINTER.to_bytes(8, "little")
    assert len(outcome.memory["stack"]) == 4096


@pytest.mark.parametrize(("width", "fault"), [(32, None), (64, Fault(FaultKind.OUT_OF_BOUNDS, 3, 0xDEAD_BEEF_0010_0004, 4))])
def test_upper_half_of_a_base_register(width: int, fault: Fault | None) -> None:
    """32-bit code ignores it; in 64-bit code it is part of the address."""
    code = constant(3, 0xDEAD_BEEF_0000_0000), slot("ADD64_REG", 3, 1), slot("LDX_W", 0, 3, 4), EXIT
    outcome = execute(*code, world=make_world(BYTES, address_width=width))
    assert outcome.fault == fault
    assert outcome.return_value == (0xEFCD_AB89 if fault is None else None)


@pytest.mark.parametrize("width", [32, 64])
def test_addresses_wrap_at_the_address_width(width: int) -> None:
    world = make_world(address_width=width, regions=(Region("low", 0, b"\x2a" + bytes(63), False),))
    outcome = execute(constant(3, (1 << width) - 16), slot("LDX_B", 0, 3, 16), EXIT, world=world)
    assert outcome.return_value == 0x2A


def test_last_bytes_of_the_address_space() -> None:
    top = (1 << 64) - 16
    world = make_world(regions=(Region("high", top, bytes(8) + b"\x2a" + bytes(7), False),))
    assert execute(constant(3, top), slot("LDX_DW", 0, 3, 8), EXIT, world=world).registers[0] == 0x2A


READ = ("LDX_B", "LDX_H", "LDX_W", "LDX_DW", "LDXSX_B", "LDXSX_H", "LDXSX_W", "LOAD_ACQUIRE_B", "LOAD_ACQUIRE_H", "LOAD_ACQUIRE_W", "LOAD_ACQUIRE_DW")
WRITE = (
    "ST_B",
    "ST_H",
    "ST_W",
    "ST_DW",
    "STX_B",
    "STX_H",
    "STX_W",
    "STX_DW",
    "STORE_RELEASE_B",
    "STORE_RELEASE_H",
    "STORE_RELEASE_W",
    "STORE_RELEASE_DW",
)
ATOMIC = tuple(f"{operation}_{size}" for operation in ("ATOMIC_ADD", "ATOMIC_FETCH_XOR", "XCHG", "CMPXCHG") for size in ("W", "DW"))
SIZES = {"B": 1, "H": 2, "W": 4, "DW": 8}


def access(name: str, world: World, address: int) -> tuple[Fault | None, bool, bool]:
    """The fault of one access, whether memory is as before, and whether the registers are."""
    base, other = constant(6, address), constant(7, 0x0102_0304_0506_0708)
    operation = slot(name, 0, 6) if name in READ else slot(name, 6) if name.startswith("ST_") else slot(name, 6, 7)
    outcome = execute(slot("MOV64_IMM", 0, imm=5), base, other, operation, EXIT, world=world)
    before = {"stack": world.stack} | {region.name: region.contents for region in world.regions}
    expected = (5, *world.arguments, None, None, None, address, 0x0102_0304_0506_0708, None, None, FRAME_POINTER)
    return outcome.fault, outcome.memory == before, outcome.registers == expected


@pytest.mark.parametrize("name", READ + WRITE + ATOMIC)
def test_bounds(name: str) -> None:
    """An access must lie wholly in one region: nothing below it, nothing across its end, and not across two that touch."""
    size = SIZES[name.rsplit("_", 1)[1]]
    touching = (Region("context", CONTEXT, bytes(12), True), Region("second", CONTEXT + 12, bytes(12), True))
    world = make_world(alignment=1, regions=touching)
    inside = {CONTEXT, CONTEXT + 12 - size, CONTEXT + 12, CONTEXT + 24 - size}
    outside = {CONTEXT - 1, CONTEXT - size, CONTEXT + 24, CONTEXT + 25 - size, 0} | ({CONTEXT + 13 - size, CONTEXT + 11} if size > 1 else set())
    for address in inside | outside:
        fault, same_memory, same_registers = access(name, world, address)
        if address in outside:
            # Misaligned or not: nothing is promised of it.
            assert fault == Fault(FaultKind.OUT_OF_BOUNDS, 5, address, size)
            assert same_memory
            assert same_registers
        elif name in ATOMIC and address % size:
            assert fault == Fault(FaultKind.MISALIGNED, 5, address, size)
        else:
            assert fault is None


@pytest.mark.parametrize("name", READ + WRITE + ATOMIC)
def test_rights(name: str) -> None:
    size = SIZES[name.rsplit("_", 1)[1]]
    fault, same_memory, same_registers = access(name, make_world(), READ_ONLY + 8)
    if name in READ:
        assert fault is None
    else:
        assert fault == Fault(FaultKind.READ_ONLY, 5, READ_ONLY + 8, size, "region constants")
        assert same_registers
    assert same_memory


@pytest.mark.parametrize("alignment", [1, 2, 4, 8])
@pytest.mark.parametrize("name", READ + WRITE + ATOMIC)
def test_alignment(name: str, alignment: int) -> None:
    """Ordinary accesses are aligned to their size or to the world's alignment, whichever is less; read-modify-write ones to their size."""
    size = SIZES[name.rsplit("_", 1)[1]]
    required = size if name in ATOMIC else min(size, alignment)
    world = make_world(alignment=alignment)
    for distance in range(16):
        fault, same_memory, same_registers = access(name, world, CONTEXT + 8 + distance)
        if distance % required == 0:
            assert fault is None
        else:
            assert fault == Fault(FaultKind.MISALIGNED, 5, CONTEXT + 8 + distance, size)
            assert same_memory
            assert same_registers


def test_bounds_are_checked_before_rights_and_rights_before_alignment() -> None:
    def kind(address: int) -> FaultKind | None:
        fault, _, _ = access("STX_W", make_world(), address)
        return fault.kind if fault else None

    assert [kind(READ_ONLY + at) for at in (33, 32, 27, 28)] == [
        FaultKind.OUT_OF_BOUNDS,
        FaultKind.OUT_OF_BOUNDS,
        FaultKind.READ_ONLY,
        FaultKind.READ_ONLY,
    ]
    assert kind(CONTEXT + 1) is FaultKind.MISALIGNED


@pytest.mark.parametrize(("offset", "inside"), [(-512, True), (-8, True), (-520, False), (0, False), (-4096, False)])
def test_only_the_active_frame_of_the_stack(offset: int, inside: bool) -> None:
    outcome = execute(slot("ST_DW", 10, 0, offset, 1), RETURN_0)
    expected = None if inside else Fault(FaultKind.OUT_OF_BOUNDS, 0, FRAME_POINTER + offset, 8)
    assert outcome.fault == expected


def test_stack_holds_what_the_world_says() -> None:
    stack = bytes(number * 7 & 0xFF for number in range(4096))
    outcome = execute(slot("LDX_B", 0, 10, -3), EXIT, world=make_world(stack=stack))
    assert outcome.return_value == stack[-3]
    assert outcome.memory["stack"] == stack


CONTEXT_REGION = Region("context", CONTEXT, bytes(16), True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stack": bytes(512)}, "the stack has 512 bytes; it takes 4096"),
        ({"address_width": 16}, "address width 16; 32 or 64"),
        ({"alignment": 3}, "alignment 3; 1, 2, 4 or 8"),
        ({"arguments": (-1, 0)}, "r1 is -1 at entry: not an unsigned 64-bit value"),
        ({"arguments": (0, 1 << 64)}, f"r2 is {1 << 64} at entry: not an unsigned 64-bit value"),
        ({"regions": (CONTEXT_REGION, CONTEXT_REGION)}, "two regions have the same name"),
        ({"regions": (Region("stack", CONTEXT, bytes(16), True),)}, "two regions have the same name"),
        ({"regions": (CONTEXT_REGION, Region("other", CONTEXT + 15, bytes(16), True))}, "regions context and other overlap"),
        ({"regions": (Region("on the stack", FRAME_POINTER - 4096, bytes(1), True),)}, "overlap"),
        ({"regions": (Region("high", (1 << 32) - 8, bytes(16), True),), "address_width": 32}, "region high does not fit into 32 address bits"),
        ({"frame_pointer": 1 << 32, "address_width": 32, "regions": ()}, None),
        ({"regions": (Region("empty", CONTEXT, b"", True),)}, None),
        ({"regions": (Region("below", -8, bytes(16), True),)}, "region below does not fit into 64 address bits"),
        ({"frame_pointer": 1 << 33, "address_width": 32}, "region stack does not fit into 32 address bits"),
    ],
)
def test_worlds_that_make_no_sense_are_refused(changes: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert execute(RETURN_0, world=make_world(**changes)).fault is None
    else:
        with pytest.raises(ValueError, match=message):
            execute(RETURN_0, world=make_world(**changes))


@pytest.mark.parametrize(("offset", "inside"), [(0, True), (8, True), (9, False), (15, False), (16, True), (24, True), (28, False), (44, False)])
def test_an_access_stays_in_one_element_of_an_array(offset: int, inside: bool) -> None:
    array = Region("array", 0x4000, bytes(range(48)), True, stride=16, element=12)
    world = make_world(regions=(array,), alignment=1)
    load = execute(constant(1, 0x4000), slot("LDX_W", 0, 1, offset), EXIT, world=world)
    store = execute(constant(1, 0x4000), slot("MOV64_IMM", 0), slot("STX_W", 1, 0, offset), EXIT, world=world)
    expected = None if inside else FaultKind.OUT_OF_BOUNDS
    assert [outcome.fault.kind if outcome.fault else None for outcome in (load, store)] == [expected] * 2

"""Legacy packet access: network byte order on both kinds of host, the end of the packet, what is destroyed."""

import pytest

from ebpf.program import ByteOrder
from oracle.outcome import Fault, FaultKind
from oracle.tests.building import CONTEXT, EXIT, FRAME_POINTER, ORDERS, constant, execute, make_world, slot
from oracle.world import Packet

PACKET = bytes.fromhex("0123456789abcdef ff")
CONTEXT_IN_R6 = slot("MOV64_REG", 6, 1)

# fmt: off
INSIDE = (
    # size  offset  value
    ("B", 0, 0x01), ("B", 8, 0xff), ("H", 0, 0x0123), ("H", 7, 0xefff), ("W", 0, 0x01234567), ("W", 5, 0xabcdefff), ("W", 4, 0x89abcdef),
)
OUTSIDE = (("B", 9), ("H", 8), ("W", 6), ("B", -1), ("W", -2), ("H", 0x7fffffff), ("B", -0x80000000), ("B", -0x200001), ("B", -0x100001))
# fmt: on


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("size", "offset", "value"), INSIDE)
def test_inside(size: str, offset: int, value: int, order: ByteOrder) -> None:
    world = make_world(byte_order=order, packet=Packet(PACKET))
    absolute = execute(CONTEXT_IN_R6, slot(f"LDABS_{size}", imm=offset), slot("MOV64_IMM", 9, imm=1), EXIT, world=world)
    assert absolute.registers == (value, None, None, None, None, None, CONTEXT, None, None, 1, FRAME_POINTER)
    for src, imm in ((offset, 0), (0, offset), (offset + 5, -5), (0xDEAD_BEEF_0000_0000 | offset, 0), (0xFFFF_FFF0, offset + 16)):
        indirect = execute(CONTEXT_IN_R6, constant(3, src), slot(f"LDIND_{size}", 0, 3, imm=imm), slot("MOV64_IMM", 9, imm=1), EXIT, world=world)
        assert indirect.registers == (value, None, None, None, None, None, CONTEXT, None, None, 1, FRAME_POINTER)


# fmt: off
BELOW = (
    # size  offset     value        with a network header at 6
    ("W", -0x200000, 0x01234567), ("B", -0x1FFFF8, 0xFF),   ("H", -0x1FFFF9, 0xEFFF),   ("B", -0x1FFFF7, None), ("W", -0x1FFFFA, None),
    ("H", -0x100000, 0xCDEF),     ("B", -0xFFFFE,  0xFF),   ("H", -0xFFFFF,  0xEFFF),   ("W", -0x100000, None), ("B", -0xFFFFD,  None),
    ("B", -0x100001, None),       ("B", -1,        None),
)
# fmt: on


@pytest.mark.parametrize(("size", "offset", "value"), BELOW)
def test_headers_of_lower_layers(size: str, offset: int, value: int | None) -> None:
    world = make_world(packet=Packet(PACKET, 6))
    absolute = execute(CONTEXT_IN_R6, slot(f"LDABS_{size}", imm=offset), slot("MOV64_IMM", 9, imm=1), EXIT, world=world)
    indirect = execute(CONTEXT_IN_R6, slot("MOV64_IMM", 3, imm=offset - 7), slot(f"LDIND_{size}", 0, 3, imm=7), EXIT, world=world)
    assert absolute.registers[0] == indirect.registers[0] == (value or 0)
    assert absolute.executed == (2 if value is None else 4)


@pytest.mark.parametrize(("size", "offset"), OUTSIDE)
def test_outside_ends_the_program(size: str, offset: int) -> None:
    world = make_world(packet=Packet(PACKET))
    absolute = execute(constant(0, 5), CONTEXT_IN_R6, slot(f"LDABS_{size}", imm=offset), slot("MOV64_IMM", 0, imm=7), EXIT, world=world)
    assert (absolute.registers[:7], absolute.return_value, absolute.fault) == ((0, None, None, None, None, None, CONTEXT), 0, None)
    assert absolute.executed == 3
    indirect = execute(CONTEXT_IN_R6, constant(7, offset % (1 << 64)), slot(f"LDIND_{size}", 0, 7), slot("MOV64_IMM", 0, imm=7), EXIT, world=world)
    assert (indirect.return_value, indirect.registers[7]) == (0, offset % (1 << 64))


@pytest.mark.parametrize("name", ["LDABS_W", "LDABS_H", "LDABS_B", "LDIND_W", "LDIND_H", "LDIND_B"])
def test_context_and_index_must_hold_something(name: str) -> None:
    world = make_world(packet=Packet(PACKET))
    source = 3 if "IND" in name else 0
    assert execute(slot("MOV64_IMM", 3), slot(name, 0, source), EXIT, world=world).fault == Fault(FaultKind.UNINITIALISED, 1, detail="r6")
    index = execute(CONTEXT_IN_R6, slot(name, 0, source), EXIT, world=world).fault
    assert index == (Fault(FaultKind.UNINITIALISED, 1, detail="r3") if source else None)


@pytest.mark.parametrize("name", ["LDABS_W", "LDIND_H"])
def test_another_context_is_none(name: str) -> None:
    world = make_world(packet=Packet(PACKET))
    outcome = execute(slot("MOV64_REG", 6, 1), slot("ADD64_IMM", 6, imm=8), slot(name, 0, 1 if "IND" in name else 0), EXIT, world=world)
    assert outcome.fault == Fault(FaultKind.INVALID, 2, detail="packet access without the context in r6")


@pytest.mark.parametrize("name", ["LDABS_B", "LDIND_B"])
@pytest.mark.parametrize(("offset", "result"), [(0, PACKET[0] + 1), (1000, 1)])
def test_a_function_that_reads_outside_the_packet_returns_zero_to_its_caller(name: str, offset: int, result: int) -> None:
    main = slot("MOV64_IMM", 7, imm=3), slot("CALL_LOCAL", imm=2), slot("ADD64_IMM", 0, imm=1), EXIT
    function = CONTEXT_IN_R6, slot("MOV64_IMM", 7), slot(name, 0, 7 if "IND" in name else 0, imm=offset), EXIT
    outcome = execute(*main, *function, world=make_world(packet=Packet(PACKET)))
    assert (outcome.fault, outcome.return_value, outcome.registers[7]) == (None, result, 3)

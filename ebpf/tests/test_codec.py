import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.codec import decode, encode
from ebpf.instruction import Instruction
from ebpf.program import ByteOrder, ProgramError
from ebpf.tests.strategies import instructions

byte_orders = st.sampled_from(("little", "big"))


@given(st.lists(instructions()), byte_orders)
def test_instructions_survive_encoding(program: list[tuple[Instruction, ...]], byte_order: ByteOrder) -> None:
    slots = tuple(slot for instruction in program for slot in instruction)
    assert decode(encode(slots, byte_order), byte_order, "f", "s") == slots


@given(st.binary(max_size=64).filter(lambda data: len(data) % 8 == 0), byte_orders)
def test_bytes_survive_decoding(data: bytes, byte_order: ByteOrder) -> None:
    assert encode(decode(data, byte_order, "f", "s"), byte_order) == data


@pytest.mark.parametrize(("byte_order", "code"), [("little", "6923fcff44332211"), ("big", "6932fffc11223344")])
def test_layout(byte_order: ByteOrder, code: str) -> None:
    # RFC 9669 section 3.1: dst=3 src=2 offset=-4 imm=0x11223344; the register nibbles swap with the byte order.
    assert encode([Instruction(0x69, 3, 2, -4, 0x11223344)], byte_order).hex() == code


@pytest.mark.parametrize("size", [1, 4, 7, 9, 12, 15])
def test_partial_slot_is_refused(size: int) -> None:
    with pytest.raises(ProgramError, match=f"^prog.o: xdp: {size} bytes of code, not a multiple of 8$"):
        decode(bytes(size), "little", "prog.o", "xdp")


@pytest.mark.parametrize(
    "slot",
    [
        Instruction(256),
        Instruction(-1),
        Instruction(0, dst=16),
        Instruction(0, src=16),
        Instruction(0, src=-1),
        Instruction(0, offset=1 << 15),
        Instruction(0, offset=-(1 << 15) - 1),
        Instruction(0, imm=1 << 31),
        Instruction(0, imm=-(1 << 31) - 1),
    ],
)
@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_a_field_that_does_not_fit_is_refused(slot: Instruction, byte_order: ByteOrder) -> None:
    with pytest.raises(ValueError, match=r"^slot 1: "):
        encode([Instruction(0x95), slot], byte_order)

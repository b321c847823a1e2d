"""Suites of the wide loads that linking resolves: addresses in data sections and of functions."""

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.program import DataSection
from fuzz.suite_program import CONTEXT, RING, Assembly, Suite, make_suite
from fuzz.suite_values import EDGES_64

_WORDS = 8
_DATA = (
    DataSection(".rodata", b"".join(value.to_bytes(8, "little") for value in EDGES_64[:_WORDS]), False),
    DataSection(".data", bytes(range(8 * _WORDS)), True),
    DataSection(".bss", bytes(8 * _WORDS), True),
)
_INPUTS = ((0,), (1,))


def _value_suite() -> Suite:
    """Copy from the first to the second and from the second to the third section, with the addresses in each pair of registers in turn."""
    assembly = Assembly()
    for word in range(_WORDS):
        for section in (0, 1):
            source, target, value = ((2 * word + section + at) % RING for at in (0, 1, 2))
            _address(assembly, source, section, 8 * word)
            _address(assembly, target, section + 1, 0)
            assembly.emit("LDX_DW", value, source, 0)
            assembly.emit("STX_DW", target, value, 8 * (_WORDS - 1 - word))
    assembly.emit("MOV64_IMM", 0, imm=0)
    assembly.emit("EXIT")
    return make_suite("LDDW_MAP_VALUE", assembly, _INPUTS, data=_DATA)


def _address(assembly: Assembly, dst: int, section: int, offset: int) -> None:
    assembly.emit("LDDW_MAP_VALUE", dst, imm=section)
    assembly.slots.append(Instruction(0, imm=offset))


def _code_suite() -> Suite:
    """Addresses of functions before, behind and around the load, one in each register."""
    assembly = Assembly()
    assembly.jump("JA", "main")
    assembly.place("main")
    for register in range(RING):
        assembly.function(register, ("first", "second")[register % 2])
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8 * register)
    assembly.jump("CALL_LOCAL", "second")
    assembly.emit("EXIT")
    assembly.place("first")
    assembly.emit("MOV64_IMM", 0, imm=1)
    assembly.emit("EXIT")
    assembly.place("second")
    assembly.function(0, "first")
    assembly.emit("STX_DW", FRAME_POINTER, 0, -8)
    assembly.jump("CALL_LOCAL", "first")
    assembly.emit("EXIT")
    return make_suite("LDDW_CODE", assembly, _INPUTS)


def symbol_suites() -> list[Suite]:
    """The suites of LDDW_MAP_VALUE and LDDW_CODE."""
    return [_value_suite(), _code_suite()]

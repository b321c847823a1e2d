"""Suites of the wide loads that linking resolves: addresses in data sections, of maps, in values of maps, of variables, and of functions."""

from ebpf.instruction import FRAME_POINTER, Instruction
from ebpf.kernel import KernelVariable
from ebpf.program import DataSection, Map, MapKind
from fuzz.environment.functions import MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM
from fuzz.suite.program import CONTEXT, RING, Assembly, Suite, make_suite
from fuzz.suite.values import EDGES_64

_WORDS = 8
_DATA = (
    DataSection(".rodata", b"".join(value.to_bytes(8, "little") for value in EDGES_64[:_WORDS]), False),
    DataSection(".data", bytes(range(8 * _WORDS)), True),
    DataSection(".bss", bytes(8 * _WORDS), True),
)
_MAPS = (
    Map("hash", MapKind.HASH, 4, 8, 3),
    Map("value", MapKind.ARRAY, 4, 8 * _WORDS, 1),
    Map("array", MapKind.ARRAY, 4, 8, 2),
)
_VARIABLES = (
    KernelVariable("long", 7, bytes(range(1, 41))),
    KernelVariable("short", 0x7FFFFFFF, b"x"),
    KernelVariable("odd", 8, bytes(range(99, 86, -1))),
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


def _map_suite(row_name: str) -> Suite:
    """The addresses of maps in each register, then updates and look-ups of a hash and an array. The key is the operand, which may be too large."""
    assembly = Assembly()
    assembly.emit("LDX_DW", 8, 1, 0)
    assembly.emit("STX_W", FRAME_POINTER, 8, CONTEXT)
    for register in range(RING):
        assembly.emit(row_name, register, imm=1 + register % len(_MAPS))
        assembly.slots.append(Instruction(0))
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 16 - 8 * register)
    for number, register in ((1, 6), (3, 7), (1, 9), (3, 6)):
        assembly.emit(row_name, register, imm=number)
        assembly.slots.append(Instruction(0))
        for argument, offset in ((2, CONTEXT), (3, CONTEXT - 8)):
            assembly.emit("MOV64_REG", argument, FRAME_POINTER)
            assembly.emit("ADD64_IMM", argument, imm=offset)
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8)
        assembly.emit("MOV64_IMM", 4, imm=number & 2)
        assembly.emit("MOV64_REG", 1, register)
        assembly.emit("CALL", imm=MAP_UPDATE_ELEM)
        assembly.emit("MOV64_REG", 1, register)
        assembly.emit("MOV64_REG", 2, FRAME_POINTER)
        assembly.emit("ADD64_IMM", 2, imm=CONTEXT)
        assembly.emit("CALL", imm=MAP_LOOKUP_ELEM)
        assembly.jump("JEQ64_IMM", f"nothing {register}.{number}", 0, imm=0)
        assembly.emit("LDX_DW", 1, 0, 0)
        assembly.emit("ADD64_IMM", 1, imm=-1)
        assembly.emit("STX_DW", 0, 1, 0)
        assembly.place(f"nothing {register}.{number}")
    assembly.emit("EXIT")
    return make_suite(row_name, assembly, ((0,), (5,)), data=_DATA[1:2], maps=_MAPS)


def _map_value_suite() -> Suite:
    """Copy within the value of a map, with its address in each register in turn."""
    assembly = Assembly()
    for word in range(_WORDS):
        source, target = word % RING, (word + 3) % RING
        for register, number, offset in ((source, 0, 8 * word), (target, 2, 8 * (_WORDS - 1 - word))):
            assembly.emit("LDDW_MAP_INDEX_VALUE", register, imm=number)
            assembly.slots.append(Instruction(0, imm=offset))
        assembly.emit("LDX_DW", source, source, 0)
        assembly.emit("STX_DW", target, source, 0)
    assembly.emit("MOV64_IMM", 0, imm=0)
    assembly.emit("EXIT")
    return make_suite("LDDW_MAP_INDEX_VALUE", assembly, _INPUTS, data=_DATA[1:2], maps=_MAPS)


def _variable_suite() -> Suite:
    """The address of each variable in each register in turn, and what is there."""
    assembly = Assembly()
    for number in range(3 * RING):
        register, variable = number % RING, _VARIABLES[number % len(_VARIABLES)]
        assembly.emit("LDDW_VARIABLE", register, imm=variable.number)
        assembly.slots.append(Instruction(0))
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8 * register)
        assembly.emit("LDX_B" if len(variable.contents) == 1 else "LDX_DW", register, register, 0)
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8 * (RING + register))
    assembly.emit("MOV64_IMM", 0, imm=0)
    assembly.emit("EXIT")
    return make_suite("LDDW_VARIABLE", assembly, _INPUTS, variables=_VARIABLES)


def symbol_suites() -> list[Suite]:
    """The suites of LDDW_MAP_FD, LDDW_MAP_VALUE, LDDW_VARIABLE, LDDW_CODE, LDDW_MAP_INDEX and LDDW_MAP_INDEX_VALUE, in their order."""
    return [_map_suite("LDDW_MAP_FD"), _value_suite(), _variable_suite(), _code_suite(), _map_suite("LDDW_MAP_INDEX"), _map_value_suite()]

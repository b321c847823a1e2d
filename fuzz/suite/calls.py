"""Suites of the calls and of `exit`.

After a call r1 to r5 hold nothing that a program may rely on; r6 to r9 and r10 must be what they were, which is seen because they are stored
after each call.
The functions of the local-call program:

    main -> level 1 -> level 2 -> … -> level 7    eight frames, the most that there may be
    main -> leaf, twice                           it writes to its caller's frame and has two exits

The program for calls through registers has one function, called by its address in each register in turn, and one that takes the address of that
itself and is called by its address as well.

They do not lie in the order in which they call each other, so that calls go forwards and backwards.
"""

from ebpf.instruction import FRAME_POINTER, MAXIMUM_CALL_DEPTH
from fuzz.environment.functions import KERNEL_FUNCTIONS, WITHOUT_ARGUMENTS
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_32, EDGES_64

_PRESERVED = (6, 7, 8, 9)
_CALLS = 9
_WINDOWS = 3


def _tables(count: int) -> list[list[int]]:
    edges = (*EDGES_64, *EDGES_32[:-1])
    return [[edges[(run * 7 + at) % len(edges)] for at in range(count)] for run in range(RUNS)]


def _store_result(assembly: Assembly, number: int, registers: tuple[int, ...]) -> None:
    for at, register in enumerate(registers):
        assembly.emit("STX_DW", FRAME_POINTER, register, CONTEXT - 8 * (5 * number + at + 1))


def _function_suite(row_name: str, functions: tuple[int, ...]) -> Suite:
    """Nine calls with all arguments loaded: three with all registers fresh, and two after each with r6 to r9 as they were left."""
    assembly = Assembly()
    start(assembly)
    for number in range(_CALLS):
        if number % _WINDOWS == 0:
            load_ring(assembly, permutation(number), RING * (number // _WINDOWS))
        else:
            assembly.emit("LDX_DW", 5, FRAME_POINTER, CONTEXT)
            for argument in (1, 3, 2, 4, 5):
                assembly.emit("LDX_DW", argument, 5, 8 * ((number * 5 + argument) % (RING * _WINDOWS)))
        assembly.emit(row_name, imm=functions[number % len(functions)])
        _store_result(assembly, number, (0, *_PRESERVED))
    assembly.emit("EXIT")
    return make_suite(row_name, assembly, _tables(RING * _WINDOWS))


def _level(assembly: Assembly, number: int) -> None:
    """A function that keeps its arguments in its frame, overwrites r6 to r9, calls the next level and checks that nothing was lost."""
    assembly.place(f"level {number}")
    for register in range(1, 6):
        assembly.emit("STX_DW", FRAME_POINTER, register, -8 * register)
    assembly.emit("MOV64_REG", 6, 1)
    assembly.emit("MOV64_REG", 7, 2)
    assembly.emit("MOV32_IMM", 8, imm=-number)
    assembly.emit("MOV64_REG", 9, FRAME_POINTER)
    assembly.emit("ADD64_IMM", 1, imm=number)
    assembly.emit("XOR64_REG", 2, 3)
    assembly.emit("SUB64_REG", 5, 4)
    if number < MAXIMUM_CALL_DEPTH - 1:
        assembly.jump("CALL_LOCAL", f"level {number + 1}")
    else:
        assembly.emit("MOV64_IMM", 0, imm=number)
    _store_result(assembly, 1, (0, *_PRESERVED))
    assembly.emit("LDX_DW", 1, FRAME_POINTER, -8 * 5)
    assembly.emit("ADD64_REG", 0, 1)
    assembly.emit("XOR64_REG", 0, 6)
    assembly.emit("ADD64_REG", 0, 7)
    assembly.emit("EXIT")


def _leaf(assembly: Assembly) -> None:
    """A function that writes to its caller's frame through r1, to its own, and leaves by one of two exits, which its caller's r2 decides."""
    assembly.place("leaf")
    assembly.emit("STX_DW", FRAME_POINTER, 2, -512)
    assembly.emit("STX_W", FRAME_POINTER, 3, -4)
    assembly.emit("STX_DW", 1, 2, 0)
    assembly.emit("MOV64_IMM", 6, imm=0)
    assembly.jump("JSGT64_IMM", "leaf positive", 2, imm=0)
    assembly.emit("MOV64_REG", 0, 2)
    assembly.emit("EXIT")
    assembly.place("leaf positive")
    assembly.emit("MOV64_REG", 0, 3)
    assembly.emit("EXIT")


def _local_suite() -> Suite:
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(1), 0)
    assembly.emit("STX_DW", FRAME_POINTER, 0, -256)
    assembly.jump("CALL_LOCAL", "level 1")
    _store_result(assembly, 1, (0, *_PRESERVED))
    for number, window in ((2, 3), (3, 6)):
        load_ring(assembly, permutation(number), window)
        assembly.emit("MOV64_REG", 1, FRAME_POINTER)
        assembly.emit("ADD64_IMM", 1, imm=-512 + 8 * number)
        assembly.jump("CALL_LOCAL", "leaf")
        _store_result(assembly, number, (0, *_PRESERVED))
    assembly.emit("EXIT")
    for number in (4, 1, 7, 2, 6):
        _level(assembly, number)
    _leaf(assembly)
    for number in (5, 3):
        _level(assembly, number)
    return make_suite("CALL_LOCAL", assembly, _tables(2 * RING))


def _register_suite() -> Suite:
    assembly = Assembly()
    start(assembly)
    for register in range(RING):
        load_ring(assembly, permutation(register), register % RING)
        assembly.function(register, "leaf" if register % 3 else "through")
        assembly.emit("CALLX", register)
        _store_result(assembly, register, (0, *_PRESERVED))
    assembly.emit("EXIT")
    assembly.place("leaf")
    assembly.emit("MOV64_REG", 0, 1)
    assembly.emit("XOR64_REG", 0, 2)
    assembly.emit("SUB64_REG", 0, 5)
    assembly.emit("STX_DW", FRAME_POINTER, 3, -8)
    assembly.emit("MOV64_REG", 6, 4)
    assembly.emit("MOV64_REG", 9, 3)
    assembly.emit("EXIT")
    assembly.place("through")
    assembly.emit("MOV64_REG", 8, 1)
    assembly.function(7, "leaf")
    assembly.emit("CALLX", 7)
    assembly.emit("ADD64_REG", 0, 8)
    assembly.emit("EXIT")
    return make_suite("CALLX", assembly, _tables(2 * RING))


def _exit_suite() -> Suite:
    """Sixteen exits of the main program, the operand says which, behind one another; each with registers of its own."""
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(0), 1)
    assembly.emit("LDX_DW", 1, FRAME_POINTER, CONTEXT)
    assembly.emit("LDX_DW", 1, 1, 0)
    for number in range(RUNS - 1):
        assembly.jump("JEQ64_IMM", f"exit {number}", 1, imm=number)
    for number in range(RUNS - 1, -1, -1):
        assembly.place(f"exit {number}")
        assembly.emit("MOV64_REG", 0, number % RING)
        assembly.emit("EXIT")
    return make_suite("EXIT", assembly, [[run, *values] for run, values in enumerate(_tables(RING))])


def call_suites() -> list[Suite]:
    """The suites of CALL, CALL_LOCAL, CALL_KERNEL, CALLX and EXIT."""
    return [
        _function_suite("CALL", WITHOUT_ARGUMENTS),
        _local_suite(),
        _function_suite("CALL_KERNEL", KERNEL_FUNCTIONS),
        _register_suite(),
        _exit_suite(),
    ]

"""One program in which every jump reaches further than a MIPS branch does: 32,767 words (MD00083, 16-bit signed offsets counted in words).

    near:   if … goto far N;  mark = 1        one for each conditional jump
    near N: …
    filler that never runs
    far N:  mark = 2;  if … goto near N;  mark = 3;  goto near N
    leaf:   a function, called from the near end

The operands decide, per run, which jumps are taken; the two of a pair, being of the same row, agree, so that no mark is ever 3. The filler is
an instruction that takes many words on every configuration.
"""

from functools import cache

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS
from fuzz.suite.jumps import is_conditional
from fuzz.suite.program import CONTEXT, RING, Assembly, Suite, instruction, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_64

FILLER = (instruction("LDABS_W", imm=0x12345),) * 3200
"""What lies between the two ends."""

_RUNS = 8
_IMM = 7


def _mark(assembly: Assembly, number: int, value: int) -> None:
    assembly.emit("ST_B", FRAME_POINTER, offset=CONTEXT - 1 - number, imm=value)


@cache
def long_suite() -> Suite:
    """The program and eight runs; its row is given as "JUMPS", since it holds all conditional jumps, JA, JA32 and CALL_LOCAL."""
    rows = [row for row in ROWS if is_conditional(row)]
    order = permutation(1)
    assembly = Assembly()
    start(assembly)
    for at in range(0, len(rows) + 2, 8):
        assembly.emit("ST_DW", FRAME_POINTER, offset=CONTEXT - 8 - at)
    load_ring(assembly, order, 0)
    assembly.jump("CALL_LOCAL", "leaf")
    load_ring(assembly, order, 0)
    operands = [(order[number % RING], order[(number + 1) % RING] if row.src == "r" else 0) for number, row in enumerate(rows)]
    immediates = [0 if row.src == "r" else _IMM for row in rows]
    for number, row in enumerate(rows):
        assembly.jump(row.name, f"far {number}", *operands[number], imm=immediates[number])
        _mark(assembly, number, 1)
        assembly.place(f"near {number}")
    for number, name in enumerate(("JA", "JA32"), len(rows)):
        assembly.jump(name, f"far {number}")
        assembly.place(f"near {number}")
    assembly.emit("EXIT")
    assembly.slots += FILLER
    assembly.emit("EXIT")
    for number, row in enumerate(rows):
        assembly.place(f"far {number}")
        _mark(assembly, number, 2)
        assembly.jump(row.name, f"near {number}", *operands[number], imm=immediates[number])
        _mark(assembly, number, 3)
        assembly.jump("JA32", f"near {number}")
    for number, name in enumerate(("JA", "JA32"), len(rows)):
        assembly.place(f"far {number}")
        _mark(assembly, number, 2)
        assembly.jump(name, f"near {number}")
    assembly.place("leaf")
    assembly.emit("MOV64_REG", 0, 1)
    assembly.emit("EXIT")
    tables = [[EDGES_64[(run * 7 + at * (run % 3)) % len(EDGES_64)] if run else _IMM for at in range(RING)] for run in range(_RUNS)]
    return make_suite("JUMPS", assembly, tables)

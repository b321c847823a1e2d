"""Suites of the packet instructions (RFC 9669 section 5.5).

They need the context in r6, give their result in r0 and destroy r1 to r5. A load outside the packet ends the program, so that in each run
all variants up to one of them are in range: the packets get shorter from run to run, and the results that were stored before the end tell how
far the run came.
"""

from ebpf.instruction import FRAME_POINTER
from ebpf.opcodes import ROWS, Row
from fuzz.suite.program import CONTEXT, RING, RUNS, Assembly, Suite, load_ring, make_suite, permutation, start
from fuzz.suite.values import EDGES_64

_PACKET = bytes((37 * at + 0x80) & 0xFF for at in range(64))
# In the order of the places that they refer to. Negative ones count from the link header, where the packet starts, and from the network header.
_LINK, _NETWORK = -0x200000, -0x100000
_OFFSETS = (0, 1, 2, 3, 4, 5, 7, 8, _LINK + 9, 13, _NETWORK, 14, 23, 30, 31, 32, _NETWORK + 20, 41, 48, 54, 59, _LINK + 60, _NETWORK + 46, 61, 62, 63)
_LENGTHS = (64, 64, 64, 64, 63, 62, 61, 60, 33, 32, 9, 4, 3, 2, 1, 0)

# In these runs of the LDIND program an index lies far outside, or its high half is set.
_FAR = {1: 0x7FFFFFFF, 2: 0xFFFFFFFFFFFFFFFF, 3: 0x100000000}
_FAR_PLACE = 7
_FAR_OFFSETS = {1: 0x10002, 2: 0x40000000, 4: -0xFFFC}


def _size(row: Row) -> int:
    return {"W": 4, "H": 2, "B": 1}[row.name[-1]]


def _load(assembly: Assembly, row: Row, number: int, offset: int) -> None:
    """One load at `offset`. LDIND splits it into an index, which is an operand, and an immediate, which is negative for some."""
    if row.src == 0:
        assembly.emit(row.name, imm=offset)
        return
    src = tuple(register for register in range(RING) if register != 6)[number % (RING - 1)]
    assembly.emit("LDX_DW", src, 6, 8 * (RING + number))
    assembly.emit(row.name, 0, src, imm=offset - _index(number, offset))


def _index(number: int, offset: int) -> int:
    return (offset, offset + 5, 0)[number % 3]


def _suite(row: Row) -> Suite:
    assembly = Assembly()
    start(assembly)
    load_ring(assembly, permutation(0), 0)
    assembly.emit("LDX_DW", 6, FRAME_POINTER, CONTEXT)
    offsets = [offset for offset in _OFFSETS if offset + _size(row) <= len(_PACKET)]
    for number, offset in enumerate(offsets):
        _load(assembly, row, number, offset)
        assembly.emit("STX_DW", FRAME_POINTER, 0, CONTEXT - 8 * (number + 1))
    # The last one is never in range, unless its offset lost its upper half on the way.
    far = _FAR_OFFSETS[_size(row)]
    if row.src == "r":
        assembly.emit("MOV64_IMM", 2, imm=1)
        assembly.emit(row.name, 0, 2, imm=far - 1)
    else:
        assembly.emit(row.name, imm=far)
    assembly.emit("STX_DW", FRAME_POINTER, 0, CONTEXT - 8 * (len(offsets) + 1))
    assembly.emit("EXIT")
    tables = []
    for run in range(RUNS):
        table = [EDGES_64[(run * 7 + at) % len(EDGES_64)] for at in range(RING)]
        if row.src == "r":
            table += (_index(number, offset) % (1 << 64) for number, offset in enumerate(offsets))
            if run in _FAR:
                table[RING + _FAR_PLACE] = _FAR[run]
        tables.append(table)
    return make_suite(row.name, assembly, tables, packets=[_PACKET[:length] for length in _LENGTHS])


def packet_suites() -> list[Suite]:
    """The suites of LDABS and LDIND, all sizes."""
    return [_suite(row) for row in ROWS if row.group == "packet"]

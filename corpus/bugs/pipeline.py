"""Neighbours that a pipeline does not allow, and instructions that the CPU does not have: an emulator executes both."""

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, anywhere, in_cells, rewrite, with_cells, with_pass, with_words
from jit.code import Emitter, Item, Label, Op, branch, instruction
from jit.compiler import Parts
from jit.config import Config
from jit.mips import decode
from jit.passes import Code, fill_delay_slots, separate
from jit.registers import AT, ZERO

LOAD_DELAY = "missing load delay"
HILO = "missing HI/LO distance"
FORBIDDEN = "forbidden slot"
LEVEL = "instruction above the level"


def _fill_with_loads(code: Code, config: Config) -> Code:
    """As on a CPU that interlocks."""
    return fill_delay_slots(code, Config("mips2", 32, config.big_endian))


def _into_slot(mnemonic: str, jump: str) -> Parts:
    """The last instruction of a kind before the first jump of a kind goes into its slot, and what was there before it."""

    def change(items: list[Item], config: Config) -> list[Item]:
        leaves = next(at for at, item in enumerate(items) if isinstance(item, Op) and item.row.mnemonic == jump)
        moved = max(at for at, item in enumerate(items[:leaves]) if isinstance(item, Op) and item.row.mnemonic == mnemonic)
        jumping, found = items[leaves], items[moved]
        assert isinstance(jumping, Op)
        assert isinstance(found, Op)
        before = [] if jumping.slot is None else [jumping.slot]
        return [*items[:moved], *items[moved + 1 : leaves], *before, jumping._replace(slot=found), *items[leaves + 1 :]]

    return with_pass(change)


def _is_nop(item: Item) -> bool:
    return isinstance(item, Op) and item.word == 0 and item.target is None


_HI_LO = 1 << 32 | 1 << 33
"""The bits of HI and LO among the registers that an instruction writes."""


def _one_nop(items: list[Item], config: Config) -> list[Item]:
    """Of two `nop` before an instruction that writes HI or LO one goes."""

    def writes(item: Item) -> bool:
        return isinstance(item, Op) and bool(item.writes & _HI_LO)

    pairs = [at for at in range(1, len(items) - 1) if _is_nop(items[at - 1]) and _is_nop(items[at]) and writes(items[at + 1])]
    return [item for at, item in enumerate(items) if at not in pairs]


def _forget_at_labels(items: list[Item], config: Config) -> list[Item]:
    """The first `nop` behind a label goes, as if nothing could come from before it."""
    return [item for at, item in enumerate(items) if not (at and _is_nop(item) and isinstance(items[at - 1], Label))]


def _branches_in_slots(config: Config, words: list[int]) -> list[int]:
    """A branch that is never taken stands where a `nop` was."""
    never = anywhere("bne").encode(ZERO, ZERO, 0)
    before = [None, *(decode(word, config.isa) for word in words)]
    return [never if word == 0 and last is not None and "delay" in last[0].facts else word for word, last in zip(words, before, strict=False)]


def _product(e: Emitter, i: Instruction) -> None:
    """The three-operand multiplication of MIPS32."""
    d, s = (r if isinstance(r, int) else r[0] for r in (e.registers[i.dst], e.registers[i.src]))
    e.items.append(instruction(anywhere("mul"), (d, d, s)))
    if e.config.width == 32:
        e.move(e.registers[i.dst][1], ZERO)


def _conditional_move(e: Emitter, i: Instruction) -> None:
    d, s = e.registers[i.dst][0], e.registers[i.src][0]
    e.op("or", AT, s, ZERO)
    e.op("divu", d, AT)
    e.op("mflo", d)
    e.items.append(instruction(anywhere("movz"), (d, ZERO, AT)))
    e.move(e.registers[i.dst][1], ZERO)


def _likely(e: Emitter, op: Op) -> list[Op]:
    """A branch-likely with an empty slot does what the plain branch does."""
    assert op.target is not None
    nop = instruction(anywhere("sll"), (0, 0, 0))
    return [branch(anywhere(f"{op.row.mnemonic}l"), op.operands, op.target, nop)]


def _linked(e: Emitter, i: Instruction) -> None:
    """LL and SC, which came with MIPS II."""
    base, s = e.registers[i.dst][0], e.registers[i.src][0]
    ll, sc = anywhere("ll"), anywhere("sc")
    retry = e.local()
    e.place(retry)
    e.items.append(instruction(ll, (AT, i.offset, base)))
    e.op("addu", AT, AT, s)
    e.items.append(instruction(sc, (AT, i.offset, base)))
    e.branch("beq", AT, ZERO, to=retry, slot=e.make("sll", 0, 0, 0))


def _doubleword(e: Emitter, i: Instruction) -> None:
    """A sum of 64 bits, and its low word."""
    (low, high), s = e.registers[i.dst], e.registers[i.src][0]
    e.items.append(instruction(anywhere("daddu"), (low, low, s)))
    e.op("sll", low, low, 0)
    e.move(high, ZERO)


def _zero_extended(e: Emitter, i: Instruction) -> None:
    (low, high), base = e.registers[i.dst], e.registers[i.src][0]
    e.items.append(instruction(anywhere("lwu"), (low, i.offset, base)))
    e.move(high, ZERO)


def _bit_field(e: Emitter, i: Instruction) -> None:
    low, high = e.registers[i.dst]
    e.items.append(instruction(anywhere("ext"), (low, low, i.imm & 31, 32 - (i.imm & 31))))
    e.move(high, ZERO)


_LOAD_AND_BRANCH = """
    r0 = 0
    r3 = *(u64 *)(r1 + 0)
    if r2 != 0 goto +1
    r0 = 1
    if r3 s< 0 goto +1
    r0 = 2
    exit
"""
"""The second word of the load can go into the delay slot of the first jump, and the second jump uses it."""

_LOAD_AND_CALL = """
    r6 = *(u64 *)(r1 + 8)
    call 5
    r0 = r6
    exit
"""

# fmt: off
BUGS = (
    Bug("load-delay", LOAD_DELAY, "What follows a load uses the loaded register at once.",
        Parts(passes=(fill_delay_slots,)), ("LDX_DW", "STX_W"), ("mips1-*",)),
    Bug("load-in-slot", LOAD_DELAY, "A load in a delay slot is followed by an instruction at the target that uses the register.",
        Parts(passes=(_fill_with_loads, separate)), (), ("mips1-*",), program=_LOAD_AND_BRANCH),
    Bug("load-in-slot-of-call", LOAD_DELAY, "A load in the delay slot of a call is under way when the function begins.",
        _into_slot("lw", "jal"), (), ("mips1-*",), program=_LOAD_AND_CALL),
    Bug("load-delay-over-label", LOAD_DELAY, "A load is forgotten where another eBPF instruction begins.",
        with_pass(_forget_at_labels), ("LDX_DW",), ("mips1-*",)),
    Bug("hilo-none", HILO, "HI and LO are written right after they were read.",
        Parts(passes=(fill_delay_slots,)), ("MUL32_REG", "MUL64_REG"), ("mips2-*", "mips3-*")),
    Bug("hilo-one", HILO, "One instruction lies between a read of HI or LO and the next write, where there must be two.",
        with_pass(_one_nop), ("MUL32_REG", "MUL64_REG"), ("mips[123]-*",)),
    Bug("hilo-in-slot-of-return", HILO, "HI or LO is read in the delay slot of the return, and the caller may multiply at once.",
        _into_slot("mflo", "jr"), (), ("mips[12]-32le",), program="w0 = 7\nw3 = 77\nw0 *= w3\nexit"),
    Bug("branch-in-slot", "misplaced delay slot", "An empty delay slot is filled with a branch.",
        with_words(_branches_in_slots), ("JEQ64_REG", "JSLT64_REG"), ("mips2-32*", "mips32r2-32*", "mips3-64*")),
    Bug("forbidden-slot", FORBIDDEN, "A compact branch is followed by another branch.",
        Parts(passes=(fill_delay_slots,)), ("JSET64_REG", "JEQ64_REG"), ("*r6-*",)),
    Bug("mul-before-mips32", LEVEL, "A product is computed by mul, which came with MIPS32.",
        with_cells({"MUL32_REG": _product}), ("MUL32_REG",), ("mips[12]-32*", "mips[345]-32*")),
    Bug("movz-before-mips4", LEVEL, "A condition is computed by movz, which came with MIPS IV.",
        with_cells({"DIV32_REG": _conditional_move}), ("DIV32_REG",), ("mips[12]-32*",)),
    Bug("likely-before-mips2", LEVEL, "A branch-likely, which came with MIPS II.",
        in_cells("JEQ32_REG JNE32_REG", rewrite("beq bne", _likely)), ("JEQ32_REG",), ("mips1-32*",)),
    Bug("ll-before-mips2", LEVEL, "LL and SC, which came with MIPS II.",
        with_cells({"ATOMIC_ADD_W": _linked}), ("ATOMIC_ADD_W",), ("mips1-32*",)),
    Bug("doubleword-in-32-bit-code", LEVEL, "32-bit code adds with a 64-bit instruction.",
        with_cells({"ADD32_REG": _doubleword}), ("ADD32_REG",), ("mips64r2-32*", "mips3-32*"), "Linux, arch/mips/net/ebpf_jit.c, before 5.16"),
    Bug("lwu-in-32-bit-code", LEVEL, "32-bit code loads a word zero-extended.",
        with_cells({"LDX_W": _zero_extended}), ("LDX_W",), ("mips64r2-32*", "mips3-32*")),
    Bug("ll-in-code-without", LEVEL, "LL and SC, in code that does without them.",
        with_cells({"ATOMIC_ADD_W": _linked}), ("ATOMIC_ADD_W",), ("mips32r2-32??+nollsc", "mips2-32??+nollsc")),
    Bug("ext-on-a-newer-cpu", LEVEL, "Code for release 1 uses ext, which the CPU has.",
        with_cells({"RSH32_IMM": _bit_field}), ("RSH32_IMM",), ("mips32r1-32??@mips32r[235]",)),
    Bug("ext-before-release-2", LEVEL, "A field is taken by ext, which came with release 2.",
        with_cells({"RSH32_IMM": _bit_field}), ("RSH32_IMM",), ("mips32r1-32*", "mips2-32*")),
)
# fmt: on

"""Conditional jumps that compare the wrong thing or land elsewhere."""

from collections.abc import Sequence

from fuzz.selftest.seeded_bug import Bug, branch_offsets, drop, in_cells, operands, rename, rewrite, unextended, with_pass, with_words
from jit import compare
from jit.code import Emitter, Item, Label, Op
from jit.config import Config
from jit.registers import AT, T8, ZERO

N64 = ("*-64*",)
O32 = ("*-32*",)
COMPARISON = "wrong comparison"
TARGET = "wrong branch target"


def _careless_slots(items: list[Item], config: Config) -> list[Item]:
    """Move what comes before a branch into its slot, even if the branch reads the result."""
    result: list[Item] = []
    for item in items:
        last = result[-1] if result else None
        if isinstance(item, Op) and item.slot is None and "delay" in item.facts and isinstance(last, Op) and _movable(last):
            item = item._replace(slot=last)
            result.pop()
        result.append(item)
    return result


def _movable(op: Op) -> bool:
    return not op.facts & {"branch", "jump", "ll", "sc", "sync", "load"} and op.slot is None and op.word != 0


def _labels_late(items: list[Item], config: Config) -> list[Item]:
    """Let each label of an eBPF instruction stand for the place behind its first MIPS instruction."""
    result: list[Item] = []
    waiting: list[Item] = []
    for item in items:
        if isinstance(item, Label):
            waiting.append(item)
            continue
        result.append(item)
        result += waiting
        waiting.clear()
    return result + waiting


def _jump_to_offset(e: Emitter, items: Sequence[Item]) -> list[Item]:
    e.items.clear()
    compare.jump(e, e.place_of_instruction.slot + 1)
    return list(e.items)


# fmt: off
BUGS = (
    Bug("jeq-negative-constant", "clobbered constant", "The upper half of a negative constant comes from register 1 instead of being -1.",
        in_cells("JEQ64_IMM JNE64_IMM", rewrite("addiu", lambda e, op: [e.make("or", T8, AT, ZERO)], when=lambda rt, rs, imm: rt == T8)),
        ("JEQ64_IMM", "JNE64_IMM"), O32, "Linux commit db762fd96be2"),
    Bug("jlt-imm-signed", COMPARISON, "An unsigned comparison with a constant is done signed.",
        in_cells("JLT64_IMM JGE64_IMM", rename({"sltiu": "slti"})), ("JLT64_IMM",), ("mips[345]-64*", "mips64r[1235]-64*")),
    Bug("jsgt-unsigned", COMPARISON, "A signed comparison of registers is done unsigned.",
        in_cells("JSGT64_REG JSLE64_REG", rename({"slt": "sltu", "bltc": "bltuc", "bgec": "bgeuc"})), ("JSGT64_REG",), N64),
    Bug("jle-imm-bound", COMPARISON, "x <= constant is tested as x < constant.",
        in_cells("JLE64_IMM JLE32_IMM JSLE64_IMM", operands("sltiu slti", lambda rt, rs, imm: (rt, rs, max(imm - 1, -0x8000)))),
        ("JLE64_IMM",), ("mips[345]-64*", "mips64r[1235]-64*")),
    Bug("jlt-reg-order", "wrong operand order", "x < y is tested as y < x.",
        in_cells("JLT64_REG", operands("sltu bltuc", lambda *given: (*given[:-2], given[-1], given[-2]))), ("JLT64_REG",), N64),
    Bug("jset-imm-high", "wrong half of a pair", "A bit test with a negative constant ignores the high register.",
        in_cells("JSET64_IMM", drop("or", when=lambda rd, rs, rt: rd == AT and rs == AT)), ("JSET64_IMM",), O32),
    Bug("jset32-all-bits", "wrong width", "A 32-bit bit test looks at all 64 bits.",
        in_cells("JSET32_REG", unextended()), ("JSET32_REG",), N64),
    Bug("jlt-low-signed", "signed and unsigned mixed up", "Where the high words are equal the low ones are compared signed.",
        in_cells("JLT64_REG JGE64_REG", rename({"sltu": "slt"}, nth=1)), ("JLT64_REG",), O32),
    Bug("jslt-high-unsigned", "signed and unsigned mixed up", "The high words of a signed comparison are compared unsigned.",
        in_cells("JSLT64_REG JSGE64_REG", rename({"slt": "sltu", "sltu": "sltu"})), ("JSLT64_REG",), O32),
    Bug("jeq-high-ignored", "wrong half of a pair", "A test for equality looks at one half only.",
        in_cells("JNE64_REG", drop("bne bnec", nth=1)), ("JNE64_REG",), O32),
    Bug("jgt-inverted", COMPARISON, "The branch is taken when the comparison fails.",
        in_cells("JGT64_REG", rename({"bne": "beq", "bltuc": "bgeuc"})), ("JGT64_REG",), N64),
    Bug("bltz-for-blez", COMPARISON, "A comparison with zero leaves zero out.",
        in_cells("JSLE64_IMM", rename({"blez": "bltz"})), ("JSLE64_IMM",), ("mips[345]-64*", "mips64r[1235]-64*")),
    Bug("branch-off-by-one", TARGET, "Branch offsets count from the word behind the delay slot.",
        with_words(branch_offsets(lambda offset: offset - 1)), ("JA", "JEQ64_IMM"), ("mips2-32*", "mips64r5-64*")),
    Bug("label-off-by-one", TARGET, "Labels lie one instruction late.",
        with_pass(_labels_late), ("JGT32_REG",), ("mips32r2-32*", "mips4-64*")),
    Bug("branch-truncated", "truncated offset", "A branch offset that is too large is cut, and the branch lands in other code.",
        with_words(branch_offsets(lambda offset: offset & 0xF)), (), ("mips32r1-32*", "mips64r2-64*"),
        "CVE-2021-38300, Linux commit 37cb28ec7d3a", "r0 = 0\nif r2 != 0 goto +20\n" + 20 * "r0 += 3\n" + "exit"),
    Bug("ja32-offset", TARGET, "The 32-bit jump takes its distance from the 16-bit offset.",
        in_cells("JA32", _jump_to_offset), ("JA32",), ("mips32r2-32*", "mips64r6-64*")),
    Bug("slot-depends", "misplaced delay slot", "An instruction is moved into the delay slot of a branch that reads its result.",
        with_pass(_careless_slots), ("JGT32_REG",), ("mips2-32*", "mips64r1-64*")),
)
# fmt: on

"""Workarounds: each with code that it must change and code that it must leave alone, and what compiled code looks like."""

import pytest

from ebpf.assembler import assemble
from jit.call import CompileError
from jit.compiled import Addresses
from jit.compiler import compile_program
from jit.config import Config
from jit.errata import WORKAROUNDS, work_around
from jit.erratum_rows import CPUS, NOT_TAKEN, ROWS
from jit.mips import decode, text
from jit.passes import Code, fill_delay_slots
from jit.runtime import ROUTINES
from jit.tests.test_passes import SLOTS, code, written

ROUTINE_ADDRESSES = {name: 0x481_0000 + 16 * number for number, name in enumerate(ROUTINES)}


def worked_around(name: str, *lines: str | int, targets: frozenset[int] = frozenset()) -> list[str]:
    e, items = code(name, *lines)
    return written(work_around(fill_delay_slots(Code(items, SLOTS, targets), e.config), e.config).items)


def compiled(name: str, program: str) -> list[str]:
    slots = assemble(program, "test").slots
    config = Config.parse(name)
    result = compile_program(slots, config, Addresses(0x400_0000, ROUTINE_ADDRESSES))
    return [text(*found, 0, config.width) for word in result.words if (found := decode(word, config.isa)) is not None]


def test_rows_are_complete() -> None:
    assert [row.name for row in ROWS] == list(WORKAROUNDS)
    assert {cpu for row in ROWS for cpu in row.cpus} == set(CPUS)
    assert all(all(row) and row.widths for row in (row._replace(needs=("x",), excludes=("x",)) for row in ROWS))
    assert all(all(entry) for entry in NOT_TAKEN)


# fmt: off
@pytest.mark.parametrize(("name", "lines", "expected"), [
    ("mips4-64le+r10000", ["ll 24 0 4", "daddu 1 24 5", "sc 1 0 4", "beq 1 0 @7"],
                          ["ll 24 0 4", "daddu 1 24 5", "sc 1 0 4", "beql 1 0"]),
    ("mips4-64le+r10000", ["lw 1 0 4", "beq 1 0 @7"],                           ["lw 1 0 4", "beq 1 0"]),
    # A sync before the label of the retry moves behind it, but not past the label of an eBPF instruction; where the sequence is left is another one.
    ("mips64r2-64le+loongson3", ["sync 0", 107, "ll 24 0 4"],                   ["107:", "sync 0", "ll 24 0 4"]),
    ("mips64r2-64le+loongson3", ["sync 0", 7, 107, "ll 24 0 4"],                ["sync 0", "7:", "107:", "sync 0", "ll 24 0 4"]),
    ("mips64r2-64le+loongson3", ["sync 0", 7, "ll 24 0 4"],                     ["sync 0", "7:", "sync 0", "ll 24 0 4"]),
    ("mips64r2-64le+loongson3", ["sync 0", "ll 24 0 4", "bne 24 5 @108", "sc 1 0 4", 108, "addu 8 9 9"],
                                ["sync 0", "ll 24 0 4", "bne 24 5", "sc 1 0 4", "108:", "sync 0", "addu 8 9 9"]),
    ("mips64r2-64le+loongson3", ["sync 0", "ll 24 0 4", "bne 24 5 @108", "sc 1 0 4", 108, "sync 0"],
                                ["sync 0", "ll 24 0 4", "bne 24 5", "sc 1 0 4", "108:", "sync 0"]),
    # The mask goes before the jump; what is in the slot stays there unless it needs t8 or the register.
    ("mips3-32le+loongson2f-jump", ["jr 31"],                                   ["lui 24 53247", "ori 24 24 65535", "and 31 31 24", "jr 31"]),
    ("mips3-32le+loongson2f-jump", ["addu 8 24 9", "jr 31"],    ["addu 8 24 9", "lui 24 53247", "ori 24 24 65535", "and 31 31 24", "jr 31"]),
    ("mips3-32le+loongson2f-jump", ["addu 8 9 9", "jr 31"],     ["lui 24 53247", "ori 24 24 65535", "and 31 31 24", "jr 31 / addu 8 9 9"]),
    ("mips3-32le+loongson2f-jump", ["jal 5"],                                   ["jal 5"]),
    ("mips3-64le+r4000-multiply", ["dmultu 8 9", "mflo 10", "dsll32 10 10 0"],  ["dmultu 8 9", "mflo 10", "mfhi 0", "dsll32 10 10 0"]),
    ("mips3-32le+r4000-multiply", ["multu 8 9", "mflo 10", "mfhi 11"],          ["multu 8 9", "mflo 10", "mfhi 11"]),
    ("mips3-32le+r4000-multiply", ["multu 8 9", "mfhi 11", "mflo 10"],          ["multu 8 9", "mfhi 11", "mflo 10"]),
    ("mips3-32le+r4000-multiply", ["divu 8 9", "mflo 10"],                      ["divu 8 9", "mflo 10"]),
    ("mips3-64le+r4000-daddiu", ["daddiu 4 5 -3"],                              ["addiu 13 0 -3", "daddu 4 5 13"]),
    ("mips3-64le+r4000-daddiu", ["daddiu 4 4 8", "jr 31"],                      ["addiu 13 0 8", "jr 31 / daddu 4 4 13"]),
    ("mips3-64le+r4000-daddiu", ["daddiu 4 0 8"],                               ["daddiu 4 0 8"]),
    ("mips4-64le+r7000-hilo", ["mflo 4", "daddu 5 4 4"],                        ["mflo 4", "sll 0 0 0", "sll 0 0 0", "daddu 5 4 4"]),
    ("mips4-64le+r7000-hilo", ["mflo 4", "daddu 5 6 7", "daddu 5 4 4"],         ["mflo 4", "daddu 5 6 7", "sll 0 0 0", "daddu 5 4 4"]),
    ("mips4-64le+r7000-hilo", ["mflo 4", "daddu 5 6 7", "daddu 8 6 7", "daddu 5 4 4"], ["mflo 4", "daddu 5 6 7", "daddu 8 6 7", "daddu 5 4 4"]),
    ("mips4-64le+r7000-hilo", ["mflo 4", 7, "bne 5 6 @7"],                      ["mflo 4", "7:", "bne 5 6"]),
    ("mips4-64le+rm7000-dmult", ["dmultu 4 5", "mflo 4", "ld 6 0 7"],           ["dmultu 4 5", "mflo 4", "sll 0 0 0", "sll 0 0 0", "ld 6 0 7"]),
    ("mips4-64le+rm7000-dmult", ["multu 4 5", "mflo 4", "ld 6 0 7"],            ["multu 4 5", "mflo 4", "ld 6 0 7"]),
    ("mips4-64le+rm7000-dmult", ["dmultu 4 5", "mflo 4", "sd 6 0 7"],           ["dmultu 4 5", "mflo 4", "sd 6 0 7"]),
    ("mips3-64le+vr4130", ["mflo 4", "dmultu 5 6"],                             ["mflo 4", *["sll 0 0 0"] * 4, "dmultu 5 6"]),
    ("mips3-64le+vr4130", ["mflo 4", "daddu 5 5 4", "dmultu 5 6"],              ["mflo 4", "daddu 5 5 4", "dmultu 5 6"]),
    ("mips3-64le+vr4130", ["mflo 4", "dmultu 4 6"],                             ["mflo 4", "dmultu 4 6"]),
    ("mips3-64le+vr4130", ["mflo 4", "beq 5 0 @7"],                             ["mflo 4", "sll 0 0 0", "sll 0 0 0", "beq 5 0"]),
    ("mips3-64le+vr4130", ["mflo 4", "beql 5 0 @7", "dmultu 5 6"],              ["mflo 4", *["sll 0 0 0"] * 3, "beql 5 0", "dmultu 5 6"]),
    ("mips3-64le+vr4120-multiply", ["dmultu 4 5", "mflo 4"],                    ["dmult 4 5", "mflo 4"]),
    ("mips3-32le+vr4120-multiply", [], None),
    ("mips3-32le+vr4120-divide", ["divu 4 5", "mflo 4"],                        ["divu 4 5", "mflo 4"]),
    ("mips3-32le+vr4120-divide", ["div 4 5", "mfhi 4"],
        ["sra 15 4 31", "xor 14 4 15", "subu 14 14 15", "sra 15 5 31", "xor 25 5 15", "subu 25 25 15", "sra 15 4 31", "divu 14 25", "mfhi 4",
         "xor 4 4 15", "subu 4 4 15"]),
    ("mips32r2-32le+24k", ["sw 4 0 29", "sw 5 4 29", "sw 6 8 29"],              ["sw 4 0 29", "sw 5 4 29", "sll 0 0 0", "sw 6 8 29"]),
    ("mips32r2-32le+24k", ["sw 4 0 29", "lw 5 4 29", "sw 6 8 29"],              ["sw 4 0 29", "lw 5 4 29", "sw 6 8 29"]),
    # A loop of six instructions with its delay slot, and one of seven; a branch that leads forward.
    ("mips3-32le+nollsc+r5900", [7, "addu 8 9 10", "addu 9 9 9", "addu 10 9 9", "addu 11 11 12", "bne 10 0 @7"],
                                ["7:", "addu 8 9 10", "addu 9 9 9", "addu 10 9 9", "addu 11 11 12", "bne 10 0"]),
    ("mips3-32le+nollsc+r5900", [7, "addu 8 9 10", "addu 9 9 9", "addu 10 9 9", "addu 10 9 9", "addu 12 9 9", "addu 11 11 12", "bne 10 0 @7"],
                                ["7:", "addu 8 9 10", "addu 9 9 9", "addu 10 9 9", "addu 10 9 9", "addu 12 9 9", "bne 10 0 / addu 11 11 12"]),
    ("mips3-32le+nollsc+r5900", ["addu 8 9 10", "bne 10 0 @7", 7],              ["bne 10 0 / addu 8 9 10", "7:"]),
])
def test_workaround(name: str, lines: list[str | int], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="means nothing for code of 32 bits"):
            Config.parse(name)
        return
    assert worked_around(name, *lines, targets=frozenset({7})) == expected
# fmt: on


def test_stores_at_the_target_of_a_branch_with_a_store_in_its_slot() -> None:
    lines = worked_around("mips32r2-32le+24k", "sw 6 8 29", "beq 5 0 @7", "lw 5 4 29", 7, "sw 4 0 29", "sw 5 4 29", targets=frozenset({7}))
    assert lines == ["beq 5 0 / sw 6 8 29", "lw 5 4 29", "7:", "sw 4 0 29", "sll 0 0 0", "sw 5 4 29"]


def test_the_loongson_2f_has_a_nop_of_its_own_everywhere() -> None:
    program = "if r1 != 0 goto +1; r1 = 2; r0 = 1; exit"
    assert "nop" in compiled("mips3-64be", program)
    lines = compiled("mips3-64be+loongson2f-nop", program)
    assert "nop" not in lines
    assert "or $at, $at, $zero" in lines


def test_code_outside_of_the_window_is_refused() -> None:
    slots = assemble("r0 = 1; exit", "test").slots
    config = Config.parse("mips3-64be+loongson2f-jump")
    compile_program(slots, config, Addresses(0xFFFF_FFFF_8000_0000))
    for addresses in (Addresses(0x1000_0000), Addresses(0x0FFF_FFFC), Addresses(0, {"udiv64": 0x2000_0000}), Addresses(0, {}, {5: 0x3000_0000})):
        with pytest.raises(CompileError, match="jumps through registers reach only addresses whose bits 28 and 29 are zero"):
            compile_program(slots, config, addresses)

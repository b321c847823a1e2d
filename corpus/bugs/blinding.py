"""Constants that blinding leaves to be seen, or gets wrong. Most change no value: an image that shows a constant computes with it all the same."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ebpf.instruction import Instruction
from fuzz.selftest.seeded_bug import Bug, operands, rename, several
from jit.blinding import AX, FORMS, Blinding, Key, keys, load
from jit.code import Cell, Emitter
from jit.compiler import Parts
from jit.lowering import LOWERING, Lowering
from jit.registers import T8, T9

SEEN = "constant in the image"
KEYS = "predictable key"
WRONG = "wrong constant"
BLIND = ("mips*+blind",)
O32 = ("mips*-32*+blind",)
N64 = ("mips*-64*+blind",)
LINUX = "Linux, kernel/bpf/core.c, bpf_jit_blind_insn"


def _plain(globs: str) -> Parts:
    """Blinding that leaves instructions out."""
    chosen = globs.split()
    return Parts(blinding=Blinding(forms={name: form for name, form in FORMS.items() if not any(fnmatchcase(name, glob) for glob in chosen)}))


def _with_keys(function: Callable[[Sequence[Instruction], int], Key]) -> Parts:
    return Parts(blinding=Blinding(keys=function))


def _with_load(function: Callable[[Emitter, int, bool, int], None]) -> Parts:
    return Parts(blinding=Blinding(load=function))


def _nth_word_changed(mnemonic: str, change: Callable[..., tuple[int, ...]], nth: int) -> Parts:
    """A load of r11 of which one instruction has other operands."""

    def loaded(e: Emitter, value: int, wide: bool, key: int) -> None:
        load(e, value, wide, key)
        e.items[:] = operands(mnemonic, change, nth)(e, e.items)

    return _with_load(loaded)


def _bare_half(nth: int) -> Parts:
    """What the key does to the upper half of a word (0) or to the lower one (1), undone."""

    def loaded(e: Emitter, value: int, wide: bool, key: int) -> None:
        load(e, value, wide, key)
        half = value >> (0 if nth else 16) & 0xFFFF
        change = several(operands("ori", lambda rt, rs, imm: (rt, rs, half), nth), operands("xori", lambda rt, rs, imm: (rt, rs, 0), nth))
        if not wide:
            e.items[:] = change(e, e.items)

    return _with_load(loaded)


def _complement(e: Emitter, value: int, wide: bool, key: int) -> None:
    """The upper half of a word stands in the image with all bits inverted, without a key."""
    load(e, value, wide, key)
    if not wide:
        half = ~value >> 16 & 0xFFFF
        change = several(operands("ori", lambda rt, rs, imm: (rt, rs, half), 0), operands("xori", lambda rt, rs, imm: (rt, rs, 0xFFFF), 0))
        e.items[:] = change(e, e.items)


def _hoisted() -> Parts:
    """Copies of registers leave the constant of an instruction before them, as code that was moved out of a loop might."""
    last = [0]

    def loaded(e: Emitter, value: int, wide: bool, key: int) -> None:
        load(e, value, wide, key)
        last[0] = value

    def changed(cell: Cell) -> Cell:
        def copied(e: Emitter, i: Instruction) -> None:
            cell(e, i)
            # Good for this place only.
            if e.place_of_instruction and i.src != AX:
                e.op("lui", T9, last[0] >> 16 & 0xFFFF)
                e.op("ori", T9, T9, last[0] & 0xFFFF)

        return copied

    return replace(_with_cells(["MOV64_REG"], changed), blinding=Blinding(load=loaded))


def _zero_extended(e: Emitter, value: int, wide: bool, key: int) -> None:
    load(e, value, wide, key)
    e.items[:] = rename({"sll": "dsll"})(e, e.items)


def _narrow(e: Emitter, value: int, wide: bool, key: int) -> None:
    load(e, value, False, key)


def _backwards_by_two(cell: Cell) -> Cell:
    """Jumps back with r11 reach as far as if the two instructions that load it were slots of the program."""

    def changed(e: Emitter, i: Instruction) -> None:
        cell(e, i._replace(offset=i.offset - 2) if i.src == AX and i.offset < 0 else i)

    return changed


def _through_t8(cell: Cell) -> Cell:
    """A store of two words whose offsets do not both fit takes t8, where r11 is, for the address."""

    def changed(e: Emitter, i: Instruction) -> None:
        if i.src == AX and i.offset + 4 > 0x7FFF:
            e.op("addiu", T8, e.registers[i.dst][0], i.offset)
            for register, offset in zip(sorted(e.registers[AX], reverse=not e.config.big_endian), (4, 0), strict=True):
                e.op("sw", register, offset, T8)
        else:
            cell(e, i)

    return changed


def _with_cells(names: Sequence[str], change: Callable[[Cell], Cell]) -> Parts:
    return Parts(lowering={**LOWERING, **{name: Lowering(*map(change, LOWERING[name])) for name in names}})


_CONSTANTS = (
    "".join(f"r{at % 6} = {0x12345678 + at * 0x01234567:#x}\n r6 = r{at % 6}\n r6 *= {0x7654321 + at:#x}\n" for at in range(20)) + "r0 = r6\n exit"
)


# fmt: off
BUGS = (
    Bug("blind-alu64-plain", SEEN, "Constants of 64-bit arithmetic are not blinded.",
        _plain("[!J]*64_IMM"), ("ADD64_IMM", "MUL64_IMM"), BLIND),
    Bug("blind-alu32-plain", SEEN, "Constants of 32-bit arithmetic are not blinded.",
        _plain("[!J]*32_IMM"), ("XOR32_IMM", "MOD32_IMM"), BLIND),
    Bug("blind-mov-plain", SEEN, "Constants of moves are not blinded.",
        _plain("MOV*_IMM"), ("MOV32_IMM", "MOV64_IMM"), BLIND),
    Bug("blind-jmp-plain", SEEN, "Constants of 64-bit comparisons are not blinded.",
        _plain("J*64_IMM"), ("JGT64_IMM",), BLIND),
    Bug("blind-jmp32-plain", SEEN, "Constants of 32-bit comparisons are not blinded.",
        _plain("J*32_IMM"), ("JSLT32_IMM", "JSET32_IMM"), BLIND),
    Bug("blind-store-plain", SEEN, "Constants of stores are not blinded.",
        _plain("ST_*"), ("ST_W", "ST_DW"), BLIND, f"{LINUX}: stores to arenas (BPF_PROBE_MEM32) were not blinded"),
    Bug("blind-lddw-plain", SEEN, "Constants of wide loads are not blinded.",
        _plain("LDDW"), ("LDDW",), BLIND),
    Bug("blind-packet-plain", SEEN, "Offsets of packet loads are not blinded.",
        _plain("LDABS_* LDIND_*"), ("LDABS_W", "LDIND_H"), BLIND),
    Bug("blind-upper-half", SEEN, "The upper half of a word stands in the image as it is.",
        _bare_half(0), ("OR64_IMM",), BLIND),
    Bug("blind-lower-half", SEEN, "The lower half of a word stands in the image as it is.",
        _bare_half(1), ("SUB32_IMM",), BLIND),
    Bug("blind-key-constant", KEYS, "The key is the same in all images.",
        _with_keys(lambda slots, seed: lambda slot: 0x1234_5678_9ABC_DEF1 * (slot + 1) & (1 << 64) - 1), ("AND64_IMM",), BLIND),
    Bug("blind-key-zero", KEYS, "The key is always 0, of which the smallest ones are made that hide a half.",
        _with_keys(lambda slots, seed: lambda slot: 0), ("XOR64_IMM", "JLE32_IMM"), BLIND),
    Bug("blind-key-upper-zero", KEYS, "The key of upper halves is always 0.",
        _with_keys(lambda slots, seed: lambda slot: keys(slots, seed)(slot) & 0x0000_FFFF_0000_FFFF), ("AND32_IMM", "LDDW"), BLIND),
    Bug("blind-key-lower-constant", KEYS, "The key of the lowest half is the same in all images, and another one for each instruction.",
        _with_keys(lambda slots, seed: lambda slot: keys(slots, seed)(slot) & ~0xFFFF | keys(slots, 0)(slot) & 0xFFFF), ("ADD64_IMM", "ST_W"), BLIND),
    Bug("blind-key-of-program", KEYS, "All instructions have one key.",
        _with_keys(lambda slots, seed: lambda slot: keys(slots, seed)(0)), ("ST_H",), BLIND,
        program="r0 = 0x12345678\n r0 = 1\n r0 = 0x12345678\n exit"),
    Bug("blind-complement", SEEN, "The upper half of a word stands in the image with all bits inverted.",
        _with_load(_complement), ("ADD64_IMM",), BLIND),
    Bug("blind-hoisted", SEEN, "The constant of one instruction stands in the code of another one.",
        _hoisted(), (), BLIND, program=_CONSTANTS),
    Bug("blind-key-of-8-bits", KEYS, "The upper byte of each half of a key is 0.",
        _with_keys(lambda slots, seed: lambda slot: keys(slots, seed)(slot) & 0x00FF_00FF_00FF_00FF), (), BLIND, program=_CONSTANTS),
    Bug("blind-key-of-12-bits", KEYS, "The upper digit of each half of a key is 0.",
        _with_keys(lambda slots, seed: lambda slot: keys(slots, seed)(slot) & 0x0FFF_0FFF_0FFF_0FFF), (), BLIND, program=_CONSTANTS),
    Bug("blind-key-of-halves", KEYS, "All halves of a constant have one key.",
        _with_keys(lambda slots, seed: lambda slot: (keys(slots, seed)(slot) & 0xFFFF) * 0x0001_0001_0001_0001), ("ADD64_IMM",), BLIND),
    Bug("blind-key-of-place", KEYS, "The key depends on the place of the instruction and on the seed, not on the program.",
        _with_keys(lambda slots, seed: keys((), seed)), ("ADD64_IMM",), BLIND),
    Bug("blind-wrong-key", WRONG, "The key that is taken off is not the one that was put on.",
        _nth_word_changed("xori", lambda rt, rs, imm: (rt, rs, imm ^ 0x100), 1), ("ADD32_IMM",), BLIND),
    Bug("blind-wrong-key-upper", WRONG, "The key that is taken off the upper half is not the one that was put on.",
        _nth_word_changed("xori", lambda rt, rs, imm: (rt, rs, imm ^ 1), 0), ("JEQ64_IMM",), BLIND),
    Bug("blind-zero-extended", WRONG, "A negative constant is taken for an unsigned word.",
        _with_load(_zero_extended), ("ADD64_IMM",), N64,
        f"{LINUX}: the lower half of a wide load was not zero-extended where 32-bit moves leave that to the verifier (powerpc)"),
    Bug("blind-lddw-narrow", WRONG, "Of a wide load the lower word is loaded, sign-extended.",
        _with_load(_narrow), ("LDDW",), BLIND),
    Bug("blind-sdiv-unsigned", WRONG, "A blinded signed division is an unsigned one.",
        Parts(blinding=Blinding(forms={name: form.replace("SDIV", "DIV").replace("SMOD", "MOD") for name, form in FORMS.items()})),
        ("SDIV32_IMM", "SMOD64_IMM"), BLIND, f"{LINUX}: the offset that makes a division signed was lost"),
    Bug("blind-backward-jump", "wrong target", "Jumps back are lengthened by the instructions that blinding adds, which are no slots.",
        _with_cells(["JNE64_REG", "JGE64_REG", "JLT64_REG", "JSGT32_REG"], _backwards_by_two), ("JSGT32_IMM", "JNE64_IMM"), BLIND,
        f"{LINUX}: the same correction, where it did not fit 16 bits"),
    Bug("blind-clobber", "clobbered register", "The address of a store takes the register that holds the constant.",
        _with_cells(["STX_DW"], _through_t8), ("ST_DW",), O32),
)
# fmt: on

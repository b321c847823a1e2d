"""The MIPS instructions that a JIT compiler may emit: one table, a row per encoding.

A row is text, as the manuals print it; `jit.mips` parses it, and refuses to import a table that contradicts itself. An instruction
that release 6 encodes anew, or gives other operands, has a row of its own with the same mnemonic and other ISAs.

Columns:
    mnemonic   the manual's, in lower case; unique on each ISA
    syntax     operands as written in assembly. "=" before a register: written; "+": read and written; neither: read.
               A name that occurs again is the same operand; "$" begins a register that is always written and has no field.
               After a semicolon the registers that are read or written without being operands
    figure     the 32 bits, most significant first, blanks ignored: 0, 1, or the letter of a field (`jit.mips.FIELDS`). The same letter in
               two places is one operand in two fields
    isas       where it is legal: an ISA stands for all that extend it, "|" for the union; "!" leaves out one and its heirs; "!r6" is short for
               "!mips32r6"
    facts      words of `jit.mips.FACTS`
    condition  what operands must satisfy together. A word that does not is another instruction, reserved or UNPREDICTABLE

Sources: MIPS Architecture For Programmers, volume II-A (MD00086 for MIPS32, MD00087 for MIPS64), revision 5.04 for what release 6 removed and
6.06 for release 6; for the ISAs before, the MIPS IV Instruction Set, revision 3.2. Assembly idioms of the manuals (nop, move, b, ...) have no rows,
except where release 6 makes an instruction of one: bal, and jr, which jalr replaces there.

On word operands the pages of aui, lsa, align and bitswap state no restriction. For mul to modu of release 6 the restriction of their predecessors is
kept, which is the cautious reading. Left out although release 6 has them: nal, sigrie, the hazard barriers and the optional llwp, scwp, crc32.
"""

from typing import NamedTuple


class Line(NamedTuple):
    """A row as written; the columns are described at the head of this file."""

    mnemonic: str
    syntax: str
    figure: str
    isas: str
    facts: str = ""
    condition: str = ""


# fmt: off
_LINES: tuple[tuple[str, ...], ...] = (
    # Immediate arithmetic. In release 6 lui is aui of register 0.
    ("addi",     "=rt, rs, immediate",   "001000 sssss ttttt iiiiiiiiiiiiiiii",   "mips1 !r6",    "word_rs word_result trap"),
    ("addiu",    "=rt, rs, immediate",   "001001 sssss ttttt iiiiiiiiiiiiiiii",   "mips1",        "word_rs word_result"),
    ("slti",     "=rt, rs, immediate",   "001010 sssss ttttt iiiiiiiiiiiiiiii",   "mips1",        "word_result"),
    ("sltiu",    "=rt, rs, immediate",   "001011 sssss ttttt iiiiiiiiiiiiiiii",   "mips1",        "word_result"),
    ("andi",     "=rt, rs, immediate",   "001100 sssss ttttt uuuuuuuuuuuuuuuu",   "mips1",        "word_result"),
    ("ori",      "=rt, rs, immediate",   "001101 sssss ttttt uuuuuuuuuuuuuuuu",   "mips1"),
    ("xori",     "=rt, rs, immediate",   "001110 sssss ttttt uuuuuuuuuuuuuuuu",   "mips1"),
    ("lui",      "=rt, immediate",       "001111 00000 ttttt uuuuuuuuuuuuuuuu",   "mips1",        "word_result"),
    ("daddi",    "=rt, rs, immediate",   "011000 sssss ttttt iiiiiiiiiiiiiiii",   "mips3 !r6",    "trap"),
    ("daddiu",   "=rt, rs, immediate",   "011001 sssss ttttt iiiiiiiiiiiiiiii",   "mips3"),
    ("aui",      "=rt, rs, immediate",   "001111 sssss ttttt uuuuuuuuuuuuuuuu",   "mips32r6",     "word_result",                   "rs!=0"),
    ("daui",     "=rt, rs, immediate",   "011101 sssss ttttt uuuuuuuuuuuuuuuu",   "mips64r6",     "",                              "rs!=0"),
    ("dahi",     "+rs, rs, immediate",   "000001 sssss 00110 uuuuuuuuuuuuuuuu",   "mips64r6"),
    ("dati",     "+rs, rs, immediate",   "000001 sssss 11110 uuuuuuuuuuuuuuuu",   "mips64r6"),
    # Register arithmetic.
    ("add",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100000", "mips1",        "word_rs word_rt word_result trap"),
    ("addu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100001", "mips1",        "word_rs word_rt word_result"),
    ("sub",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100010", "mips1",        "word_rs word_rt word_result trap"),
    ("subu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100011", "mips1",        "word_rs word_rt word_result"),
    ("and",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100100", "mips1"),
    ("or",       "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100101", "mips1"),
    ("xor",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100110", "mips1"),
    ("nor",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 100111", "mips1"),
    ("slt",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101010", "mips1",        "word_result"),
    ("sltu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101011", "mips1",        "word_result"),
    ("dadd",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101100", "mips3",        "trap"),
    ("daddu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101101", "mips3"),
    ("dsub",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101110", "mips3",        "trap"),
    ("dsubu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 101111", "mips3"),
    ("lsa",      "=rd, rs, rt, sa",      "000000 sssss ttttt ddddd 000AA 000101", "mips32r6",     "word_result"),
    ("dlsa",     "=rd, rs, rt, sa",      "000000 sssss ttttt ddddd 000AA 010101", "mips64r6"),
    # Shifts. The written amount of dsll32 and its kin is the field; 32 is added to it. sll and sllv take any operand: `sll rd, rt, 0` makes a word.
    ("sll",      "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 000000", "mips1",        "word_result"),
    ("srl",      "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 000010", "mips1",        "word_rt word_result"),
    ("sra",      "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 000011", "mips1",        "word_rt word_result"),
    ("rotr",     "=rd, rt, sa",          "000000 00001 ttttt ddddd aaaaa 000010", "mips32r2",     "word_rt word_result"),
    ("sllv",     "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 000100", "mips1",        "word_result"),
    ("srlv",     "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 000110", "mips1",        "word_rt word_result"),
    ("srav",     "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 000111", "mips1",        "word_rt word_result"),
    ("rotrv",    "=rd, rt, rs",          "000000 sssss ttttt ddddd 00001 000110", "mips32r2",     "word_rt word_result"),
    ("dsll",     "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111000", "mips3"),
    ("dsrl",     "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111010", "mips3"),
    ("dsra",     "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111011", "mips3"),
    ("drotr",    "=rd, rt, sa",          "000000 00001 ttttt ddddd aaaaa 111010", "mips64r2"),
    ("dsll32",   "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111100", "mips3"),
    ("dsrl32",   "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111110", "mips3"),
    ("dsra32",   "=rd, rt, sa",          "000000 00000 ttttt ddddd aaaaa 111111", "mips3",        "word_result"),
    ("drotr32",  "=rd, rt, sa",          "000000 00001 ttttt ddddd aaaaa 111110", "mips64r2"),
    ("dsllv",    "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 010100", "mips3"),
    ("dsrlv",    "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 010110", "mips3"),
    ("dsrav",    "=rd, rt, rs",          "000000 sssss ttttt ddddd 00000 010111", "mips3"),
    ("drotrv",   "=rd, rt, rs",          "000000 sssss ttttt ddddd 00001 010110", "mips64r2"),
    # Multiplication and division with HI and LO. mul leaves HI and LO UNPREDICTABLE, which counts as written.
    ("mult",     "rs, rt; =hi =lo",      "000000 sssss ttttt 00000 00000 011000", "mips1 !r6",    "word_rs word_rt word_result"),
    ("multu",    "rs, rt; =hi =lo",      "000000 sssss ttttt 00000 00000 011001", "mips1 !r6",    "word_rs word_rt word_result"),
    ("div",      "$0, rs, rt; =hi =lo",  "000000 sssss ttttt 00000 00000 011010", "mips1 !r6",    "word_rs word_rt word_result"),
    ("divu",     "$0, rs, rt; =hi =lo",  "000000 sssss ttttt 00000 00000 011011", "mips1 !r6",    "word_rs word_rt word_result"),
    ("dmult",    "rs, rt; =hi =lo",      "000000 sssss ttttt 00000 00000 011100", "mips3 !r6"),
    ("dmultu",   "rs, rt; =hi =lo",      "000000 sssss ttttt 00000 00000 011101", "mips3 !r6"),
    ("ddiv",     "$0, rs, rt; =hi =lo",  "000000 sssss ttttt 00000 00000 011110", "mips3 !r6"),
    ("ddivu",    "$0, rs, rt; =hi =lo",  "000000 sssss ttttt 00000 00000 011111", "mips3 !r6"),
    ("mfhi",     "=rd; hi",              "000000 00000 00000 ddddd 00000 010000", "mips1 !r6"),
    ("mthi",     "rs; =hi",              "000000 sssss 00000 00000 00000 010001", "mips1 !r6"),
    ("mflo",     "=rd; lo",              "000000 00000 00000 ddddd 00000 010010", "mips1 !r6"),
    ("mtlo",     "rs; =lo",              "000000 sssss 00000 00000 00000 010011", "mips1 !r6"),
    ("madd",     "rs, rt; +hi +lo",      "011100 sssss ttttt 00000 00000 000000", "mips32r1 !r6", "word_rs word_rt word_result"),
    ("maddu",    "rs, rt; +hi +lo",      "011100 sssss ttttt 00000 00000 000001", "mips32r1 !r6", "word_rs word_rt word_result"),
    ("mul",      "=rd, rs, rt; =hi =lo", "011100 sssss ttttt ddddd 00000 000010", "mips32r1 !r6", "word_rs word_rt word_result"),
    ("msub",     "rs, rt; +hi +lo",      "011100 sssss ttttt 00000 00000 000100", "mips32r1 !r6", "word_rs word_rt word_result"),
    ("msubu",    "rs, rt; +hi +lo",      "011100 sssss ttttt 00000 00000 000101", "mips32r1 !r6", "word_rs word_rt word_result"),
    # Multiplication and division of release 6.
    ("mul",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011000", "mips32r6",     "word_rs word_rt word_result"),
    ("muh",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011000", "mips32r6",     "word_rs word_rt word_result"),
    ("mulu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011001", "mips32r6",     "word_rs word_rt word_result"),
    ("muhu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011001", "mips32r6",     "word_rs word_rt word_result"),
    ("div",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011010", "mips32r6",     "word_rs word_rt word_result"),
    ("mod",      "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011010", "mips32r6",     "word_rs word_rt word_result"),
    ("divu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011011", "mips32r6",     "word_rs word_rt word_result"),
    ("modu",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011011", "mips32r6",     "word_rs word_rt word_result"),
    ("dmul",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011100", "mips64r6"),
    ("dmuh",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011100", "mips64r6"),
    ("dmulu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011101", "mips64r6"),
    ("dmuhu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011101", "mips64r6"),
    ("ddiv",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011110", "mips64r6"),
    ("dmod",     "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011110", "mips64r6"),
    ("ddivu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00010 011111", "mips64r6"),
    ("dmodu",    "=rd, rs, rt",          "000000 sssss ttttt ddddd 00011 011111", "mips64r6"),
    # Conditional moves and selections.
    ("movz",     "+rd, rs, rt",          "000000 sssss ttttt ddddd 00000 001010", "mips4|mips32r1 !r6"),
    ("movn",     "+rd, rs, rt",          "000000 sssss ttttt ddddd 00000 001011", "mips4|mips32r1 !r6"),
    ("seleqz",   "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 110101", "mips32r6"),
    ("selnez",   "=rd, rs, rt",          "000000 sssss ttttt ddddd 00000 110111", "mips32r6"),
    # Bits and bytes. Before release 6 the result of clz and its kin is named in both rt and rd.
    ("clz",      "=rd, rs",              "011100 sssss ddddd ddddd 00000 100000", "mips32r1 !r6", "word_rs word_result"),
    ("clo",      "=rd, rs",              "011100 sssss ddddd ddddd 00000 100001", "mips32r1 !r6", "word_rs word_result"),
    ("dclz",     "=rd, rs",              "011100 sssss ddddd ddddd 00000 100100", "mips64r1 !r6", "word_result"),
    ("dclo",     "=rd, rs",              "011100 sssss ddddd ddddd 00000 100101", "mips64r1 !r6", "word_result"),
    ("clz",      "=rd, rs",              "000000 sssss 00000 ddddd 00001 010000", "mips32r6",     "word_rs word_result"),
    ("clo",      "=rd, rs",              "000000 sssss 00000 ddddd 00001 010001", "mips32r6",     "word_rs word_result"),
    ("dclz",     "=rd, rs",              "000000 sssss 00000 ddddd 00001 010010", "mips64r6",     "word_result"),
    ("dclo",     "=rd, rs",              "000000 sssss 00000 ddddd 00001 010011", "mips64r6",     "word_result"),
    ("seb",      "=rd, rt",              "011111 00000 ttttt ddddd 10000 100000", "mips32r2",     "word_rt word_result"),
    ("seh",      "=rd, rt",              "011111 00000 ttttt ddddd 11000 100000", "mips32r2",     "word_rt word_result"),
    ("wsbh",     "=rd, rt",              "011111 00000 ttttt ddddd 00010 100000", "mips32r2",     "word_rt word_result"),
    ("dsbh",     "=rd, rt",              "011111 00000 ttttt ddddd 00010 100100", "mips64r2"),
    ("dshd",     "=rd, rt",              "011111 00000 ttttt ddddd 00101 100100", "mips64r2"),
    ("bitswap",  "=rd, rt",              "011111 00000 ttttt ddddd 00000 100000", "mips32r6",     "word_result"),
    ("dbitswap", "=rd, rt",              "011111 00000 ttttt ddddd 00000 100100", "mips64r6"),
    ("align",    "=rd, rs, rt, bp",      "011111 sssss ttttt ddddd 010pp 100000", "mips32r6",     "word_result"),
    ("dalign",   "=rd, rs, rt, bp",      "011111 sssss ttttt ddddd 01ppp 100100", "mips64r6"),
    ("ext",      "=rt, rs, pos, size",   "011111 sssss ttttt zzzzz lllll 000000", "mips32r2",     "word_rs word_result",           "pos+size<=32"),
    ("dextm",    "=rt, rs, pos, size",   "011111 sssss ttttt ZZZZZ lllll 000001", "mips64r2",     "",                              "pos+size<=64"),
    ("dextu",    "=rt, rs, pos, size",   "011111 sssss ttttt zzzzz LLLLL 000010", "mips64r2",     "",                              "pos+size<=64"),
    ("dext",     "=rt, rs, pos, size",   "011111 sssss ttttt zzzzz lllll 000011", "mips64r2"),
    ("ins",      "+rt, rs, pos, size",   "011111 sssss ttttt mmmmm lllll 000100", "mips32r2",     "word_rs word_rt word_result",   "pos+size<=32"),
    ("dinsm",    "+rt, rs, pos, size",   "011111 sssss ttttt MMMMM lllll 000101", "mips64r2",     "",                              "32<pos+size<=64"),
    ("dinsu",    "+rt, rs, pos, size",   "011111 sssss ttttt MMMMM LLLLL 000110", "mips64r2",     "",                              "32<pos+size<=64"),
    ("dins",     "+rt, rs, pos, size",   "011111 sssss ttttt mmmmm lllll 000111", "mips64r2",     "",                              "pos+size<=32"),
    # Loads. lwl and lwr merge into rt; lwr makes a word of it only if it was one before, or when it loads all four bytes.
    ("lb",       "=rt, offset(base)",    "100000 bbbbb ttttt oooooooooooooooo",   "mips1",        "load word_result"),
    ("lh",       "=rt, offset(base)",    "100001 bbbbb ttttt oooooooooooooooo",   "mips1",        "load word_result"),
    ("lwl",      "+rt, offset(base)",    "100010 bbbbb ttttt oooooooooooooooo",   "mips1 !r6",    "load word_result"),
    ("lw",       "=rt, offset(base)",    "100011 bbbbb ttttt oooooooooooooooo",   "mips1",        "load word_result"),
    ("lbu",      "=rt, offset(base)",    "100100 bbbbb ttttt oooooooooooooooo",   "mips1",        "load word_result"),
    ("lhu",      "=rt, offset(base)",    "100101 bbbbb ttttt oooooooooooooooo",   "mips1",        "load word_result"),
    ("lwr",      "+rt, offset(base)",    "100110 bbbbb ttttt oooooooooooooooo",   "mips1 !r6",    "load"),
    ("lwu",      "=rt, offset(base)",    "100111 bbbbb ttttt oooooooooooooooo",   "mips3",        "load"),
    ("ldl",      "+rt, offset(base)",    "011010 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "load"),
    ("ldr",      "+rt, offset(base)",    "011011 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "load"),
    ("ld",       "=rt, offset(base)",    "110111 bbbbb ttttt oooooooooooooooo",   "mips3",        "load"),
    # Stores.
    ("sb",       "rt, offset(base)",     "101000 bbbbb ttttt oooooooooooooooo",   "mips1",        "store"),
    ("sh",       "rt, offset(base)",     "101001 bbbbb ttttt oooooooooooooooo",   "mips1",        "store"),
    ("swl",      "rt, offset(base)",     "101010 bbbbb ttttt oooooooooooooooo",   "mips1 !r6",    "store"),
    ("sw",       "rt, offset(base)",     "101011 bbbbb ttttt oooooooooooooooo",   "mips1",        "store"),
    ("sdl",      "rt, offset(base)",     "101100 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "store"),
    ("sdr",      "rt, offset(base)",     "101101 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "store"),
    ("swr",      "rt, offset(base)",     "101110 bbbbb ttttt oooooooooooooooo",   "mips1 !r6",    "store"),
    ("sd",       "rt, offset(base)",     "111111 bbbbb ttttt oooooooooooooooo",   "mips3",        "store"),
    # Atomic access and ordering. The offset has nine bits in release 6.
    ("ll",       "=rt, offset(base)",    "110000 bbbbb ttttt oooooooooooooooo",   "mips2 !r6",    "load ll word_result"),
    ("lld",      "=rt, offset(base)",    "110100 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "load ll"),
    ("sc",       "+rt, offset(base)",    "111000 bbbbb ttttt oooooooooooooooo",   "mips2 !r6",    "store sc word_result"),
    ("scd",      "+rt, offset(base)",    "111100 bbbbb ttttt oooooooooooooooo",   "mips3 !r6",    "store sc word_result"),
    ("ll",       "=rt, offset(base)",    "011111 bbbbb ttttt ooooooooo 0 110110", "mips32r6",     "load ll word_result"),
    ("lld",      "=rt, offset(base)",    "011111 bbbbb ttttt ooooooooo 0 110111", "mips64r6",     "load ll"),
    ("sc",       "+rt, offset(base)",    "011111 bbbbb ttttt ooooooooo 0 100110", "mips32r6",     "store sc word_result"),
    ("scd",      "+rt, offset(base)",    "011111 bbbbb ttttt ooooooooo 0 100111", "mips64r6",     "store sc word_result"),
    ("sync",     "stype",                "000000 00000 00000 00000 yyyyy 001111", "mips2 !mips32r1","sync",                          "stype==0"),
    ("sync",     "stype",                "000000 00000 00000 00000 yyyyy 001111", "mips32r1",     "sync"),
    # Branches with a delay slot. With a link they must not read ra: the branch could not be restarted after an exception in the slot.
    ("beq",      "rs, rt, offset",       "000100 sssss ttttt wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("bne",      "rs, rt, offset",       "000101 sssss ttttt wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("blez",     "rs, offset",           "000110 sssss 00000 wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("bgtz",     "rs, offset",           "000111 sssss 00000 wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("bltz",     "rs, offset",           "000001 sssss 00000 wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("bgez",     "rs, offset",           "000001 sssss 00001 wwwwwwwwwwwwwwww",   "mips1",        "branch delay"),
    ("bltzal",   "rs, offset; =ra",      "000001 sssss 10000 wwwwwwwwwwwwwwww",   "mips1 !r6",    "branch delay call",             "rs!=31"),
    ("bgezal",   "rs, offset; =ra",      "000001 sssss 10001 wwwwwwwwwwwwwwww",   "mips1 !r6",    "branch delay call",             "0!=rs!=31"),
    ("bal",      "offset; =ra",          "000001 00000 10001 wwwwwwwwwwwwwwww",   "mips1",        "branch delay call"),
    ("beql",     "rs, rt, offset",       "010100 sssss ttttt wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("bnel",     "rs, rt, offset",       "010101 sssss ttttt wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("blezl",    "rs, offset",           "010110 sssss 00000 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("bgtzl",    "rs, offset",           "010111 sssss 00000 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("bltzl",    "rs, offset",           "000001 sssss 00010 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("bgezl",    "rs, offset",           "000001 sssss 00011 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely"),
    ("bltzall",  "rs, offset; =ra",      "000001 sssss 10010 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely call",      "rs!=31"),
    ("bgezall",  "rs, offset; =ra",      "000001 sssss 10011 wwwwwwwwwwwwwwww",   "mips2 !r6",    "branch delay likely call",      "rs!=31"),
    # Compact branches of release 6: no delay slot. Register numbers choose among those that share a major opcode.
    ("bc",       "offset",               "110010 wwwwwwwwwwwwwwwwwwwwwwwwww",     "mips32r6",     "branch compact"),
    ("balc",     "offset; =ra",          "111010 wwwwwwwwwwwwwwwwwwwwwwwwww",     "mips32r6",     "branch compact call"),
    ("beqzc",    "rs, offset",           "110110 sssss wwwwwwwwwwwwwwwwwwwww",    "mips32r6",     "branch compact forbidden",      "rs!=0"),
    ("bnezc",    "rs, offset",           "111110 sssss wwwwwwwwwwwwwwwwwwwww",    "mips32r6",     "branch compact forbidden",      "rs!=0"),
    ("bgeuc",    "rs, rt, offset",       "000110 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0!=rs!=rt!=0"),
    ("blezalc",  "rt, offset; =ra",      "000110 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bgezalc",  "rt, offset; =ra",      "000110 ttttt ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bltuc",    "rs, rt, offset",       "000111 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0!=rs!=rt!=0"),
    ("bgtzalc",  "rt, offset; =ra",      "000111 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bltzalc",  "rt, offset; =ra",      "000111 ttttt ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bgec",     "rs, rt, offset",       "010110 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0!=rs!=rt!=0"),
    ("blezc",    "rt, offset",           "010110 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rt!=0"),
    ("bgezc",    "rt, offset",           "010110 ttttt ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rt!=0"),
    ("bltc",     "rs, rt, offset",       "010111 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0!=rs!=rt!=0"),
    ("bgtzc",    "rt, offset",           "010111 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rt!=0"),
    ("bltzc",    "rt, offset",           "010111 ttttt ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rt!=0"),
    ("beqc",     "rs, rt, offset",       "001000 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0<rs<rt"),
    ("beqzalc",  "rt, offset; =ra",      "001000 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bovc",     "rs, rt, offset",       "001000 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rs>=rt"),
    ("bnec",     "rs, rt, offset",       "011000 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "0<rs<rt"),
    ("bnezalc",  "rt, offset; =ra",      "011000 00000 ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden call", "rt!=0"),
    ("bnvc",     "rs, rt, offset",       "011000 sssss ttttt wwwwwwwwwwwwwwww",   "mips32r6",     "branch compact forbidden",      "rs>=rt"),
    # Jumps.
    ("j",        "instr_index",          "000010 xxxxxxxxxxxxxxxxxxxxxxxxxx",     "mips1",        "jump delay"),
    ("jal",      "instr_index; =ra",     "000011 xxxxxxxxxxxxxxxxxxxxxxxxxx",     "mips1",        "jump delay call"),
    ("jr",       "rs",                   "000000 sssss 00000 00000 00000 001000", "mips1 !r6",    "jump delay"),
    ("jalr",     "=rd, rs",              "000000 sssss 00000 ddddd 00000 001001", "mips1 !r6",    "jump delay call",               "rd!=rs"),
    ("jr",       "rs",                   "000000 sssss 00000 00000 00000 001001", "mips32r6",     "jump delay"),
    ("jalr",     "=rd, rs",              "000000 sssss 00000 ddddd 00000 001001", "mips32r6",     "jump delay call",               "0!=rd!=rs"),
    ("jic",      "rt, offset",           "110110 00000 ttttt oooooooooooooooo",   "mips32r6",     "jump compact"),
    ("jialc",    "rt, offset; =ra",      "111110 00000 ttttt oooooooooooooooo",   "mips32r6",     "jump compact call"),
    # Relative to the pc.
    ("addiupc",  "=rs, immediate",       "111011 sssss 00 WWWWWWWWWWWWWWWWWWW",   "mips32r6"),
    ("lwpc",     "=rs, offset",          "111011 sssss 01 wwwwwwwwwwwwwwwwwww",   "mips32r6",     "load word_result"),
    ("lwupc",    "=rs, offset",          "111011 sssss 10 wwwwwwwwwwwwwwwwwww",   "mips64r6",     "load"),
    ("ldpc",     "=rs, offset",          "111011 sssss 110 DDDDDDDDDDDDDDDDDD",   "mips64r6",     "load"),
    ("auipc",    "=rs, immediate",       "111011 sssss 11110 iiiiiiiiiiiiiiii",   "mips32r6"),
    ("aluipc",   "=rs, immediate",       "111011 sssss 11111 iiiiiiiiiiiiiiii",   "mips32r6"),
    # Traps and exceptions. The lower half of the code of break stays zero, as it does when assemblers are given one operand.
    ("syscall",  "code",                 "000000 cccccccccccccccccccc 001100",    "mips1",        "trap"),
    ("break",    "code",                 "000000 cccccccccc 0000000000 001101",   "mips1",        "trap"),
    ("tge",      "rs, rt, code",         "000000 sssss ttttt cccccccccc 110000",  "mips2",        "trap"),
    ("tgeu",     "rs, rt, code",         "000000 sssss ttttt cccccccccc 110001",  "mips2",        "trap"),
    ("tlt",      "rs, rt, code",         "000000 sssss ttttt cccccccccc 110010",  "mips2",        "trap"),
    ("tltu",     "rs, rt, code",         "000000 sssss ttttt cccccccccc 110011",  "mips2",        "trap"),
    ("teq",      "rs, rt, code",         "000000 sssss ttttt cccccccccc 110100",  "mips2",        "trap"),
    ("tne",      "rs, rt, code",         "000000 sssss ttttt cccccccccc 110110",  "mips2",        "trap"),
    ("tgei",     "rs, immediate",        "000001 sssss 01000 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
    ("tgeiu",    "rs, immediate",        "000001 sssss 01001 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
    ("tlti",     "rs, immediate",        "000001 sssss 01010 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
    ("tltiu",    "rs, immediate",        "000001 sssss 01011 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
    ("teqi",     "rs, immediate",        "000001 sssss 01100 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
    ("tnei",     "rs, immediate",        "000001 sssss 01110 iiiiiiiiiiiiiiii",   "mips2 !r6",    "trap"),
)
# fmt: on

LINES: tuple[Line, ...] = tuple(Line(*cells) for cells in _LINES)
"""Every row of the table, as written."""

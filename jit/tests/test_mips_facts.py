"""What the MIPS table says of registers, results and slots, against an emulated CPU.

Each row is executed on random registers. A register that changes must be in `Row.writes`, one whose value matters must be in `Row.reads`; and
the other way round, what the table declares must be seen to happen. Transfers of control leave marks at the places that they reach, and so show
their kind of slot. The engine cannot tell which operands must be words: it computes something for any. That fact rests on the manuals alone.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from unicorn import mips_const as mips
from unicorn import unicorn_const as constants
from unicorn.unicorn_py3 import Uc, UcError

from jit.config import Config
from jit.mips import HI, LO, Row, rows

CPUS = {"mips64r2-64be": mips.UC_CPU_MIPS64_MIPS64R2_GENERIC, "mips64r6-64be": mips.UC_CPU_MIPS64_I6400}
IDS = {**{number: mips.UC_MIPS_REG_0 + number for number in range(1, 32)}, HI: mips.UC_MIPS_REG_HI, LO: mips.UC_MIPS_REG_LO}

CODE, DATA, EXIT = 0x10000, 0x40000, 0x60000
BLOCK = 64
"""Bytes for the code of one row."""
TARGETS = (5, 8)
"""Indices of words in a block to which transfers go; the second one is for jumps through a register."""

NUMBERS = {"base": 5, "rs": 6, "rt": 7, "rd": 8}
LINKED, MARK, RETURN = 1, 24, 25
VARIED = (5, 6, 7, 8, 9, 31, HI, LO)
"""Registers whose influence is tried: those of the operands, one besides, and the implicit ones."""

OTHERS = {"offset": 8, "immediate": 0x1234, "sa": 3, "bp": 3, "code": 0, "stype": 0}
BIT_FIELDS = {"dext": (3, 32), "dextm": (3, 40), "dextu": (32, 32), "dinsm": (20, 30), "dinsu": (35, 20)}
UNALIGNED = ("lwl", "lwr", "swl", "swr", "ldl", "ldr", "sdl", "sdr")
UNDEFINED = {("mul", "mips64r2-64be"): (HI, LO)}
"""What a row leaves undefined: the engine need not change it."""
ALWAYS_WORDS = ("lwr",)
"""Manuals allow bits 63..32 to be kept or to be copies of bit 31 when lwr loads less than four bytes; the engine always does the latter."""
RESERVED = ("addiupc", "lwpc", "lwupc", "ldpc", "auipc", "aluipc")
"""Release 6 has these, the engine raises a reserved instruction exception (unicorn 2.1.4)."""

MASK = (1 << 64) - 1
WORDS = (0, 1, MASK, 0x1234, 0x7FFFFFFF, MASK - 0x7FFFFFFF)
DOUBLEWORDS = (*WORDS, MASK >> 1, 1 << 63, 1 << 31, 0xFFFFFFFF)


class Result(NamedTuple):
    """Registers by number, the data, and whether there was an exception."""

    registers: dict[int, int]
    data: bytes
    exception: bool

    def apart_from(self, numbers: Sequence[int]) -> tuple[object, ...]:
        return {number: value for number, value in self.registers.items() if number not in numbers}, self.data, self.exception


def is_word(value: int) -> bool:
    return value < 1 << 31 or value > MASK - (1 << 31)


def operands_of(row: Row) -> tuple[int, ...]:
    """Registers by `NUMBERS`, a small aligned offset, and what else the row takes."""
    pos, size = BIT_FIELDS.get(row.mnemonic, (3, 7))
    values = {**NUMBERS, **OTHERS, "pos": pos, "size": size}
    if row.condition is not None and row.condition.text == "rs>=rt":
        values["rs"] = 9
    if row.mnemonic == "dsrl32":
        values["sa"] = 0  # any other amount makes a word
    return tuple(values[name] for name in row.operands)


class Machine:
    """An engine with a block of code for every row of a configuration that `code` makes."""

    def __init__(self, name: str, code: "Code", chosen: Callable[[Row], bool]) -> None:
        self.name = name
        self.rows = {mnemonic: row for mnemonic, row in rows(Config.parse(name)).items() if chosen(row)}
        self.all_rows = rows(Config.parse(name))
        self.blocks = {mnemonic: CODE + BLOCK * at for at, mnemonic in enumerate(self.rows)}
        mode = constants.UC_MODE_MIPS64 | constants.UC_MODE_BIG_ENDIAN
        self.engine: Any = Uc(constants.UC_ARCH_MIPS, mode)
        self.engine.ctl_set_cpu_model(CPUS[name])
        for base, size in ((CODE, 0x10000), (DATA, 0x1000), (EXIT, 0x1000)):
            self.engine.mem_map(base, size)
        for mnemonic, block in self.blocks.items():
            self.engine.mem_write(block, b"".join(word.to_bytes(4, "big") for word in code(self, mnemonic)))

    def encode(self, mnemonic: str, *operands: int) -> int:
        return self.all_rows[mnemonic].encode(*operands)

    def leave(self) -> list[int]:
        return [self.encode("jr", RETURN), 0]

    def run(self, mnemonic: str, registers: dict[int, int], data: bytes) -> Result:
        for number, value in registers.items():
            self.engine.reg_write(IDS[number], value)
        self.engine.mem_write(DATA, data)
        exception = False
        try:
            self.engine.emu_start(self.blocks[mnemonic], EXIT)
        except UcError:
            exception = True
        after = {number: self.engine.reg_read(IDS[number]) & MASK for number in registers}
        return Result(after, bytes(self.engine.mem_read(DATA, len(data))), exception)


def is_transfer(row: Row) -> bool:
    return not row.facts.isdisjoint(("branch", "jump"))


def straight(machine: Machine, mnemonic: str) -> Sequence[int]:
    """The instruction, after a load linked when it is a store conditional."""
    linked = {"sc": ["ll"], "scd": ["lld"]}.get(mnemonic, [])
    before = [machine.encode(name, LINKED, OTHERS["offset"], NUMBERS["base"]) for name in linked]
    return [*before, machine.encode(mnemonic, *operands_of(machine.rows[mnemonic])), *machine.leave()]


def transfer_operands(machine: Machine, mnemonic: str) -> tuple[int, ...]:
    row = machine.rows[mnemonic]
    if row.operands == ("instr_index",):
        return (machine.blocks[mnemonic] // 4 + TARGETS[0],)
    offset = TARGETS[0] - 1 if "branch" in row.facts else 0
    return tuple(offset if name == "offset" else value for name, value in zip(row.operands, operands_of(row), strict=True))


def marked(machine: Machine, mnemonic: str) -> Sequence[int]:
    """The transfer; bit 0 of the mark in its slot, bit 1 behind it, bits 2 and 3 at the targets."""
    marks = [machine.encode("ori", MARK, MARK, 1 << bit) for bit in range(4)]
    transfer = machine.encode(mnemonic, *transfer_operands(machine, mnemonic))
    return [transfer, marks[0], marks[1], *machine.leave(), marks[2], *machine.leave(), marks[3], *machine.leave()]


def forbidden(machine: Machine, mnemonic: str) -> Sequence[int]:
    """The transfer, with a branch in the forbidden slot."""
    transfer = machine.encode(mnemonic, *transfer_operands(machine, mnemonic))
    return [transfer, machine.encode("beq", 0, 0, 1), 0, *machine.leave(), *machine.leave(), 0, *machine.leave()]


Code = Callable[[Machine, str], Sequence[int]]

CHOSEN: dict[Code, Callable[[Row], bool]] = {
    straight: lambda row: not is_transfer(row) and row.mnemonic not in RESERVED,
    marked: is_transfer,
    forbidden: lambda row: "compact" in row.facts,
}


@cache
def machine(name: str, code: Code) -> Machine:
    return Machine(name, code, CHOSEN[code])


def cases(code: Code) -> list[tuple[str, str]]:
    return [(name, mnemonic) for name in CPUS for mnemonic, row in rows(Config.parse(name)).items() if CHOSEN[code](row)]


class Draw:
    """Random values for the registers of one row."""

    def __init__(self, machine: Machine, row: Row) -> None:
        self.random = random.Random(f"{machine.name} {row.mnemonic}")
        self.row = row
        self.block = machine.blocks[row.mnemonic]

    def value(self, number: int) -> int:
        name = next((name for name, other in NUMBERS.items() if other == number and name in self.row.operands), "")
        if name == "base":
            return DATA + 8 * self.random.randrange(16) + (self.random.randrange(8) if self.row.mnemonic in UNALIGNED else 0)
        if "jump" in self.row.facts:
            return self.block + 4 * self.random.choice(TARGETS)
        if f"word_{name}" in self.row.facts:
            return self.random.choice((*WORDS, (self.random.getrandbits(32) - (1 << 31)) & MASK))
        return self.random.choice((*DOUBLEWORDS, *(self.random.getrandbits(64) for _ in range(4))))

    def registers(self) -> dict[int, int]:
        return {LINKED: 0, MARK: 0, RETURN: EXIT} | {number: self.value(number) for number in VARIED}


def _check(name: str, code: Code, mnemonic: str, operands: Sequence[int], due: set[object]) -> None:
    """Execute a row on random states, up to 150, until nothing is `due` to be seen. Only what is declared matters and changes, and all of it does."""
    engine = machine(name, code)
    row = engine.rows[mnemonic]
    draw = Draw(engine, row)
    undefined = UNDEFINED.get((mnemonic, name), ())
    writes = [number for number in row.writes(operands) if number not in undefined]
    varied = [number for number in VARIED if number not in undefined]
    due |= {("reads", number) for number in row.reads(operands)} | {("writes", number) for number in writes}
    due |= {fact for fact in ("load", "store") if fact in row.facts}
    for trial in range(150):
        if trial >= 5 and not due:
            break
        before, data = draw.registers(), draw.random.randbytes(256)
        after = engine.run(mnemonic, before, data)
        seen = _seen(row, after, writes, engine.blocks[mnemonic])
        seen |= {("writes", number) for number in varied if after.registers[number] != before[number]}
        seen |= {"store"} if after.data != data else set()
        for number in varied:
            other = engine.run(mnemonic, before | {number: draw.value(number)}, data)
            ignored = (LINKED, *undefined, *(() if number in writes and not after.exception else (number,)))
            if other.apart_from(ignored) != after.apart_from(ignored):
                seen.add(("reads", number))
        other = engine.run(mnemonic, before, draw.random.randbytes(256))
        seen |= {"load"} if any(other.registers[number] != after.registers[number] for number in VARIED) else set()
        declared = {("reads", number) for number in row.reads(operands)} | {("writes", number) for number in writes} | row.facts
        assert {what for what in seen if isinstance(what, tuple) or what in ("load", "store")} <= declared
        due -= seen
    assert not due


def _seen(row: Row, after: Result, writes: Sequence[int], block: int) -> set[object]:
    """Check the facts of one run, and return what was seen."""
    if is_transfer(row):
        mark = after.registers[MARK]
        taken = mark & 0b1100 != 0
        slot = not taken if "compact" in row.facts else taken if "likely" in row.facts else True
        assert mark & 0b11 == slot | (not taken) << 1
        assert not after.exception
        assert row.facts.isdisjoint({"trap", "sync", "word_result"})
        assert ("call" in row.facts) == bool(writes)
        if writes:
            assert [after.registers[number] for number in writes] == [block + (4 if "compact" in row.facts else 8)]
        return {"taken" if taken else "not taken"}
    words = all(is_word(after.registers[number]) for number in writes)
    assert after.exception <= ("trap" in row.facts)
    assert words or after.exception or "word_result" not in row.facts
    return {"exception"} if after.exception else set() if words else {"not a word"}


@pytest.mark.parametrize(("name", "mnemonic"), cases(straight))
def test_registers_and_results(name: str, mnemonic: str) -> None:
    row = machine(name, straight).rows[mnemonic]
    operands = operands_of(row)
    due: set[object] = {"exception"} if "trap" in row.facts else set()
    if row.writes(operands) and "word_result" not in row.facts and mnemonic not in ALWAYS_WORDS:
        due.add("not a word")
    _check(name, straight, mnemonic, operands, due)


@pytest.mark.parametrize(("name", "mnemonic"), cases(marked))
def test_slots_and_links(name: str, mnemonic: str) -> None:
    row = machine(name, marked).rows[mnemonic]
    operands = transfer_operands(machine(name, marked), mnemonic)
    conditional = "branch" in row.facts and row.reads(operands)
    _check(name, marked, mnemonic, operands, {"taken", "not taken"} if conditional else {"taken"})


@pytest.mark.parametrize(("name", "mnemonic"), cases(forbidden))
def test_forbidden_slots(name: str, mnemonic: str) -> None:
    # An engine of its own, and nothing after an exception: the engine keeps what it knew of the slot.
    engine = Machine(name, forbidden, lambda row: row.mnemonic == mnemonic)
    row = engine.rows[mnemonic]
    draw = Draw(engine, row)
    exception = any(engine.run(mnemonic, draw.registers(), bytes(256)).exception for _ in range(40))
    assert exception == ("forbidden" in row.facts)


@pytest.mark.parametrize("mnemonic", RESERVED)
def test_what_the_engine_does_not_execute(mnemonic: str) -> None:
    engine = Machine("mips64r6-64be", straight, lambda row: row.mnemonic == mnemonic)
    assert engine.run(mnemonic, Draw(engine, engine.rows[mnemonic]).registers(), bytes(256)).exception

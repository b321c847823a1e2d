"""Images for the proof of the model: one instruction, executed on many states.

    prologue    ra kept; pointers to the first record and behind the last
    INSTANCES   for each a record: registers, HI, LO loaded ─ the instruction, with operands of its own ─ registers, HI, LO, ra, marks stored
    loop        the next records

The instruction stands in each instance with other registers and immediates. Behind a transfer of control two words leave a mark.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fuzz.model import rows as number
from fuzz.model.bits import word
from fuzz.model.reference import Effect, Surroundings, execute
from fuzz.model.rows import meaning
from jit.compiled import Compiled
from jit.config import Config, ancestry
from jit.mips import HI, LO, RA, Row, rows
from jit.registers import A0, A1, S0, S1, S2, S3, V0

INSTANCES = 16

REGISTERS = (8, 9, 10)
"""What instructions work on; what they read and write besides are HI and LO, ra and the base register of an access."""

_PREFERRED = {"rs": 8, "rt": 9, "rd": 10, "base": S3}
_HI_VALUE, _LO_VALUE, _MARK, _SCRATCH = 11, 12, 13, 14

# A record, in bytes: the registers, HI, LO; memory for the instruction; what the registers, HI, LO and ra hold afterwards, and the marks.
MEMORY, MEMORY_SIZE, OUT = 40, 32, 72
RECORD = OUT + 8 * 7
IN_SLOT, BEHIND = 1, 2
"""The marks of the word behind a transfer of control and of the one after that, where it leads to."""

_LANDING = 3
"""A transfer of control leads so many words on."""


class Instance(NamedTuple):
    """The instruction in one place of an image: its operands as written, its address; of accesses where in the record's memory they go."""

    operands: tuple[int, ...]
    pc: int
    reached: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image for a row."""

    row: Row
    compiled: Compiled
    instances: tuple[Instance, ...]


class State(NamedTuple):
    """What an instruction finds: register values, HI and LO, signed; bytes of memory."""

    values: tuple[int, ...]
    memory: bytes


class After(NamedTuple):
    """What it leaves: the registers, HI, LO, ra, marks; bytes of memory."""

    values: tuple[int, ...]
    memory: bytes


def _edges() -> tuple[int, ...]:
    near = (0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x55555555, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    far = (0x1_0000_0000, 0x0123456789ABCDEF, 0x7FFFFFFF_00000000, 0x7FFFFFFF_FFFFFFFF)
    every = [value for edge in (*near, *far) for value in (edge, -edge, ~edge, edge << 32)]
    return tuple(dict.fromkeys((value + (1 << 63)) % (1 << 64) - (1 << 63) for value in every))


EDGES = _edges()
"""Register values, signed, at which something changes."""


class _Code:
    """Words that are being written."""

    def __init__(self, config: Config) -> None:
        self._table = rows(config)
        self._wide = config.cpu_64
        self.has_hilo = "mthi" in self._table
        self.words: list[int] = []

    def add(self, mnemonic: str, *operands: int) -> None:
        """One instruction."""
        self.words.append(self._table[mnemonic].encode(*operands))

    def load(self, register: int, offset: int, base: int) -> None:
        """As wide as registers are."""
        self.add("ld" if self._wide else "lw", register, offset, base)

    def store(self, register: int, offset: int, base: int) -> None:
        """As wide as registers are."""
        self.add("sd" if self._wide else "sw", register, offset, base)

    def pointer(self, register: int, base: int, offset: int) -> None:
        """An address."""
        self.add("daddiu" if self._wide else "addiu", register, base, offset)


class Class(NamedTuple):
    """What operands and states are drawn for, so that they are the same on many ISAs: registers of 64 bits, byte order, misaligned accesses."""

    row: str
    cpu_64: bool
    big_endian: bool
    release_6: bool


def class_of(row: Row, config: Config) -> Class:
    """The class of a row on a configuration."""
    return Class(str(row), config.cpu_64, config.big_endian, "mips32r6" in ancestry(config.isa))


def image(row: Row, config: Config, base: int, seed: int) -> Image:
    """The image of a row, for an ISA that has it and the width of its registers, at that address."""
    draw = random.Random(f"{class_of(row, config)} {seed}")
    code, instances = _Code(config), []
    code.add("or", S0, RA, 0)
    code.add("or", S1, A0, 0)
    code.add("daddu" if config.cpu_64 else "addu", S2, A0, A1)
    start = len(code.words)
    for at in range(INSTANCES):
        instances.append(_instance(code, row, config, base, RECORD * at, draw, plain=at == 0))
    code.pointer(S1, S1, RECORD * INSTANCES)
    code.add("bne", S1, S2, start - len(code.words) - 1)
    code.add("or", V0, 0, 0)
    code.add("jr", S0)
    code.add("or", V0, 0, 0)
    words = tuple(code.words)
    compiled = Compiled(config, base, words, (), (-1,) * len(words), (), (None,) * 11, 512, 64)
    return Image(row, compiled, tuple(instances))


def _instance(code: _Code, row: Row, config: Config, base: int, record: int, draw: random.Random, plain: bool) -> Instance:
    for at, register in enumerate((*REGISTERS, _HI_VALUE, _LO_VALUE)):
        code.load(register, record + 8 * at, S1)
    code.add("or", _MARK, 0, 0)
    code.add("or", RA, 0, 0)
    if code.has_hilo:
        code.add("mthi", _HI_VALUE)
        code.add("mtlo", _LO_VALUE)
    # The pointer and a conditional store's load come before the instruction.
    before = 1 + ("sc" in row.facts)
    pc = base + 4 * (len(code.words) + before)
    operands, reached = _operands(row, config, pc, draw, plain)
    offset = operands[row.operands.index("offset")] if "base" in row.operands else 0
    code.pointer(S3, S1, record + MEMORY + reached - offset)
    if "sc" in row.facts:
        code.add({"sc": "ll", "scd": "lld"}[row.mnemonic], _SCRATCH, offset, S3)
    code.words.append(row.encode(*operands))
    if meaning(row).kind in (number.BRANCH, number.JUMP, number.JUMP_REGISTER):
        code.add("ori", _MARK, _MARK, IN_SLOT)
        code.add("ori", _MARK, _MARK, BEHIND)
    else:
        code.add("or", 0, 0, 0)
    for at, register in enumerate(REGISTERS):
        code.store(register, record + OUT + 8 * at, S1)
    if code.has_hilo:
        code.add("mfhi", _HI_VALUE)
        code.add("mflo", _LO_VALUE)
    for at, register in enumerate((_HI_VALUE, _LO_VALUE, RA, _MARK), len(REGISTERS)):
        code.store(register, record + OUT + 8 * at, S1)
    return Instance(operands, pc, reached)


def _operands(row: Row, config: Config, pc: int, draw: random.Random, plain: bool) -> tuple[tuple[int, ...], int]:
    """Operands that the row takes, and where in memory an access goes."""
    what = meaning(row)
    distinct = plain or what.kind in (number.OVERFLOW, number.TRAP, number.JUMP_REGISTER)
    reached = _reached(row, config, draw)
    while True:
        operands = [_operand(row, name, low, high, pc, draw, distinct) for name, low, high in ((f.name, f.low, f.high) for f in row.fields)]
        try:
            row.encode(*operands)
        except ValueError:
            distinct = False if plain else distinct
            continue
        return tuple(operands), reached


def _reached(row: Row, config: Config, draw: random.Random) -> int:
    what = meaning(row)
    if what.kind not in (number.LOAD, number.STORE, number.LINKED, number.CONDITIONAL):
        return 0
    size = int(what.j)
    parts = what.operation in (number.LEFT, number.RIGHT)
    free = parts or ("mips32r6" in ancestry(config.isa) and what.kind in (number.LOAD, number.STORE))
    return draw.randrange(0, MEMORY_SIZE - 2 * size) if free else size * draw.randrange(MEMORY_SIZE // size)


def _operand(row: Row, name: str, low: int, high: int, pc: int, draw: random.Random, distinct: bool) -> int:
    what = meaning(row)
    if name == "base":
        return S3
    if name in _PREFERRED:
        return _PREFERRED[name] if distinct or draw.randrange(2) else draw.choice((*REGISTERS, 0))
    if name == "instr_index":
        return (pc + 4 * _LANDING & 0xFFFFFFF) >> 2
    if name == "offset":
        if what.kind == number.BRANCH:
            return _LANDING - 1
        return draw.randint(max(low, -4), 4) if "base" not in row.operands and what.kind == number.LOAD else draw.randint(-64, 64)
    return draw.choice((low, high, draw.randint(low, high), draw.randint(low, high)))


def states(of: Image, count: int, seed: int) -> list[State]:
    """States for as many records, a multiple of `INSTANCES`, on none of which the instruction traps."""
    draw = random.Random(f"{class_of(of.row, of.compiled.config)} states {seed}")
    return [_state(of, of.instances[at % INSTANCES], draw, traps=False) for at in range(count)]


def trapping(of: Image, seed: int) -> State | None:
    """A state on which the first instance traps; None when none was found."""
    draw = random.Random(f"{class_of(of.row, of.compiled.config)} trapping {seed}")
    return next((state for _ in range(200) if (state := _state(of, of.instances[0], draw, None)) and _traps(of, of.instances[0], state)), None)


_ATTEMPTS = 1000
"""After so many there is no such state."""


def _state(of: Image, instance: Instance, draw: random.Random, traps: bool | None) -> State:
    for _ in range(_ATTEMPTS):
        values = [_value(of, name, draw) for name in ("rs", "rt", "rd", "hi", "lo")]
        if meaning(of.row).kind == number.JUMP_REGISTER:
            named = dict(zip(of.row.operands, instance.operands, strict=True))
            register = named["rs" if "rs" in named else "rt"]
            values[REGISTERS.index(register)] = instance.pc + 4 * _LANDING - named.get("offset", 0)
        if meaning(of.row).kind == number.TRAP and draw.randrange(2):
            # Operands that are equal would hardly ever be drawn.
            values[0] = values[1] if "rt" in of.row.operands else instance.operands[of.row.operands.index("immediate")]
        state = State(tuple(values), draw.randbytes(MEMORY_SIZE))
        if traps is None or _traps(of, instance, state) == traps:
            return state
    raise RuntimeError(f"{of.compiled.config}: {of.row} always traps")


def _traps(of: Image, instance: Instance, state: State) -> bool:
    kind = meaning(of.row).kind
    return kind == number.EXCEPTION or (kind in (number.OVERFLOW, number.TRAP) and effect(of, instance, state, 0).traps)


def _value(of: Image, name: str, draw: random.Random) -> int:
    choice = draw.randrange(8)
    value = draw.choice(EDGES) if choice < 3 else draw.getrandbits(64) - (1 << 63) if choice < 6 else draw.choice(EDGES) + draw.randint(-2, 2)
    if choice == 5:
        value >>= draw.randrange(64)
    value = (value + (1 << 63)) % (1 << 64) - (1 << 63)
    restricted = f"word_{name}" in of.row.facts
    must_be_word = not of.compiled.config.cpu_64 or (restricted and (draw.randrange(8) or meaning(of.row).kind == number.OVERFLOW))
    return word(value) if must_be_word else value


def effect(of: Image, instance: Instance, state: State, memory: int) -> Effect:
    """What the reference says that the instruction does, when the record's memory is at that address."""
    compiled = of.compiled
    named = dict(zip(of.row.operands, instance.operands, strict=True))
    held = dict(zip((*REGISTERS, HI, LO), state.values, strict=True)) | {0: 0, RA: 0, S3: memory + instance.reached - named.get("offset", 0)}
    contents: Mapping[int, int] = {memory + at: byte for at, byte in enumerate(state.memory)}
    if meaning(of.row).kind == number.LOAD and "base" not in named:
        contents = dict(enumerate(compiled.image(), compiled.base))
    return execute(of.row, instance.operands, held, Surroundings(compiled.config.cpu_64, compiled.config.big_endian, instance.pc, contents))


def after(of: Image, instance: Instance, state: State, memory: int) -> tuple[After, Effect]:
    """What the record holds afterwards, and the effect. Without HI and LO the registers that were to hold them are stored as they are."""
    done = effect(of, instance, state, memory)
    held = dict(zip((*REGISTERS, HI, LO), state.values, strict=True)) | {RA: 0}
    held |= {register: value for register, value in done.writes.items() if register in held}
    contents = bytearray(state.memory)
    for address, byte in done.stored.items():
        contents[address - memory] = byte
    values = (*(held[register] for register in (*REGISTERS, HI, LO, RA)), _marks(of.row, instance, done))
    return After(values, bytes(contents)), done


def _marks(row: Row, instance: Instance, done: Effect) -> int:
    """The marks; -1 where the reference goes elsewhere than an engine could come back from."""
    if meaning(row).kind not in (number.BRANCH, number.JUMP, number.JUMP_REGISTER):
        return 0
    if not done.taken:
        return BEHIND if "likely" in row.facts else IN_SLOT | BEHIND
    if done.target != instance.pc + 4 * _LANDING:
        return -1
    return IN_SLOT if "delay" in row.facts else 0


def _packed(of: Image, values: Sequence[int]) -> bytes:
    """Registers as the image loads and stores them, eight bytes for each."""
    order: Literal["big", "little"] = "big" if of.compiled.config.big_endian else "little"
    if of.compiled.config.cpu_64:
        return b"".join(value.to_bytes(8, order, signed=True) for value in values)
    return b"".join(value.to_bytes(4, order, signed=True) + bytes(4) for value in values)


def context(of: Image, given: Sequence[State]) -> bytes:
    """The records of these states."""
    return b"".join(_packed(of, state.values) + state.memory + bytes(RECORD - OUT) for state in given)


def expected(of: Image, given: Sequence[State], start: int) -> bytes:
    """What the records of these states, which begin at an address, hold afterwards."""
    records = []
    for at, state in enumerate(given):
        done, _ = after(of, of.instances[at % INSTANCES], state, start + RECORD * at + MEMORY)
        records.append(_packed(of, state.values) + done.memory + _packed(of, done.values))
    return b"".join(records)


def read(of: Image, record: bytes) -> After:
    """What a record holds after a run."""
    order: Literal["big", "little"] = "big" if of.compiled.config.big_endian else "little"
    size = 8 if of.compiled.config.cpu_64 else 4
    values = tuple(int.from_bytes(record[at : at + size], order, signed=True) for at in range(OUT, RECORD, 8))
    return After(values, record[MEMORY:OUT])

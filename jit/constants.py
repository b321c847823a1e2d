"""The shortest code that puts a constant into a register.

A plan is a tuple of steps (mnemonic, operand). The first step works on register zero, every other one on the register itself. The search
builds a constant from the top: a shorter constant, shifted, with 16 more bits put in below.
"""

from functools import lru_cache

from jit.code import Emitter
from jit.config import Config
from jit.mips import rows

Step = tuple[str, int]
Plan = tuple[Step, ...]

_MASK = (1 << 64) - 1


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _word(value: int) -> Plan | None:
    """A signed 32-bit value in one or two steps, None for any other value."""
    if -0x8000 <= value < 0x8000:
        return (("addiu", value),)
    if 0 <= value < 0x10000:
        return (("ori", value),)
    if not -(1 << 31) <= value < 1 << 31:
        return None
    upper, lower = value >> 16 & 0xFFFF, value & 0xFFFF
    return (("lui", upper),) if lower == 0 else (("lui", upper), ("ori", lower))


def _shift(mnemonic: str, amount: int) -> Step:
    return (f"{mnemonic}32", amount - 32) if amount >= 32 else (mnemonic, amount)


def _shortest(plans: list[Plan]) -> Plan:
    return min(plans, key=len)


@lru_cache(maxsize=1 << 16)
def _built(value: int) -> Plan:
    """A signed 64-bit value by shifting and adding 16 bits at a time, on any 64-bit CPU."""
    word = _word(value)
    if word is not None:
        return word
    lower = value & 0xFFFF
    if lower:
        plans = [(*_built(value - lower), ("ori", lower))]
        rest = _signed(value - _signed(lower, 16), 64)
        plans.append((*_built(rest), ("daddiu", _signed(lower, 16))))
        return _shortest(plans)
    zeros = (value & -value).bit_length() - 1
    plans = []
    # What is shifted out on the left is free: a shorter constant with either sign will do.
    for kept in {value >> zeros, (value & _MASK) >> zeros}:
        plans.append((*_built(kept), _shift("dsll", zeros)))
    # Leaving some of the zeros in the shorter constant may make it one that `lui` loads.
    if zeros > 16:
        plans.append((*_built(value >> (zeros - 16)), _shift("dsll", zeros - 16)))
    return _shortest(plans)


def _from_ones(value: int) -> list[Plan]:
    """Values with leading zeros, as a negative word shifted right."""
    plans: list[Plan] = []
    zeros = 64 - value.bit_length()
    if value > 0 and zeros:
        for fill in (0, (1 << zeros) - 1):
            word = _word(_signed(value << zeros | fill, 64))
            if word is not None:
                plans.append((*word, _shift("dsrl", zeros)))
    return plans


def plan(value: int, config: Config) -> Plan:
    """The shortest plan for a value: 32 bits (as a sign-extended word) in 32-bit code, 64 bits in 64-bit code.

    The value may be given signed or unsigned.
    """
    if config.width == 32:
        return _plan_32(value)
    available = rows(config)
    return _plan_64(value, "dinsu" in available, "dext" in available, "dahi" in available)


@lru_cache(maxsize=1 << 16)
def _plan_32(value: int) -> Plan:
    word = _word(_signed(value, 32))
    assert word is not None
    return word


@lru_cache(maxsize=1 << 16)
def _plan_64(value: int, dinsu: bool, dext: bool, dahi: bool) -> Plan:
    """With these instructions, or without."""
    value = _signed(value, 64)
    low, high = _signed(value, 32), _signed(value >> 32, 32)
    plans = [_built(value), *_from_ones(value)]
    word = _word(low)
    assert word is not None
    if dinsu and low == high:
        plans.append((*word, ("dinsu", 32)))
    if dext and high == 0:
        plans.append((*word, ("dext", 32)))
    if dahi:
        # dahi and dati add a 16-bit value to bits 32 and up, and to bits 48 and up.
        above = _signed((value - low) >> 32, 32)
        middle = _signed(above, 16)
        top = _signed((above - middle) >> 16, 16)
        plans.append((*word, *((("dahi", middle & 0xFFFF),) if middle else ()), *((("dati", top & 0xFFFF),) if top else ())))
    return _shortest(plans)


def steps(emitter: Emitter, register: int, value: int) -> list[tuple[str, tuple[int, ...]]]:
    """The plan as instructions: mnemonics with their operands."""
    result: list[tuple[str, tuple[int, ...]]] = []
    source = 0
    for mnemonic, operand in plan(value, emitter.config):
        if mnemonic in ("lui", "dahi", "dati"):
            operands: tuple[int, ...] = (register, operand)
        elif mnemonic == "dinsu":
            operands = (register, register, 32, 32)
        elif mnemonic == "dext":
            operands = (register, register, 0, 32)
        else:
            operands = (register, source, operand)
        result.append((mnemonic, operands))
        source = register
    return result


def load(emitter: Emitter, register: int, value: int) -> None:
    """Put a constant into a register. The value is taken modulo the width of the code, as a sign-extended word in 32-bit code."""
    for mnemonic, operands in steps(emitter, register, value):
        emitter.op(mnemonic, *operands)


def operand(emitter: Emitter, register: int, value: int) -> int:
    """A register that holds the constant: zero for 0, otherwise `register`, which is loaded."""
    if value == 0:
        return 0
    load(emitter, register, value)
    return register

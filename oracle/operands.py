"""Where operands come from and where results go: one function for each form that instructions have.

A form takes a function on integers (`oracle.arithmetic`, `oracle.conditions`) and makes an operation of it. Each takes the same steps:
read the registers, compute, write the register, name the next slot.
"""

from collections.abc import Callable

from ebpf.program import ByteOrder
from oracle.machine import Decoded, Machine

Unary = Callable[[int], int]
Binary = Callable[[int, int], int]
Condition = Callable[[int, int], bool]
Swap = Callable[[int, ByteOrder], int]


# Arithmetic (RFC 9669 section 4.1).


def dst_with_imm(function: Binary, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(dst, immediate)."""
    machine.registers[instruction.dst] = function(machine.read(instruction.dst), instruction.immediate)
    return instruction.following


def dst_with_src(function: Binary, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(dst, src)."""
    machine.registers[instruction.dst] = function(machine.read(instruction.dst), machine.read(instruction.src))
    return instruction.following


def of_dst(function: Unary, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(dst)."""
    machine.registers[instruction.dst] = function(machine.read(instruction.dst))
    return instruction.following


def of_imm(function: Unary, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(immediate)."""
    machine.registers[instruction.dst] = function(instruction.immediate)
    return instruction.following


def of_src(function: Unary, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(src)."""
    machine.registers[instruction.dst] = function(machine.read(instruction.src))
    return instruction.following


# Byte swaps that depend on the byte order (section 4.2).


def to_order(function: Swap, instruction: Decoded, machine: Machine) -> int:
    """Dst = function(dst, byte order of the world)."""
    machine.registers[instruction.dst] = function(machine.read(instruction.dst), machine.world.byte_order)
    return instruction.following


# Jumps (section 4.3).


def jump(instruction: Decoded, machine: Machine) -> int:
    """Go to the target."""
    return instruction.target


def jump_if_imm(condition: Condition, instruction: Decoded, machine: Machine) -> int:
    """Go to the target if condition(dst, immediate)."""
    return instruction.target if condition(machine.read(instruction.dst), instruction.immediate) else instruction.following


def jump_if_src(condition: Condition, instruction: Decoded, machine: Machine) -> int:
    """Go to the target if condition(dst, src)."""
    return instruction.target if condition(machine.read(instruction.dst), machine.read(instruction.src)) else instruction.following


def jump_if_exhausted(instruction: Decoded, machine: Machine) -> int:
    """Go to the target if the active function has no iterations left, else take one of them (Linux, kernel/bpf/verifier.c, BPF_MAY_GOTO)."""
    if machine.loops == 0:
        return instruction.target
    machine.loops -= 1
    return instruction.following


def nothing(instruction: Decoded, machine: Machine) -> int:
    """Go on: a speculation barrier changes nothing that a program sees."""
    return instruction.following


# Loads and stores (section 5.1, 5.2 and 5.4). `cut` and `extend` say the width in words of `oracle.arithmetic`. An ordered load or store does
# the same as an ordinary one: a run has one thread, and no one else sees in which order things happen.


def load(size: int, instruction: Decoded, machine: Machine) -> int:
    """Dst = the `size` bytes at src + offset, zero-extended to 64 bits."""
    address = machine.memory.address(machine.read(instruction.src), instruction.offset)
    machine.registers[instruction.dst] = machine.memory.load(address, size)
    return instruction.following


def load_extended(size: int, extend: Unary, instruction: Decoded, machine: Machine) -> int:
    """Dst = the `size` bytes at src + offset, sign-extended to 64 bits by `extend`."""
    address = machine.memory.address(machine.read(instruction.src), instruction.offset)
    machine.registers[instruction.dst] = extend(machine.memory.load(address, size))
    return instruction.following


def store_imm(size: int, cut: Unary, instruction: Decoded, machine: Machine) -> int:
    """The `size` bytes at dst + offset = cut(immediate)."""
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    machine.memory.store(address, size, cut(instruction.immediate))
    return instruction.following


def store_src(size: int, cut: Unary, instruction: Decoded, machine: Machine) -> int:
    """The `size` bytes at dst + offset = cut(src)."""
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    machine.memory.store(address, size, cut(machine.read(instruction.src)))
    return instruction.following

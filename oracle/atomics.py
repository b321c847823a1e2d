"""Atomic read-modify-write operations: RFC 9669 section 5.3.

Each takes the same steps: read the registers, compute the address, cut the operands to the size of the location, replace what is
there, and where the instruction asks for it write what was there before, zero-extended to 64 bits, to a register. A run has one
thread, so nothing comes between reading and writing.
"""

from oracle.machine import Decoded, Machine
from oracle.operands import Binary, Unary


def modify(size: int, function: Binary, instruction: Decoded, machine: Machine) -> int:
    """Location at dst + offset = function(location, src)."""
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    operand = machine.read(instruction.src)
    machine.memory.update(address, size, lambda before: function(before, operand))
    return instruction.following


def fetch_and_modify(size: int, function: Binary, instruction: Decoded, machine: Machine) -> int:
    """The same, and src = what was there before."""
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    operand = machine.read(instruction.src)
    machine.registers[instruction.src] = machine.memory.update(address, size, lambda before: function(before, operand))
    return instruction.following


def exchange(size: int, cut: Unary, instruction: Decoded, machine: Machine) -> int:
    """XCHG: location at dst + offset = src, src = what was there before."""
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    operand = cut(machine.read(instruction.src))
    machine.registers[instruction.src] = machine.memory.update(address, size, lambda before: operand)
    return instruction.following


def compare_and_exchange(size: int, cut: Unary, instruction: Decoded, machine: Machine) -> int:
    """CMPXCHG: if location at dst + offset equals r0 it becomes src; r0 = what was there before, in both outcomes.

    A 32-bit one compares the low half of r0 and clears the upper half in both outcomes. The location must be writable in both.
    """
    address = machine.memory.address(machine.read(instruction.dst), instruction.offset)
    operand = cut(machine.read(instruction.src))
    expected = cut(machine.read(0))
    machine.registers[0] = machine.memory.update(address, size, lambda before: operand if before == expected else before)
    return instruction.following

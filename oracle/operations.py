"""What each row of `ebpf.opcodes` means: one row here for every row there, in the same order.

`ebpf` says how an instruction is written; this table says what it does, by a form (where operands come from, where the result goes)
and a function on integers. A row without a meaning, or with two, makes the import fail.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from ebpf.opcodes import BY_NAME
from oracle import arithmetic, conditions
from oracle.atomics import compare_and_exchange, exchange, fetch_and_modify, modify
from oracle.faults import FaultError
from oracle.functions import call_helper, call_kernel, call_local, call_register, exit_function
from oracle.machine import Decoded, Machine, Operation
from oracle.operands import (
    dst_with_imm,
    dst_with_src,
    jump,
    jump_if_exhausted,
    jump_if_imm,
    jump_if_src,
    load,
    load_extended,
    nothing,
    of_dst,
    of_imm,
    of_src,
    store_imm,
    store_src,
    to_order,
)
from oracle.outcome import FaultKind
from oracle.packet import load_absolute, load_indirect


def symbolic(instruction: Decoded, machine: Machine) -> int:
    """A wide load whose value is found by linking (RFC 9669 section 5.4.1): the oracle executes linked programs only."""
    raise FaultError(FaultKind.INVALID, detail="a symbolic wide load: the program is not linked")


# fmt: off
_MEANINGS: tuple[tuple[str, Operation], ...] = (
    # ALU (RFC 9669 section 4.1)
    ("ADD32_IMM",             partial(dst_with_imm, arithmetic.add32)),
    ("ADD32_REG",             partial(dst_with_src, arithmetic.add32)),
    ("SUB32_IMM",             partial(dst_with_imm, arithmetic.sub32)),
    ("SUB32_REG",             partial(dst_with_src, arithmetic.sub32)),
    ("MUL32_IMM",             partial(dst_with_imm, arithmetic.mul32)),
    ("MUL32_REG",             partial(dst_with_src, arithmetic.mul32)),
    ("DIV32_IMM",             partial(dst_with_imm, arithmetic.div32)),
    ("SDIV32_IMM",            partial(dst_with_imm, arithmetic.sdiv32)),
    ("DIV32_REG",             partial(dst_with_src, arithmetic.div32)),
    ("SDIV32_REG",            partial(dst_with_src, arithmetic.sdiv32)),
    ("OR32_IMM",              partial(dst_with_imm, arithmetic.or32)),
    ("OR32_REG",              partial(dst_with_src, arithmetic.or32)),
    ("AND32_IMM",             partial(dst_with_imm, arithmetic.and32)),
    ("AND32_REG",             partial(dst_with_src, arithmetic.and32)),
    ("LSH32_IMM",             partial(dst_with_imm, arithmetic.lsh32)),
    ("LSH32_REG",             partial(dst_with_src, arithmetic.lsh32)),
    ("RSH32_IMM",             partial(dst_with_imm, arithmetic.rsh32)),
    ("RSH32_REG",             partial(dst_with_src, arithmetic.rsh32)),
    ("NEG32",                 partial(of_dst, arithmetic.neg32)),
    ("MOD32_IMM",             partial(dst_with_imm, arithmetic.mod32)),
    ("SMOD32_IMM",            partial(dst_with_imm, arithmetic.smod32)),
    ("MOD32_REG",             partial(dst_with_src, arithmetic.mod32)),
    ("SMOD32_REG",            partial(dst_with_src, arithmetic.smod32)),
    ("XOR32_IMM",             partial(dst_with_imm, arithmetic.xor32)),
    ("XOR32_REG",             partial(dst_with_src, arithmetic.xor32)),
    ("MOV32_IMM",             partial(of_imm, arithmetic.mov32)),
    ("MOV32_REG",             partial(of_src, arithmetic.mov32)),
    ("MOVSX32_8",             partial(of_src, arithmetic.movsx32_8)),
    ("MOVSX32_16",            partial(of_src, arithmetic.movsx32_16)),
    ("ZEXT",                  partial(of_src, arithmetic.mov32)),
    ("ARSH32_IMM",            partial(dst_with_imm, arithmetic.arsh32)),
    ("ARSH32_REG",            partial(dst_with_src, arithmetic.arsh32)),
    # ALU64 (section 4.1)
    ("ADD64_IMM",             partial(dst_with_imm, arithmetic.add64)),
    ("ADD64_REG",             partial(dst_with_src, arithmetic.add64)),
    ("SUB64_IMM",             partial(dst_with_imm, arithmetic.sub64)),
    ("SUB64_REG",             partial(dst_with_src, arithmetic.sub64)),
    ("MUL64_IMM",             partial(dst_with_imm, arithmetic.mul64)),
    ("MUL64_REG",             partial(dst_with_src, arithmetic.mul64)),
    ("DIV64_IMM",             partial(dst_with_imm, arithmetic.div64)),
    ("SDIV64_IMM",            partial(dst_with_imm, arithmetic.sdiv64)),
    ("DIV64_REG",             partial(dst_with_src, arithmetic.div64)),
    ("SDIV64_REG",            partial(dst_with_src, arithmetic.sdiv64)),
    ("OR64_IMM",              partial(dst_with_imm, arithmetic.or64)),
    ("OR64_REG",              partial(dst_with_src, arithmetic.or64)),
    ("AND64_IMM",             partial(dst_with_imm, arithmetic.and64)),
    ("AND64_REG",             partial(dst_with_src, arithmetic.and64)),
    ("LSH64_IMM",             partial(dst_with_imm, arithmetic.lsh64)),
    ("LSH64_REG",             partial(dst_with_src, arithmetic.lsh64)),
    ("RSH64_IMM",             partial(dst_with_imm, arithmetic.rsh64)),
    ("RSH64_REG",             partial(dst_with_src, arithmetic.rsh64)),
    ("NEG64",                 partial(of_dst, arithmetic.neg64)),
    ("MOD64_IMM",             partial(dst_with_imm, arithmetic.mod64)),
    ("SMOD64_IMM",            partial(dst_with_imm, arithmetic.smod64)),
    ("MOD64_REG",             partial(dst_with_src, arithmetic.mod64)),
    ("SMOD64_REG",            partial(dst_with_src, arithmetic.smod64)),
    ("XOR64_IMM",             partial(dst_with_imm, arithmetic.xor64)),
    ("XOR64_REG",             partial(dst_with_src, arithmetic.xor64)),
    ("MOV64_IMM",             partial(of_imm, arithmetic.mov64)),
    ("MOV64_REG",             partial(of_src, arithmetic.mov64)),
    ("MOVSX64_8",             partial(of_src, arithmetic.movsx64_8)),
    ("MOVSX64_16",            partial(of_src, arithmetic.movsx64_16)),
    ("MOVSX64_32",            partial(of_src, arithmetic.movsx64_32)),
    ("ARSH64_IMM",            partial(dst_with_imm, arithmetic.arsh64)),
    ("ARSH64_REG",            partial(dst_with_src, arithmetic.arsh64)),
    # Byte swaps (section 4.2)
    ("LE16",                  partial(to_order, arithmetic.le16)),
    ("LE32",                  partial(to_order, arithmetic.le32)),
    ("LE64",                  partial(to_order, arithmetic.le64)),
    ("BE16",                  partial(to_order, arithmetic.be16)),
    ("BE32",                  partial(to_order, arithmetic.be32)),
    ("BE64",                  partial(to_order, arithmetic.be64)),
    ("BSWAP16",               partial(of_dst, arithmetic.bswap16)),
    ("BSWAP32",               partial(of_dst, arithmetic.bswap32)),
    ("BSWAP64",               partial(of_dst, arithmetic.bswap64)),
    # Jumps, calls and exit (section 4.3)
    ("JA",                    jump),
    ("JA32",                  jump),
    ("CALL",                  call_helper),
    ("CALL_LOCAL",            call_local),
    ("CALL_KERNEL",           call_kernel),
    ("CALLX",                 call_register),
    ("EXIT",                  exit_function),
    ("MAY_GOTO",              jump_if_exhausted),
    # JMP: 64 bits (section 4.3)
    ("JEQ64_IMM",             partial(jump_if_imm, conditions.jeq64)),
    ("JEQ64_REG",             partial(jump_if_src, conditions.jeq64)),
    ("JGT64_IMM",             partial(jump_if_imm, conditions.jgt64)),
    ("JGT64_REG",             partial(jump_if_src, conditions.jgt64)),
    ("JGE64_IMM",             partial(jump_if_imm, conditions.jge64)),
    ("JGE64_REG",             partial(jump_if_src, conditions.jge64)),
    ("JSET64_IMM",            partial(jump_if_imm, conditions.jset64)),
    ("JSET64_REG",            partial(jump_if_src, conditions.jset64)),
    ("JNE64_IMM",             partial(jump_if_imm, conditions.jne64)),
    ("JNE64_REG",             partial(jump_if_src, conditions.jne64)),
    ("JSGT64_IMM",            partial(jump_if_imm, conditions.jsgt64)),
    ("JSGT64_REG",            partial(jump_if_src, conditions.jsgt64)),
    ("JSGE64_IMM",            partial(jump_if_imm, conditions.jsge64)),
    ("JSGE64_REG",            partial(jump_if_src, conditions.jsge64)),
    ("JLT64_IMM",             partial(jump_if_imm, conditions.jlt64)),
    ("JLT64_REG",             partial(jump_if_src, conditions.jlt64)),
    ("JLE64_IMM",             partial(jump_if_imm, conditions.jle64)),
    ("JLE64_REG",             partial(jump_if_src, conditions.jle64)),
    ("JSLT64_IMM",            partial(jump_if_imm, conditions.jslt64)),
    ("JSLT64_REG",            partial(jump_if_src, conditions.jslt64)),
    ("JSLE64_IMM",            partial(jump_if_imm, conditions.jsle64)),
    ("JSLE64_REG",            partial(jump_if_src, conditions.jsle64)),
    # JMP32: 32 bits (section 4.3)
    ("JEQ32_IMM",             partial(jump_if_imm, conditions.jeq32)),
    ("JEQ32_REG",             partial(jump_if_src, conditions.jeq32)),
    ("JGT32_IMM",             partial(jump_if_imm, conditions.jgt32)),
    ("JGT32_REG",             partial(jump_if_src, conditions.jgt32)),
    ("JGE32_IMM",             partial(jump_if_imm, conditions.jge32)),
    ("JGE32_REG",             partial(jump_if_src, conditions.jge32)),
    ("JSET32_IMM",            partial(jump_if_imm, conditions.jset32)),
    ("JSET32_REG",            partial(jump_if_src, conditions.jset32)),
    ("JNE32_IMM",             partial(jump_if_imm, conditions.jne32)),
    ("JNE32_REG",             partial(jump_if_src, conditions.jne32)),
    ("JSGT32_IMM",            partial(jump_if_imm, conditions.jsgt32)),
    ("JSGT32_REG",            partial(jump_if_src, conditions.jsgt32)),
    ("JSGE32_IMM",            partial(jump_if_imm, conditions.jsge32)),
    ("JSGE32_REG",            partial(jump_if_src, conditions.jsge32)),
    ("JLT32_IMM",             partial(jump_if_imm, conditions.jlt32)),
    ("JLT32_REG",             partial(jump_if_src, conditions.jlt32)),
    ("JLE32_IMM",             partial(jump_if_imm, conditions.jle32)),
    ("JLE32_REG",             partial(jump_if_src, conditions.jle32)),
    ("JSLT32_IMM",            partial(jump_if_imm, conditions.jslt32)),
    ("JSLT32_REG",            partial(jump_if_src, conditions.jslt32)),
    ("JSLE32_IMM",            partial(jump_if_imm, conditions.jsle32)),
    ("JSLE32_REG",            partial(jump_if_src, conditions.jsle32)),
    # Loads and stores (section 5.1)
    ("LDX_W",                 partial(load, 4)),
    ("LDX_H",                 partial(load, 2)),
    ("LDX_B",                 partial(load, 1)),
    ("LDX_DW",                partial(load, 8)),
    ("ST_W",                  partial(store_imm, 4, arithmetic.u32)),
    ("ST_H",                  partial(store_imm, 2, arithmetic.u16)),
    ("ST_B",                  partial(store_imm, 1, arithmetic.u8)),
    ("ST_DW",                 partial(store_imm, 8, arithmetic.u64)),
    ("NOSPEC",                nothing),
    ("STX_W",                 partial(store_src, 4, arithmetic.u32)),
    ("STX_H",                 partial(store_src, 2, arithmetic.u16)),
    ("STX_B",                 partial(store_src, 1, arithmetic.u8)),
    ("STX_DW",                partial(store_src, 8, arithmetic.u64)),
    # Sign-extending loads (section 5.2)
    ("LDXSX_W",               partial(load_extended, 4, arithmetic.movsx64_32)),
    ("LDXSX_H",               partial(load_extended, 2, arithmetic.movsx64_16)),
    ("LDXSX_B",               partial(load_extended, 1, arithmetic.movsx64_8)),
    # Atomic operations (section 5.3)
    ("ATOMIC_ADD_W",          partial(modify, 4, arithmetic.add32)),
    ("ATOMIC_OR_W",           partial(modify, 4, arithmetic.or32)),
    ("ATOMIC_AND_W",          partial(modify, 4, arithmetic.and32)),
    ("ATOMIC_XOR_W",          partial(modify, 4, arithmetic.xor32)),
    ("ATOMIC_FETCH_ADD_W",    partial(fetch_and_modify, 4, arithmetic.add32)),
    ("ATOMIC_FETCH_OR_W",     partial(fetch_and_modify, 4, arithmetic.or32)),
    ("ATOMIC_FETCH_AND_W",    partial(fetch_and_modify, 4, arithmetic.and32)),
    ("ATOMIC_FETCH_XOR_W",    partial(fetch_and_modify, 4, arithmetic.xor32)),
    ("XCHG_W",                partial(exchange, 4, arithmetic.u32)),
    ("CMPXCHG_W",             partial(compare_and_exchange, 4, arithmetic.u32)),
    ("ATOMIC_ADD_DW",         partial(modify, 8, arithmetic.add64)),
    ("ATOMIC_OR_DW",          partial(modify, 8, arithmetic.or64)),
    ("ATOMIC_AND_DW",         partial(modify, 8, arithmetic.and64)),
    ("ATOMIC_XOR_DW",         partial(modify, 8, arithmetic.xor64)),
    ("ATOMIC_FETCH_ADD_DW",   partial(fetch_and_modify, 8, arithmetic.add64)),
    ("ATOMIC_FETCH_OR_DW",    partial(fetch_and_modify, 8, arithmetic.or64)),
    ("ATOMIC_FETCH_AND_DW",   partial(fetch_and_modify, 8, arithmetic.and64)),
    ("ATOMIC_FETCH_XOR_DW",   partial(fetch_and_modify, 8, arithmetic.xor64)),
    ("XCHG_DW",               partial(exchange, 8, arithmetic.u64)),
    ("CMPXCHG_DW",            partial(compare_and_exchange, 8, arithmetic.u64)),
    # Ordered loads and stores (Linux)
    ("LOAD_ACQUIRE_W",        partial(load, 4)),
    ("LOAD_ACQUIRE_H",        partial(load, 2)),
    ("LOAD_ACQUIRE_B",        partial(load, 1)),
    ("LOAD_ACQUIRE_DW",       partial(load, 8)),
    ("STORE_RELEASE_W",       partial(store_src, 4, arithmetic.u32)),
    ("STORE_RELEASE_H",       partial(store_src, 2, arithmetic.u16)),
    ("STORE_RELEASE_B",       partial(store_src, 1, arithmetic.u8)),
    ("STORE_RELEASE_DW",      partial(store_src, 8, arithmetic.u64)),
    # 64-bit immediates (section 5.4)
    ("LDDW",                  partial(of_imm, arithmetic.mov64)),
    ("LDDW_MAP_FD",           symbolic),
    ("LDDW_MAP_VALUE",        symbolic),
    ("LDDW_VARIABLE",         symbolic),
    ("LDDW_CODE",             symbolic),
    ("LDDW_MAP_INDEX",        symbolic),
    ("LDDW_MAP_INDEX_VALUE",  symbolic),
    # Packet access (section 5.5)
    ("LDABS_W",               partial(load_absolute, 4)),
    ("LDABS_H",               partial(load_absolute, 2)),
    ("LDABS_B",               partial(load_absolute, 1)),
    ("LDIND_W",               partial(load_indirect, 4)),
    ("LDIND_H",               partial(load_indirect, 2)),
    ("LDIND_B",               partial(load_indirect, 1)),
)
# fmt: on


def _defend(meanings: tuple[tuple[str, Operation], ...]) -> Mapping[str, Operation]:
    """The table by name; raises ValueError unless each row of `ebpf.opcodes` has exactly one meaning."""
    names = [name for name, _ in meanings]
    wrong = {name for name in names if names.count(name) > 1} | set(names) ^ set(BY_NAME)
    if wrong:
        raise ValueError(f"oracle/operations.py: not exactly one meaning for {', '.join(sorted(wrong))}")
    return MappingProxyType(dict(meanings))


OPERATIONS = _defend(_MEANINGS)
"""The meaning of each row of `ebpf.opcodes`, by the row's name."""

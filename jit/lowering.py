"""The lowering table: for each row of `ebpf.opcodes` the code where one register holds an eBPF register, and where two do.

A cell is a function that emits the code of an instruction. Most are made of an operation and the way in which it takes its operands: `rr` two
registers, `ri` a register and the immediate, and so on. What an operation does for want of an instruction it asks the MIPS table, so a cell serves
all ISAs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from ebpf.instruction import LOOP, TAIL_CALL, Instruction
from jit import call, compare, exceptions, loops, tails
from jit.bpf_loop import bpf_loop
from jit.call import CompileError
from jit.code import Cell, Emitter, Place
from jit.pair import alu as pa
from jit.pair import atomic as pt
from jit.pair import branch as pb
from jit.pair import call as pc
from jit.pair import memory as pm
from jit.pair import muldiv as pd
from jit.single import alu as sa
from jit.single import atomic as st
from jit.single import branch as sb
from jit.single import call as sc
from jit.single import memory as sm
from jit.single import muldiv as sd

Operation = Callable[..., None]


class Lowering(NamedTuple):
    """The two cells of a row."""

    single: Cell
    pair: Cell


# How operations take their operands.


def rr(operation: Operation) -> Cell:
    """(dst, src)."""
    return lambda e, i: operation(e, e.registers[i.dst], e.registers[i.src])


def ri(operation: Operation) -> Cell:
    """(dst, immediate). A wide load gets its whole immediate, unsigned 64 bits."""
    return lambda e, i: operation(e, e.registers[i.dst], i.imm)


def r(operation: Operation) -> Cell:
    """(dst)."""
    return lambda e, i: operation(e, e.registers[i.dst])


def signed(operation: Operation) -> Operation:
    """The signed form of a division."""
    return partial(operation, signed=True)


def unsigned(operation: Operation) -> Operation:
    """The unsigned form of a division."""
    return partial(operation, signed=False)


def sized(operation: Operation, bits: int) -> Operation:
    """An operation on so many bits."""
    return partial(operation, bits=bits)


def jrr(operation: Operation, *relation: str) -> Cell:
    """(relation, dst, src, label)."""
    return lambda e, i: operation(e, *relation, e.registers[i.dst], e.registers[i.src], e.to(i.offset))


def jri(operation: Operation, *relation: str) -> Cell:
    """(relation, dst, immediate, label)."""
    return lambda e, i: operation(e, *relation, e.registers[i.dst], i.imm, e.to(i.offset))


def _address(register: Any) -> int:
    """The register that holds an address: the low one of a pair."""
    return register if isinstance(register, int) else register[0]


def load(operation: Operation, size: int) -> Cell:
    """(dst, base, offset, size)."""
    return lambda e, i: operation(e, e.registers[i.dst], _address(e.registers[i.src]), i.offset, size)


def store(operation: Operation, size: int) -> Cell:
    """(src, base, offset, size)."""
    return lambda e, i: operation(e, e.registers[i.src], _address(e.registers[i.dst]), i.offset, size)


def store_imm(operation: Operation, size: int) -> Cell:
    """(immediate, base, offset, size)."""
    return lambda e, i: operation(e, i.imm, _address(e.registers[i.dst]), i.offset, size)


def wide(operation: Operation) -> Cell:
    """A load of 8 bytes that knows its size."""
    return lambda e, i: operation(e, e.registers[i.dst], _address(e.registers[i.src]), i.offset)


def wide_store(operation: Operation) -> Cell:
    """A store of 8 bytes that knows its size."""
    return lambda e, i: operation(e, e.registers[i.src], _address(e.registers[i.dst]), i.offset)


def atomic(operation: Operation, size: int, *name: str) -> Cell:
    """(name, base, offset, src, size)."""
    return lambda e, i: operation(e, *name, _address(e.registers[i.dst]), i.offset, e.registers[i.src], size)


def packet(operation: Operation, size: int, indirect: bool) -> Cell:
    """(src or None, immediate, size)."""
    return lambda e, i: operation(e, e.registers[i.src] if indirect else None, i.imm, size)


def helper(operation: Operation) -> Cell:
    """(address of the helper). A tail call and `bpf_loop` are code of their own."""

    def cell(e: Emitter, i: Instruction) -> None:
        if i.imm == TAIL_CALL:
            tails.tail_call(e, _address(e.registers[2]), _address(e.registers[3]))
            return
        if i.imm == LOOP:
            bpf_loop(e)
            return
        address = e.ask(_helper, i.imm)
        if address is None:
            raise CompileError(f"instruction {e.place_of_instruction.slot}: call of unknown helper {i.imm}")
        operation(e, address)

    return cell


def _helper(place: Place, number: int) -> int | None:
    return place.addresses.helpers.get(number)


def kernel_function(operation: Operation, typed: Operation) -> Cell:
    """(address of the function), and its signature where it is given."""

    def cell(e: Emitter, i: Instruction) -> None:
        if i.imm == e.place_of_instruction.addresses.throw:
            exceptions.throw(e, e.place_of_instruction.function.landing)
            return
        address = e.place_of_instruction.addresses.kernel_functions.get(i.imm)
        if address is None:
            raise CompileError(f"instruction {e.place_of_instruction.slot}: call of unknown kernel function {i.imm}")
        signature = e.place_of_instruction.addresses.signatures.get(i.imm)
        if signature is None:
            operation(e, address)
        else:
            typed(e, address, signature)

    return cell


def _jump(e: Emitter, i: Instruction) -> None:
    compare.jump(e, e.to(i.offset))


def _long_jump(e: Emitter, i: Instruction) -> None:
    compare.jump(e, e.to(i.imm))


def _may_goto(e: Emitter, i: Instruction) -> None:
    loops.may_goto(e, e.to(i.offset))


def _barrier(e: Emitter, i: Instruction) -> None:
    """No code, unless a barrier is asked for."""
    if "nospec" in e.config.options:
        e.op("sync", 0)


def _subprogram(e: Emitter, i: Instruction) -> None:
    place = e.place_of_instruction
    call.subprogram(e, place.function.entries[place.slot + 1 + i.imm])


def _address_in_register(e: Emitter, i: Instruction) -> None:
    call.register(e, _address(e.registers[i.dst]))


def _swap_or_truncate(swap: Operation, truncate: Operation, bits: int, big_endian: bool) -> Cell:
    """Conversion between the byte order of the CPU and a given one: a truncation where they are the same."""

    def cell(e: Emitter, i: Instruction) -> None:
        (truncate if e.config.big_endian == big_endian else swap)(e, e.registers[i.dst], bits)

    return cell


def both(cell: Cell) -> Lowering:
    """The same code at both widths."""
    return Lowering(cell, cell)


# fmt: off
LOWERING: Mapping[str, Lowering] = MappingProxyType({
    # 64-bit arithmetic           one register                              two registers
    "ADD64_REG":        Lowering(rr(sa.add),                               rr(pa.add)),
    "ADD64_IMM":        Lowering(ri(sa.add_imm),                           ri(pa.add_imm)),
    "SUB64_REG":        Lowering(rr(sa.sub),                               rr(pa.sub)),
    "SUB64_IMM":        Lowering(ri(sa.sub_imm),                           ri(pa.sub_imm)),
    "MUL64_REG":        Lowering(rr(sd.mul),                               rr(pd.mul)),
    "MUL64_IMM":        Lowering(ri(sd.mul_imm),                           ri(pd.mul_imm)),
    "DIV64_REG":        Lowering(rr(unsigned(sd.div)),                     rr(unsigned(pd.div))),
    "DIV64_IMM":        Lowering(ri(unsigned(sd.div_imm)),                 ri(unsigned(pd.div_imm))),
    "SDIV64_REG":       Lowering(rr(signed(sd.div)),                       rr(signed(pd.div))),
    "SDIV64_IMM":       Lowering(ri(signed(sd.div_imm)),                   ri(signed(pd.div_imm))),
    "MOD64_REG":        Lowering(rr(unsigned(sd.mod)),                     rr(unsigned(pd.mod))),
    "MOD64_IMM":        Lowering(ri(unsigned(sd.mod_imm)),                 ri(unsigned(pd.mod_imm))),
    "SMOD64_REG":       Lowering(rr(signed(sd.mod)),                       rr(signed(pd.mod))),
    "SMOD64_IMM":       Lowering(ri(signed(sd.mod_imm)),                   ri(signed(pd.mod_imm))),
    "OR64_REG":         Lowering(rr(sa.or_),                               rr(pa.or_)),
    "OR64_IMM":         Lowering(ri(sa.or_imm),                            ri(pa.or_imm)),
    "AND64_REG":        Lowering(rr(sa.and_),                              rr(pa.and_)),
    "AND64_IMM":        Lowering(ri(sa.and_imm),                           ri(pa.and_imm)),
    "XOR64_REG":        Lowering(rr(sa.xor),                               rr(pa.xor)),
    "XOR64_IMM":        Lowering(ri(sa.xor_imm),                           ri(pa.xor_imm)),
    "LSH64_REG":        Lowering(rr(sa.lsh),                               rr(pa.lsh)),
    "LSH64_IMM":        Lowering(ri(sa.lsh_imm),                           ri(pa.lsh_imm)),
    "RSH64_REG":        Lowering(rr(sa.rsh),                               rr(pa.rsh)),
    "RSH64_IMM":        Lowering(ri(sa.rsh_imm),                           ri(pa.rsh_imm)),
    "ARSH64_REG":       Lowering(rr(sa.arsh),                              rr(pa.arsh)),
    "ARSH64_IMM":       Lowering(ri(sa.arsh_imm),                          ri(pa.arsh_imm)),
    "NEG64":            Lowering(r(sa.neg),                                r(pa.neg)),
    "MOV64_REG":        Lowering(rr(sa.mov),                               rr(pa.mov)),
    "MOV64_IMM":        Lowering(ri(sa.mov_imm),                           ri(pa.mov_imm)),
    "LDDW":             Lowering(ri(sa.lddw),                              ri(pa.lddw)),
    "MOVSX64_8":        Lowering(rr(sized(sa.movsx, 8)),                   rr(sized(pa.movsx, 8))),
    "MOVSX64_16":       Lowering(rr(sized(sa.movsx, 16)),                  rr(sized(pa.movsx, 16))),
    "MOVSX64_32":       Lowering(rr(sized(sa.movsx, 32)),                  rr(sized(pa.movsx, 32))),
    # 32-bit arithmetic
    "ADD32_REG":        Lowering(rr(sa.add32),                             rr(partial(pa.low, "addu"))),
    "ADD32_IMM":        Lowering(ri(sa.add32_imm),                         ri(pa.add32_imm)),
    "SUB32_REG":        Lowering(rr(sa.sub32),                             rr(partial(pa.low, "subu"))),
    "SUB32_IMM":        Lowering(ri(sa.sub32_imm),                         ri(pa.sub32_imm)),
    "MUL32_REG":        Lowering(rr(sd.mul32),                             rr(pd.mul32)),
    "MUL32_IMM":        Lowering(ri(sd.mul32_imm),                         ri(pd.mul32_imm)),
    "DIV32_REG":        Lowering(rr(unsigned(sd.div32)),                   rr(unsigned(pd.div32))),
    "DIV32_IMM":        Lowering(ri(unsigned(sd.div32_imm)),               ri(unsigned(pd.div32_imm))),
    "SDIV32_REG":       Lowering(rr(signed(sd.div32)),                     rr(signed(pd.div32))),
    "SDIV32_IMM":       Lowering(ri(signed(sd.div32_imm)),                 ri(signed(pd.div32_imm))),
    "MOD32_REG":        Lowering(rr(unsigned(sd.mod32)),                   rr(unsigned(pd.mod32))),
    "MOD32_IMM":        Lowering(ri(unsigned(sd.mod32_imm)),               ri(unsigned(pd.mod32_imm))),
    "SMOD32_REG":       Lowering(rr(signed(sd.mod32)),                     rr(signed(pd.mod32))),
    "SMOD32_IMM":       Lowering(ri(signed(sd.mod32_imm)),                 ri(signed(pd.mod32_imm))),
    "OR32_REG":         Lowering(rr(sa.or32),                              rr(partial(pa.low, "or"))),
    "OR32_IMM":         Lowering(ri(sa.or32_imm),                          ri(pa.or32_imm)),
    "AND32_REG":        Lowering(rr(sa.and32),                             rr(partial(pa.low, "and"))),
    "AND32_IMM":        Lowering(ri(sa.and32_imm),                         ri(pa.and32_imm)),
    "XOR32_REG":        Lowering(rr(sa.xor32),                             rr(partial(pa.low, "xor"))),
    "XOR32_IMM":        Lowering(ri(sa.xor32_imm),                         ri(pa.xor32_imm)),
    "LSH32_REG":        Lowering(rr(sa.lsh32),                             rr(partial(pa.low, "sllv"))),
    "LSH32_IMM":        Lowering(ri(sa.lsh32_imm),                         ri(partial(pa.shift32_imm, "sll"))),
    "RSH32_REG":        Lowering(rr(sa.rsh32),                             rr(partial(pa.low, "srlv"))),
    "RSH32_IMM":        Lowering(ri(sa.rsh32_imm),                         ri(partial(pa.shift32_imm, "srl"))),
    "ARSH32_REG":       Lowering(rr(sa.arsh32),                            rr(partial(pa.low, "srav"))),
    "ARSH32_IMM":       Lowering(ri(sa.arsh32_imm),                        ri(partial(pa.shift32_imm, "sra"))),
    "NEG32":            Lowering(r(sa.neg32),                              r(pa.neg32)),
    "MOV32_REG":        Lowering(rr(sa.mov32),                             rr(pa.mov32)),
    "MOV32_IMM":        Lowering(ri(sa.mov32_imm),                         ri(pa.mov32_imm)),
    "ZEXT":             Lowering(rr(sa.zext),                              rr(pa.zext)),
    "MOVSX32_8":        Lowering(rr(sized(sa.movsx32, 8)),                 rr(sized(pa.movsx32, 8))),
    "MOVSX32_16":       Lowering(rr(sized(sa.movsx32, 16)),                rr(sized(pa.movsx32, 16))),
    # Byte swaps
    "LE16":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 16, False), _swap_or_truncate(pa.swap, pa.truncate, 16, False)),
    "LE32":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 32, False), _swap_or_truncate(pa.swap, pa.truncate, 32, False)),
    "LE64":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 64, False), _swap_or_truncate(pa.swap, pa.truncate, 64, False)),
    "BE16":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 16, True),  _swap_or_truncate(pa.swap, pa.truncate, 16, True)),
    "BE32":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 32, True),  _swap_or_truncate(pa.swap, pa.truncate, 32, True)),
    "BE64":             Lowering(_swap_or_truncate(sa.swap, sa.truncate, 64, True),  _swap_or_truncate(pa.swap, pa.truncate, 64, True)),
    "BSWAP16":          Lowering(r(sized(sa.swap, 16)),                    r(sized(pa.swap, 16))),
    "BSWAP32":          Lowering(r(sized(sa.swap, 32)),                    r(sized(pa.swap, 32))),
    "BSWAP64":          Lowering(r(sized(sa.swap, 64)),                    r(sized(pa.swap, 64))),
    # Jumps and calls. EXIT is the epilogue, which belongs to the function.
    "JA":               both(_jump),
    "JA32":             both(_long_jump),
    "MAY_GOTO":         both(_may_goto),
    "CALL":             Lowering(helper(sc.helper),                        helper(pc.helper)),
    "CALL_KERNEL":      Lowering(kernel_function(sc.helper, sc.kernel_function),               kernel_function(pc.helper, pc.kernel_function)),
    "CALL_LOCAL":       both(_subprogram),
    "CALLX":            both(_address_in_register),
    **{
        f"{name}{bits}_{form}": Lowering(kind(single, name), kind(pair, name))
        for name in compare.RELATIONS
        for bits, form, kind, single, pair in (
            (64, "REG", jrr, sb.jump64,     pb.jump64),
            (64, "IMM", jri, sb.jump64_imm, pb.jump64_imm),
            (32, "REG", jrr, sb.jump32,     pb.jump32),
            (32, "IMM", jri, sb.jump32_imm, pb.jump32_imm),
        )
    },
    "JSET64_REG":       Lowering(jrr(sb.set64),                            jrr(pb.set64)),
    "JSET64_IMM":       Lowering(jri(sb.set64_imm),                        jri(pb.set64_imm)),
    "JSET32_REG":       Lowering(jrr(sb.set32),                            jrr(pb.set32)),
    "JSET32_IMM":       Lowering(jri(sb.set32_imm),                        jri(pb.set32_imm)),
    # Loads and stores
    **{
        f"{name}_{letter}": Lowering(kind(single, size), kind(pair, size))
        for letter, size in (("B", 1), ("H", 2), ("W", 4), ("DW", 8))
        for name, kind, single, pair in (
            ("LDX",           load,      sm.load,          pm.load),
            ("ST",            store_imm, sm.store_imm,     pm.store_imm),
            ("STX",           store,     sm.store,         pm.store),
            ("LDXSX",         load,      sm.load_signed,   pm.load_signed),
            ("LOAD_ACQUIRE",  load,      sm.load_acquire,  pm.load_acquire),
            ("STORE_RELEASE", store,     sm.store_release, pm.store_release),
        )
        if size < 8 or name in ("LDX", "ST", "STX")
    },
    "LOAD_ACQUIRE_DW":  Lowering(load(sm.load_acquire, 8),                 wide(pt.load_acquire)),
    "STORE_RELEASE_DW": Lowering(store(sm.store_release, 8),               wide_store(pt.store_release)),
    "NOSPEC":           both(_barrier),
    # Atomic operations
    **{
        f"{form}{name.upper()}_{letter}": Lowering(atomic(single, size, name), atomic(pair, size, name))
        for letter, size in (("W", 4), ("DW", 8))
        for form, names, single, pair in (
            ("ATOMIC_",       ("add", "or", "and", "xor"), st.atomic, pt.atomic),
            ("ATOMIC_FETCH_", ("add", "or", "and", "xor"), st.fetch,  pt.fetch),
            ("",              ("xchg",),                   st.fetch,  pt.fetch),
        )
        for name in names
    },
    "CMPXCHG_W":        Lowering(atomic(st.cmpxchg, 4),                    atomic(pt.cmpxchg, 4)),
    "CMPXCHG_DW":       Lowering(atomic(st.cmpxchg, 8),                    atomic(pt.cmpxchg, 8)),
    # Packet access
    **{
        f"{name}_{letter}": Lowering(packet(sc.packet_load, size, indirect), packet(pc.packet_load, size, indirect))
        for letter, size in (("B", 1), ("H", 2), ("W", 4))
        for name, indirect in (("LDABS", False), ("LDIND", True))
    },
})
# fmt: on
"""Every row of a linked program but EXIT."""

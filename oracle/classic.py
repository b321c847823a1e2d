"""Classic BPF, interpreted directly: a second opinion on filters that were converted to eBPF.

After Linux, Documentation/networking/filter.rst. It shares nothing with the conversion but the table of instructions, and nothing with the meaning of
eBPF: A and X are integers of 32 bits, a load outside the packet and a division by zero end the filter with 0, a shift count in X counts modulo 32.
"""

from collections.abc import Mapping, Sequence

from ebpf.classic import BY_CODE, MEMORY_WORDS, ClassicInstruction, ancillary
from oracle.world import Packet

_WORD = 1 << 32


def run_classic(instructions: Sequence[ClassicInstruction], packet: Packet, length: int, values: Mapping[str, int]) -> int:
    """What a well-formed filter returns for a packet, unsigned 32 bits.

    `length` is that of the packet on the wire, which a capture may have cut. `values` holds what ancillary loads give, by the names in
    `ebpf.classic.ANCILLARY`; raises KeyError for one that is not there.
    """
    a = x = at = 0
    memory = [0] * MEMORY_WORDS
    while True:
        instruction = instructions[at]
        name, k = BY_CODE[instruction.code].name, instruction.k
        at += 1
        loaded = ancillary(BY_CODE[instruction.code], k)
        if loaded == "exclusive or":
            a ^= x
            continue
        if loaded is not None:
            a = values[loaded]
            continue
        match name.split("_"):
            case ["LD", size, "ABS" | "IND" as mode]:
                value = _from_packet(packet, k if mode == "ABS" else (x + k) % _WORD, {"W": 4, "H": 2, "B": 1}[size])
                if value is None:
                    return 0
                a = value
            case ["LDX", "MSH"]:
                value = _from_packet(packet, k, 1)
                if value is None:
                    return 0
                x = value % 16 * 4
            case ["LD", "IMM"]:
                a = k
            case ["LDX", "IMM"]:
                x = k
            case ["LD", "LEN"]:
                a = length
            case ["LDX", "LEN"]:
                x = length
            case ["LD", "MEM"]:
                a = memory[k]
            case ["LDX", "MEM"]:
                x = memory[k]
            case ["ST"]:
                memory[k] = a
            case ["STX"]:
                memory[k] = x
            case ["TAX"]:
                x = a
            case ["TXA"]:
                a = x
            case ["RET", "K"]:
                return k
            case ["RET", "A"]:
                return a
            case ["JA"]:
                at += k
            case ["JEQ" | "JGT" | "JGE" | "JSET" as condition, operand]:
                at += instruction.jt if _holds(condition, a, k if operand == "K" else x) else instruction.jf
            case ["NEG"]:
                a = -a % _WORD
            case [operation, operand]:
                result = _calculate(operation, a, k if operand == "K" else x)
                if result is None:
                    return 0
                a = result


def _from_packet(packet: Packet, offset: int, size: int) -> int | None:
    """The unsigned integer in network order there, None outside the packet. Offsets from 2^32 - 2^21 and 2^32 - 2^20 on count from the headers."""
    if offset >= _WORD - 0x10_0000:
        offset = offset - (_WORD - 0x10_0000) + packet.network_header
    elif offset >= _WORD - 0x20_0000:
        offset -= _WORD - 0x20_0000
    read = packet.contents[offset : offset + size]
    return int.from_bytes(read, "big") if len(read) == size else None


def _holds(condition: str, a: int, operand: int) -> bool:
    if condition == "JSET":
        return a & operand != 0
    return a == operand if condition == "JEQ" else a > operand if condition == "JGT" else a >= operand


def _calculate(operation: str, a: int, operand: int) -> int | None:
    """The result, unsigned 32 bits; None for a division by zero."""
    if operation in ("DIV", "MOD"):
        if operand == 0:
            return None
        return a // operand if operation == "DIV" else a % operand
    # fmt: off
    result = {
        "ADD": a + operand,         "SUB": a - operand,          "MUL": a * operand,  "OR": a | operand,  "AND": a & operand,  "XOR": a ^ operand,
        "LSH": a << operand % 32,   "RSH": a >> operand % 32,
    }[operation]
    # fmt: on
    return result % _WORD

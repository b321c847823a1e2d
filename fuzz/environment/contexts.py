"""Contexts of programs that look at packets: what lies behind them in memory, and the rewriting of the accesses to them.

A program is compiled against `struct __sk_buff` or `struct xdp_md`. Neither exists: Linux's verifier rewrites each access into instructions that
find the value in the structures of the kernel (convert_ctx_access; net/core/filter.c: bpf_convert_ctx_access, xdp_convert_ctx_access), and only then
a compiler sees the program. So does `rewritten`, before oracle and compiler see it, with structures of our own of the same kind: pointers of the
width of addresses, fields of 16 bits, bit fields that lie at the other end of a byte on big-endian machines, fields behind two pointers.

    p is the size of a pointer; offsets of the fields behind the pointers count from 4p

    skb      0  device             +0  len         +16 skb_iif      +28 queue_mapping (16 bits)   +36 pkt_type (3 bits)
             p  data               +4  mark        +20 napi_id      +30 protocol      (16)        +40 cb (20 bytes)
            2p  data_end           +8  priority    +24 vlan_proto   +32 tc_index      (16)
            3p  data_meta          +12 hash        +26 vlan_tci     +34 tc_classid    (16)
    xdp      0  data    p  data_end   2p  data_meta   3p  receive queue   4p  transmit queue
    devices  0  receive queue: pointer to device, index       16  device: index, type (16)      32  transmit queue: pointer to device

What is left over holds bytes that mean nothing. The packet is a region of its own, with guard bytes around it; it begins 2 bytes behind an address
that is aligned to 16, as received frames do where misaligned accesses are dear (NET_IP_ALIGN), so that the network header behind Ethernet is aligned.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import shake_128

from ebpf.context import FIELDS, POINTERS, ContextKind, size
from ebpf.context_access import Access, context_accesses
from ebpf.insertion import insert_behind
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME
from ebpf.program import ByteOrder, Map, Program

PACKET, DEVICES = "packet", "devices"
"""Names of the regions."""

PACKET_OFFSET = 2
"""Of the first byte of the packet from an address that is aligned to 16."""

_DEVICE, _TRANSMIT_QUEUE = 16, 32
DEVICES_SIZE = 48
"""Bytes of the region of devices and queues."""

_BEHIND = 64
"""Bytes of a socket buffer behind its pointers."""

_PACKET_TYPE_BITS = 7

NO_QUEUE = 0xFFFF
"""No queue, and neither is anything above (Linux, include/net/sock.h: NO_QUEUE_MAPPING)."""

# fmt: off
# Offset from the end of the four pointers, and size.
_SKB: Mapping[str, tuple[int, int]] = {
    "len": (0, 4),              "mark": (4, 4),             "priority": (8, 4),     "hash": (12, 4),
    "ingress_ifindex": (16, 4), "napi_id": (20, 4),         "vlan_proto": (24, 2),  "vlan_tci": (26, 2),
    "queue_mapping": (28, 2),   "protocol": (30, 2),        "tc_index": (32, 2),    "tc_classid": (34, 2),
    "pkt_type": (36, 1),        "cb": (40, 20),
}
_VLAN = 24
_POINTERS: Mapping[ContextKind, tuple[str, ...]] = {
    "skb": ("device", "data", "data_end", "data_meta"),
    "xdp": ("data", "data_end", "data_meta", "receive queue", "transmit queue"),
}
# fmt: on
_SUFFIX = {1: "B", 2: "H", 4: "W", 8: "DW"}


def _make(name: str, dst: int, src: int = 0, offset: int = 0, imm: int = 0) -> Instruction:
    row = BY_NAME[name]
    return Instruction(row.opcode, dst, src, offset, imm)


def context_size(kind: ContextKind, width: int) -> int:
    """Bytes of the structure that r1 points to."""
    return len(_POINTERS[kind]) * width // 8 + (_BEHIND if kind == "skb" else 0)


def rewritten(program: Program, width: int, byte_order: ByteOrder) -> Program:
    """A valid program with its accesses to the context rewritten for a machine. Raises ProgramError for one that is not permitted."""
    if program.context == "memory":
        return program
    replacements = _replacements(program.slots, program.maps, program.context, program.source, program.section, width, byte_order)
    added = {at: tuple(others) for at, (_, *others) in replacements.items()}
    return insert_behind(program, added, {at: first for at, (first, *_) in replacements.items()})


@lru_cache(maxsize=64)
def _replacements(
    slots: tuple[Instruction, ...], maps: tuple[Map, ...], kind: ContextKind, source: str, section: str, width: int, byte_order: ByteOrder
) -> Mapping[int, tuple[Instruction, ...]]:
    accesses = context_accesses(Program(source, section, slots, maps=maps), kind)
    return {at: tuple(_replacement(kind, access, slots[at], width // 8, byte_order)) for at, access in accesses.items()}


def _replacement(kind: ContextKind, access: Access, slot: Instruction, pointer: int, byte_order: ByteOrder) -> Sequence[Instruction]:
    if access.field == "cb":
        return (slot._replace(offset=_place("cb", pointer) + access.within),)
    if access.store:
        place, length = _SKB[access.field]
        if access.field == "queue_mapping":
            return _store_queue(slot, 4 * pointer + place)
        return (slot._replace(opcode=_stored(slot.opcode, length), offset=4 * pointer + place),)
    loaded = _load(kind, access.field, slot.dst, slot.src, pointer, byte_order)
    if access.size == FIELDS[kind][access.field].size:
        return loaded
    behind = access.within if byte_order == "little" else FIELDS[kind][access.field].size - access.size - access.within
    shift = (_make("RSH32_IMM", slot.dst, imm=8 * behind),) if behind else ()
    return (*loaded, *shift, _make("AND32_IMM", slot.dst, imm=(1 << 8 * access.size) - 1))


def _store_queue(slot: Instruction, offset: int) -> Sequence[Instruction]:
    """A store of a queue, that is of no effect where the value is none (Linux 6.12, net/core/filter.c, bpf_convert_ctx_access)."""
    store = slot._replace(opcode=_stored(slot.opcode, 2), offset=offset)
    if slot.opcode != BY_NAME["ST_W"].opcode:
        return _make("JGE64_IMM", slot.src, offset=1, imm=NO_QUEUE), store
    # The kernel compares as signed integers here: -1 is stored, as 0xffff.
    return (_make("JA", 0),) if slot.imm >= NO_QUEUE else (store,)


def _stored(opcode: int, length: int) -> int:
    """The opcode of a store of 32 bits, for as many bytes as the field has."""
    kind = "ST" if opcode == BY_NAME["ST_W"].opcode else "STX"
    return BY_NAME[f"{kind}_{_SUFFIX[length]}"].opcode


def _place(field: str, pointer: int) -> int:
    return 4 * pointer + _SKB[field][0]


def _load(kind: ContextKind, field: str, dst: int, src: int, pointer: int, byte_order: ByteOrder) -> tuple[Instruction, ...]:
    """The instructions that load a whole field; they may only use dst, which may be src."""
    load_pointer = f"LDX_{_SUFFIX[pointer]}"

    def follow(*names: int) -> tuple[Instruction, ...]:
        return tuple(_make(load_pointer, dst, src if not number else dst, offset) for number, offset in enumerate(names))

    if field in POINTERS:
        return follow(pointer * _POINTERS[kind].index(field))
    if kind == "xdp":
        queue = pointer * _POINTERS[kind].index("transmit queue" if field == "egress_ifindex" else "receive queue")
        if field == "rx_queue_index":
            return (*follow(queue), _make("LDX_W", dst, dst, pointer))
        return (*follow(queue, 0), _make("LDX_W", dst, dst))
    if field in ("ifindex", "hardware_type"):
        # Without a device it is 0.
        last = _make("LDX_W", dst, dst) if field == "ifindex" else _make("LDX_H", dst, dst, 4)
        return (*follow(0), _make("JEQ64_IMM", dst, offset=1), last)
    if field == "vlan_present":
        return (_make("LDX_W", dst, src, 4 * pointer + _VLAN), _make("JEQ64_IMM", dst, offset=1), _make("MOV32_IMM", dst, imm=1))
    loaded = _make(f"LDX_{_SUFFIX[_SKB[field][1]]}", dst, src, _place(field, pointer))
    if field == "pkt_type":
        in_place = _PACKET_TYPE_BITS << 5 if byte_order == "big" else _PACKET_TYPE_BITS
        shift = (_make("RSH32_IMM", dst, imm=5),) if byte_order == "big" else ()
        return (loaded, _make("AND32_IMM", dst, imm=in_place), *shift)
    return (loaded,)


class Structures:
    """The bytes behind a context whose fields are given as the program sees them, when the packet and the devices are at these addresses."""

    def __init__(self, kind: ContextKind, seen: bytes, width: int, byte_order: ByteOrder, packet: tuple[int, int], devices: int) -> None:
        self._kind, self._order, self._pointer = kind, byte_order, width // 8
        self._packet, self._devices = packet, devices
        if len(seen) < size(kind):
            raise ValueError(f"{len(seen)} bytes for a context of {size(kind)}")
        self._seen = {name: int.from_bytes(seen[f.offset : f.offset + f.size], byte_order) for name, f in FIELDS[kind].items() if name != "cb"}
        self._cb = seen[FIELDS[kind]["cb"].offset :][: FIELDS[kind]["cb"].size] if kind == "skb" else b""

    def _number(self, value: int, length: int) -> bytes:
        return value.to_bytes(length, self._order)

    def context(self) -> bytes:
        """What r1 points to."""
        start, end = self._packet
        queues = {"receive queue": self._devices, "transmit queue": self._devices + _TRANSMIT_QUEUE}
        known = {"device": self._devices + _DEVICE, "data": start, "data_end": end, "data_meta": start, **queues}
        parts = b"".join(self._number(known[name], self._pointer) for name in _POINTERS[self._kind])
        if self._kind == "xdp":
            return parts
        memory = bytearray(shake_128(b"context").digest(_BEHIND))
        for name, (offset, length) in _SKB.items():
            memory[offset : offset + length] = self._cb if name == "cb" else self._number(self._value(name), length)
        return parts + bytes(memory)

    def _value(self, name: str) -> int:
        value = self._seen[name]
        if name == "pkt_type":
            # The five bits beside are set.
            return value << 5 | 0x1F if self._order == "big" else value | 0xF8
        return value

    def devices(self) -> bytes:
        """The structures of devices and queues."""
        memory = bytearray(shake_128(b"devices").digest(DEVICES_SIZE))

        def put(offset: int, value: int, length: int) -> None:
            memory[offset : offset + length] = self._number(value, length)

        put(0, self._devices + _DEVICE, self._pointer)
        put(self._pointer, self._seen.get("rx_queue_index", 0), 4)
        put(_DEVICE, self._seen["ingress_ifindex" if self._kind == "xdp" else "ifindex"], 4)
        put(_DEVICE + 4, self._seen.get("hardware_type", 0), 2)
        put(_TRANSMIT_QUEUE, self._devices + _DEVICE, self._pointer)
        return bytes(memory)

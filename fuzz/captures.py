"""Packets from capture files, pcap and pcapng, read by libpcap; and what a program is given for each: the packet and a context.

    file ─ libpcap ─► Captured ─► Input: packet, context as the program sees it

What the kernel knows of a packet besides its bytes is taken from the link header where that says it, and zero where it does not: there is no mark, no
hash, no queue, no VLAN tag beside the packet (one in the packet stays there), and the packet came in for this host on interface 1.
"""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

import cypcap

from ebpf.context import FIELDS, ContextKind, size
from ebpf.files import read_bytes
from ebpf.program import ByteOrder, ProgramError, printable
from fuzz.case import Input
from oracle.world import Packet


class LinkType(NamedTuple):
    """A kind of link header: how many bytes it has, ARPHRD_ number of the interface, and the EtherType of what follows."""

    size: int
    hardware_type: int
    protocol: Callable[[bytes], int]


IPV4, IPV6, IEEE_802_2 = 0x0800, 0x86DD, 4


def _ethernet(packet: bytes) -> int:
    """What Linux's eth_type_trans says: a number below 1536 is a length, and 802.2 follows."""
    number = int.from_bytes(packet[12:14], "big")
    return number if number >= 1536 else IEEE_802_2


def _raw(packet: bytes) -> int:
    return {4: IPV4, 6: IPV6}.get(packet[0] >> 4 if packet else 0, 0)


# fmt: off
LINK_TYPES: Mapping[int, LinkType] = {
    1:   LinkType(14, 1,     _ethernet),
    12:  LinkType(0,  65534, _raw),
    113: LinkType(16, 1,     lambda packet: int.from_bytes(packet[14:16], "big")),
    228: LinkType(0,  65534, lambda packet: IPV4),
    229: LinkType(0,  65534, lambda packet: IPV6),
    276: LinkType(20, 1,     lambda packet: int.from_bytes(packet[0:2], "big")),
}
"""By DLT_ number: Ethernet, raw IP (101 in files), Linux cooked, IPv4, IPv6, Linux cooked version 2."""
# fmt: on


class Captured(NamedTuple):
    """A packet of a capture: the bytes that were kept, how many there were on the wire, the kind of link header."""

    contents: bytes
    length: int
    link_type: int

    @property
    def packet(self) -> Packet:
        """The packet as the packet instructions read it."""
        return Packet(self.contents, LINK_TYPES[self.link_type].size)

    @property
    def values(self) -> Mapping[str, int]:
        """What ancillary loads of a classic filter load, by the names in `ebpf.classic.ANCILLARY`: numbers, not bytes of the network."""
        link = LINK_TYPES[self.link_type]
        zeros = dict.fromkeys(("packet type", "mark", "queue", "hash", "vlan tag", "vlan present", "vlan protocol"), 0)
        return {**zeros, "protocol": link.protocol(self.contents), "interface index": 1, "hardware type": link.hardware_type}

    def context(self, kind: ContextKind, byte_order: ByteOrder) -> bytes:
        """The context as a program sees it; its pointers are put in where it is placed."""
        values = self.values
        network_order = values["protocol"].to_bytes(2, "big")
        fields = {
            "len": self.length,
            "protocol": int.from_bytes(network_order, byte_order),
            "ifindex": values["interface index"],
            "ingress_ifindex": values["interface index"],
            "hardware_type": values["hardware type"],
        }
        memory = bytearray(size(kind))
        for name, field in FIELDS[kind].items():
            memory[field.offset : field.offset + field.size] = fields.get(name, 0).to_bytes(field.size, byte_order)
        return bytes(memory)

    def input(self, number: int, kind: ContextKind, byte_order: ByteOrder) -> Input:
        """What a program works on for the packet with this number in its capture."""
        return Input(self.context(kind, byte_order), self.packet, number)


class Packets(NamedTuple):
    """What programs are run on: packets, and the kind of context where it is not left to the section of the program."""

    captured: tuple[Captured, ...]
    kind: ContextKind | None = None


def read_capture(path: str) -> tuple[Captured, ...]:
    """The packets of a capture file. Raises ProgramError: no such file, no capture, no packets, or a kind of link header that is not known."""
    read_bytes(path)
    try:
        with cypcap.open_offline(os.fspath(path)) as capture:
            link_type = int(capture.datalink())
            if link_type not in LINK_TYPES:
                raise ProgramError(f"{path}: link type {link_type} is not known; there is {', '.join(map(str, LINK_TYPES))}")
            packets = tuple(Captured(bytes(contents), header.len, link_type) for header, contents in capture if header is not None)
    except cypcap.Error as error:
        raise ProgramError(f"{path}: {printable(str(error.msg))}") from None
    if not packets:
        raise ProgramError(f"{path}: the capture has no packets")
    return packets

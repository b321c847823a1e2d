"""Packet parsing: the frames are put together here with struct and ipaddress, so that each field and offset is known beforehand."""

import struct
from ipaddress import ip_address

from ebpf.program import ByteOrder

TRUNCATED, UNKNOWN_TYPE, MALFORMED, FRAGMENT, UNKNOWN_PROTOCOL = (2**64 - code for code in range(1, 6))

TCP = struct.pack(">2H2I2B3H", 443, 51234, 1, 2, 8 << 4, 0x12, 65535, 0, 0) + bytes(12)
UDP = struct.pack(">4H", 53, 33000, 12, 0)


def ethernet(type_: int, payload: bytes, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """A frame; a tag is its type and its 16 bits of priority and identifier."""
    header = bytes.fromhex("0200000000010200000000fe")
    for tag_type, tag in tags:
        header += struct.pack(">2H", tag_type, tag)
    return header + struct.pack(">H", type_) + payload


def ipv4(protocol: int, payload: bytes, options: bytes = b"", fragment: int = 0, version: int = 4) -> bytes:
    """An IPv4 packet from 192.0.2.1 to 198.51.100.200."""
    size = 20 + len(options)
    fields = struct.pack(">2B3H2BH", version << 4 | size // 4, 0, size + len(payload), 7, fragment, 63, protocol, 0)
    return fields + ip_address("192.0.2.1").packed + ip_address("198.51.100.200").packed + options + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    """An IPv6 packet from 2001:db8::1 to 2001:db8:ffff:1::8000."""
    return struct.pack(">IH2B", 0x6000BEEF, len(payload), protocol, 255) + V6[0] + V6[1] + payload


V4 = tuple(ip_address(text).packed + bytes(12) for text in ("192.0.2.1", "198.51.100.200"))
V6 = tuple(ip_address(text).packed for text in ("2001:db8::1", "2001:db8:ffff:1::8000"))


def key(addresses: tuple[bytes, ...], ports: tuple[int, int], vlan: int, protocol: int, hop_limit: int) -> bytes:
    """The flow key that the program stores."""
    return addresses[0] + addresses[1] + struct.pack(">3H2B", *ports, vlan, protocol, hop_limit)


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    extensions = bytes.fromhex("2b00000000000000 2c01000000000000 0000000000000000 0600000100000001")
    later = bytes.fromhex("1100000800000001")
    q_in_q = ((0x88A8, 0x6FFE), (0x8100, 0x0003))
    known = (
        (ethernet(0x0800, ipv4(6, TCP + b"GET /")), key(V4, (443, 51234), 0, 6, 63), 14 + 20 + 32),
        (ethernet(0x0800, ipv4(17, UDP + b"abcd", options=b"\x01" * 8), ((0x8100, 0x2FA5),)), key(V4, (53, 33000), 0xFA5, 17, 63), 18 + 28 + 8),
        (ethernet(0x86DD, ipv6(17, UDP + b"abcd"), q_in_q) + b"trailer", key(V6, (53, 33000), 0xFFE, 17, 255), 22 + 40 + 8),
        (ethernet(0x86DD, ipv6(0, extensions + TCP)), key(V6, (443, 51234), 0, 6, 255), 14 + 40 + 32 + 32),
    )
    refused = (
        (ethernet(0x0806, bytes(28)), UNKNOWN_TYPE),
        (ethernet(0x0800, ipv4(6, TCP), (*q_in_q, (0x8100, 9))), UNKNOWN_TYPE),
        (ethernet(0x0800, ipv4(6, TCP, fragment=0x2001)), FRAGMENT),
        (ethernet(0x86DD, ipv6(44, later + UDP)), FRAGMENT),
        (ethernet(0x0800, ipv4(6, TCP, version=5)), MALFORMED),
        (ethernet(0x0800, ipv4(1, bytes(8))), UNKNOWN_PROTOCOL),
        (ethernet(0x0800, ipv4(6, TCP))[:-1], TRUNCATED),
        (ethernet(0x0800, ipv4(6, TCP[:-1])), TRUNCATED),
        (ethernet(0x0800, b"")[:-1], TRUNCATED),
        (ethernet(0x8100, b"\x00"), TRUNCATED),
    )
    room = bytes(range(1, 43))
    agree = [(room + frame, payload, stored + room[40:] + frame) for frame, stored, payload in known]
    return agree + [(room + frame, error, room + frame) for frame, error in refused]

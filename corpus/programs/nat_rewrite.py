"""Source NAT: the packet that should come out is built anew here, with its checksums computed in full from the headers."""

import struct
from ipaddress import ip_address

from ebpf.program import ByteOrder


def checksum(data: bytes) -> int:
    """The Internet checksum, as the remainder modulo 65535 of the data as one big number; data that are not all zero have no sum zero."""
    return 0xFFFF - ((int.from_bytes(data + bytes(len(data) % 2), "big") - 1) % 0xFFFF + 1)


def packet(source: str, port: int, hops: int, protocol: int, payload: bytes, has_checksum: bool = True, start: int = 0x45) -> bytes:
    """An IPv4 packet with valid checksums, to 198.51.100.7 port 80."""
    ports = struct.pack(">2H", port, 80)
    if protocol == 6:
        before, after = ports + struct.pack(">2I2BH", 0xDEADBEEF, 1, 0x50, 0x18, 502), b"\x00\x00" + payload
    else:
        before, after = ports + struct.pack(">H", 8 + len(payload)), payload
    addresses = ip_address(source).packed + ip_address("198.51.100.7").packed
    pseudo = addresses + struct.pack(">2H", protocol, len(before) + 2 + len(after))
    sum_ = checksum(pseudo + before + b"\x00\x00" + after) or (0xFFFF if protocol == 17 else 0)
    transport = before + (sum_ if has_checksum else 0).to_bytes(2, "big") + after
    first = struct.pack(">2B3H2B", start, 0, 20 + len(transport), 0x1234, 0x4000, hops, protocol)
    return first + checksum(first + b"\x00\x00" + addresses).to_bytes(2, "big") + addresses + transport


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    address, port = "203.0.113.254", 61234
    request = ip_address(address).packed + port.to_bytes(2, "big") + b"\x00\x00"
    results = []
    for protocol, payload, has_checksum, hops in (
        (6, b"GET / HTTP/1.1\r\n", True, 64),
        (17, b"query!", True, 2),
        (17, b"no sum", False, 255),
        (17, b"\xff" * 30, True, 200),
    ):
        before = packet("10.1.2.3", 40000, hops, protocol, payload, has_checksum)
        results.append((request + before, 0, request + packet(address, port, hops - 1, protocol, payload, has_checksum)))
    refused = (
        (packet("10.1.2.3", 40000, 1, 6, b"late"), 3),
        (packet("10.1.2.3", 40000, 9, 6, b"options", start=0x46), 2),
        (packet("10.1.2.3", 40000, 9, 1, b"protocol"), 2),
        (packet("10.1.2.3", 40000, 9, 6, b"")[:37], 1),
        (b"", 1),
    )
    return results + [(request + data, result, request + data) for data, result in refused]

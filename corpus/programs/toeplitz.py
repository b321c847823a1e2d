"""Toeplitz hash: the published verification suite for receive side scaling (Microsoft, "Verifying the RSS hash calculation")."""

from ipaddress import ip_address

from ebpf.program import ByteOrder

SUITE = (
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323E8FC2, 0x51CCC178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xD718262A, 0xC626B0EA),
    ("24.19.198.95", 12898, "12.22.207.184", 38024, 0xD2D0A5DE, 0x5C2B394A),
    ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2CC18CD5, 0x40207D3D),
)
"""Source, its port, destination, its port, hash of the addresses, hash of addresses and ports."""


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    results = [(bytes(37), 2**64 - 1)]
    for source, source_port, destination, destination_port, addresses_hash, hash_ in SUITE:
        addresses = ip_address(source).packed + ip_address(destination).packed
        results += [(addresses, addresses_hash), (addresses + source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big"), hash_)]
    return [(memory, result, memory) for memory, result in results]

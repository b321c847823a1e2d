"""Longest-prefix match: ipaddress, with the routes in no particular order and the longest of all that contain the address."""

import hashlib
import struct
from ipaddress import IPv4Address, IPv4Network

from ebpf.program import ByteOrder

ROUTES = {
    IPv4Network("0.0.0.0/0"): 112,
    IPv4Network("10.0.0.0/8"): 110,
    IPv4Network("100.64.0.0/10"): 109,
    IPv4Network("128.0.0.0/1"): 111,
    IPv4Network("172.16.0.0/12"): 108,
    IPv4Network("192.0.2.0/24"): 104,
    IPv4Network("192.0.2.1/32"): 101,
    IPv4Network("192.0.2.128/25"): 103,
    IPv4Network("192.0.2.192/27"): 102,
    IPv4Network("192.168.0.0/16"): 106,
    IPv4Network("198.18.0.0/15"): 107,
    IPv4Network("203.0.113.0/24"): 105,
}


def next_hop(address: IPv4Address) -> int:
    """The next hop of the longest route that contains the address."""
    return ROUTES[max((network for network in ROUTES if address in network), key=lambda network: network.prefixlen)]


def answers(byte_order: ByteOrder) -> list[tuple[bytes, int, bytes]]:
    edges = [IPv4Address(int(end)) for network in ROUTES for end in (network[0], network[-1])]
    beyond = [IPv4Address((int(end) + step) % 2**32) for network in ROUTES for end, step in ((network[0], -1), (network[-1], 1))]
    random = [IPv4Address(number) for number in struct.unpack(">30I", hashlib.shake_128(b"routes").digest(120))]
    results = []
    for addresses in (edges, beyond, random, []):
        hops = [next_hop(address) for address in addresses]
        memory = b"".join(address.packed for address in addresses)
        results.append((memory, hops.count(112), b"".join(hop.to_bytes(4, "big") for hop in hops)))
    return results

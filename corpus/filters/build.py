"""The shipped captures and filters: packets put together field by field, so that what a filter must say of each is known without reading it.

Run as a program it writes the captures, and with --filters what tcpdump makes of the expressions. tcpdump is needed for that only (Debian: tcpdump);
another version may print other code, which must accept the same packets.

Each packet carries the facts that it was made from. A fact that a packet does not have is None: comparing it with anything is false.
"""

import argparse
import random
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
CAPTURE, SAMPLE = HERE / "mixed.pcap", HERE / "sample.pcapng"
SAMPLE_COUNT = 48
"""Packets of the second capture: the first ones of the other."""

COUNT = 1200
SNAPLEN = 128

IPV4, ARP, VLAN, IPV6, PPPOE, MPLS = 0x0800, 0x0806, 0x8100, 0x86DD, 0x8864, 0x8847
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132

BROADCAST = b"\xff" * 6
_MACS = tuple(bytes.fromhex(f"0200000000{number:02x}") for number in range(8))
_V4 = tuple(ip_address(f"192.0.2.{number}").packed for number in range(1, 12)) + tuple(
    ip_address(f"198.51.100.{number}").packed for number in (1, 77, 200, 254)
)
_V6 = tuple(ip_address(f"2001:db8::{number:x}").packed for number in range(1, 12))
_PORTS = (22, 53, 80, 443, 5000, 5353, 5999, 6000, 6001, 33000, 51234, 65535)


@dataclass(frozen=True, slots=True)
class Made:
    """A packet: its bytes on the wire, and what it was made from. Types and protocols are those of the outermost network header."""

    contents: bytes
    destination: bytes
    type: int
    vlan: int | None = None
    inner: int | None = None
    v4: tuple[bytes, bytes] | None = None
    v6: tuple[bytes, bytes] | None = None
    protocol: int | None = None
    identification: int | None = None
    ttl: int | None = None
    fragment: int | None = None
    ports: tuple[int, int] | None = None
    flags: int | None = None
    payload: int | None = None
    icmp: int | None = None

    @property
    def captured(self) -> bytes:
        """What the capture keeps of it."""
        return self.contents[:SNAPLEN]


def _transport(chance: random.Random, protocol: int) -> tuple[bytes, dict[str, Any]]:
    payload = chance.randbytes(chance.choice((0, 0, 1, 3, 8, 20, 60, 200)))
    ports = chance.choice(_PORTS), chance.choice(_PORTS)
    if protocol == TCP:
        options, flags = bytes(4 * chance.choice((0, 0, 3, 5, 10))), chance.choice((0x02, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0xC2))
        header = struct.pack(">2H2I2B3H", *ports, chance.getrandbits(32), 7, (20 + len(options)) << 2, flags, 4096, 0, 0) + options
        return header + payload, {"ports": ports, "flags": flags, "payload": len(payload)}
    if protocol in (UDP, SCTP):
        header = struct.pack(">4H", *ports, 8 + len(payload), 0) + bytes(4 if protocol == SCTP else 0)
        return header + payload, {"ports": ports, "payload": len(payload)}
    kind = chance.choice((128, 129, 135, 136) if protocol == ICMP6 else (0, 3, 8, 11))
    return struct.pack(">2B3H", kind, 0, 0, 1, 2) + payload, {"icmp": kind, "payload": len(payload)}


def _ipv4(chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    protocol = chance.choice((TCP, TCP, TCP, UDP, UDP, ICMP, SCTP, 47))
    body, facts = (chance.randbytes(24), dict[str, Any]()) if protocol == 47 else _transport(chance, protocol)
    fragment = chance.choice((0, 0, 0, 0, 0x4000, 0x2000, 0x2010, 0x0020))
    if fragment & 0x1FFF:
        # What lies behind the header of a later fragment is no transport header.
        facts = {}
    options = bytes(4 * chance.choice((0, 0, 0, 1, 10)))
    addresses = chance.choice(_V4), chance.choice(_V4)
    identification, ttl = chance.getrandbits(16), chance.choice((1, 2, 9, 10, 63, 64, 255))
    fields = (0x40 | 5 + len(options) // 4, 0, 20 + len(options) + len(body), identification, fragment, ttl, protocol, 0)
    header = struct.pack(">2B3H2BH", *fields) + b"".join(addresses) + options
    return header + body, {"v4": addresses, "protocol": protocol, "identification": identification, "ttl": ttl, "fragment": fragment, **facts}


def _ipv6(chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    protocol = chance.choice((TCP, UDP, UDP, ICMP6, ICMP6))
    body, facts = _transport(chance, protocol)
    addresses = chance.choice(_V6), chance.choice(_V6)
    hops = chance.choice((1, 64, 255))
    return struct.pack(">IH2B", 6 << 28, len(body), protocol, hops) + b"".join(addresses) + body, {"v6": addresses, "protocol": protocol, **facts}


def _packet(chance: random.Random) -> Made:
    network = chance.choice((IPV4,) * 9 + (IPV6,) * 3 + (ARP, ARP, PPPOE, MPLS, 0))
    destination = chance.choice((*_MACS, BROADCAST, bytes.fromhex("333300000001")))
    addresses = destination + chance.choice(_MACS)
    if network == 0:
        body = chance.randbytes(chance.choice((0, 3, 38)))
        return Made(addresses + struct.pack(">H", len(body)) + body, destination, len(body))
    if network == IPV4:
        body, facts = _ipv4(chance)
    elif network == IPV6:
        body, facts = _ipv6(chance)
    else:
        body, facts = chance.randbytes(chance.choice((6, 28, 46))), {}
    if network in (IPV4, IPV6) and chance.random() < 0.15:
        # Inside a tag there are no facts of the outermost network header.
        vlan = chance.choice((3, 5, 0xFFF))
        tag = struct.pack(">3H", VLAN, chance.choice((0, 5)) << 13 | vlan, network)
        return Made(addresses + tag + body, destination, VLAN, vlan=vlan, inner=network)
    if chance.random() < 0.06:
        # Cut on the wire, somewhere behind the Ethernet header: no fact of what is inside is promised.
        return Made(addresses + struct.pack(">H", network) + body[: chance.randrange(4)], destination, network)
    return Made(addresses + struct.pack(">H", network) + body, destination, network, **facts)


def packets() -> tuple[Made, ...]:
    """The same ones each time."""
    chance = random.Random(9669)
    return tuple(_packet(chance) for _ in range(COUNT))


class Filter(NamedTuple):
    """A filter: the expression and the option of tcpdump that printed it, both empty where we wrote it; and whether it accepts a packet."""

    expression: str
    form: str
    accepts: Callable[[Made], bool]


def _host(packet: Made, *texts: str) -> bool:
    wanted = {ip_address(text).packed for text in texts}
    return bool(wanted.intersection((packet.v4 or ()) + (packet.v6 or ())))


def _has_port(packet: Made, low: int, high: int, *protocols: int) -> bool:
    return packet.protocol in protocols and any(low <= port <= high for port in packet.ports or ())


def _source_in(packet: Made, text: str) -> bool:
    return packet.v4 is not None and ip_address(packet.v4[0]) in ip_network(text)


# fmt: off
FILTERS: dict[str, Filter] = {
    "arp": Filter("arp", "-ddd", lambda p: p.type == ARP),
    "tcp_syn": Filter(
        "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "-ddd",
        lambda p: p.v4 is not None and p.protocol == TCP and p.flags is not None and p.flags & 0x12 == 0x02),
    "http_with_payload": Filter(
        "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)", "-ddd",
        lambda p: p.v4 is not None and _has_port(p, 80, 80, TCP) and bool(p.payload)),
    "dns": Filter("udp port 53", "-dd", lambda p: _has_port(p, 53, 53, UDP)),
    "two_hosts": Filter("ip host 192.0.2.7 or ip6 host 2001:db8::7", "-ddd", lambda p: _host(p, "192.0.2.7", "2001:db8::7")),
    "source_network": Filter(
        "src net 198.51.100.0/24 and ip and not ether broadcast", "-ddd",
        lambda p: _source_in(p, "198.51.100.0/24") and p.destination != b"\xff" * 6),
    "vlan": Filter("vlan 5 and ip", "-dd", lambda p: p.type == VLAN and p.vlan == 5 and p.inner == IPV4),
    "echo": Filter(
        "icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo", "-ddd",
        lambda p: (p.protocol, p.icmp) in ((ICMP, 8), (ICMP6, 128))),
    "lengths": Filter("greater 120 and not greater 300", "-ddd", lambda p: 120 <= len(p.contents) < 300),
    "later_fragments": Filter("ip[6:2] & 0x1fff != 0", "-dd", lambda p: p.fragment is not None and p.fragment & 0x1FFF != 0),
    "ether_multicast": Filter("ether multicast", "-ddd", lambda p: p.destination[0] & 1 == 1),
    "port_range": Filter("udp portrange 5000-6000", "-ddd", lambda p: _has_port(p, 5000, 6000, UDP)),
    "short_lived": Filter("ip[8] < 10", "-ddd", lambda p: p.ttl is not None and p.ttl < 10),
    "remainder": Filter(
        "ip[4:2] % 7 == 3 and (ip[4:2] * 3) ^ 5 != 14 and ip[8] / 2 > 4 and ip[8] << 3 != 0", "-dd",
        lambda p: p.identification is not None and p.ttl is not None and p.identification % 7 == 3 and p.ttl // 2 > 4
        and (p.identification * 3) ^ 5 != 14),
    "pppoe": Filter("pppoes", "-ddd", lambda p: p.type == PPPOE),
    "sctp_or_ipv6_udp": Filter(
        "ip proto 132 or ip6 proto 17", "-ddd",
        lambda p: (p.v4 is not None and p.protocol == SCTP) or (p.v6 is not None and p.protocol == UDP)),
    # Written by hand: the network header by its own offset; ancillary loads, and A ^= X; what a division by zero and M are for.
    "network_header": Filter("", "", lambda p: p.v4 is not None and p.protocol == UDP),
    "ancillary": Filter("", "", lambda p: p.type == IPV6),
    "quotients": Filter("", "", lambda p: p.ttl is not None and p.identification is not None and p.identification // p.ttl % 5 == 2),
    "link_layer_only": Filter("not ip and not ip6 and not arp and not vlan", "-ddd", lambda p: p.type not in (IPV4, IPV6, ARP, VLAN)),
}
# fmt: on


def pcap(made: tuple[Made, ...]) -> bytes:
    """A capture in the old format, big-endian, Ethernet, with a second between two packets."""
    parts = [struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1)]
    for number, packet in enumerate(made):
        parts.append(struct.pack(">4I", number, 0, len(packet.captured), len(packet.contents)) + packet.captured)
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def pcapng(made: tuple[Made, ...]) -> bytes:
    """The same in the new format, little-endian."""
    parts = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), _block(1, struct.pack("<HHI", 1, 0, SNAPLEN))]
    for number, packet in enumerate(made):
        header = struct.pack("<5I", 0, 0, number, len(packet.captured), len(packet.contents))
        parts.append(_block(6, header + packet.captured))
    return b"".join(parts)


def contents() -> dict[Path, bytes]:
    """What each capture must hold."""
    made = packets()
    return {CAPTURE: pcap(made), SAMPLE: pcapng(made[:SAMPLE_COUNT])}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filters", action="store_true", help="compile the filters as well")
    options = parser.parse_args()
    for path, data in contents().items():
        path.write_bytes(data)
    for name, one in FILTERS.items():
        if not (options.filters and one.form):
            continue
        command = ["tcpdump", "-r", str(SAMPLE), one.form, one.expression]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        (HERE / f"{name}.txt").write_text(done.stdout)


if __name__ == "__main__":
    main()

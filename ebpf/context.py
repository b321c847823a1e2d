"""The contexts that Linux gives to programs that look at packets, as the programs see them (include/uapi/linux/bpf.h).

All fields are unsigned integers in the byte order of the machine; `protocol` and `vlan_proto` of `struct __sk_buff` hold 16 bits in network order. A
program sees the fields `data`, `data_end` and `data_meta` as 32-bit ones, and yet they are pointers: a verifier rewrites the loads.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

ContextKind = Literal["memory", "skb", "xdp"]
"""Bytes that are the program's, `struct __sk_buff`, `struct xdp_md`."""


class Field(NamedTuple):
    """Where a field is, how many bytes it has, and whether a program may write it."""

    offset: int
    size: int
    writable: bool = False


_SKB_WRITABLE = ("mark", "queue_mapping", "priority", "tc_index", "cb", "tc_classid")


def _skb() -> dict[str, Field]:
    words = (
        "len",
        "pkt_type",
        "mark",
        "queue_mapping",
        "protocol",
        "vlan_present",
        "vlan_tci",
        "vlan_proto",
        "priority",
        "ingress_ifindex",
        "ifindex",
    )
    fields = {name: Field(4 * number, 4, name in _SKB_WRITABLE) for number, name in enumerate((*words, "tc_index"))}
    fields["cb"] = Field(48, 20, True)
    behind = ("hash", "tc_classid", "data", "data_end", "napi_id")
    fields |= {name: Field(68 + 4 * number, 4, name in _SKB_WRITABLE) for number, name in enumerate(behind)}
    fields["data_meta"] = Field(140, 4)
    # Of our own, behind the structure: the ARPHRD_ number of the interface, which only converted classic filters load.
    fields["hardware_type"] = Field(192, 4)
    return fields


_XDP = ("data", "data_end", "data_meta", "ingress_ifindex", "rx_queue_index", "egress_ifindex")

FIELDS: Mapping[ContextKind, Mapping[str, Field]] = MappingProxyType(
    {
        "memory": MappingProxyType({}),
        "skb": MappingProxyType(_skb()),
        "xdp": MappingProxyType({name: Field(4 * number, 4) for number, name in enumerate(_XDP)}),
    }
)
"""By kind of context and name. `cb` is five words of the program's own. What is left out is refused."""

POINTERS = ("data", "data_end", "data_meta")
"""Fields that are pointers to the packet."""


def size(kind: ContextKind) -> int:
    """Bytes up to the end of the last field."""
    return max((field.offset + field.size for field in FIELDS[kind].values()), default=0)


def field_at(kind: ContextKind, offset: int, length: int) -> str | None:
    """The name of the field that holds these bytes, None where there is none."""
    for name, field in FIELDS[kind].items():
        if field.offset <= offset and offset + length <= field.offset + field.size:
            return name
    return None

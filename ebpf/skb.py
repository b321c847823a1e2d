"""`struct __sk_buff`, the context of programs that look at packets, as they see it (Linux: include/uapi/linux/bpf.h).

All fields are unsigned integers in the byte order of the machine; `protocol` and `vlan_proto` hold 16 bits in network order. Behind the structure
lies a field of our own, which only converted classic filters read: the ARPHRD_ number of the interface.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Field(NamedTuple):
    """Where a field is, and how many bytes it has."""

    offset: int
    size: int


# fmt: off
_NAMES = (
    "len", "pkt_type", "mark", "queue_mapping", "protocol", "vlan_present", "vlan_tci", "vlan_proto", "priority", "ingress_ifindex", "ifindex",
    "tc_index", "cb0", "cb1", "cb2", "cb3", "cb4", "hash", "tc_classid", "data", "data_end", "napi_id",
)
# fmt: on
SIZE = 192
"""Bytes of the structure itself."""

FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        **{name: Field(4 * number, 4) for number, name in enumerate(_NAMES)},
        "hardware_type": Field(SIZE, 4),
    }
)
"""By name; cb0 to cb4 are the words of `cb`. What is left out is of no use here."""

"""The part of BTF that declares maps: variables of `.maps`, whose types are structures with a convention; tags of functions; types in `.ksyms`.

    struct {
        int (*type)[BPF_MAP_TYPE_HASH];          a number is the length of an array that a pointer points to
        int (*max_entries)[64];
        u32 *key;                                a type is what a pointer points to; only its size matters here
        u64 *value;                              or key_size and value_size as numbers
        int (*values[4])(void *);                of a prog array: what it holds at the start, by relocations
    } name SEC(".maps");

Format: Linux, Documentation/bpf/btf.rst. The convention: libbpf, section ".maps". `read` raises ValueError, or struct.error, for data that is no BTF.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from ebpf.kernel import POINTER
from ebpf.program import ByteOrder, printable

_MAGIC = 0xEB9F
_HEADER = "HBBIIIII"
_INT, _POINTER, _ARRAY, _STRUCT, _UNION, _ENUM, _FUNC, _FUNC_PROTO, _VARIABLE, _DATASEC, _FLOAT, _DECL_TAG, _ENUM64 = (
    1,
    2,
    3,
    4,
    5,
    6,
    12,
    13,
    14,
    15,
    16,
    17,
    19,
)
_MODIFIERS = (8, 9, 10, 11, 18)
"""Typedef, volatile, const, restrict, type tag: another type by another name."""
_SIZED = (_INT, _STRUCT, _UNION, _ENUM, _FLOAT, _ENUM64)

_FIXED = {_INT: 4, _ARRAY: 12, _VARIABLE: 4, _DECL_TAG: 4}
_EACH = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}
"""Bytes that follow a type of a kind: so many, or so many for each member."""

_KERNEL = ".ksyms"

_SIGNED = 1
"""The bit of an integer's encoding."""

_DEPTH = 32
"""Types that may lead to one another before this is taken for a circle."""


class _Type(NamedTuple):
    """`size` is the number of the type that it refers to where its kind has that instead of a size. `rest` is what follows, in 32-bit numbers.

    `members` of a structure or a union: name, type, offset in bits. `flag` says of an enumeration whether it is signed.
    """

    kind: int
    name: str
    size: int
    rest: tuple[int, ...]
    members: tuple[tuple[str, int, int], ...]
    flag: bool = False


class Declaration(NamedTuple):
    """What the structure of a map says: numbers by name, with `key_size` and `value_size` for types; offset of `values` in bytes, None without."""

    numbers: Mapping[str, int]
    values: int | None


def read(data: bytes, byte_order: ByteOrder) -> "Types":
    """The types in a section `.BTF`."""
    order = ">" if byte_order == "big" else "<"
    magic, _, _, start, types, length, names, names_length = struct.unpack_from(f"{order}{_HEADER}", data)
    if magic != _MAGIC:
        raise ValueError(f"magic number {magic:#x}")
    strings = data[start + names : start + names + names_length]

    def name(at: int) -> str:
        return printable(strings[at : strings.index(b"\0", at)].decode())

    found: list[_Type] = []
    at, end = start + types, start + types + length
    while at < end:
        name_at, info, size = struct.unpack_from(f"{order}III", data, at)
        kind, count = info >> 24 & 0x1F, info & 0xFFFF
        following = _FIXED.get(kind, 0) + _EACH.get(kind, 0) * count
        rest = struct.unpack_from(f"{order}{following // 4}I", data, at + 12)
        # With the flag in bit 31 the upper bits of an offset are the size of a bit field.
        places = [offset & 0xFFFFFF if info >> 31 else offset for offset in rest[2::3]]
        members = tuple(zip(map(name, rest[::3]), rest[1::3], places, strict=True)) if kind in (_STRUCT, _UNION) else ()
        found.append(_Type(kind, name(name_at), size, rest, members, bool(info >> 31)))
        at += 12 + following
    return Types(tuple(found))


class Types:
    """The types of an object, by number from 1 on."""

    def __init__(self, types: tuple[_Type, ...]) -> None:
        self._types = types

    def _at(self, number: int) -> _Type:
        """The type with that number, or the one for which it is another name."""
        for _ in range(_DEPTH):
            if not 0 < number <= len(self._types):
                raise ValueError(f"there is no type {number}")
            found = self._types[number - 1]
            if found.kind not in _MODIFIERS:
                return found
            number = found.size
        raise ValueError(f"type {number} leads to itself")

    def _size(self, number: int, depth: int = 0) -> int:
        found = self._at(number)
        if depth == _DEPTH:
            raise ValueError(f"type {number} leads to itself")
        if found.kind in _SIZED:
            return found.size
        if found.kind == _POINTER:
            return 8
        if found.kind == _ARRAY:
            return found.rest[2] * self._size(found.rest[0], depth + 1)
        raise ValueError(f"type {number} has no size")

    def tags(self, function: str) -> tuple[str, ...]:
        """The declaration tags of the function with this name itself, not of its parameters."""
        whole = 0xFFFF_FFFF
        tagged = [found for found in self._types if found.kind == _DECL_TAG and found.rest == (whole,) and 0 < found.size <= len(self._types)]
        return tuple(tag.name for tag in tagged if (of := self._types[tag.size - 1]).kind == _FUNC and of.name == function)

    def signature(self, function: str) -> tuple[str, tuple[str, ...]] | None:
        """Types of the result and of the arguments of a function of `.ksyms`, as `ebpf.kernel` names them; None when there is no such function.

        Raises ValueError for a type that is neither an integer nor a pointer.
        """
        found = self._of_kernel(_FUNC, function)
        if found is None:
            return None
        prototype = self._at(found.size)
        if prototype.kind != _FUNC_PROTO:
            raise ValueError("it has no prototype")
        return self._integer(prototype.size), tuple(self._integer(kind) for kind in prototype.rest[1::2])

    def _of_kernel(self, kind: int, name: str) -> _Type | None:
        """What is declared as the kernel's: a section holds the numbers, offsets and sizes of its members."""
        members = (number for section in self._types if section.kind == _DATASEC and section.name == _KERNEL for number in section.rest[::3])
        found = (self._types[number - 1] for number in members if 0 < number <= len(self._types))
        return next((one for one in found if (one.kind, one.name) == (kind, name)), None)

    def _integer(self, number: int) -> str:
        if not number:
            raise ValueError("its result is void, or it takes any number of arguments")
        found = self._at(number)
        if found.kind == _POINTER:
            return POINTER
        if found.kind in (_ENUM, _ENUM64):
            return f"{'s' if found.flag else 'u'}{8 * found.size}"
        if found.kind != _INT:
            raise ValueError(f"type {number} is neither an integer nor a pointer")
        return f"{'s' if found.rest[0] >> 24 & _SIGNED else 'u'}{8 * found.size}"

    def variable_size(self, name: str) -> int | None:
        """Bytes of a variable of `.ksyms`; None when there is no such variable. Raises ValueError when its type has no size."""
        found = self._of_kernel(_VARIABLE, name)
        return None if found is None else self._size(found.size)

    def declaration(self, variable: str) -> Declaration | None:
        """What the variable with this name declares, None when there is no such variable. Raises ValueError when that is no declaration of a map."""
        for found in self._types:
            if found.kind == _VARIABLE and found.name == variable:
                return self._declaration(self._at(found.size))
        return None

    def _declaration(self, structure: _Type) -> Declaration:
        if structure.kind != _STRUCT:
            raise ValueError("it is no structure")
        numbers: dict[str, int] = {}
        values = None
        for name, number, offset in structure.members:
            field = self._at(number)
            if name == "values" and field.kind == _ARRAY:
                values = offset // 8
            elif field.kind != _POINTER:
                raise ValueError(f"its field {name!r} is no pointer")
            elif name in ("key", "value"):
                numbers[f"{name}_size"] = self._size(field.size)
            elif self._at(field.size).kind == _ARRAY:
                numbers[name] = self._at(field.size).rest[2]
            else:
                raise ValueError(f"its field {name!r} is no number")
        return Declaration(numbers, values)

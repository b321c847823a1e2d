"""The maps that an object declares, from either of the two ways in which C programs declare them, and the functions that its prog arrays hold.

section .maps    variables that BTF describes (`ebpf.btf`)
section maps     `struct bpf_map_def`: type, key size, value size, number of entries, flags, as 32-bit numbers; later versions of it have more
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ebpf import btf
from ebpf.elf_object import Object, Section, Symbol
from ebpf.program import Map, MapKind

MAP_SECTIONS = (".maps", "maps")

_FIELDS = ("type", "key_size", "value_size", "max_entries", "map_flags")
R_BPF_64_ABS64 = 2
_POINTER = 8

_NO_PREALLOC = 1
_PINNING = "pinning"
"""What has no meaning here and does no harm: when entries are allocated, and whether the map has a name in a file system."""


class DeclaredMap(NamedTuple):
    """A map without its programs, and these by index."""

    map: Map
    programs: tuple[tuple[int, Symbol], ...] = ()


def declared_map(contents: Object, symbol: Symbol) -> DeclaredMap:
    """The map that a symbol in one of the two sections names. Raises ValueError when it is none that there can be, with the name in the message."""
    section = contents.sections[symbol.section]
    try:
        if section.name != ".maps":
            return DeclaredMap(_map(symbol.name, _from_structure(contents, section, symbol)))
        declaration = _from_btf(contents, symbol)
        if declaration.values is None:
            return DeclaredMap(_map(symbol.name, declaration.numbers))
        found = _map(symbol.name, {"value_size": 4, **declaration.numbers})
        if found.kind is not MapKind.PROG_ARRAY:
            raise ValueError("values at the start, which only a prog array may have")
        return DeclaredMap(found, tuple(_programs(contents, symbol, declaration.values, found.entries)))
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith("map ") else f"map {symbol.name}: {text}") from None


def _programs(contents: Object, symbol: Symbol, values: int, entries: int) -> Iterator[tuple[int, Symbol]]:
    """Index and function of each relocation in the variable, whose field `values` begins at that offset; the addend is in the data."""
    section = contents.sections[symbol.section]
    for offset, (kind, target) in sorted(section.relocations.items()):
        if symbol.value <= offset < symbol.value + symbol.size:
            index, rest = divmod(offset - symbol.value - values, _POINTER)
            place = target.value + int.from_bytes(section.data[offset : offset + _POINTER], contents.byte_order)
            function = next((one for one in contents.functions if (one.section, one.value) == (target.section, place)), None)
            if rest or kind != R_BPF_64_ABS64 or function is None:
                raise ValueError(f"relocation of type {kind} to {target.name!r}, which is no function of the object")
            if not 0 <= index < entries:
                raise ValueError(f"program {function.name!r} at index {index} of {entries}")
            yield index, function


def _map(name: str, numbers: Mapping[str, int]) -> Map:
    for field, number in numbers.items():
        if field not in (*_FIELDS, _PINNING) or (field == "map_flags" and number & ~_NO_PREALLOC):
            raise ValueError(f"{field} {number} is not supported")
    kind = numbers.get("type", 0)
    if kind not in tuple(MapKind):
        raise ValueError(f"maps of type {kind} are not supported; there are {', '.join(f'{known.name.lower()} ({known})' for known in MapKind)}")
    return Map(name, MapKind(kind), numbers.get("key_size", 0), numbers.get("value_size", 0), numbers.get("max_entries", 0))


def _from_structure(contents: Object, section: Section, symbol: Symbol) -> Mapping[str, int]:
    count = min(symbol.size // 4, len(_FIELDS))
    if count < len(_FIELDS) - 1 or symbol.value + symbol.size > len(section.data):
        raise ValueError(f"a bpf_map_def of {symbol.size} bytes")
    order = ">" if contents.byte_order == "big" else "<"
    return dict(zip(_FIELDS, struct.unpack_from(f"{order}{count}I", section.data, symbol.value), strict=False))


def tags(contents: Object, function: Symbol, prefix: str) -> tuple[str, ...]:
    """What is behind the prefix in the declaration tags of a function. Raises ValueError for damaged BTF in which there may be some."""
    data = _btf(contents)
    if data is None or prefix.encode() not in data:
        return ()
    try:
        found = btf.read(data, contents.byte_order).tags(function.name)
    except (ValueError, struct.error, IndexError) as error:
        raise ValueError(f"damaged BTF: {error}") from None
    return tuple(tag.removeprefix(prefix) for tag in found if tag.startswith(prefix))


def _btf(contents: Object) -> bytes | None:
    return next((section.data for section in contents.sections.values() if section.name == ".BTF"), None)


def _from_btf(contents: Object, symbol: Symbol) -> btf.Declaration:
    data = _btf(contents)
    if data is None:
        raise ValueError("the object has no BTF that describes it; compile with -g")
    try:
        declaration = btf.read(data, contents.byte_order).declaration(symbol.name)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"damaged BTF: {error}") from None
    if declaration is None:
        raise ValueError("BTF does not describe it")
    return declaration

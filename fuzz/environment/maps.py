"""What maps hold and what the helper functions do with them, for one run.

Values lie in the program's memory, one after the other at a distance of `Map.stride`, so that the program accesses them natively once it has looked
one up. Keys, and which of the values are in use, are kept here. Oracle and target each have a set of their own, on a memory of their own.

    array, per-CPU array    all entries exist from the start, and cannot be deleted; a per-CPU array has the values of one CPU
    hash, LRU hash          a new entry takes the value that became free last, or the first that was never used. The program may go on accessing the
                            value of an entry that it has deleted, as in Linux, until that is used again. An update of a key that is there takes
                            another value, too, so that who has looked the key up before goes on seeing the old one: there is one more value than
                            entries for that, and the value that is left is the one for the next such update. Linux has one more for each CPU
                            (hashtab.c, prealloc_init and alloc_htab_elem: extra_elems); its LRU hashes take a free value instead, and may give up
                            entries for that (htab_lru_map_update_elem), which they do not here

Which entry a full LRU hash gives up is approximate in Linux, and exact here: the one for which the last look-up or update is longest ago.
Results are those of Linux (kernel/bpf/arraymap.c and hashtab.c).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ebpf.program import ByteOrder, Map, MapAddress, MapKind
from oracle.world import HelperMemory, RefusedCallError

ANY, NOEXIST, EXIST = 0, 1, 2
"""Flags of an update: BPF_ANY, BPF_NOEXIST, BPF_EXIST."""

ENOENT, E2BIG, EEXIST, EINVAL = 2, 7, 17, 22
"""Numbers of errors, the same on MIPS as elsewhere up to 34."""


class PlacedMap(NamedTuple):
    """A map and its addresses."""

    map: Map
    address: MapAddress


class Entry(NamedTuple):
    """What is in a map at the end of a run: key and value as bytes in memory."""

    key: bytes
    value: bytes


def error(number: int) -> int:
    """The unsigned 64-bit result of a function that returns a negative error number."""
    return (1 << 64) - number


class Array:
    """An array, or the values of one CPU of a per-CPU array."""

    def __init__(self, placed: PlacedMap, byte_order: ByteOrder) -> None:
        self.placed, self._order = placed, byte_order

    def lookup(self, key: bytes) -> int:
        """The address of the value, 0 for an index that is too large."""
        index = int.from_bytes(key, self._order)
        return self.placed.address.values + index * self.placed.map.stride if index < self.placed.map.entries else 0

    def update(self, key: bytes, value: bytes, flags: int, memory: HelperMemory) -> int:
        """Store the value."""
        if flags > EXIST:
            return error(EINVAL)
        address = self.lookup(key)
        if not address:
            return error(E2BIG)
        if flags == NOEXIST:
            return error(EEXIST)
        memory.write(address, value)
        return 0

    def delete(self, key: bytes) -> int:
        """Entries of arrays cannot be deleted."""
        return error(EINVAL)


def places(declared: Map) -> int:
    """How many values there is memory for."""
    return declared.entries + (declared.kind in (MapKind.HASH, MapKind.LRU_HASH))


class Hash:
    """A hash. What a look-up or an update touches moves to the end of `_places`, of which a full LRU hash gives up the first.

    `_spare` is the place that the next update of a key takes that is there.
    """

    def __init__(self, placed: PlacedMap) -> None:
        self.placed = placed
        self._places: dict[bytes, int] = {}
        self._free: list[int] = []
        self._used = 0
        self._spare = placed.map.entries

    def _address(self, place: int) -> int:
        return self.placed.address.values + place * self.placed.map.stride

    def lookup(self, key: bytes) -> int:
        """The address of the value, 0 when there is none."""
        place = self._places.pop(key, None)
        if place is None:
            return 0
        self._places[key] = place
        return self._address(place)

    def update(self, key: bytes, value: bytes, flags: int, memory: HelperMemory) -> int:
        """Store the value, in a new entry where there is none, and never where another value of the key is."""
        if flags > EXIST:
            return error(EINVAL)
        if key in self._places:
            if flags == NOEXIST:
                return error(EEXIST)
            self._places[key], self._spare = self._spare, self._places[key]
        elif flags == EXIST:
            return error(ENOENT)
        elif not self._add(key):
            return error(E2BIG)
        memory.write(self.lookup(key), value)
        return 0

    def _add(self, key: bytes) -> bool:
        if not self._free and self._used == self.placed.map.entries:
            if self.placed.map.kind is not MapKind.LRU_HASH:
                return False
            self.delete(next(iter(self._places)))
        if self._free:
            self._places[key] = self._free.pop()
        else:
            self._places[key] = self._used
            self._used += 1
        return True

    def delete(self, key: bytes) -> int:
        """Remove an entry; its value stays in memory until it is used again."""
        place = self._places.pop(key, None)
        if place is None:
            return error(ENOENT)
        self._free.append(place)
        return 0

    def entries(self) -> Iterator[tuple[bytes, int]]:
        """Key, and offset of the value from that of place 0, of each entry in the order of keys."""
        return ((key, place * self.placed.map.stride) for key, place in sorted(self._places.items()))


class Maps:
    """The maps of one run, by the address that stands for them."""

    def __init__(self, placed: Sequence[PlacedMap], byte_order: ByteOrder) -> None:
        self._maps: dict[int, Array | Hash] = {}
        self._prog_arrays = {one.address.itself: one.map.name for one in placed if one.map.kind is MapKind.PROG_ARRAY}
        for one in placed:
            if one.map.kind in (MapKind.ARRAY, MapKind.PERCPU_ARRAY):
                self._maps[one.address.itself] = Array(one, byte_order)
            elif one.map.kind in (MapKind.HASH, MapKind.LRU_HASH):
                self._maps[one.address.itself] = Hash(one)

    def find(self, address: int) -> Array | Hash:
        """The map; raises RefusedCallError when there is none at the address."""
        found = self._maps.get(address)
        if address in self._prog_arrays:
            raise RefusedCallError(f"r1 is the prog array {self._prog_arrays[address]}")
        if found is None:
            raise RefusedCallError(f"r1 is {address:#x}, which is no map")
        return found

    def contents(self, memory: Mapping[str, bytes]) -> Mapping[str, tuple[Entry, ...]]:
        """What is in each hash by its name, in the order of keys; `memory` has the values by the name of the map, and all there is of an array."""
        found = {}
        for one in self._maps.values():
            if isinstance(one, Hash):
                declared, values = one.placed.map, memory[one.placed.map.name]
                found[declared.name] = tuple(Entry(key, values[start : start + declared.value_size]) for key, start in one.entries())
        return found

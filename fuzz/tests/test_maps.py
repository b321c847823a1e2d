"""Maps do what dictionaries and lists of the same sizes would, through the helper functions; and what is wrong has a name."""

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.program import Map, MapAddress, MapKind
from fuzz.environment.functions import MAP_DELETE_ELEM, MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, environment
from fuzz.environment.maps import Entry, Maps, PlacedMap, places
from oracle.world import RefusedCallError

KEYS, VALUE, VALUES = 0x100, 0x200, 0x1000
U64 = (1 << 64) - 1
ARRAYS = (MapKind.ARRAY, MapKind.PERCPU_ARRAY)
KINDS = [kind for kind in MapKind if kind is not MapKind.PROG_ARRAY]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(("lookup", "delete", 0, 1, 2, 3)), st.integers(0, 6), st.binary(min_size=5, max_size=5)), min_size=1, max_size=60
)


class _Memory:
    """Bytes from address 0 on."""

    def __init__(self) -> None:
        self.bytes = bytearray(0x2000)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes[address : address + size])

    def write(self, address: int, contents: bytes) -> None:
        self.bytes[address : address + len(contents)] = contents


class _Model:
    """The map as the standard library has it."""

    def __init__(self, kind: MapKind, entries: int) -> None:
        self.kind, self.entries = kind, entries
        self.values: OrderedDict[int, bytes] = OrderedDict((key, bytes(5)) for key in range(entries if kind in ARRAYS else 0))

    def update(self, key: int, value: bytes, flags: int) -> int:
        if flags > 2:
            return -22
        if self.kind in ARRAYS and key >= self.entries:
            return -7
        if flags == 1 and key in self.values:
            return -17
        if flags == 2 and key not in self.values:
            return -2
        if key not in self.values and len(self.values) == self.entries:
            if self.kind is not MapKind.LRU_HASH:
                return -7
            self.values.popitem(last=False)
        self.values[key] = value
        self.values.move_to_end(key)
        return 0

    def lookup(self, key: int) -> bytes | None:
        if key in self.values:
            self.values.move_to_end(key)
        return self.values.get(key)

    def delete(self, key: int) -> int:
        if self.kind in ARRAYS:
            return -22
        return 0 if self.values.pop(key, None) is not None else -2


@given(
    st.sampled_from([kind for kind in MapKind if kind is not MapKind.PROG_ARRAY]), st.integers(1, 4), st.sampled_from(("little", "big")), OPERATIONS
)
def test_a_map_does_what_a_dictionary_does(kind: MapKind, entries: int, order: str, operations: list[tuple[str | int, int, bytes]]) -> None:
    placed = PlacedMap(Map("m", kind, 4, 5, entries), MapAddress(0x9000, VALUES))
    functions = environment(0, Maps((placed,), "big" if order == "big" else "little"))
    memory, model = _Memory(), _Model(kind, entries)
    for operation, key, value in operations:
        stored = key.to_bytes(4, "big" if order == "big" else "little")
        memory.write(KEYS, stored)
        memory.write(VALUE, value)
        if operation == "lookup":
            found = functions.helpers[MAP_LOOKUP_ELEM].function(memory, 0x9000, KEYS)
            assert (memory.read(found, 5) if found else None) == model.lookup(key)
            assert found % 8 == 0
            assert found == 0 or VALUES <= found < VALUES + 8 * places(placed.map)
        elif operation == "delete":
            assert functions.helpers[MAP_DELETE_ELEM].function(memory, 0x9000, KEYS) == model.delete(key) & U64
        else:
            assert isinstance(operation, int)
            result = functions.helpers[MAP_UPDATE_ELEM].function(memory, 0x9000, KEYS, VALUE, operation)
            assert result == model.update(key, value, operation) & U64
            assert functions.calls[-1].data == (stored, value)
    contents = functions.maps.contents({"m": memory.read(VALUES, 8 * places(placed.map))})
    if kind in ARRAYS:
        assert contents == {}
        assert [memory.read(VALUES + 8 * at, 5) for at in range(entries)] == [model.values[at] for at in range(entries)]
    else:
        keys = {key: key.to_bytes(4, "big" if order == "big" else "little") for key in model.values}
        assert contents == {"m": tuple(sorted(Entry(keys[key], value) for key, value in model.values.items()))}


@pytest.mark.parametrize("kind", [MapKind.HASH, MapKind.LRU_HASH])
@pytest.mark.parametrize("entries", [1, 2])
def test_who_has_looked_a_key_up_goes_on_seeing_the_value_of_then(kind: MapKind, entries: int) -> None:
    placed = PlacedMap(Map("m", kind, 4, 5, entries), MapAddress(0x9000, VALUES))
    functions = environment(0, Maps((placed,), "little")).helpers
    memory = _Memory()
    seen = []
    for value in (b"first", b"secnd", b"third"):
        memory.write(VALUE, value)
        assert functions[MAP_UPDATE_ELEM].function(memory, 0x9000, KEYS, VALUE, 0) == 0
        seen.append(functions[MAP_LOOKUP_ELEM].function(memory, 0x9000, KEYS))
        assert memory.read(seen[-1], 5) == value
        if len(seen) == 2:
            assert memory.read(seen[0], 5) == b"first"
    # The third takes the value that the second one left, as the only CPU's.
    assert seen[2] == seen[0] != seen[1]
    assert memory.read(seen[1], 5) == b"secnd"


@pytest.mark.parametrize("kind", [MapKind.HASH, MapKind.LRU_HASH])
def test_a_full_hash_still_takes_no_more_entries_than_it_has_after_an_update(kind: MapKind) -> None:
    placed = PlacedMap(Map("m", kind, 4, 5, 1), MapAddress(0x9000, VALUES))
    functions = environment(0, Maps((placed,), "little"))
    memory = _Memory()
    for _ in range(3):
        assert functions.helpers[MAP_UPDATE_ELEM].function(memory, 0x9000, KEYS, VALUE, 0) == 0
    memory.write(KEYS, b"next")
    full = functions.helpers[MAP_UPDATE_ELEM].function(memory, 0x9000, KEYS, VALUE, 0)
    assert full == (0 if kind is MapKind.LRU_HASH else -7 & U64)
    assert [entry.key for entry in functions.maps.contents({"m": bytes(16)})["m"]] == [b"next" if kind is MapKind.LRU_HASH else bytes(4)]


def test_what_is_no_map_is_refused() -> None:
    placed = PlacedMap(Map("m", MapKind.HASH, 4, 4, 1), MapAddress(0x9000, VALUES))
    array = PlacedMap(Map("p", MapKind.PROG_ARRAY, 4, 4, 1), MapAddress(0x9040, 0x9040))
    functions = environment(0, Maps((placed, array), "little"))
    with pytest.raises(RefusedCallError, match="r1 is the prog array p"):
        functions.helpers[MAP_LOOKUP_ELEM].function(_Memory(), 0x9040, KEYS)
    with pytest.raises(RefusedCallError, match="r1 is 0x9008, which is no map"):
        functions.helpers[MAP_LOOKUP_ELEM].function(_Memory(), 0x9008, KEYS)
    assert functions.calls == []


@pytest.mark.parametrize(
    ("kind", "key", "value", "entries", "reason"),
    [
        (MapKind.ARRAY, 8, 4, 1, "map m: array with keys of 8 bytes, not 4"),
        (MapKind.HASH, 0, 4, 1, "map m: hash with keys of 0 bytes, not 1 to 512"),
        (MapKind.LRU_HASH, 513, 4, 1, "map m: lru_hash with keys of 513 bytes, not 1 to 512"),
        (MapKind.HASH, 4, 0, 1, "map m: hash with values of 0 bytes"),
        (MapKind.HASH, 4, 4, 0, "map m: hash with 0 entries"),
        (MapKind.PROG_ARRAY, 8, 4, 1, "map m: prog_array with keys of 8 bytes, not 4"),
        (MapKind.PROG_ARRAY, 4, 8, 1, "map m: prog_array with values of 8 bytes, not 4"),
    ],
)
def test_a_map_that_cannot_be_is_refused(kind: MapKind, key: int, value: int, entries: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Map("m", kind, key, value, entries)

"""Placements: everything in its place, apart from everything else, and the same addresses for all who must agree on them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.instruction import Instruction
from ebpf.program import DataSection, Program, ProgramError, wide_immediate
from fuzz.case import Case, Input
from fuzz.layout import (
    BEFORE_BORDER,
    DATA_SIZE,
    FAR_LAYOUTS,
    IMAGE_SIZE,
    LAYOUTS,
    PAGE,
    Placement,
    addresses,
    before_border,
    physical,
    place,
    setting,
)
from jit.config import BASE_CONFIGS, Config
from jit.runtime import ROUTINES

SECTIONS = st.lists(
    st.builds(
        lambda contents, writable, shift: (contents, writable, 1 << shift),
        st.binary(max_size=300) | st.integers(PAGE - 200, PAGE + 200).map(bytes),
        st.booleans(),
        st.integers(0, 12),
    ),
    max_size=3,
)


def _placement(config: Config, sections: list[tuple[bytes, bool, int]], given: Input) -> Placement:
    data = tuple(DataSection(f".data.{number}", *section) for number, section in enumerate(sections))
    slots = (Instruction(0x18, 1, 2, 0, 0), Instruction(0, imm=3), Instruction(0x95)) if data else (Instruction(0x95),)
    return place(Case(Program("test", "main", slots, data), given), config)


@pytest.mark.parametrize("config", [Config.parse("mips32r2-32be"), Config.parse("mips64r6-64le")], ids=str)
@given(sections=SECTIONS, memory=st.binary(max_size=200) | st.integers(PAGE - 200, PAGE + 200).map(bytes), seed=st.integers(0, 1 << 64))
@settings(max_examples=40)
def test_placements(config: Config, sections: list[tuple[bytes, bool, int]], memory: bytes, seed: int) -> None:
    at = _placement(config, sections, Input(memory, seed=seed))
    world = at.world
    assert world.arguments == (world.regions[0].address, len(memory))
    assert world.arguments[0] % 16 == 0
    assert world.frame_pointer % 16 == 0
    for region, (contents, writable, alignment) in zip(world.regions[1:], sections, strict=True):
        assert (region.contents, region.writable, region.address % alignment) == (contents, writable, 0)
    # Where the oracle sees a region, the target finds its contents, with guard bytes around it.
    areas = [(region.address, region.contents) for region in world.regions] + [(world.frame_pointer - len(world.stack), world.stack)]
    for segment, (address, contents) in zip(at.segments, areas, strict=True):
        assert (segment.address + segment.start, segment.initial[segment.start : segment.start + segment.size]) == (address, contents)
        assert segment.start >= 16
        assert len(segment.initial) - segment.start - segment.size >= 16
        assert segment.address % PAGE == len(segment.initial) % PAGE == 0
    # An unmapped page between two segments.
    for first, second in pairwise(at.segments):
        assert first.address + len(first.initial) + PAGE <= second.address
    if sections:
        assert wide_immediate(*at.slots[:2]) == world.regions[1].address + 3


@pytest.mark.parametrize("layouts", [LAYOUTS, FAR_LAYOUTS], ids=["near", "far"])
@pytest.mark.parametrize("width", [32, 64])
def test_functions(layouts: dict[int, object], width: int) -> None:
    layout = LAYOUTS[width] if layouts is LAYOUTS else FAR_LAYOUTS[width]
    known = addresses(layout)
    every = [*known.routines.values(), *known.helpers.values(), *known.kernel_functions.values()]
    assert known.routines.keys() == ROUTINES.keys()
    assert len(set(every)) == len(every)
    assert all(layout.functions <= address < layout.functions + PAGE for address in every)
    near = layout.image >> 28 == layout.functions >> 28 == (layout.image + IMAGE_SIZE) >> 28
    assert near == (layouts is LAYOUTS)


def test_both_widths_have_the_same_physical_addresses() -> None:
    for layouts in (LAYOUTS, FAR_LAYOUTS):
        for name in ("image", "return_page", "functions", "context", "data", "stack"):
            narrow, wide = (getattr(layouts[width], name) for width in (32, 64))
            assert physical(narrow) == narrow == physical(wide)
            # Neither half of a 64-bit address leads anywhere, nor does its sign-extension.
            assert wide >> 32
            assert wide >> 31 & 1


def test_settings() -> None:
    assert len({setting(config) for config in BASE_CONFIGS}) == 8
    alignments = {
        name: setting(Config.parse(name)).alignment for name in ("mips1-32le", "mips64r5-32be", "mips3-64be", "mips32r6-32le", "mips64r6-64le")
    }
    assert list(alignments.values()) == [4, 4, 8, 1, 1]


def test_sections_of_the_same_name_are_refused() -> None:
    data = (DataSection(".bss", b"", True), DataSection(".bss", b"", True))
    with pytest.raises(ProgramError, match=r"file\.o: xdp: two data sections, maps or variables of the same name"):
        place(Case(Program("file.o", "xdp", (Instruction(0x95),), data), Input(b"")), BASE_CONFIGS[0])


@pytest.mark.parametrize("name", ["context", ".bss"])
def test_what_does_not_fit_is_refused(name: str) -> None:
    memory, section = (bytes(0x30_0000), b"") if name == "context" else (b"", bytes(DATA_SIZE))
    program = Program("file.o", "xdp", (Instruction(0x95),), (DataSection(".bss", section, True),))
    with pytest.raises(ProgramError, match=rf"file\.o: xdp: no room for \d+ bytes of {name}"):
        place(Case(program, Input(memory)), BASE_CONFIGS[0])


def test_each_world_has_fresh_functions() -> None:
    at = _placement(BASE_CONFIGS[0], [], Input(b"", seed=9))
    results = []
    for _ in range(2):
        world, functions = at.fresh_world()
        results.append([world.helpers[5].function() for _ in range(3)])
        assert len(functions.calls) == 3
    assert results[0] == results[1]
    assert at.world.helpers == {}


@pytest.mark.parametrize("width", [32, 64])
def test_before_a_border(width: int) -> None:
    layout = before_border(LAYOUTS[width], 8)
    assert layout.functions >> 28 == layout.image >> 28 == ((layout.image + 8) >> 28) - 1
    for size in (2, -4, BEFORE_BORDER + 4):
        with pytest.raises(ValueError, match=f"an image cannot begin {size} bytes before"):
            before_border(LAYOUTS[width], size)

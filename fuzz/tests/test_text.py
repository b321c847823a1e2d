"""What native code says of the words of an image is what the wires say of them in Python, or less: a doubt too many, never one too few."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from fuzz.case import Case
from fuzz.layout import Placement, place
from fuzz.recording import native_record as record
from fuzz.recording import native_screen, native_text, screen
from fuzz.recording.decoded import decoded
from fuzz.recording.text import doubts, text
from fuzz.suite.suites import suites
from fuzz.tests.images import CONFIGS, Line, image, placement
from fuzz.tests.test_decoded import words
from fuzz.tests.test_screen import INPUTS, PROGRAM
from fuzz.tests.test_wires import EXAMPLES, example_case, example_image
from fuzz.wires import WIRES
from fuzz.wires.flow import successors
from fuzz.wires.frame import main_frame
from fuzz.wires.hazards import HILO_DISTANCE
from fuzz.wires.memory import lowest_stack_pointer
from fuzz.wires.wire import Example, Wire
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.mips import rows

ASKED = tuple(wire for wire in WIRES if wire.doubt)
# What the wires look at, in groups: one image has words of few groups, so that they meet.
_GROUPS = (
    ("beq", "bne", "beql", "bnel", "blez", "bgez", "bgtz", "bltzal", "bgezal", "j", "jal", "jr", "jalr"),
    ("bc", "beqzc", "bnezc", "bltzc", "beqc", "bovc", "jic", "balc"),
    ("lw", "lwl", "lwr", "lb", "addu", "sw"),
    ("mflo", "mfhi", "mult", "mtlo", "divu", "addu"),
    ("addiu", "daddiu", "daddu", "sw", "sd"),
    ("ll", "sc", "lld", "scd"),
)
_REGISTERS = (0, 1, 2, 28, 29)


@st.composite
def near_words(draw: st.DrawFn, config: Config, names: tuple[str, ...]) -> int:
    """Instructions with few registers and short ways, so that much goes wrong; or any words."""
    if draw(st.integers(0, 19)) == 0:
        return draw(words())
    row = rows(config)[draw(st.sampled_from(names))]
    operands = []
    for field in row.fields:
        if field.name == "instr_index":
            operands.append(((image(config, []).base & 0xFFFFFFF) >> 2) + draw(st.integers(0, 12)))
        elif field.name in ("rs", "rt", "rd", "base"):
            operands.append(draw(st.sampled_from(_REGISTERS)))
        else:
            operands.append(max(field.low, min(field.high, draw(st.sampled_from((-32768, -600, -32, -3, -2, -1, 0, 1, 2, 3, 16, 32))))))
    try:
        return row.encode(*operands)
    except ValueError:
        return 0


@st.composite
def images(draw: st.DrawFn, configs: st.SearchStrategy[Config]) -> Compiled:
    config = draw(configs)
    groups = [tuple(name for name in group if name in rows(config)) for group in _GROUPS]
    chosen = draw(st.lists(st.sampled_from([group for group in groups if group]), min_size=1, max_size=2))
    given_words = draw(st.lists(near_words(config, sum(chosen, ())), min_size=1, max_size=10))
    return replace(image(config, []), words=tuple(given_words), slot_of=(-1,) * len(given_words), exits=())


def agree(compiled: Compiled, at: Placement) -> None:
    found = doubts(compiled, at)
    for wire in ASKED:
        assert wire.code is not None
        if not wire.doubt & found:
            assert list(wire.code(compiled, at)) == [], wire.name


_OLD = [config for config in BASE_CONFIGS if config.isa in HILO_DISTANCE]


@settings(max_examples=150)
@given(images(st.sampled_from(BASE_CONFIGS)))
def test_next_words(compiled: Compiled) -> None:
    told = [tuple(at for at in row if at != native_text.NO_WORD) for row in decoded(compiled).following.tolist()]
    assert told == list(successors(compiled))


@settings(max_examples=150)
@given(images(st.sampled_from(all_configs()[::7])))
def test_wires_find_nothing_without_a_doubt(compiled: Compiled) -> None:
    agree(compiled, placement(compiled.config))


@settings(max_examples=400)
@given(images(st.sampled_from(_OLD)))
def test_distances(compiled: Compiled) -> None:
    agree(compiled, placement(compiled.config))


@given(st.data(), st.sampled_from(CONFIGS))
def test_wires_find_nothing_without_a_doubt_in_compiled_code(data: st.DataObject, config: Config) -> None:
    at = place(Case(PROGRAM, INPUTS[0]), config)
    compiled = compile_program(at.slots, config, at.addresses)
    changed = list(compiled.words)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 31))
    agree(replace(compiled, words=tuple(changed), stack_size=data.draw(st.sampled_from((0, compiled.stack_size, 4088)))), at)


@pytest.mark.parametrize(("wire", "example"), EXAMPLES)
def test_examples(wire: Wire, example: Example) -> None:
    agree(example_image(example, 0), place(example_case(example), Config.parse(example.config)))


@pytest.mark.parametrize("wire", ASKED, ids=lambda wire: wire.name)
def test_there_are_doubts(wire: Wire) -> None:
    """Each doubt is raised by the examples in whose words the wire finds something, and there are such."""
    assert wire.code is not None
    raised = 0
    for example in wire.examples:
        compiled, at = example_image(example, 0), place(example_case(example), Config.parse(example.config))
        if any(wire.code(compiled, at)):
            assert doubts(compiled, at) & wire.doubt
            raised += 1
    assert raised


PLAIN = assemble("r0 = *(u32 *)(r1 + 0); r3 = 5; r0 *= r3; if r0 > 9 goto +1; r0 /= 7; *(u64 *)(r10 - 8) = r0; r0 = 1; exit".replace("; ", "\n"))


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_nothing_is_doubted_in_compiled_code(config: Config) -> None:
    at = place(Case(PLAIN, INPUTS[0]), config)
    assert doubts(compile_program(at.slots, config, at.addresses), at) == 0
    for suite in suites()[::40]:
        at = place(Case(suite.program, INPUTS[0]), config)
        assert doubts(compile_program(at.slots, config, at.addresses), at) == 0


@settings(max_examples=150)
@given(images(st.sampled_from(BASE_CONFIGS)))
def test_frames(compiled: Compiled) -> None:
    found = text(compiled)
    assert (found.main_frame, found.deepest) == (main_frame(compiled), lowest_stack_pointer(compiled))


@settings(max_examples=100)
@given(st.data(), st.sampled_from(CONFIGS))
def test_descriptions_of_images(data: st.DataObject, config: Config) -> None:
    """Also of images that lie about themselves."""
    at = place(Case(PROGRAM, INPUTS[0]), config)
    compiled = compile_program(at.slots, config, at.addresses)
    starts = list(compiled.bpf_at)
    for _ in range(data.draw(st.integers(0, 4))):
        starts[data.draw(st.integers(0, len(starts) - 1))] = data.draw(st.one_of(st.none(), st.integers(0, len(compiled.words) + 1)))
    owners = data.draw(st.permutations(compiled.slot_of))
    changed = replace(compiled, bpf_at=tuple(starts) if data.draw(st.booleans()) else (), slot_of=tuple(owners))
    made = screen.image(changed, at.slots)
    assert made.tolist() == screen.plain(changed, at.slots, made[: native_screen.IMAGE_HEADER].copy()).tolist()


@settings(max_examples=80)
@given(images(st.sampled_from(_OLD)), st.data())
def test_recorded_ways(compiled: Compiled, data: st.DataObject) -> None:
    following, count = successors(compiled), len(compiled.words)
    shown = [(at, to) for at, targets in enumerate(following) for to in targets]
    outside = [(-1, 0), (0, -1), (0, count), (count, 0)]
    edges = data.draw(st.lists(st.sampled_from(shown + outside), max_size=8))
    known = data.draw(st.booleans())
    if not known:
        at = data.draw(st.integers(0, count - 1))
        others = [to for to in range(count) if to not in following[at]]
        assume(others)
        edges.append((at, data.draw(st.sampled_from(others))))
    memory = np.zeros(record.EDGES + record.EDGE_ROW * len(edges), np.int64)
    memory[record.COUNT_EDGES] = len(edges)
    memory[record.EDGES :].reshape(-1, record.EDGE_ROW)[:, :2] = np.array(edges, np.int64).reshape(-1, 2)
    assert native_text.all_lead(memory, decoded(compiled).following) == known


def test_ways_that_found_no_room_are_not_known() -> None:
    data = np.zeros(record.EDGES, np.int64)
    data[record.COUNT_EDGES] = record.MAXIMUM_EDGES + 1
    assert not native_text.all_lead(data, decoded(image(CONFIGS[0], [])).following)


def made(config: str, *lines: Line) -> Compiled:
    compiled = image(Config.parse(config), lines, returns=False)
    return replace(compiled, exits=())


def test_places_that_chance_seldom_finds() -> None:
    frames = made("mips1-32le", ("addiu", 29, 29, -8), ("addiu", 29, 29, -64), ("addiu", 29, 29, -16))
    assert text(frames).deepest == lowest_stack_pointer(frames) == 8 + 8 * 64
    assert text(made("mips1-32le", ("sw", 0, -32768, 29))).doubts & native_text.CONVENTION
    # What is executed second after mflo is the target of a branch whose slot is executed first.
    lines: list[Line] = [("beq", 0, 0, 2), ("mflo", 1), ("beq", 1, 2, 2), ("sll", 0, 0, 0), ("sll", 0, 0, 0), ("mult", 1, 1)]
    near = made("mips3-64be", *lines)
    assert decoded(near).following.tolist()[1:4] == [[3, native_text.NO_WORD], [3, native_text.NO_WORD], [5, 4]]
    assert text(near).doubts & native_text.DISTANCES
    data = np.zeros(record.EDGES + record.EDGE_ROW, np.int64)
    data[record.COUNT_EDGES] = 1
    for to, known in ((5, True), (4, True), (3, False)):
        data[record.EDGES : record.EDGES + 2] = 3, to
        assert native_text.all_lead(data, decoded(near).following) == known

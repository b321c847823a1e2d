"""What is said of chosen words of an image is what would be said by a look at every word."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from fuzz.abi import SP
from fuzz.atomics import indivisible
from fuzz.case import Case, Input
from fuzz.cpu.erratum_models import image_of
from fuzz.layout import Placement, place
from fuzz.tests.test_decoded import arrays, words
from fuzz.unicorn.fault import accessed
from fuzz.wires import atomicity, flow
from jit.compiled import Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.mips import FACTS, ROWS, decode

ATOMIC = assemble("""
    r0 = 1
    *(u64 *)(r10 - 8) = r0
    lock *(u32 *)(r1 + 0) += w0
    r0 = atomic_fetch_or((u64 *)(r1 + 8), r0)
    w2 = load_acquire((u8 *)(r1 + 3))
    store_release((u16 *)(r1 + 4), w2)
    r0 = *(u32 *)(r1 + 0)
    exit
""")


def accesses(compiled: Compiled, placement: Placement) -> Iterator[tuple[int, int, int]]:
    """The definition of `fuzz.wires.atomicity.code`: word, bytes that it accesses, bytes of the instruction."""
    sizes = {number: size for number, slot in enumerate(placement.slots) if (size := indivisible(slot))}
    own = [(at, word, owner) for at, (word, owner) in enumerate(zip(flow.words(compiled), compiled.slot_of, strict=True)) if owner in sizes and word]
    routines = {owner for _, word, owner in own if "call" in word.facts}
    for at, word, owner in own:
        native = "base" in word.row.operands and word.named("base") == SP
        if owner not in routines and word.facts & {"load", "store"} and not native and accessed(word.row) != sizes[owner]:
            yield at, accessed(word.row), sizes[owner]


@st.composite
def changed_images(draw: st.DrawFn) -> tuple[Compiled, Placement]:
    """Compiled code in which words, and the instructions that they belong to, are others."""
    config = draw(st.sampled_from(BASE_CONFIGS))
    placement = place(Case(ATOMIC, Input(bytes(16))), config)
    compiled = compile_program(placement.slots, config, placement.addresses)
    code, owners = list(compiled.words), list(compiled.slot_of)
    memory = [row for row in ROWS if config.isa in row.isas and not row.facts.isdisjoint({"load", "store", "call"})]
    for _ in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, len(code) - 1))
        row = draw(st.sampled_from(memory))
        code[at] = draw(st.sampled_from((code[at] ^ 1 << draw(st.integers(0, 31)), row.bits | code[at] & ~row.mask)))
        owners[draw(st.integers(0, len(code) - 1))] = draw(st.integers(-1, len(placement.slots) - 1))
    return replace(compiled, words=tuple(code), slot_of=tuple(owners)), placement


@settings(max_examples=200)
@given(changed_images())
def test_accesses_in_atomic_operations(made: tuple[Compiled, Placement]) -> None:
    compiled, placement = made
    expected = [(at, f"an access of {size} bytes in an operation on {whole} bytes") for at, size, whole in accesses(compiled, placement)]
    assert [(trip.word, trip.detail) for trip in atomicity.code(compiled, placement)] == expected


@given(st.lists(words(), min_size=1, max_size=40), st.sampled_from(BASE_CONFIGS), st.slices(40))
def test_words(given_words: list[int], config: Config, some: slice) -> None:
    found = flow.words(arrays(config, given_words))
    plain = [decode(word, config.isa) for word in given_words]
    assert [each and (each.row, each.operands) for each in found] == plain
    assert [each and (each.row, each.operands) for each in found[some]] == plain[some]
    assert len(found) == len(plain)


@given(st.lists(words(), min_size=1, max_size=40), st.sampled_from(BASE_CONFIGS), st.data())
def test_words_by_name(given_words: list[int], config: Config, data: st.DataObject) -> None:
    compiled = arrays(config, given_words)
    there = [word.row.mnemonic for word in flow.words(compiled) if word]
    names = data.draw(st.lists(st.sampled_from((*FACTS, *there)), max_size=3))
    wanted = [(at, word) for at, word in enumerate(flow.words(compiled)) if word and {word.row.mnemonic, *word.facts} & set(names)]
    assert list(image_of(compiled).all(*names)) == wanted

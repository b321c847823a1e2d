"""Classic filters, converted to eBPF: against a direct interpreter, against libpcap, and against packets of which everything is known."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import cypcap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.classic import ANCILLARY, BY_CODE, BY_NAME, ROWS, ClassicInstruction
from ebpf.classic import check as check_filter
from ebpf.classic_convert import HELPERS, Loads, convert
from ebpf.classic_text import read_classic
from ebpf.program import ByteOrder
from ebpf.validity import check
from fuzz.captures import Captured, read_capture
from fuzz.case import Case
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.tests.scripts import load as load_script
from jit.config import Config
from oracle.classic import run_classic

FILTERS = Path(__file__).parents[2] / "corpus" / "filters"
NAMES = sorted(path.stem for path in FILTERS.glob("*.txt"))
ORDERS: tuple[ByteOrder, ...] = ("little", "big")
LOADS: tuple[Loads, ...] = ("legacy", "direct")
NETWORK, LINK = 0xFFF0_0000, 0xFFE0_0000


def build() -> ModuleType:
    return load_script(FILTERS / "build.py")


@cache
def capture() -> tuple[Captured, ...]:
    return read_capture(str(FILTERS / "mixed.pcap"))


@cache
def shipped(name: str) -> tuple[ClassicInstruction, ...]:
    return read_classic((FILTERS / f"{name}.txt").read_text(), name)


def converted(instructions: Sequence[ClassicInstruction], captured: Captured, order: ByteOrder, loads: Loads) -> int:
    """What the oracle says that the converted filter returns."""
    program = convert(instructions, "filter", loads)
    check(program)
    config = Config("mips64r6" if loads == "legacy" else "mips32r2", 32, order == "big")
    outcome = interpret(place(Case(program, captured.input(0, "skb", order)), config)).outcome
    assert outcome.fault is None
    assert outcome.return_value == outcome.registers[0]
    return outcome.return_value or 0


def by_libpcap(instructions: Sequence[ClassicInstruction], contents: bytes) -> bool:
    header = cypcap.Pkthdr(0, len(contents), len(contents))
    return bool(cypcap.BpfProgram([tuple(i[:4]) for i in instructions]).offline_filter(header, contents))


EDGES = st.sampled_from([0, 1, 2, 3, 7, 31, 32, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF])
NUMBERS = EDGES | st.integers(0, 255) | st.integers(0, (1 << 32) - 1)
OFFSETS = st.integers(0, 40) | st.builds(lambda base, n: base + n, st.sampled_from([NETWORK, LINK]), st.integers(0, 40))
KNOWN = sorted(k for k, name in ANCILLARY.items() if name not in HELPERS)


@st.composite
def filters(draw: st.DrawFn, linux: bool) -> tuple[ClassicInstruction, ...]:
    """Well-formed filters; without `linux` only what Linux and libpcap agree about."""
    length = draw(st.integers(1, 24))
    made, written = [ClassicInstruction(BY_NAME["ST"].code, 0, 0, word) for word in range(2)], 2
    rows = [row for row in ROWS if linux or row.name not in ("LSH_X", "RSH_X")]
    for behind in range(length, 0, -1):
        row = draw(st.sampled_from(rows))
        jt, jf, k = draw(st.integers(0, min(behind - 1, 4))), draw(st.integers(0, min(behind - 1, 4))), draw(NUMBERS)
        if row.use == "packet":
            k = draw(OFFSETS | st.sampled_from(KNOWN)) if linux else draw(st.integers(0, 40))
        elif row.name in ("LD_W_IND", "LD_H_IND", "LD_B_IND", "LDX_MSH"):
            k = draw(OFFSETS | EDGES) if linux and row.name != "LDX_MSH" else draw(st.integers(0, 40))
        else:
            k = {"word": k % written, "count": k % 32, "divisor": k or 1, "jump": k % min(behind, 4)}.get(row.use, k)
        made.append(ClassicInstruction(row.code, jt, jf, k))
    made.append(ClassicInstruction(BY_NAME["RET_A"].code, 0, 0, 0))
    check_filter(made, "filter")
    return tuple(made)


@pytest.mark.parametrize("loads", LOADS)
@given(filters(linux=True), st.binary(max_size=64), st.sampled_from([0, 5]), st.sampled_from(ORDERS))
@settings(max_examples=80)
def test_conversion_means_what_the_filter_means(
    loads: Loads, instructions: tuple[ClassicInstruction, ...], contents: bytes, more: int, order: ByteOrder
) -> None:
    captured = Captured(contents, len(contents) + more, 1)
    assert converted(instructions, captured, order, loads) == run_classic(instructions, captured.packet, captured.length, captured.values)


def written(*steps: tuple[str, int]) -> list[ClassicInstruction]:
    return [ClassicInstruction(BY_NAME[name].code, 0, 0, k) for name, k in steps]


@pytest.mark.parametrize("loads", LOADS)
def test_the_end_of_the_packet(loads: Loads) -> None:
    """To the byte, for each kind of load and for both ways."""
    for name, k, size in (("LD_B_ABS", 14, 1), ("LD_H_ABS", 12, 2), ("LD_W_ABS", 14, 4), ("LD_W_ABS", 15, 4), ("LDX_MSH", 14, 1)):
        instructions = written(("LD_IMM", 0), (name, k), *([("TXA", 0)] if name == "LDX_MSH" else []), ("OR_K", 1), ("RET_A", 0))
        for length in range(k + size + 3):
            captured = Captured(bytes(range(1, length + 1)), length, 1)
            result = converted(instructions, captured, "big", loads)
            assert result == run_classic(instructions, captured.packet, length, {})
            assert bool(result) == (length >= k + size), (name, length)


def test_words_of_memory_are_apart() -> None:
    stores = [step for word in range(16) for step in (("LDX_IMM", word * 3 + 1), ("STX", word))]
    for word in range(16):
        captured = Captured(bytes(14), 14, 1)
        assert converted(written(*stores, ("LD_MEM", word), ("RET_A", 0)), captured, "big", "legacy") == word * 3 + 1


def test_direct_loads_go_through_pointers() -> None:
    """Those that are aligned in memory, and whose offset is not too far for the packet."""
    aligned = (("LD_H_ABS", 12), ("LD_W_ABS", 26), ("LD_B_ABS", 23), ("LDX_MSH", 14), ("LD_W_ABS", 40002))
    others = (("LD_H_ABS", 13), ("LD_W_ABS", 24), ("LD_B_ABS", NETWORK), ("LD_B_IND", 14))
    for name, k, through in (*((*load, 1) for load in aligned), *((*load, 0) for load in others)):
        program = convert([ClassicInstruction(BY_NAME[name].code, 0, 0, k), ClassicInstruction(BY_NAME["RET_A"].code, 0, 0, 0)], "f", "direct")
        loads = [slot for slot in program.slots if slot.opcode in (0x61, 0x69, 0x71) and slot.src != 6]
        assert len(loads) == through, name
        check(program)


@given(filters(linux=False), st.binary(min_size=1, max_size=64))
@settings(max_examples=80)
def test_direct_interpreter_agrees_with_libpcap(instructions: tuple[ClassicInstruction, ...], contents: bytes) -> None:
    captured = Captured(contents, len(contents), 1)
    ours = run_classic(instructions, captured.packet, captured.length, captured.values)
    assert bool(ours) == by_libpcap(instructions, contents)


def test_shift_counts_are_modulo_32() -> None:
    """As Linux has it; libpcap shifts everything out."""
    for name, expected in (("LSH_X", 2), ("RSH_X", 0)):
        instructions = [ClassicInstruction(BY_NAME[step].code, 0, 0, k) for step, k in (("LDX_IMM", 33), ("LD_IMM", 1), (name, 0), ("RET_A", 0))]
        captured = Captured(bytes(14), 14, 1)
        assert converted(instructions, captured, "big", "legacy") == run_classic(instructions, captured.packet, 14, {}) == expected


def test_all_filters_are_described() -> None:
    assert set(NAMES) == set(build().FILTERS)
    assert len([one for one in build().FILTERS.values() if one.form]) >= 12


def test_shipped_captures_are_what_the_script_builds() -> None:
    assert len(capture()) >= 1000
    for path, contents in build().contents().items():
        assert path.read_bytes() == contents, path.name


@pytest.mark.parametrize("name", NAMES)
def test_shipped_filters_accept_what_they_must(name: str) -> None:
    """The packets are known by construction; libpcap, the direct interpreter and the oracle must all accept the same."""
    instructions, expected = shipped(name), [build().FILTERS[name].accepts(made) for made in build().packets()]
    assert 0 < sum(expected) < len(expected)
    calls = any(BY_CODE[i.code].use == "packet" and ANCILLARY.get(i.k) in HELPERS for i in instructions)
    for number, (captured, accepted) in enumerate(zip(capture(), expected, strict=True)):
        if not calls:
            assert bool(run_classic(instructions, captured.packet, captured.length, captured.values)) == accepted, number
        if number % 3 == 0:
            assert bool(converted(instructions, captured, ORDERS[number % 2], LOADS[number // 3 % 2])) == accepted, number
    if build().FILTERS[name].form:
        program = cypcap.BpfProgram([tuple(instruction[:4]) for instruction in instructions])
        with cypcap.open_offline(FILTERS / "mixed.pcap") as packets:
            assert [bool(program.offline_filter(header, contents)) for header, contents in packets] == expected

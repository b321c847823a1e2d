"""Sources, objects, answers and README belong together, and the objects are what the compiler makes of the sources."""

import importlib.util
import re
import sys

import pytest

from corpus.tests.loading import ANSWERS, PROGRAMS, build
from ebpf import elf
from ebpf.opcodes import ROWS, lookup
from ebpf.program import ByteOrder, Program

README = (PROGRAMS / "README.md").read_text()
NAMES = build.names()


def all_programs() -> list[Program]:
    return [program for path in sorted(build.OBJECTS.glob("*.o")) for program in elf.load(path)]


def test_every_source_has_eight_objects_and_no_object_is_a_stray() -> None:
    expected = {f"{name}.{cpu}.{order}.o" for name in NAMES for cpu in ("v1", "v2", "v3", "v4") for order in ("el", "eb")}
    assert {path.name for path in build.OBJECTS.iterdir()} == expected
    assert len(NAMES) >= 24


def test_no_program_hides_a_module_of_the_standard_library() -> None:
    assert not set(NAMES) & sys.stdlib_module_names


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize("name", NAMES)
def test_every_source_has_three_different_inputs(name: str, byte_order: ByteOrder) -> None:
    answers = ANSWERS[name](byte_order)
    assert len({answer.memory for answer in answers}) == len(answers) >= 3
    assert answers == ANSWERS[name](byte_order)


def test_the_readme_describes_every_program() -> None:
    section = README.split("## The programs")[1].split("Every program has")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(NAMES)


def test_the_readme_lists_the_instructions_that_do_not_occur() -> None:
    section = README.split("## Instructions that occur in no object")[1].split("At v4")[0]
    found = {row.name for program in all_programs() for slot in program.slots if (row := lookup(slot))}
    assert set(re.findall(r"`([A-Z0-9_]+)`", section)) == {row.name for row in ROWS} - found


def test_the_stack_is_used_to_nearly_its_end() -> None:
    """An eBPF function has 512 bytes; some object must reach the last 16 of them by a plain load or store."""
    deepest = min(slot.offset for program in all_programs() for slot in program.slots if slot.dst == 10 and slot.opcode & 7 == 3)
    assert deepest <= -496


@pytest.mark.parametrize("name", ["crc32", "sdiv", "atomic_counters"])
def test_the_objects_are_what_the_compiler_makes(name: str) -> None:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the package ziglang, which carries the compiler, is not installed")
    assert build.differing([name], write=False) == []

"""Cases as files: what is written is read again as it was."""

import tomllib
from pathlib import Path

import pytest

from ebpf.assembler import assemble
from fuzz.case import Input
from fuzz.casefile import case_of, document, text_of

ASSEMBLY = Path(__file__).parents[2] / "corpus" / "assembly"


@pytest.mark.parametrize("path", sorted(ASSEMBLY.glob("*.s")), ids=lambda path: path.stem)
def test_programs_with_all_that_they_declare(path: Path) -> None:
    program, inputs = assemble(path.read_text(), "case"), (Input(b"\x01\xff", seed=3), Input(b""))
    read, given = case_of(tomllib.loads(text_of(document(program, inputs))), "case")
    assert given == inputs
    for field in ("slots", "data", "maps", "exception_callback", "context", "kernel_functions", "variables"):
        assert getattr(read, field) == getattr(program, field), field

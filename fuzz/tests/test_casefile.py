"""Cases as files: what is written is read again as it was."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ebpf.assembler import assemble
from ebpf.program import ProgramError
from fuzz.case import Input
from fuzz.casefile import case_of, document, read_document, text_of

ASSEMBLY = Path(__file__).parents[2] / "corpus" / "assembly"


@pytest.mark.parametrize("path", sorted(ASSEMBLY.glob("*.s")), ids=lambda path: path.stem)
def test_programs_with_all_that_they_declare(path: Path) -> None:
    program, inputs = assemble(path.read_text(), "case"), (Input(b"\x01\xff", seed=3), Input(b""))
    read, given = case_of(tomllib.loads(text_of(document(program, inputs))), "case")
    assert given == inputs
    for field in ("slots", "data", "maps", "exception_callback", "context", "kernel_functions", "variables"):
        assert getattr(read, field) == getattr(program, field), field


DATA = {"name": ".data", "contents": "00", "writable": True}
MAP = {"name": "m", "kind": 2, "key_size": 4, "value_size": 4, "entries": 1}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"inputs": 3}, "not a case: inputs: not a list"),
    ({"inputs": []}, "not a case: inputs: there are none"),
    ({"inputs": [{"memory": "00"}, 3]}, "not a case: inputs 1: not a table"),
    ({"inputs": [{"memory": "00"}, {"memory": "000"}]}, "not a case: inputs 1: memory: not bytes in hexadecimal, two digits each"),
    ({"inputs": [{"memory": 7}]}, "not a case: inputs 0: memory: not text"),
    ({"inputs": [{"seed": 7}]}, "not a case: inputs 0: 'memory' is missing"),
    ({"inputs": [{"memory": "", "sead": 7}]}, "not a case: inputs 0: unknown field 'sead'"),
    ({"inputs": [{"memory": "", "seed": "7"}]}, "not a case: inputs 0: seed: not an integer"),
    ({"inputs": [{"memory": "", "seed": True}]}, "not a case: inputs 0: seed: not an integer"),
    ({"inputs": [{"memory": "", "conformance": "false"}]}, "not a case: inputs 0: conformance: not true or false"),
    ({"inputs": [{"memory": "", "packet": {"contents": "0"}}]}, "not a case: inputs 0: packet: contents: not bytes in hexadecimal, two digits each"),
    ({"program": 3}, "not a case: program: not a table"),
    ({"program": {"section": ".text"}}, "not a case: program: neither 'assembly' nor 'slots'"),
    ({"program": {"assembly": "exit", "slots": [], "section": ".text"}}, "not a case: program: both 'assembly' and 'slots'"),
    ({"program": {"assembly": 3, "section": ".text"}}, "not a case: program: assembly: not text"),
    ({"program": {"assembly": "exit\nw1 -=", "section": ".text"}}, "program: assembly: line 2: not an instruction: w1 -="),
    ({"program": {"slots": ["9500000000000000", "95"], "section": ".text"}}, "program: slots: 9 bytes of code, not a multiple of 8"),
    ({"program": {"slots": ["9x"], "section": ".text"}}, "not a case: program: slots 0: not bytes in hexadecimal, two digits each"),
    ({"program": {"assembly": "exit"}}, "not a case: program: 'section' is missing"),
    ({"program": {"assembly": "exit", "section": ".text", "context": "skbuff"}}, "not a case: program: context: not one of memory, skb, xdp"),
    ({"program": {"assembly": "exit", "section": ".text", "maps": [{**MAP, "kind": 99}]}}, "program: maps 0: kind: not one of 1, 2, 3, 6, 9"),
    ({"program": {"assembly": "exit", "section": ".text", "maps": [{**MAP, "programs": [[1]]}]}}, "maps 0: programs 0: 1 elements, not 2"),
    ({"program": {"assembly": "exit", "section": ".text", "maps": [{**MAP, "key_size": 3}]}}, "maps 0: map m: array with keys of 3 bytes, not 4"),
    ({"program": {"assembly": "exit", "section": ".text", "labels": {"x": "f"}}}, "program: labels: 'x' is not an integer"),
    (
        {"program": {"assembly": "exit", "section": ".text", "labels": {"1": "f"}}},
        "program: labels: 1 is outside the program, which has slots 0 to 0",
    ),
    ({"program": {"assembly": "exit", "section": ".text", "lines": {"-1": 1}}}, "program: lines: -1 is outside the program, which has slots 0 to 0"),
    (
        {"program": {"assembly": "exit", "section": ".text", "data": [{**DATA, "alignment": 0}]}},
        "data 0: alignment: 0 is no power of two from 1 to 65536",
    ),
    (
        {"program": {"assembly": "exit", "section": ".text", "data": [DATA, {**DATA, "alignment": 24}]}},
        "data 1: alignment: 24 is no power of two from 1 to 65536",
    ),
    (
        {"program": {"assembly": "exit", "section": ".text", "data": [{**DATA, "alignment": 1 << 17}]}},
        "alignment: 131072 is no power of two from 1 to 65536",
    ),
    (
        {"program": {"assembly": "exit", "section": ".text", "maps": [{**MAP, "entries": 1 << 64}]}},
        "maps 0: entries: an integer of more than 64 bits",
    ),
    ({"inputs": [{"memory": "", "seed": -(1 << 63) - 1}]}, "not a case: inputs 0: seed: an integer of more than 64 bits"),
    ({"inputs": [{"memory": ""}, {"memory": "", "seed": -1}]}, "not a case: inputs 1: seed: -1 is not from 0 to 2^64 - 1"),
    ({"inputs": [{"memory": "", "packet": {"network_header": 1 << 16}}]}, "inputs 0: packet: network_header: 65536 is not from 0 to 2^16 - 1"),
    ({"inputs": [{"memory": "", "packet": {"address": -1}}]}, "inputs 0: packet: address: -1 is not from 0 to 2^64 - 1"),
]


@pytest.mark.parametrize(("changed", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_no_case_is_refused_with_field_and_element(changed: dict[str, Any], reason: str) -> None:
    good = {"program": {"assembly": "exit", "section": ".text"}, "inputs": [{"memory": "00"}]}
    case_of(good, "case")
    with pytest.raises(ProgramError) as caught:
        case_of({**good, **changed}, "case")
    assert str(caught.value).startswith("case: ")
    assert str(caught.value).endswith(reason)


def test_labels_and_lines_are_read_where_they_are_written() -> None:
    program, _ = case_of(
        {"program": {"assembly": "exit", "section": "s", "lines": {"0": 7}, "labels": {"0": "main"}}, "inputs": [{"memory": ""}]}, "case"
    )
    assert (program.source, program.lines, program.labels) == ("case", {0: 7}, {0: "main"})


def test_a_number_that_is_too_long_for_python_is_unusable_input(tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text("x = " + "9" * 5000)
    with pytest.raises(ProgramError, match=r"case\.toml: Exceeds the limit"):
        read_document(str(path))

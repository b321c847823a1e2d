"""Files of findings: what is malformed is one line that names file, field and reason; what could not be read again cannot be made."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner

from ebpf.assembler import assemble
from fuzz.case import Input
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, read, text
from fuzz.findings.side_by_side import Step

CONFIG = "mips64r2-64le"
PLAIN = Finding("symptom", "fingerprint", "DIFFER", assemble("r0 = 0; exit", "made"), (Input(b""),), CONFIG, (CONFIG,), ())
STEP = Step(0, "r0 = 0", ("word",), "r0=0x0", "r0=0x1")

TRAMPOLINE = """function = "void ()"
calls = [[[], 0]]
[[fentry]]
program = "{}"
"""


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = replace(PLAIN, steps=(STEP,), trampoline=TRAMPOLINE.format("r0 = 0; exit"))
    path = tmp_path / "finding.toml"
    path.write_text(text(made))
    assert text(read(str(path))) == text(made)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"configs": ()}, "configs: no configuration"),
        ({"configs": (CONFIG, "mips9")}, "configs 1: "),
        ({"config": ""}, "config: "),
        ({"inputs": ()}, "inputs: there are none"),
        ({"status": "AGREE"}, "status: 'AGREE' is not one of DIFFER, TRIPPED, ENGINE, HARNESS"),
        ({"fingerprint": " "}, "fingerprint: ' ' is not a line of text"),
        ({"fingerprint": "a\nb"}, "fingerprint: 'a.nb' is not a line of text"),
        ({"condition": "a\nb"}, "condition: 'a.nb' is not a line of text"),
        ({"trampoline": "x"}, "trampoline: Expected '=' after a key"),
        ({"trampoline": TRAMPOLINE.format("exit 3")}, "trampoline: fentry 0: line 1: not an instruction: exit 3"),
        ({"steps": (STEP, STEP._replace(slot=-1))}, "steps 1: slot: -1 is negative"),
    ],
)
def test_what_could_not_be_read_again_cannot_be_made(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        replace(PLAIN, **changed)


def _program(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda found: found["program"].update({field: value})


def _input(field: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda found: found["inputs"][0].update({field: value})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_input("seed", 1 << 64), "not a case: inputs 0: seed: an integer of more than 64 bits"),
        (_input("seed", -1), "not a case: inputs 0: seed: -1 is not from 0 to 2^64 - 1"),
        (
            _program("data", [{"name": ".data", "contents": "00", "writable": True, "alignment": 1 << 62}]),
            f"not a case: program: data 0: alignment: {1 << 62} is no power of two from 1 to 65536",
        ),
        (_program("exception_callback", -1), ".text: instruction 0: the exception callback is slot -1, no instruction of the program"),
        (lambda found: found.update(configs=[]), "configs: no configuration"),
        (lambda found: found.update(steps=[{**STEP._asdict(), "slot": -1}]), "steps 0: slot: -1 is negative"),
        (lambda found: found.update(trampoline="x"), "trampoline: Expected '=' after a key in a key/value pair (at end of document)"),
        (lambda found: found.update(trampoline="x = " + "9" * 5000), "trampoline: Exceeds the limit (4300 digits) for integer string conversion"),
        (lambda found: found.update(trampoline=TRAMPOLINE.format("r0 =")), "trampoline: fentry 0: line 1: not an instruction: r0 ="),
        (
            lambda found: found.update(trampoline=TRAMPOLINE.format("r2 = 0; r3 = 0; call 12; r0 = 0; exit")),
            "trampoline: fentry 0: bpf_loop and tail calls have no place in programs of a trampoline",
        ),
    ],
)
def test_what_is_malformed_is_one_line(change: Callable[[dict[str, Any]], None], reason: str, tmp_path: Path) -> None:
    found = tomllib.loads(text(PLAIN))
    change(found)
    path = tmp_path / "finding.toml"
    path.write_text(tomli_w.dumps(found))
    result = CliRunner().invoke(main, ["replay", str(path)])
    assert result.exit_code == 125
    (line,) = result.output.splitlines()
    assert line.startswith(f"{path}: {reason}")

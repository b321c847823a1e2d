"""The commands that judge, from end to end: what they print and how they end, when all agree, when something differs, when a process dies."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from ebpf.instruction import LOOP, TAIL_CALL, Instruction
from ebpf.opcodes import BY_NAME
from ebpf.program import Program
from fuzz.case import Compiler
from fuzz.cli.main import main
from fuzz.environment.functions import HELPERS
from fuzz.judge import judge_all
from fuzz.layout import LAYOUTS
from fuzz.sources import Subject
from fuzz.tally import Result as Judged
from fuzz.verdict import Verdict
from fuzz.worker import judge_subject
from jit.compiled import Addresses, Compiled
from jit.compiler import compile_program
from jit.config import Config, all_configs

OBJECTS = Path(__file__).parent.parent.parent / "corpus" / "programs" / "objects"
AGREEING = OBJECTS / "crc32.v3.el.o"

ADDS = "r2 = 5; r0 = 3; r0 += r2; exit"


def run(*arguments: object) -> Result:
    """Run a command in this process; judging has a process of its own."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def judge(*arguments: object) -> Result:
    return run("check", *arguments, "--jobs", 1)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a file in an empty current directory."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, contents: str) -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(contents)
        return name

    return write


Put = Callable[[str, str], str]


def summary(result: Result) -> dict[str, str]:
    """The counts of the summary by name."""
    return {line.split()[0]: line.split()[1].rstrip(",") for line in result.stdout.splitlines() if line.split() and line.split()[0].isupper()}


def test_agreement() -> None:
    result = judge(AGREEING, "--config", "mips32r*")
    assert (result.exit_code, result.stderr) == (0, "")
    heading, names, row, order = result.stdout.splitlines()[:4]
    assert (heading.split(), names.split()) == (["o32", "o32"], ["program", "versions", "32r1-r5", "32r6"])
    assert row.split() == ["crc32", "v3", "16", "4"]
    assert order.split() == ["little-endian", "16", "4"]
    assert "programs 1, versions 1, inputs 4, configurations 5" in result.stdout
    assert "judged        20 " in result.stdout
    assert summary(result) == {"AGREE": "20", "DIFFER": "0", "TRIPPED": "0", "INCONCLUSIVE": "0"}
    assert "\x1b" not in result.stdout


def test_assembly_is_judged_in_both_byte_orders(put: Put) -> None:
    result = judge(put("a.s", ADDS), "--config", "mips64r2-64*", "--mem", "00")
    assert result.exit_code == 0
    assert summary(result)["AGREE"] == "2"


def test_what_is_left_out_is_what_has_another_byte_order(put: Put) -> None:
    assert "left out" not in judge(put("a.s", ADDS), "--config", "mips1-32le").stdout
    result = judge("a.s", OBJECTS / "crc32.v3.eb.o", "--config", "mips1-32le")
    assert "1 versions left out: no configuration of their byte order was selected" in result.stdout


def test_names_are_no_markup(put: Put) -> None:
    assert judge(put("[bold]a.s", ADDS), "--config", "mips1-32le").stdout.splitlines()[2].startswith("[bold]a.s ")


def test_a_directory_is_searched(put: Put) -> None:
    put("a.s", ADDS)
    put("sub/b.asm", ADDS)
    put("sub/c.txt", "no program")
    result = judge(".", "--config", "mips1-32le")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["a.s", "b.asm"]


def test_json() -> None:
    result = judge(AGREEING, "--config", "mips5-*le", "--json")
    document = json.loads(result.stdout)
    assert document["summary"]["judged"] == document["summary"]["agree"] == 8
    (one,) = document["results"]
    assert (one["name"], one["version"], one["byte_order"]) == ("crc32", "v3", "little")
    assert one["configurations"] == {name: {"judged": 4, "agreed": 4} for name in ("mips5-32le", "mips5-64le")}


def substitute(monkeypatch: pytest.MonkeyPatch, compiler: Compiler) -> None:
    """Judge another compiler. Workers are copies of this process, where a function is found by its name: so its default is what is changed."""
    monkeypatch.setattr(judge_subject, "__defaults__", (compiler,))


def subtracts(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler that takes r0 += r2 for r0 -= r2."""
    add, sub = (BY_NAME[name].opcode for name in ("ADD64_REG", "SUB64_REG"))
    return compile_program([slot._replace(opcode=sub) if slot.opcode == add else slot for slot in slots], config, addresses)


def test_difference(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    substitute(monkeypatch, subtracts)
    result = judge(put("adds.s", ADDS), put("good.s", "r2 = 0; r0 = 0; exit"), "--config", "mips32r1-*", "--config", "mips3-64be")
    assert result.exit_code == 1
    assert [line.split() for line in result.stdout.splitlines()[2:4]] == [["adds.s", "0/2", "0/1"], ["good.s", "2", "1"]]
    expected = ("    register r0: expected 0x8, got 0xfffffffffffffffe", "    return value: expected 0x8, got 0xfffffffe")
    for where in ("DIFFER adds.s: .text: input 0 on mips32r1-32be mips3-64be", "DIFFER adds.s: .text: input 0 on mips32r1-32le"):
        at = result.stdout.splitlines().index(where)
        assert tuple(result.stdout.splitlines()[at + 1 : at + 3]) == expected
    assert summary(result) == {"AGREE": "3", "DIFFER": "3", "TRIPPED": "0", "INCONCLUSIVE": "0"}


def test_difference_in_json(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    substitute(monkeypatch, subtracts)
    result = judge(put("adds.s", ADDS), "--config", "mips3-64be", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["results"][0]["findings"]
    assert (finding["status"], finding["configuration"], finding["input"]) == ("differ", "mips3-64be", 0)
    assert finding["differences"][0] == {"kind": "register", "place": "r0", "expected": "0x8", "actual": "0xfffffffffffffffe"}


def illegal(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler that appends an instruction that no ISA has."""
    compiled = compile_program(slots, config, addresses)
    return replace(compiled, words=(*compiled.words, 0xFFFFFFFF), slot_of=(*compiled.slot_of, -1))


def test_tripped(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    substitute(monkeypatch, illegal)
    result = judge(put("adds.s", ADDS), "--config", "mips32r1-32le")
    assert result.exit_code == 1
    assert "TRIPPED adds.s: .text: input 0 on mips32r1-32le" in result.stdout
    assert (summary(result)["TRIPPED"], summary(result)["DIFFER"]) == ("1", "0")


def dies(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
    """A compiler that takes its process with it."""
    if slots[0].imm == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return compile_program(slots, config, addresses)


def test_a_process_that_dies_costs_one_program(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    substitute(monkeypatch, dies)
    for number in range(12):
        put(f"good{number}.s", f"r2 = {number}; r0 = 0; exit")
    put("bad.s", "r2 = 666; r0 = 0; exit")
    result = run("check", ".", "--config", "mips32r1-32le", "--jobs", 2)
    assert (result.exit_code, result.stderr) == (1, "")
    assert "FAILURE bad.s: .text: little-endian: the engine died" in result.stdout
    assert (summary(result)["AGREE"], summary(result)["FAILURE"]) == ("12", "1")


def breaks(program: Program, *arguments: Any, **keywords: Any) -> Iterator[Verdict]:
    """Judging, with a mistake in it that one program shows after its first verdict."""
    for verdict in judge_all(program, *arguments, **keywords):
        yield verdict
        if program.source == "bad.s":
            raise AttributeError("no\nsuch thing")


def test_an_exception_in_the_harness_is_a_failure_of_one_program(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.groups.judge_all", breaks)
    arguments = (put("bad.s", ADDS), put("good.s", ADDS), "--config", "mips32r1-32le")
    line = breaks.__code__.co_firstlineno + 5
    failure = f"AttributeError: no such thing (fuzz/tests/test_cli_check.py:{line})"
    result = judge(*arguments)
    assert (result.exit_code, result.stderr) == (1, "")
    assert f"FAILURE bad.s: .text: little-endian: {failure}\n" in result.stdout
    assert (summary(result)["AGREE"], summary(result)["FAILURE"]) == ("2", "1")
    result = judge(*arguments, "--json")
    assert result.exit_code == 1
    assert sorted(one["failure"] for one in json.loads(result.stdout)["results"]) == ["", failure]


def test_a_context_that_does_not_fit_is_unusable_input(put: Put) -> None:
    put("big", "x" * 5_000_000)
    result = judge(put("a.s", ADDS), "--mem", "big", "--config", "mips32r1-*")
    assert (result.exit_code, result.stderr) == (2, "a.s: .text: no room for 5000000 bytes of context\n")
    assert "FAILURE" not in result.stdout


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("r0 = 0; goto -1; exit", "instruction 1: instruction limit reached: 1000000"),
        ("r0 = *(u32 *)(r10 + 256); exit", f"instruction 0: access out of bounds of 4 bytes at {LAYOUTS[64].stack + 0x2D00:#x}"),
        ("r0 = r3; exit", "instruction 0: read of an uninitialised register: r3"),
        ("call 99; exit", f"instruction 0: call of unknown helper 99; there is {', '.join(map(str, sorted((*HELPERS, TAIL_CALL, LOOP))))}"),
    ],
)
def test_a_program_that_cannot_be_judged(put: Put, source: str, reason: str) -> None:
    result = judge(put("bad.s", source), "--config", "mips3-64*")
    assert result.stderr == f"bad.s: .text: {reason}\n"
    assert result.exit_code == 2


def test_unusable_and_good_programs_together(put: Put) -> None:
    result = judge(put("bad.s", "r0 = 0"), put("good.s", ADDS), "missing.o", "--config", "mips32r1-32le")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "bad.s: .text: instruction 0: control falls off the end of the program",
        "missing.o: No such file or directory",
    ]
    assert summary(result)["AGREE"] == "1"


def test_one_line_for_the_same_fault_at_other_addresses(put: Put) -> None:
    result = judge(put("bad.s", "r0 = *(u8 *)(r10 + 8); exit"), put("good.s", ADDS), "--config", "mips3-*")
    (line,) = result.stderr.splitlines()
    assert line.startswith("bad.s: .text: instruction 0: access out of bounds of 1 bytes at 0x")
    assert result.exit_code == 2
    assert (summary(result)["AGREE"], summary(result)["INCONCLUSIVE"]) == ("4", "4")
    assert "    4 access out of bounds\n" in result.stdout


CONFORMANCE = """
-- asm
ldxb %r0, [%r1+1]
exit
-- mem
11 22
-- result
{result}
"""


@pytest.mark.parametrize(("result", "status"), [("0x22", 0), ("0x33", 1)])
def test_the_result_of_a_conformance_test_is_compared(put: Put, result: str, status: int) -> None:
    outcome = judge(put("a.data", CONFORMANCE.format(result=result)), "--config", "mips64r6-64*")
    assert outcome.exit_code == status
    wrong = "WRONG a.data: asm: input 0: expected r0 = 0x33, got 0x22 (1 of 1 configurations)"
    assert (wrong in outcome.stdout) == (status == 1)


def test_the_result_is_not_compared_on_another_context(put: Put) -> None:
    assert judge(put("a.data", CONFORMANCE.format(result="0x22")), "--config", "mips64r6-64*", "--mem", "1133").exit_code == 0


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("ldxb %r0, [%r1+1]\nexit", 0),
        ("mov %r0, 0\nja +7\nexit", 0),
        ("mov %r0, 0\nexit", 1),
    ],
)
def test_a_conformance_test_that_expects_an_error(put: Put, source: str, status: int) -> None:
    outcome = judge(put("a.data", f"-- asm\n{source}\n-- mem\n11\n-- error\nany\n"), "--config", "mips64r6-64le")
    assert (outcome.exit_code, outcome.stderr) == (status, "")
    assert ("an error is expected" in outcome.stdout) == (status == 1)


@pytest.mark.parametrize(("field", "line"), [("r0", "expected r0 = 0xcbf43927, got 0xcbf43926"), ("after", "expected context[2:] = ff 34 35")])
def test_a_wrong_answer_of_the_oracle_is_told(monkeypatch: pytest.MonkeyPatch, field: str, line: str) -> None:
    class Other(NamedTuple):
        memory: bytes = b"123456789"
        r0: int = 0xCBF43927 if field == "r0" else 0xCBF43926
        after: bytes = b"123456789" if field == "r0" else b"12\xff456789"

    monkeypatch.setattr("fuzz.sources._answers", lambda name, byte_order: (Other(),))
    result = judge(AGREEING, "--config", "mips64r6-*le")
    assert result.exit_code == 1
    assert f"WRONG {AGREEING}: entry: input 0: {line}" in result.stdout
    assert "WRONG         1 runs" in result.stdout


def test_suite() -> None:
    result = run("suite", "--row", "LDX_H", "--config", "mips1-32be", "--jobs", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()[2:4]] == ["LDX_H", "LDX_H"]
    assert "LDX_H misaligned" in result.stdout


def test_suite_of_several_patterns_judges_each_row_once() -> None:
    names = []
    for patterns in (("LDX_H",), ("LDX_B",), ("LDX_H", "LDX_B", "LDX_[BH]")):
        rows = (word for pattern in patterns for word in ("--row", pattern))
        result = run("suite", *rows, "--config", "mips1-32be", "--jobs", 1, "--json")
        names.append(sorted(one["name"] for one in json.loads(result.stdout)["results"]))
    halves, bytes_, both = names
    assert halves
    assert bytes_
    assert both == sorted(halves + bytes_)


def test_what_was_judged_before_an_interrupt_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(subjects: Sequence[Subject], *arguments: object, **named: object) -> Iterator[Judged]:
        yield judge_subject(subjects[0], [Config.parse("mips32r2-32le"), Config.parse("mips32r2-32be")])
        raise KeyboardInterrupt

    monkeypatch.setattr("fuzz.batch.judge_subjects", interrupted)
    result = run("suite", "--row", "LDX_H", "--config", "mips32r2-*")
    assert (result.exit_code, result.stderr) == (130, "bpfmips: interrupted\n")
    assert "AGREE         16\n" in result.stdout
    assert "interrupted: 3 of 4 programs were not judged\n" in result.stdout


def test_options_and_errata_are_counted_by_axis() -> None:
    result = run("suite", "--row", "NEG32", "--config", "mips3-64le*", "--all-configs", "--jobs", 1)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    count = sum(config.isa == "mips3" and config.width == 64 and not config.big_endian for config in all_configs())
    assert [line.split() for line in lines if line.startswith("width ")] == [["width", str(count), str(16 * count), "64"]]
    assert any(re.fullmatch(r"erratum +\d+ +\d+  r4000-multiply", line) for line in lines)
    assert re.search(rf"^images        {count} \(program × configuration\): \d+ compilations, .*; \d+ run$", result.stdout, re.MULTILINE)


def test_an_interrupt_ends_without_a_traceback() -> None:
    command = [sys.executable, "-m", "fuzz", "check", "--jobs", "2"]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    # A shell has what it starts in the background ignore interrupts, and these tests may be in the background.
    with subprocess.Popen(command, **options, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)
        try:
            # What numba compiles at the first use, it compiles to the end.
            output, errors = process.communicate(timeout=240)
        finally:
            process.kill()
    assert errors == "bpfmips: interrupted\n"
    assert output == "" or re.search(r"^interrupted: \d+ of \d+ programs were not judged$", output, re.MULTILINE)
    # CPython ends itself by the signal, which a shell shows as 130 too, when it came while a string was executed, as dataclasses do at import.
    assert process.returncode in (130, -signal.SIGINT)


def test_no_colour_into_a_pipe_and_nothing_on_standard_error() -> None:
    command = [sys.executable, "-m", "fuzz", "check", str(AGREEING), "--config", "mips1-32le"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


def test_the_command_line_starts_without_the_engine() -> None:
    program = "import sys, fuzz.cli.main; print(*(name for name in ('unicorn', 'numba', 'rich', 'elftools') if name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"

"""Findings in the state of a campaign: what is kept does not depend on when reductions end; commands that read it."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ebpf.assembler import assemble
from fuzz.campaign.record import load
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import BatchResult
from fuzz.case import Input
from fuzz.cli.main import main
from fuzz.findings.finding import Finding, text
from fuzz.tests.campaigns import Seeded, campaign, contents

PLAN = Plan("test", 1, "all", ("mips1-32le",), "all", None)


def _seen(symptom: str, batch: int, size: int) -> Finding:
    program = assemble("; ".join(["r0 = 0"] * size + ["exit"]), "made")
    return Finding(
        symptom, symptom, "DIFFER", program, (Input(b""),), "mips1-32le", ("mips1-32le",), (), origin=f"batch {batch}, {symptom}", row="NEG64"
    )


def _small(finding: Finding) -> Finding:
    """What a reduction makes of it, and nothing else decides: symptoms of one bug get one fingerprint."""
    size = 1 + len(finding.program.slots) // 4
    small = _seen(finding.symptom, 0, size)
    return replace(small, fingerprint=finding.symptom.split()[0], origin=finding.origin, reduced=True, condition="everywhere")


BATCHES = [
    [_seen("a one", 0, 20), _seen("b one", 0, 9)],
    [_seen("a two", 1, 12), _seen("a one", 1, 30)],
    [_seen("a one", 2, 8), _seen("a two", 2, 12)],
    [],
    [_seen("b one", 4, 9), _seen("c one", 4, 5)],
]


def _campaign(directory: Path, late: int) -> State:
    """Reductions end in an order drawn from `late`, up to two batches after they began; all in the end."""
    state, draw = State(directory), random.Random(late)
    state.create(PLAN)
    under_way: list[Finding] = []
    for number, findings in enumerate(BATCHES):
        under_way += state.apply(BatchResult(number, findings=list(findings)), float(number))
        draw.shuffle(under_way)
        for finding in [under_way.pop() for _ in range(draw.randint(0, len(under_way)))]:
            state.replace(_small(finding))
    for finding in under_way:
        state.replace(_small(finding))
    return state


def _contents(state: State) -> tuple[object, ...]:
    files = {path.name: path.read_text() for path in (state.directory / "findings").iterdir()}
    return files, list(state.database.execute("SELECT symptom, fingerprint, file, cases, origin, slots FROM finding ORDER BY symptom"))


@pytest.mark.parametrize("late", range(1, 9))
def test_what_is_kept_does_not_depend_on_when_reductions_end(tmp_path: Path, late: int) -> None:
    first, other = _campaign(tmp_path / "first", 0), _campaign(tmp_path / "other", late)
    assert _contents(first) == _contents(other)
    assert set(first.buckets) == {"a", "b", "c"}
    assert first.seen("a") == 5
    # The smallest case of a bucket, whatever its symptom.
    assert first.buckets["a"].symptom == "a one"


def test_the_number_of_jobs_changes_no_finding(tmp_path: Path) -> None:
    """Two bugs at once, and reductions that end in any order."""
    compiler = Seeded("load-byte-sign", "mov32-copies")
    found = []
    for jobs in (1, 2):
        state = campaign(tmp_path / str(jobs), compiler, cases=24, jobs=jobs, ahead=2 * jobs, configs=("mips32r2-32be",))
        found.append(contents(state))
        assert {"upper bits LDX_B", "upper bits MOV32_REG o32"} <= set(state.buckets)
        state.close()
    assert found[0] == found[1]


def test_a_campaign_is_read_as_it_is(tmp_path: Path) -> None:
    state = _campaign(tmp_path, 0)
    before = _contents(state)
    state.close()
    found = load(tmp_path)
    assert {bucket.finding.fingerprint: (bucket.seen, bucket.symptoms) for bucket in found.buckets} == {
        "a": (5, ("a one", "a two")),
        "b": (2, ("b one",)),
        "c": (1, ("c one",)),
    }
    again = State(tmp_path)
    again.resume()
    assert _contents(again) == before
    assert set(again.buckets) == {"a", "b", "c"}
    again.close()


def test_a_report_of_what_is_no_campaign_is_one_line(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert (found.exit_code, found.stderr) == (2, f"{tmp_path}: no campaign: campaign.sqlite is missing\n")
    (tmp_path / "campaign.sqlite").write_text("no database at all, but a text that is long enough")
    found = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert found.exit_code == 2
    assert found.stderr == f"{tmp_path / 'campaign.sqlite'}: file is not a database\n"


def test_a_finding_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "finding.toml"
    path.write_text(text(_seen("value NEG64 o32", 0, 2)))
    assert ".code = 0x95" in CliRunner().invoke(main, ["export", str(path), "--as", "c"]).stdout
    assert CliRunner().invoke(main, ["export", str(path), "--as", "elf"]).exit_code == 2
    assert CliRunner().invoke(main, ["export", str(path), "--as", "elf", "-o", str(tmp_path / "made.o")]).exit_code == 0
    assert CliRunner().invoke(main, ["check", str(tmp_path / "made.o"), "--config", "mips64r2-64le"]).exit_code == 0

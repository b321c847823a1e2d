"""What reports say: states of findings, figures, and formats that others read."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fuzz.campaign.record import Batch
from fuzz.reference import Lowered, LoweredRow
from jit.config import ISAS
from reports.document import document
from reports.machine import junit, report_json, sarif, step_summary
from reports.page import page
from reports.plot import WIDTH, trend_plot
from reports.tests.reports import KNOWN, ROWS, finding, record

WHERE = Path("/somewhere")
LOWERINGS = (LoweredRow("NEG64", "{rdst} = -{rdst}", "base64", (Lowered(("mips3 n64",), ("dsubu $a0, $zero, $a0",)),)),)


def _document(known: bool = False) -> dict[str, object]:
    found = (finding(), finding("value NEG64"))
    return document(
        record(*found), [record(finding(), finding("value DIV64 o32"))], {KNOWN.fingerprint: KNOWN} if known else {}, ROWS, LOWERINGS, WHERE
    )


def test_states_of_findings() -> None:
    states = {each["fingerprint"]: each["state"] for each in _document(known=True)["findings"]}  # type: ignore[attr-defined]
    assert states == {"value SUB64 n64": "seen before", "value NEG64": "known"}
    states = {each["fingerprint"]: each["state"] for each in _document()["findings"]}  # type: ignore[attr-defined]
    assert states["value NEG64"] == "new"
    assert _document()["gone"] == ["value DIV64 o32"]


def test_a_known_one_that_was_not_seen_is_told() -> None:
    found = document(record(finding()), [], {KNOWN.fingerprint: KNOWN}, ROWS, LOWERINGS, WHERE)
    assert [entry["fingerprint"] for entry in found["silent"]] == ["value NEG64"]
    assert "Known, but not seen" in page(found, {})


def test_the_matrix_counts_by_class_and_knows_findings() -> None:
    found = document(record(finding()), [], {}, ROWS, LOWERINGS, WHERE)
    matrix = found["matrix"]
    row = matrix["cells"][matrix["rows"].index("SUB64_REG")]
    column = matrix["classes"].index("n64 64r1-r5")
    assert row[column][:3] == [88, 1, [0]]
    assert row[column][3] == [["two", "dsubu", "000000-1.toml"]]
    assert [cell[0] for at, cell in enumerate(row) if at != column] == [0] * (len(row) - 1)
    assert found["totals"]["possible"] == len(ROWS) * 3
    assert any("MUL64_REG" in line for line in found["assumed"])


@pytest.mark.parametrize("batches", [1, 3, 100, 1000])
@pytest.mark.parametrize("seconds", [0.01, 0.7, 2.0, 3.3])
def test_all_plots_over_time_end_when_the_campaign_does(batches: int, seconds: float) -> None:
    made = tuple(Batch(number, 8, 24, 4, 4 * number, 1, seconds * (number + 1)) for number in range(batches))
    campaign = replace(record(finding()), batches=made)
    found = document(campaign, [], {}, ROWS, LOWERINGS, WHERE)["series"]
    assert {name: points[-1][0] for name, points in found.items()} == dict.fromkeys(found, round(campaign.elapsed, 1))
    begins = [0.0, *(end for end, _ in found["speed"])]
    judged = sum(rate * (end - begin) for begin, (end, rate) in zip(begins, found["speed"], strict=False))
    # Rates and times have one digit after the point.
    assert campaign.elapsed < 1 or judged == pytest.approx(24 * batches, rel=0.1)


def test_json_is_the_document() -> None:
    found = _document()
    assert json.loads(report_json(found)) == json.loads(json.dumps(found))


def test_junit_counts_known_ones_as_skipped() -> None:
    suite = ElementTree.fromstring(junit(_document(known=True))).find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {"tests": "3", "failures": "1", "skipped": "1"}
    cases = {case.get("name"): [child.tag for child in case] for case in suite}
    assert cases["value SUB64 n64"] == ["failure"]
    assert cases["value NEG64"] == ["skipped"]


def test_junit_of_a_campaign_that_judged_nothing_fails() -> None:
    found = _document()
    found["findings"] = []
    found["totals"] = {**found["totals"], "judged": 0}  # type: ignore[dict-item]
    suite = ElementTree.fromstring(junit(found)).find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "1"


def test_sarif_has_a_result_for_each_finding() -> None:
    (run,) = json.loads(sarif(_document(known=True)))["runs"]
    by_name = {result["partialFingerprints"]["bpfmips/v1"]: result for result in run["results"]}
    assert by_name["value SUB64 n64"]["level"] == "error"
    assert by_name["value NEG64"]["suppressions"][0]["justification"] == KNOWN.reason
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert all(result["ruleId"] in rules for result in run["results"])


def test_the_step_summary_names_the_command() -> None:
    assert "`bpfmips replay night/findings/value-SUB64-n64.toml`" in step_summary(_document())


def test_the_page_is_alone_and_escapes_what_it_shows() -> None:
    wicked = "register r0: expected </script><img src=x onerror=alert(1)>, got 0"
    text = page(document(record(finding(details=(wicked,))), [], {}, ROWS, LOWERINGS, WHERE), {})
    assert "<img" not in text
    assert "&lt;/script&gt;&lt;img" in text
    assert not re.search(r"<[^>]*\s(src|srcset)=|@import|url\(|<link|<iframe", text)
    assert all(link.startswith(("#", "data:")) for link in re.findall(r'href="([^"]*)"', text))


def test_the_trend_has_a_mark_for_each_campaign() -> None:
    one = record(finding())
    several = [replace(record(*[finding(f"value {number}") for number in range(count)]), directory=f"nights/night<{count}>") for count in (2, 1)]
    text = page(document(one, several, {}, ROWS, LOWERINGS, WHERE), {})
    plots = re.findall(r'<svg class="plot"[^>]*aria-label="([^"]*)".*?</svg>', text)
    assert "Findings: findings from 2 in night&lt;2&gt; to 1 in night, 3 campaigns" in plots
    (findings,) = re.findall(r"<svg[^>]*aria-label=\"Findings: .*?</svg>", text)
    marks = re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="4"><title>([^<]*)</title>', findings)
    assert [told for _, _, told in marks] == ["night&lt;2&gt;: 2 findings", "night&lt;1&gt;: 1 findings", "night: 1 findings"]
    heights = [float(y) for _, y, _ in marks]
    assert heights[0] < heights[1] == heights[2]
    assert "has no trend" in page(document(one, [], {}, ROWS, LOWERINGS, WHERE), {})


def test_a_plot_of_many_campaigns_has_no_names_one_over_the_other() -> None:
    plot = trend_plot("Findings", [(f"campaign{number}", float(number)) for number in range(40)], "findings")
    assert plot.count("<circle") == 40
    assert plot.count("campaign7<") == 0
    assert all(0 < float(x) < WIDTH for x in re.findall(r'cx="([\d.]+)"', plot))


def test_reference_pages_come_from_the_tables() -> None:
    reference = document(record(), [], {}, ROWS, LOWERINGS, WHERE)["reference"]
    assert reference["isas"] == list(ISAS)
    there = dict(reference["mips"])
    assert there["daddu"][ISAS.index("mips3")] == "1"
    assert there["daddu"][ISAS.index("mips32r2")] == "0"
    assert reference["lowering"][0]["code"] == [{"configs": "n64: 3", "lines": ["dsubu $a0, $zero, $a0"]}]
    assert {"legality", "hazards"} <= {wire["name"] for wire in reference["wires"]}

"""The document of a report for machines: JSON, JUnit XML, SARIF 2.1.0, and a step summary in Markdown as CI systems show it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def report_json(document: Mapping[str, Any]) -> str:
    """The document itself."""
    return json.dumps(document, indent=1) + "\n"


def junit(document: Mapping[str, Any]) -> str:
    """A test case for each finding, which fails or, when it is known, is skipped; one for the campaign, which fails when nothing was judged; and an
    error for each file that is no finding."""
    findings, unreadable = document["findings"], document["unreadable"]
    known = sum(finding["state"] == "known" for finding in findings)
    judged = document["totals"]["judged"]
    tests, failures = len(findings) + len(unreadable) + 1, len(findings) - known + (not judged)
    counts = {"tests": tests, "failures": failures, "skipped": known, "errors": len(unreadable)}
    attributes = {name: str(int(count)) for name, count in counts.items()}
    suite = Element("testsuite", {"name": "bpfmips", "time": str(document["campaign"]["seconds"]), **attributes})
    case = SubElement(suite, "testcase", classname="bpfmips.campaign", name=f"{judged} judged pairs")
    if not judged:
        SubElement(case, "failure", message="nothing was judged")
    for finding in findings:
        case = SubElement(suite, "testcase", classname=f"bpfmips.{finding['status'].lower()}", name=finding["fingerprint"])
        if finding["state"] == "known":
            SubElement(case, "skipped", message=f"known until {finding['known']['expiry']}: {finding['known']['reason']}")
            continue
        failure = SubElement(case, "failure", message=_printable(f"{finding['condition']}: {finding['wrong']}"), type=finding["status"])
        failure.text = "\n".join(
            (*map(_printable, (*finding["details"], *finding["program"])), f"in {document['campaign']['where']}: {finding['replay']}")
        )
    for one in unreadable:
        case = SubElement(suite, "testcase", classname="bpfmips.unreadable", name=_printable(one["file"]))
        SubElement(case, "error", message=_printable(one["reason"]))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def sarif(document: Mapping[str, Any]) -> str:
    """A result for each finding, with the file that replays it as its place, and a notification for each file that is none."""
    kinds = sorted({finding["fingerprint"].split()[0] for finding in document["findings"]})
    driver = {"name": "bpfmips", "version": document["campaign"]["version"], "rules": [{"id": kind, "name": kind} for kind in kinds]}
    notifications = [{"level": "error", "message": {"text": f"{one['file']}: {one['reason']}"}} for one in document["unreadable"]]
    invocation = {"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}
    run = {"tool": {"driver": driver}, "invocations": [invocation], "results": [_result(finding) for finding in document["findings"]]}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _result(finding: Mapping[str, Any]) -> dict[str, Any]:
    known = finding["known"]
    result: dict[str, Any] = {
        "ruleId": finding["fingerprint"].split()[0],
        "level": "note" if known else "error",
        "message": {"text": f"{finding['fingerprint']}: fails {finding['condition']}; first wrong: {finding['wrong'] or 'not known'}"},
        "partialFingerprints": {"bpfmips/v1": finding["fingerprint"]},
        "baselineState": "new" if finding["state"] == "new" else "unchanged",
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": finding["uri"]}, "region": {"startLine": 1}}}],
    }
    if known:
        result["suppressions"] = [{"kind": "external", "justification": known["reason"]}]
    return result


def step_summary(document: Mapping[str, Any]) -> str:
    """Markdown as a CI step shows it."""
    return "".join(f"{line}\n" for line in _summary(document))


def _summary(document: Mapping[str, Any]) -> Iterator[str]:
    totals, findings = document["totals"], document["findings"]
    new = sum(finding["state"] == "new" for finding in findings)
    unreadable = f", {len(document['unreadable'])} that cannot be read" if document["unreadable"] else ""
    yield f"## bpfmips: {f'{new} new of {len(findings)} findings' if findings else 'no findings'}{unreadable}"
    yield ""
    inconclusive = sum(totals["inconclusive"].values())
    cells = f"{totals['cells']} of {totals['possible']} cells"
    yield f"{totals['judged']} judged pairs of {totals['cases']} programs, {inconclusive} inconclusive, {cells}."
    if findings:
        yield ""
        yield "| finding | state | fails | first wrong | replay |"
        yield "|---|---|---|---|---|"
    for finding in findings:
        columns = (
            finding["fingerprint"],
            finding["state"],
            finding["condition"],
            f"`{finding['wrong']}`",
            f"`{finding['replay']}`",
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in columns)} |"
    if findings:
        yield ""
        yield f"Commands are for `{document['campaign']['where']}`."
    if document["unreadable"]:
        yield ""
        yield "Findings that cannot be read:"
        yield ""
        yield from (f"* `{one['file']}`: {one['reason']}" for one in document["unreadable"])
    if document["gone"]:
        yield ""
        yield f"Not seen again: {', '.join(f'`{name}`' for name in document['gone'])}"

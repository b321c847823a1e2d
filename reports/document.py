"""Everything that a report says, as one document of plain values: the JSON report is this, and the page is rendered from it.

campaign, earlier ones, known findings, reference ─► document ─┬─ report.json
                                                               └─ page (`reports.page`), CI formats (`reports.machine`)
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ebpf.disassembler import disassemble
from fuzz.campaign.record import Bucket, CampaignRecord
from fuzz.findings.finding import Finding
from fuzz.findings.known import Known
from fuzz.reference import LoweredRow
from jit.config import Config
from reports.exports import replay_command
from reports.reference import reference
from reports.table import CLASSES, class_of

NEW, KNOWN, SEEN = "new", "known", "seen before"
"""States of a finding."""

_WINDOWS, _BATCHES = 40, 4
"""Stretches of time in which executions are counted at most, and batches in each of them at least, because batches come in bursts."""

_POINTS = 300
_EXAMPLES = 6
"""Points of a plot, and examples of a cell, at most: a page over a long campaign must stay small."""


def document(
    record: CampaignRecord,
    earlier: Sequence[CampaignRecord],
    known: Mapping[str, Known],
    rows: Sequence[str],
    lowerings: Sequence[LoweredRow],
    where: Path,
) -> dict[str, Any]:
    """The document.

    `earlier` are campaigns before this one, the last one last; `rows` are those that a program can have; `where` is the directory from which the
    directories of the campaigns are named, and in which commands are run.
    """
    before = earlier[-1].fingerprints if earlier else frozenset[str]()
    findings = [{**_finding(bucket, before, known), **_place(bucket.finding, record, where)} for bucket in record.buckets]
    findings.sort(key=lambda finding: ((NEW, SEEN, KNOWN).index(finding["state"]), -finding["seen"], finding["fingerprint"]))
    now = record.fingerprints
    return {
        "campaign": {**_campaign(record), "where": str(where)},
        "totals": _totals(record, len(rows)),
        "findings": findings,
        "unreadable": [{"file": str(one.path), "reason": one.reason} for each in (*earlier, record) for one in each.unreadable],
        "gone": sorted(before - now),
        "silent": [_known(entry) for name, entry in known.items() if name not in now],
        "series": _series(record),
        "trend": [_trend(each) for each in (*earlier, record)],
        "assumed": list(_assumed(record, rows)),
        "matrix": _matrix(record, findings, rows),
        "reference": reference(lowerings),
    }


def _campaign(record: CampaignRecord) -> dict[str, Any]:
    plan = record.plan
    return {
        "directory": record.directory,
        "version": plan["version"],
        "seed": plan["seed"],
        "tier": plan["tier"],
        "tripwires": plan["tripwires"],
        "configurations": len(plan["configs"]),
        "others": len(plan.get("drawn", ())),
        "seconds": round(record.elapsed, 1),
        "batches": len(record.batches),
    }


def _totals(record: CampaignRecord, rows: int) -> dict[str, Any]:
    verdicts = record.counts.get("verdicts", Counter())
    inconclusive = record.counts.get("inconclusive", Counter())
    swept = set(record.plan["configs"])
    saturation = record.saturation
    return {
        "cases": int(record.counts.get("cases", Counter())["generated"]),
        "judged": record.judged,
        "shared": int(verdicts["shared"]),
        "verdicts": {name: int(number) for name, number in sorted(verdicts.items()) if name != "shared"},
        "cells": sum(config in swept for _, config in record.matrix),
        "possible": rows * len(swept),
        "inconclusive": {reason: int(number) for reason, number in inconclusive.most_common()},
        "seconds": {what: round(number, 1) for what, number in record.counts.get("seconds", Counter()).most_common()},
        "features": saturation.seen,
        "unseen": round(saturation.unseen),
        "share": round(saturation.share, 4),
        "next_batch": round(saturation.next_batch, 2),
    }


def _finding(bucket: Bucket, before: Set[str], known: Mapping[str, Known]) -> dict[str, Any]:
    finding = bucket.finding
    entry = known.get(finding.fingerprint)
    return {
        "fingerprint": finding.fingerprint,
        "file": finding.file_name,
        "state": KNOWN if entry else SEEN if finding.fingerprint in before else NEW,
        "known": None if entry is None else _known(entry),
        "status": finding.status,
        "seen": bucket.seen,
        "symptoms": list(bucket.symptoms),
        "condition": finding.condition or finding.config,
        "config": finding.config,
        "configs": list(finding.configs),
        "row": finding.row,
        "wrong": finding.wrong,
        "details": list(finding.details),
        "program": finding.trampoline.splitlines() or [line for line in disassemble(finding.program.slots) if line],
        "slots": len(finding.program.slots),
        "context": finding.inputs[0].memory.hex(),
        "steps": [step._asdict() for step in finding.steps],
        "words": list(finding.words),
        "origin": finding.origin,
        "reduced": finding.reduced,
        "versions": dict(finding.versions or {}),
    }


def _place(finding: Finding, record: CampaignRecord, where: Path) -> dict[str, str]:
    """Where the file of a finding is: its path from `where`, the command that judges it again there, and its URI for CI."""
    path = Path(record.directory, "findings", finding.file_name)
    return {"path": str(path), "replay": replay_command(str(path)), "uri": _uri((where / path).resolve())}


def _uri(path: Path) -> str:
    """Relative to the root of the repository that a file is in, as CI wants it; absolute where it is in none."""
    root = next((parent for parent in path.parents if (parent / ".git").exists()), None)
    return path.as_uri() if root is None else quote(path.relative_to(root).as_posix())


def _known(entry: Known) -> dict[str, str]:
    return {"fingerprint": entry.fingerprint, "reason": entry.reason, "link": entry.link, "expiry": str(entry.expiry)}


def _series(record: CampaignRecord) -> dict[str, list[list[float]]]:
    """Against seconds: judged executions a second, features, symptoms."""
    batches = record.batches
    step = max(1, -(-len(batches) // _POINTS))
    chosen = [*batches[step - 1 :: step]]
    if batches and (not chosen or chosen[-1] is not batches[-1]):
        chosen.append(batches[-1])
    width = max(1.0, record.elapsed / max(1, min(_WINDOWS, len(batches) // _BATCHES)))
    # Whole windows; the last one goes on as far as the end.
    count = max(1, int(record.elapsed / width + 1e-6)) if batches else 0
    judged = Counter[int]()
    for batch in batches:
        judged[min(int(batch.elapsed // width), count - 1)] += batch.judged
    ends = [*(at * width for at in range(1, count)), record.elapsed or width]
    speed = [[round(end, 1), round(judged[at] / (end - at * width), 1)] for at, end in enumerate(ends[:count])]
    return {
        "speed": speed,
        "features": [[round(batch.elapsed, 1), batch.features] for batch in chosen],
        "symptoms": [[round(batch.elapsed, 1), batch.findings] for batch in chosen],
    }


def _trend(record: CampaignRecord) -> dict[str, Any]:
    return {
        "directory": record.directory,
        "name": Path(record.directory).resolve().name,
        "version": record.plan["version"],
        "judged": record.judged,
        "rate": round(record.judged / record.elapsed, 1) if record.elapsed else 0.0,
        "features": record.saturation.seen,
        "findings": len(record.buckets),
        "seconds": round(record.elapsed, 1),
    }


def _assumed(record: CampaignRecord, rows: Sequence[str]) -> Iterator[str]:
    """What nobody has looked at."""
    seen = {row for row, _ in record.matrix}
    never = [row for row in rows if row not in seen]
    if never:
        yield f"instructions that no judged case executed: {', '.join(never)}"
    if record.plan["tier"] != "all":
        yield f"only programs of the tier {record.plan['tier']} were generated"
    if record.plan["tripwires"] != "all":
        yield f"tripwires that were on: {record.plan['tripwires']}"
    missing = [
        name.replace("\n", " ") for at, (name, _) in enumerate(CLASSES) if at not in {class_of(Config.parse(each)) for each in record.plan["configs"]}
    ]
    if missing:
        yield f"classes of configurations that were not judged: {', '.join(missing)}"
    yield "what a verifier refuses is not judged, and one CPU at a time runs; helper functions, maps and contexts are those of the harness"


def _row(symptom: str) -> str:
    """The eBPF instruction of a symptom (`fuzz.findings.diagnosis`): the last word but one."""
    return "".join(symptom.split()[-2:-1])


def _matrix(record: CampaignRecord, findings: Sequence[Mapping[str, Any]], rows: Sequence[str]) -> dict[str, Any]:
    """Instructions × classes of configurations."""
    classes = [name.replace("\n", " ") for name, _ in CLASSES]
    number_of: dict[str, int] = {}
    judged: Counter[tuple[str, int]] = Counter()
    for (row, name), count in record.matrix.items():
        if name not in number_of:
            config = Config.parse(name)
            number_of[name] = class_of(config)
        judged[row, number_of[name]] += count
    examples: defaultdict[tuple[str, int], list[list[str]]] = defaultdict(list)
    features: Counter[tuple[str, int]] = Counter()
    for feature in record.features:
        if feature.kind in classes:
            cell = feature.row, classes.index(feature.kind)
            features[cell] += 1
            if len(examples[cell]) < _EXAMPLES:
                examples[cell].append([feature.operands, feature.code, feature.case if feature.case in record.kept else ""])
    broken: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for number, finding in enumerate(findings):
        for column in sorted({class_of(Config.parse(name)) for name in finding["configs"]}):
            for row in {finding["row"], *map(_row, finding["symptoms"])}:
                broken[row, column].append(number)
    listed = [*rows, *sorted({row for row, _ in record.matrix} - set(rows))]
    cells = [[[judged[row, at], features[row, at], broken[row, at], examples[row, at]] for at in range(len(classes))] for row in listed]
    return {"classes": classes, "rows": listed, "cells": cells}

"""How large a report is, and how soon a browser shows it: over a campaign of a million judged pairs.

    python bench/report_size.py [DIR]

Without DIR the campaign is synthetic: a database with the numbers of a long campaign, every cell of the matrix, twelve thousand features and twenty
findings, made here and not by judging anything. With DIR it is that campaign as it is. The figures go to bench/report_size.md.
"""

import json
import shutil
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from ebpf.assembler import assemble
from fuzz.campaign.progress import REACHABLE
from fuzz.campaign.record import load
from fuzz.campaign.state import Plan, State
from fuzz.case import Input
from fuzz.findings.finding import Finding
from fuzz.findings.finding import text as finding_text
from fuzz.findings.reporting import write_report
from fuzz.findings.side_by_side import Step
from jit.config import BASE_CONFIGS
from reports.table import CLASSES

JUDGED = 1_000_000
BATCHES, FINDINGS, FEATURES_OF_A_CELL = 800, 20, 8
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


def synthetic(directory: Path) -> None:
    """A database that looks like that of a long campaign."""
    configs = tuple(map(str, BASE_CONFIGS))
    state = State(directory)
    state.create(Plan("synthetic", 1, "all", configs, "all", None))
    state.close()
    program = assemble("r0 = 7; r1 = 3; r0 -= r1; exit", "synthetic")
    steps = tuple(Step(at, "r0 -= r1", ("0x400008  0044102d  daddu $v0, $v0, $a0",) * 6, "r0=0x4", "r0=0xa", at == 10) for at in range(14))
    made = Finding("synthetic", "synthetic", "DIFFER", program, (Input(bytes(64)),), configs[0], configs, ("register r0: expected 0x4, got 0xa",))
    made = replace(made, steps=steps, reduced=True)
    with sqlite3.connect(directory / "campaign.sqlite") as database:
        counts = [("cases", "generated", BATCHES * 8), ("verdicts", "AGREE", JUDGED - FINDINGS), ("verdicts", "DIFFER", FINDINGS)]
        database.executemany("INSERT INTO count VALUES (?, ?, ?)", counts)
        share = JUDGED // BATCHES
        rows = [(at, 8, share, max(1, 400 - at), 14_000 - 8_000_000 // (at + 600), min(at, FINDINGS), 3.0 * at) for at in range(BATCHES)]
        database.executemany("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        cells = [(row, config, 100 + 7 * at) for at, row in enumerate(REACHABLE) for config in configs]
        database.executemany("INSERT INTO matrix VALUES (?, ?, ?)", cells)
        names = [kind.replace("\n", " ") for kind, _ in CLASSES]
        code = "lui ori addu sltu addu addu sw"
        features = [
            (f"{kind} | {row} | two imm+16 {at} | {code}", 1 + at % 3, at, 0)
            for kind in names
            for row in REACHABLE
            for at in range(FEATURES_OF_A_CELL)
        ]
        database.executemany("INSERT INTO feature VALUES (?, ?, ?, ?)", features)
        for at in range(FINDINGS):
            row = REACHABLE[9 * at]
            finding = replace(made, symptom=f"value {row} o32", fingerprint=f"value {row} o32", row=row, condition="o32")
            (directory / "findings" / finding.file_name).write_text(finding_text(finding))
            values = (finding.symptom, finding.fingerprint, finding.file_name, "DIFFER", 3, at, f"batch {at}", 4, 64, 1)
            database.execute(f"INSERT INTO finding VALUES ({', '.join('?' * len(values))})", values)


def seconds_to_show(page: Path, profile: Path, part: str) -> float:
    """From the request to the end of the load event, as the browser measures it, the best of three."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        found = []
        for _ in range(3):
            driver.get("about:blank")
            driver.get(f"{page.as_uri()}#{part}")
            driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
            found.append(float(driver.execute_script("return performance.now()")) / 1000)
        return min(found)
    finally:
        driver.quit()


def main() -> int:
    """Measure."""
    with tempfile.TemporaryDirectory() as directory:
        campaign = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(directory) / "campaign"
        if len(sys.argv) == 1:
            synthetic(campaign)
        record = load(campaign)
        started = time.perf_counter()
        write_report(campaign, (), {}, Path(directory) / "report")
        made = time.perf_counter() - started
        page = Path(directory) / "report" / "report.html"
        shown = {part: seconds_to_show(page, Path(directory) / part, part) for part in ("overview", "matrix")}
        kind = "a synthetic campaign, whose numbers were written and not judged" if len(sys.argv) == 1 else "a real campaign"
        sizes = {path.name: round(path.stat().st_size / 1e6, 2) for path in page.parent.iterdir()}
        lines = [
            "# Size of a report",
            "",
            f"`python bench/report_size.py`, over {kind}: {record.judged} judged pairs, {len(record.matrix)} cells, {len(record.features)} features, "
            f"{len(record.buckets)} findings.",
            "",
            "| | |",
            "|---|---|",
            f"| report.html | {sizes['report.html']} MB (bar: 5) |",
            f"| report.json | {sizes['report.json']} MB |",
            f"| written in | {made:.1f} s |",
            *(f"| {part} shown in Chromium after | {seconds:.2f} s (bar: 2) |" for part, seconds in shown.items()),
        ]
        text = "\n".join(lines) + "\n"
        (Path(__file__).parent / "report_size.md").write_text(text)
        print(text, json.dumps(sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())

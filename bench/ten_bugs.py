"""A campaign over a compiler with ten seeded bugs at once, and its report: what it took, and whether each bug has one bucket that is right.

    python bench/ten_bugs.py DIR [--cases N] [--jobs N]

The bugs are single edits of tables and passes (`TEN`); each has a condition and an operation that its finding must name. Which bug a finding is of is
asked of the compilers with one bug each: the finding fails with one of them. The campaign and its report stay in DIR, the figures go to
bench/ten_bugs.md.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from ebpf.program import ProgramError
from fuzz.campaign.pool import WorkerPool
from fuzz.campaign.record import CampaignRecord, load
from fuzz.campaign.reduce import Bench
from fuzz.campaign.run import Run
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import target
from fuzz.findings.finding import Finding
from fuzz.findings.fingerprint import operation
from fuzz.findings.reporting import write_report
from fuzz.selftest.seeded_compiler import SeededCompiler
from fuzz.wires import WIRES
from jit.config import BASE_CONFIGS, Config

TEN: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "add32-upper-half": ("ADD32", "n64, release >= r2, without zext"),
        "sub64-borrow": ("SUB64_REG", "o32"),
        "div64-order": ("DIV64_REG", "n64"),
        "mov32-copies": ("MOV32_REG", "o32, without zext"),
        "xor64-imm-high": ("XOR64_IMM", "without blind"),
        "load-byte-sign": ("LDX_B", "everywhere"),
        "lsh64-big-count": ("LSH64_REG", "o32"),
        "add-without-retry": ("ATOMIC_ADD_W", "release >= II, without nollsc"),
        "hilo-one": ("any", "o32, release < IV"),
        "swap16-upper-half": ("SWAP16", "everywhere"),
    }
)
"""By name the operation that a finding must name, and the condition under which it fails, reasoned out from the edit and the code that it edits.

The upper half of ADD32 is cleared by an instruction of its own from release 2 on; marks of zero-extension leave that to others. MOV32 copies both
registers of a pair. The constant -1 is combined by one `nor` at each width, and blinded constants in a register. Below release II, and with nollsc,
atomic operations are calls. Below MIPS IV HI and LO must rest; a product on
pairs is several multiplications, one behind the other, and in 64-bit code it takes two instructions with something small in between.
"""

SILENCE, MEMORY = 120.0, 2 << 30


def campaign(directory: Path, compiler: SeededCompiler, cases: int, jobs: int) -> None:
    """From beginning to end, on the base configurations."""
    state = State(directory)
    plan = Plan("ten bugs", 1, "all", tuple(map(str, BASE_CONFIGS)), "all", cases)
    state.create(plan)
    pool = WorkerPool(jobs, SILENCE, MEMORY, ("fuzz.campaign.unit",))
    try:
        Run(plan, state, pool, compiler, lambda: 2 * jobs, None).run()
    finally:
        pool.shutdown(cancel_futures=True)
        state.close()


def causes(finding: Finding) -> list[str]:
    """The bugs that alone make the finding fail in the same way."""
    found = []
    config = Config.parse(finding.config)
    for name in TEN:
        bench = Bench(target("model", 1), SeededCompiler(name), WIRES)
        try:
            shown = bench.shown(finding.program, finding.inputs[0], config)
        except ProgramError:
            continue
        if shown is not None and shown.diagnosis.symptom.row == finding.row:
            found.append(name)
    return found


def report(record: CampaignRecord, seconds: float, reporting: float, jobs: int) -> Iterator[str]:
    """The file."""
    owners: defaultdict[str, list[Finding]] = defaultdict(list)
    for bucket in record.buckets:
        for name in causes(bucket.finding) or ["?"]:
            owners[name].append(bucket.finding)
    yield "# Ten bugs at once"
    yield ""
    figures = f"{record.judged} judged pairs, {len(record.buckets)} buckets"
    times = f"{seconds:.0f} s to the last batch (reductions end later), {reporting:.1f} s for the report"
    cases = record.plan["cases"]
    yield f"`python bench/ten_bugs.py DIR --cases {cases}`, {datetime.now(tz=UTC):%Y-%m-%d}, {jobs} processes: {figures}; {times}."
    yield ""
    yield "| bug | buckets | fingerprint | slots | fails | wanted | first wrong |"
    yield "|---|---|---|---|---|---|---|"
    for name, (wanted_operation, wanted) in TEN.items():
        for finding in owners[name]:
            # A form that nobody can tell is left open.
            right = "" if {wanted_operation, operation(wanted_operation)} & set(finding.fingerprint.split()) else " (another operation)"
            cells = (finding.fingerprint + right, len(finding.program.slots), finding.condition, wanted, f"`{finding.wrong}`")
            yield f"| {name} | {len(owners[name])} | {' | '.join(map(str, cells)).replace('|=', '&#124;=')} |"
        if not owners[name]:
            yield f"| {name} | 0 | not found | | | {wanted} | |"
    for finding in owners["?"]:
        yield f"| none alone | | {finding.fingerprint} | {len(finding.program.slots)} | {finding.condition} | | `{finding.wrong}` |"


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Ten seeded bugs at once.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    compiler = SeededCompiler(*TEN)
    if not (options.directory / "campaign.sqlite").exists():
        campaign(options.directory, compiler, options.cases, options.jobs)
    started = time.monotonic()
    write_report(options.directory, (), {}, options.directory, compiler)
    reporting = time.monotonic() - started
    seconds = load(options.directory).elapsed
    text = "".join(f"{line}\n" for line in report(load(options.directory), seconds, reporting, options.jobs))
    (Path(__file__).parent / "ten_bugs.md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A small report that needs no campaign: documents made by hand, for tests of pages and formats."""

from collections import Counter
from datetime import date

from ebpf.assembler import assemble
from fuzz.campaign.progress import REACHABLE
from fuzz.campaign.record import Batch, Bucket, CampaignRecord, Feature
from fuzz.campaign.saturation import estimate
from fuzz.case import Input
from fuzz.findings.finding import Finding
from fuzz.findings.known import Known
from fuzz.findings.side_by_side import Step

BROKEN = assemble("r0 = 7; r1 = 3; r0 -= r1; exit", "made.s")
STEPS = (
    Step(0, "r0 = 7", ("0x400000  24020007  addiu $v0, $zero, 7",), "r0=0x7", "r0=0x7"),
    Step(1, "r1 = 3", ("0x400004  24040003  addiu $a0, $zero, 3",), "r1=0x3", "r1=0x3"),
    Step(2, "r0 -= r1", ("0x400008  0044102d  daddu $v0, $v0, $a0",), "r0=0x4", "r0=0xa", True),
    Step(3, "exit", (), "", ""),
)


def finding(name: str = "value SUB64 n64", details: tuple[str, ...] = ("register r0: expected 0x4, got 0xa",)) -> Finding:
    """A finding as a campaign leaves it."""
    return Finding(
        symptom="value SUB64_REG n64",
        fingerprint=name,
        status="DIFFER",
        program=BROKEN,
        inputs=(Input(b"\x01\x02<script>"),),
        config="mips64r2-64le",
        configs=("mips64r2-64le", "mips64r2-64be"),
        details=details,
        wrong="2: r0 -= r1",
        words=("0x400008  0044102d  daddu $v0, $v0, $a0",),
        origin="seed 1, tier all, batch 0, case 0",
        versions={"python": "3.11"},
        reduced=True,
        condition="n64, release r2",
        row="SUB64_REG",
        steps=STEPS,
    )


def record(*findings: Finding) -> CampaignRecord:
    """A campaign of three batches with these findings."""
    configs = ["mips64r2-64le", "mips64r2-64be", "mips1-32le"]
    plan = {"version": "1.0", "seed": 1, "tier": "all", "tripwires": "all", "configs": configs, "drawn": ["mips64r2-64le+blind"], "cases": 24}
    counts = {
        "cases": Counter({"generated": 24}),
        "verdicts": Counter({"AGREE": 70, "DIFFER": 2, "INCONCLUSIVE": 3, "shared": 20}),
        "inconclusive": Counter({"access out of bounds": 3}),
        "seconds": Counter({"judging": 3}),
    }
    batches = tuple(Batch(number, 8, 24, 4, 4 * number + 4, 1, 2.0 * number + 2) for number in range(3))
    features = (
        Feature("n64 64r1-r5", "SUB64_REG", "two", "dsubu", "000000-1.toml"),
        Feature("o32 I II", "ADD64_REG", "two", "addu sltu", "000001-2.toml"),
    )
    matrix = Counter({("SUB64_REG", "mips64r2-64le"): 48, ("SUB64_REG", "mips64r2-64be"): 40, ("ADD64_REG", "mips1-32le"): 12})
    buckets = tuple(Bucket(each, 3, (each.symptom,)) for each in findings)
    return CampaignRecord("night", plan, counts, matrix, batches, features, frozenset({"000000-1.toml"}), estimate(3, (1, 1, 2, 3)), buckets)


KNOWN = Known("value NEG64", "waits for the next release", "https://example.org/7", date(2100, 1, 1))
ROWS = REACHABLE

"""A campaign as a value, read from its directory without touching it: what reports and comparisons are made of."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ebpf.program import ProgramError
from fuzz.campaign.saturation import Saturation, estimate
from fuzz.findings.finding import Finding, Unreadable, read_or_tell

FILE = "campaign.sqlite"


class Batch(NamedTuple):
    """What had been reached after a batch: `elapsed` in seconds from the start; cases, judged and new are those of the batch itself."""

    number: int
    cases: int
    judged: int
    new: int
    features: int
    findings: int
    elapsed: float


class Feature(NamedTuple):
    """Something that was reached: its class of configurations, row, operands and code (`fuzz.campaign.coverage`), and the first case with it."""

    kind: str
    row: str
    operands: str
    code: str
    case: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A finding, how often it was seen, and as what before it was reduced."""

    finding: Finding
    seen: int
    symptoms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign.

    plan        as it was begun
    counts      by kind and name, as `fuzz.campaign.state` has them
    matrix      judged executions by row and configuration
    features    without those of the compiler's own ways
    kept        file names of the cases in the corpus
    unreadable  files of findings that are none any more
    """

    directory: str
    plan: dict[str, Any]
    counts: dict[str, Counter[str]]
    matrix: Counter[tuple[str, str]]
    batches: tuple[Batch, ...]
    features: tuple[Feature, ...]
    kept: frozenset[str]
    saturation: Saturation
    buckets: tuple[Bucket, ...]
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those of all findings, of unreadable ones as well."""
        return frozenset(bucket.finding.fingerprint for bucket in self.buckets) | frozenset(one.fingerprint for one in self.unreadable)

    @property
    def judged(self) -> int:
        """Judged executions, those included that others with the same image stand for."""
        return int(sum(number for name, number in self.counts.get("verdicts", Counter()).items() if name not in ("INCONCLUSIVE", "shared")))

    @property
    def elapsed(self) -> float:
        """Seconds."""
        return self.batches[-1].elapsed if self.batches else 0.0


def load(directory: Path) -> CampaignRecord:
    """Read a campaign. Raises ProgramError, one line, where there is none, or while another process has it."""
    file = directory / FILE
    if not file.is_file():
        raise ProgramError(f"{directory}: no campaign: {FILE} is missing")
    try:
        database = _opened(file)
        try:
            return _read(directory, database)
        finally:
            database.close()
    except sqlite3.Error as error:
        reason = "a campaign is using it; wait for its end" if "locked" in str(error) else str(error)
        raise ProgramError(f"{file}: {reason}") from None


def _opened(file: Path) -> sqlite3.Connection:
    """For reading. Raises sqlite3.Error, and ProgramError where what has been written last cannot be read."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    database = sqlite3.connect(uri, uri=True, timeout=1)
    try:
        database.execute("SELECT COUNT(*) FROM sqlite_master")
        return database
    except sqlite3.OperationalError as error:
        database.close()
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
            raise
    # Even for reading SQLite makes files beside it, which a read-only file system does not let it. Nobody writes there; but what is in the log only
    # is not read in this way.
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        raise ProgramError(f"{log}: cannot be read where nothing can be written: copy the campaign to where it can")
    return sqlite3.connect(f"{uri}&immutable=1", uri=True, timeout=1)


def _read(directory: Path, database: sqlite3.Connection) -> CampaignRecord:
    plan = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM plan")}
    if not plan:
        raise ProgramError(f"{directory / FILE}: no plan: the campaign was ended before it began")
    counts: dict[str, Counter[str]] = {}
    for kind, name, number in database.execute("SELECT kind, name, number FROM count"):
        counts.setdefault(kind, Counter())[name] = number
    batches = tuple(
        Batch(*row) for row in database.execute("SELECT number, cases, judged, new, features, findings, elapsed FROM batch ORDER BY number")
    )
    features, occurrences = [], []
    for name, times, batch, number in database.execute("SELECT name, batches, batch, number FROM feature ORDER BY name"):
        occurrences.append(times)
        if len(parts := name.split(" | ")) == len(Feature._fields) - 1:
            kind, row, operands, code = parts
            features.append(Feature(kind, row, operands, code, f"{batch:06d}-{number}.toml"))
    buckets, unreadable = _buckets(directory, database)
    return CampaignRecord(
        str(directory),
        plan,
        counts,
        Counter({(row, config): judged for row, config, judged in database.execute("SELECT row, config, judged FROM matrix")}),
        batches,
        tuple(features),
        frozenset(name for (name,) in database.execute("SELECT file FROM corpus")),
        estimate(len(batches), occurrences),
        tuple(buckets),
        tuple(unreadable),
    )


def _buckets(directory: Path, database: sqlite3.Connection) -> tuple[list[Bucket], list[Unreadable]]:
    rows: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for symptom, fingerprint, file, cases in database.execute("SELECT symptom, fingerprint, file, cases FROM finding ORDER BY batch, symptom"):
        rows.setdefault((file, fingerprint), []).append((symptom, cases))
    buckets, unreadable = [], []
    for (file, fingerprint), sightings in rows.items():
        found = read_or_tell(directory / "findings" / file, fingerprint)
        if isinstance(found, Unreadable):
            unreadable.append(found)
        elif found.fingerprint != fingerprint:
            unreadable.append(Unreadable(directory / "findings" / file, f"not of this campaign: its fingerprint is {found.fingerprint}", fingerprint))
        else:
            buckets.append(Bucket(found, sum(cases for _, cases in sightings), tuple(symptom for symptom, _ in sightings)))
    return buckets, unreadable

"""What a campaign has come to: one SQLite file, and beside it the corpus and the findings as files that people read.

    DIR/campaign.sqlite   plan, counts, matrix, features, batches: changed by whole batches, each a transaction
    DIR/corpus/           cases that reached something new
    DIR/findings/         one file a bucket, with its smallest case

Batches are applied in the order of their numbers, each exactly once, so that the state is always that of a campaign which did the first so many
batches and nothing else, whatever order they were done in. A process that is killed leaves what was applied; what was under way is done again by
whoever resumes. Files are written before the transaction that tells of them, and removed after the one that tells of them no more, so that what is
told of is there. What others put into these directories is left alone: names of files of findings are noted before they are touched, those of cases
have the number of their batch.
"""

import errno
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ebpf.program import ProgramError
from fuzz.campaign.generation import Generated
from fuzz.campaign.kept import case_text, check_case, read_case
from fuzz.campaign.plan import why_no_plan
from fuzz.campaign.unit import BatchResult
from fuzz.casefile import new_name, write_atomically
from fuzz.findings import finding as finding_file
from fuzz.findings.finding import Finding

_SCHEMA = """
CREATE TABLE IF NOT EXISTS plan (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS count (kind TEXT, name TEXT, number REAL NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS matrix (row TEXT, config TEXT, judged INTEGER NOT NULL, PRIMARY KEY (row, config)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feature (name TEXT PRIMARY KEY, batches INTEGER NOT NULL, batch INTEGER NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS corpus (file TEXT PRIMARY KEY, batch INTEGER NOT NULL, number INTEGER NOT NULL, new INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batch
    (number INTEGER PRIMARY KEY, cases INTEGER NOT NULL, judged INTEGER NOT NULL, new INTEGER NOT NULL, features INTEGER NOT NULL,
     findings INTEGER NOT NULL, elapsed REAL NOT NULL);
CREATE TABLE IF NOT EXISTS finding
    (symptom TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, file TEXT NOT NULL, status TEXT NOT NULL, cases INTEGER NOT NULL, batch INTEGER NOT NULL,
     origin TEXT NOT NULL, slots INTEGER NOT NULL, bytes INTEGER NOT NULL, reduced INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS touched (file TEXT PRIMARY KEY);
"""

_CASE = re.compile(r"(?P<new>\.)?([0-9]{6,})-[0-9]+\.toml(?(new)\.new)")
"""The file of a case, with the number of its batch, or what is beside it while it is written."""

_RARE = 3
"""Features are counted up to so many batches: estimates need those of one and of two."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides which cases a campaign has. It cannot be changed when it is resumed.

    configs  on which each case is judged
    drawn    of which each batch draws some for each option that occurs in them (`fuzz.campaign.configurations`)
    engine   what runs images, and of how many one is confirmed: see `fuzz.engine.engines.engine`
    """

    version: str
    seed: int
    tier: str
    configs: tuple[str, ...]
    tripwires: str
    cases: int | None
    drawn: tuple[str, ...] = ()
    engine: str = "model"
    confirm: int = 1


class State:
    """Raises ProgramError, one line, when the directory cannot be used, or there is no room left in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._database: sqlite3.Connection | None = None
        self._under_way = False
        self.next_batch = 0
        self.elapsed = 0.0
        self.features: dict[str, int] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.matrix: Counter[tuple[str, str]] = Counter()
        self.symptoms: dict[str, Finding] = {}
        self.sightings: Counter[str] = Counter()
        self._seen: dict[str, tuple[str, tuple[int, int]]] = {}
        self.corpus: list[tuple[int, str]] = []

    @property
    def buckets(self) -> dict[str, Finding]:
        """By fingerprint the smallest finding; of equally small ones that whose symptom comes first."""
        found: dict[str, Finding] = {}
        for finding in self.symptoms.values():
            known = found.get(finding.fingerprint)
            if known is None or (finding.size, finding.symptom) < (known.size, known.symptom):
                found[finding.fingerprint] = finding
        return found

    def seen(self, fingerprint: str) -> int:
        """How often a bucket was seen."""
        return sum(self.sightings[symptom] for symptom, finding in self.symptoms.items() if finding.fingerprint == fingerprint)

    @property
    def file(self) -> Path:
        """The database."""
        return self.directory / "campaign.sqlite"

    @property
    def database(self) -> sqlite3.Connection:
        """The open database."""
        assert self._database is not None
        return self._database

    def create(self, plan: Plan) -> None:
        """Begin a campaign in an empty or new directory."""
        with self._opening():
            self.directory.mkdir(parents=True, exist_ok=True)
            # What a campaign leaves that was killed before it began is no obstacle.
            known = {"corpus", "findings", *(self.file.name + suffix for suffix in ("", "-wal", "-shm", "-journal"))}
            taken = any(path.name not in known or (path.is_dir() and any(path.iterdir())) for path in self.directory.iterdir())
            if taken and not self.file.exists():
                raise ProgramError(f"{self.directory}: not empty")
            self._open()
            if self.database.execute("SELECT COUNT(*) FROM plan").fetchone() != (0,):
                raise ProgramError(f"{self.directory}: not empty; --resume {self.directory} goes on with a campaign")
            if taken:
                raise ProgramError(f"{self.directory}: not empty, and without a plan of a campaign")
            with self.database:
                self.database.executemany("INSERT INTO plan VALUES (?, ?)", [(name, json.dumps(value)) for name, value in asdict(plan).items()])
        self._under_way = True

    def resume(self) -> Plan:
        """Open a campaign, and read what it has come to; all cases that it mutates must be there, and sound. What it wrote for a batch that was never
        applied is removed, and nothing else.
        """
        if not self.file.exists():
            raise ProgramError(f"{self.directory}: no campaign: {self.file.name} is missing")
        with self._opening():
            there = self._open()
            rows = dict(self.database.execute("SELECT name, value FROM plan"))
            if not rows:
                raise ProgramError(f"{self.file}: no plan: the campaign was ended before it began; begin one with --out in an empty directory")
            if missing := sorted(self._tables() - there):
                raise ProgramError(f"{self.file}: damaged: table {missing[0]} is missing")
            plan = self._plan(rows)
            self._read()
            self._check_corpus()
            self._remove_unapplied()
        self._under_way = True
        return plan

    def _plan(self, rows: Mapping[str, str]) -> Plan:
        plan: dict[str, Any] = {}
        for name, value in rows.items():
            try:
                plan[name] = json.loads(value)
            except ValueError as error:
                raise ProgramError(f"{self.file}: damaged: plan, {name}: {error}") from None
        try:
            found = Plan(**{**plan, "configs": tuple(plan["configs"]), "drawn": tuple(plan["drawn"])})
        except (KeyError, TypeError) as error:
            raise ProgramError(f"{self.file}: damaged: plan: {error}") from None
        if reason := why_no_plan(asdict(found)):
            raise ProgramError(f"{self.file}: damaged: plan, {reason}")
        return found

    def _open(self) -> set[str]:
        """Open the database, and see to it that all tables are there; those that were."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in ("corpus", "findings"):
            (self.directory / name).mkdir(exist_ok=True)
            owner = (self.directory / name).resolve().parent
            if owner != self.directory.resolve() and (owner / self.file.name).exists():
                raise ProgramError(f"{self.directory / name}: a link to that of another campaign, {owner}")
        for name in ("", "corpus", "findings"):
            _check_writable(self.directory / name)
        self._database = sqlite3.connect(self.file, timeout=1)
        # One campaign at a time: the lock is held as long as the database is open.
        self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        there = self._tables()
        self._database.executescript(_SCHEMA)
        return there

    def _tables(self) -> set[str]:
        return {name for (name,) in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _read(self) -> None:
        self.next_batch, self.elapsed = self.database.execute("SELECT COALESCE(MAX(number) + 1, 0), COALESCE(MAX(elapsed), 0) FROM batch").fetchone()
        self.features = dict(self.database.execute("SELECT name, batches FROM feature"))
        for kind, name, number in self.database.execute("SELECT kind, name, number FROM count"):
            self.counts.setdefault(kind, Counter())[name] = number
        self.elapsed = max(self.elapsed, float(self.counts.get("time", Counter())["whole"]))
        self.matrix = Counter({(row, config): judged for row, config, judged in self.database.execute("SELECT row, config, judged FROM matrix")})
        self.corpus = [(batch, name) for batch, name in self.database.execute("SELECT batch, file FROM corpus ORDER BY batch, number")]
        self._read_findings()

    def _read_findings(self) -> None:
        columns = "symptom, fingerprint, file, cases, origin, slots, bytes"
        rows = list(self.database.execute(f"SELECT {columns} FROM finding ORDER BY batch, symptom"))
        symptoms: dict[str, list[str]] = {}
        for symptom, _, name, *_ in rows:
            symptoms.setdefault(name, []).append(symptom)
        # What was under way may have been written, and is of a batch or a reduction that is done again.
        touched = {name for (name,) in self.database.execute("SELECT file FROM touched")}
        for symptom, fingerprint, name, cases, origin, slots, size in rows:
            path = self.directory / "findings" / name
            finding = finding_file.read(str(path))
            self._compare(path, "fingerprint", finding.fingerprint, [fingerprint])
            self._compare(path, "file name", finding.file_name, [name])
            if name not in touched:
                self._compare(path, "symptom", finding.symptom, symptoms[name])
            self.symptoms[symptom] = finding
            self.sightings[symptom] = cases
            self._seen[symptom] = origin, (slots, size)

    def _compare(self, path: Path, field: str, said: str, known: Sequence[str]) -> None:
        """The file of a finding says what the database says, which may know several symptoms of one file."""
        if said not in known:
            raise ProgramError(f"{path}: changed by somebody: {field}: {said!r}, in {self.file.name} {' or '.join(map(repr, known))}")

    def _check_corpus(self) -> None:
        there = {path.name for path in (self.directory / "corpus").iterdir()}
        for name in sorted(name for _, name in self.corpus):
            if name not in there:
                raise ProgramError(f"{self.directory / 'corpus' / name}: missing: cases are made from it")
            check_case(self.directory / "corpus" / name)

    def _remove_unapplied(self) -> None:
        corpus = self.directory / "corpus"
        # Somebody may have put it elsewhere, where others put theirs: there, what is left over is written again or stays.
        for path in () if corpus.is_symlink() else corpus.iterdir():
            if (found := _CASE.fullmatch(path.name)) and int(found[2]) >= self.next_batch:
                _remove(path)
        self._remove_touched()
        with self.database:
            self.database.execute("DELETE FROM touched")

    def _remove_touched(self) -> None:
        """Remove what was touched, and nothing names."""
        for (name,) in self.database.execute("SELECT file FROM touched").fetchall():
            path = self.directory / "findings" / name
            _remove(new_name(path))
            if self.database.execute("SELECT 1 FROM finding WHERE file = ?", (name,)).fetchone() is None:
                _remove(path)

    @contextmanager
    def _touching(self, findings: Sequence[Finding]) -> Iterator[None]:
        """A transaction in which these findings may be kept."""
        before = (self.symptoms.get(finding.symptom) for finding in findings)
        names = {finding.file_name for finding in (*findings, *before) if finding is not None}
        with self._guarded():
            if names:
                with self.database:
                    self.database.executemany("INSERT OR IGNORE INTO touched VALUES (?)", [(name,) for name in names])
            with self.database:
                yield
            if names:
                self._remove_touched()
                with self.database:
                    self.database.execute("DELETE FROM touched")

    def apply(self, result: BatchResult, elapsed: float) -> tuple[Finding, ...]:
        """Add a batch, the next one. Returns findings that are the first or the smallest of their bucket."""
        if result.number != self.next_batch:
            raise ValueError(f"batch {result.number} is not the next one, {self.next_batch}")
        with self._touching([finding for finding in result.findings if self._is_kept(finding)]):
            new = Counter(number for name, number in result.coverage.items() if name not in self.features)
            kept = [(f"{result.number:06d}-{number}.toml", number) for number in sorted(new)]
            for name, number in kept:
                write_atomically(self.directory / "corpus" / name, case_text(result.cases[number]))
            self.database.executemany("INSERT INTO corpus VALUES (?, ?, ?, ?)", [(name, result.number, number, new[number]) for name, number in kept])
            self.corpus += [(result.number, name) for name, _ in kept]
            self._count_features(result)
            self._count(_counts(result))
            self.matrix.update(result.matrix)
            rows = [(row, config, judged) for (row, config), judged in result.matrix.items()]
            self.database.executemany("INSERT INTO matrix VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET judged = judged + excluded.judged", rows)
            small = tuple(found for found in map(self._sighted, result.findings) if found is not None)
            figures = (len(result.cases), judged_of(result.verdicts), sum(new.values()), len(self.features), len(self.symptoms), elapsed)
            self.database.execute("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?)", (result.number, *figures))
        self.next_batch, self.elapsed = result.number + 1, elapsed
        return small

    def end(self, elapsed: float) -> None:
        """Note how long it took, with what came after the last batch: findings were made small."""
        self.elapsed = elapsed
        with self._guarded(), self.database:
            self.database.execute("INSERT INTO count VALUES ('time', 'whole', ?) ON CONFLICT DO UPDATE SET number = excluded.number", (elapsed,))

    def _count_features(self, result: BatchResult) -> None:
        changed = []
        for name, number in result.coverage.items():
            batches = self.features.get(name, 0) + 1
            if batches <= _RARE:
                self.features[name] = batches
                changed.append((name, batches, result.number, number))
        self.database.executemany("INSERT INTO feature VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET batches = excluded.batches", changed)

    def _count(self, counts: Iterable[tuple[str, str, float]]) -> None:
        rows = list(counts)
        for kind, name, number in rows:
            self.counts.setdefault(kind, Counter())[name] += number  # type: ignore[assignment]
        self.database.executemany("INSERT INTO count VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number", rows)

    def _sighted(self, finding: Finding) -> Finding | None:
        """Count a finding; returned when it is the first with its symptom, or smaller than the one that is kept was when it was seen."""
        symptom = finding.symptom
        self.sightings[symptom] += 1
        if not self._is_kept(finding):
            self.database.execute("UPDATE finding SET cases = ? WHERE symptom = ?", (self.sightings[symptom], symptom))
            return None
        self._seen[symptom] = finding.origin, finding.size
        self._keep(finding)
        return finding

    def _is_kept(self, finding: Finding) -> bool:
        """Whether it is the first with its symptom, or smaller."""
        return finding.symptom not in self._seen or finding.size < self._seen[finding.symptom][1]

    def replace(self, finding: Finding) -> None:
        """Keep a reduced finding in the place of the one that it was made from, unless a smaller one has been seen since."""
        if self._seen.get(finding.symptom, ("",))[0] == finding.origin:
            with self._touching([finding]):
                self._keep(finding)

    def _keep(self, finding: Finding) -> None:
        """One file for each fingerprint; it is written before the database names it, and removed, by `_touching`, when nothing names it any more."""
        before = self.symptoms.get(finding.symptom)
        self.symptoms[finding.symptom] = finding
        kept = self.buckets
        for fingerprint in {finding.fingerprint, *(() if before is None else (before.fingerprint,))} & set(kept):
            shown = kept[fingerprint]
            write_atomically(self.directory / "findings" / shown.file_name, finding_file.text(shown))
        origin, size = self._seen[finding.symptom]
        values = (
            finding.symptom,
            finding.fingerprint,
            finding.file_name,
            finding.status,
            self.sightings[finding.symptom],
            self.next_batch,
            origin,
            *size,
            finding.reduced,
        )
        columns = ("fingerprint", "file", "status", "cases", "origin", "slots", "bytes", "reduced")
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        self.database.execute(f"INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {changes}", values)

    def parents(self, name: str) -> Generated:
        """A case of the corpus."""
        return read_case(self.directory / "corpus" / name)

    def drop(self, names: Iterable[str]) -> None:
        """Take cases out of the corpus."""
        gone = set(names)
        with self._guarded(), self.database:
            self.database.executemany("DELETE FROM corpus WHERE file = ?", [(name,) for name in gone])
        self.corpus = [(batch, name) for batch, name in self.corpus if name not in gone]
        for name in gone:
            (self.directory / "corpus" / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database; nothing is lost when this never happens."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """What cannot be opened is closed, so that nobody is kept from it."""
        try:
            with self._guarded():
                yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One line for what the file system and the database say."""
        try:
            yield
        except sqlite3.Error as error:
            reason = "another campaign is using it" if "locked" in str(error) else str(error)
            raise ProgramError(f"{self.file}: {reason}{self._kept}") from None
        except OSError as error:
            where = error.filename2 or error.filename or self.directory
            raise ProgramError(f"{where}: {error.strerror}{self._kept if error.errno == errno.ENOSPC else ''}") from None

    @property
    def _kept(self) -> str:
        """What to do when a campaign that was under way cannot go on."""
        return "; what was there before is kept, and --resume goes on from it" if self._under_way else ""


def _check_writable(directory: Path) -> None:
    """By trying: what the database says of a file system that is read-only is no reason. Raises ProgramError."""
    try:
        with TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ProgramError(f"{directory}: cannot be written: {error.strerror}") from None


def _remove(path: Path) -> None:
    """Remove a file where it is one: a campaign makes no directories and no links there."""
    if path.is_file() and not path.is_symlink():
        path.unlink()


def judged_of(verdicts: Counter[str]) -> int:
    """Judged executions: those that are not inconclusive."""
    return sum(number for name, number in verdicts.items() if name != "INCONCLUSIVE")


def _counts(result: BatchResult) -> Iterator[tuple[str, str, float]]:
    yield "cases", "generated", len(result.cases)
    yield "cases", "discarded mutants", result.discarded
    yield "cases", "executed instructions", result.executed
    yield "verdicts", "shared", result.shared
    for kind, counter in (("verdicts", result.verdicts), ("inconclusive", result.reasons), ("unseen", result.unseen), ("seconds", result.seconds)):
        yield from ((kind, name, number) for name, number in counter.items())

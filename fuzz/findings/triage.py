"""What is new, known, fixed and reopened: between two campaigns, or between two commits.

    campaigns   a finding of the later one is new, known or reopened (a regression that fails again); one of the earlier one that is not in the
                later one is judged again: it is fixed when it passes, and else still there, only not seen
    commits     all findings and regressions of the later commit are judged with the compiler of each, in a working tree of its own

Judging is `bpfmips replay` in a process of its own, with exit status 0, 1 or 125. What is no finding is told with the reason, beside the others.
"""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from ebpf.program import ProgramError
from fuzz.campaign.record import Bucket, load
from fuzz.findings.finding import Finding, Unreadable, read_or_tell
from fuzz.findings.known import Known
from fuzz.findings.processes import run
from fuzz.findings.replay import CANNOT_JUDGE, FAIL, PASS

ROOT = Path(__file__).parents[2]
FINDINGS = ROOT / "corpus" / "findings"
REGRESSIONS = ROOT / "corpus" / "regressions"
"""Findings that wait, and those that are fixed and must stay so."""

NEW, KNOWN, FIXED, REOPENED, STILL, UNCLEAR, UNREADABLE = "new", "known", "fixed", "reopened", "still there", "cannot judge", "unreadable"
STATES = (NEW, REOPENED, STILL, KNOWN, FIXED, UNCLEAR, UNREADABLE)

Judge = Callable[[Path], int]

JUDGE = """
import subprocess, sys
found = subprocess.run([sys.executable, "-B", "-m", "fuzz", "replay", sys.argv[1]], stdout=subprocess.PIPE, text=True)
said = {line.split(" ")[0] for line in found.stdout.splitlines()}
sys.exit(0 if found.returncode == 0 and "PASS" in said else 1 if found.returncode == 1 and "FAIL" in said else 125)
"""
"""Judges a finding with the compiler in the working directory. Python has status 1 for a traceback as well, so FAIL and PASS must have been said."""


class Triaged(NamedTuple):
    """A finding, its state and its file."""

    state: str
    fingerprint: str
    path: Path
    note: str = ""


def findings_in(directory: Path) -> tuple[list[tuple[str, Path]], list[Triaged]]:
    """The fingerprints and files of the findings in a directory, which need not exist; and what is no finding."""
    found = [(path, read_or_tell(path)) for path in sorted(directory.glob("*.toml"))]
    good = [(one.fingerprint, path) for path, one in found if not isinstance(one, Unreadable)]
    return good, [_unreadable(one) for _, one in found if isinstance(one, Unreadable)]


def _unreadable(one: Unreadable) -> Triaged:
    return Triaged(UNREADABLE, one.fingerprint or "-", one.path, one.reason)


def replayed(root: Path = ROOT) -> Judge:
    """Judges a finding with the compiler in a working tree."""

    def judge(path: Path) -> int:
        found = run([sys.executable, "-c", JUDGE, str(path.resolve())], root)
        return found.returncode if found.returncode in (PASS, FAIL) else CANNOT_JUDGE

    return judge


def between_campaigns(before: Path, after: Path, known: Mapping[str, Known], judge: Judge, regressions: Path = REGRESSIONS) -> tuple[Triaged, ...]:
    """Compare two campaigns."""
    records = load(before), load(after)
    earlier, later = ({bucket.finding.fingerprint: bucket for bucket in record.buckets} for record in records)
    regressed, bad = findings_in(regressions)
    fixed_before, seen_before = {name for name, _ in regressed}, records[0].fingerprints
    found = [
        Triaged(_state(name, seen_before, known, fixed_before), name, _file(after, bucket), _note(bucket.finding)) for name, bucket in later.items()
    ]
    found += [*map(_unreadable, (*records[0].unreadable, *records[1].unreadable)), *bad]
    for name, bucket in earlier.items():
        if name not in records[1].fingerprints:
            path = _file(before, bucket)
            state = {PASS: FIXED, FAIL: KNOWN if name in known else STILL}.get(judge(path), UNCLEAR)
            found.append(
                Triaged(state, name, path, _passes(name, known) if state == FIXED else "not seen again, and fails" if state != UNCLEAR else "")
            )
    seen = records[1].fingerprints | seen_before
    found += [Triaged(KNOWN, name, Path(), f"not seen: {entry.reason}") for name, entry in known.items() if name not in seen]
    return _sorted(found)


def _passes(name: str, known: Mapping[str, Known]) -> str:
    return "known, but passes: the entry can go" if name in known else ""


def _file(directory: Path, bucket: Bucket) -> Path:
    return directory / "findings" / bucket.finding.file_name


def _note(finding: Finding) -> str:
    return f"{finding.condition or finding.config}; {finding.wrong or 'not known what'}"


def _state(name: str, earlier: Set[str], known: Mapping[str, Known], fixed_before: Set[str]) -> str:
    if name in known:
        return KNOWN
    if name in fixed_before:
        return REOPENED
    return STILL if name in earlier else NEW


def between_commits(before: str, after: str, known: Mapping[str, Known], repository: Path = ROOT) -> tuple[Triaged, ...]:
    """Compare two commits by the findings and regressions of the later one."""
    before = commit(before, repository)
    with working_tree(after, repository) as later, working_tree(before, repository) as earlier:
        both = [findings_in(later / "corpus" / name) for name in ("findings", "regressions")]
        found = [_between(name, path, replayed(earlier)(path), replayed(later)(path), known) for good, _ in both for name, path in good]
        found += [one._replace(path=_within(one.path)) for _, bad in both for one in bad]
        return _sorted([*found, *_without_finding(known, {one.fingerprint for one in found})])


def _within(path: Path) -> Path:
    """Of a file of a working tree its path in it: corpus/findings/NAME."""
    return Path(*path.parts[-3:])


def _between(name: str, path: Path, was: int, now: int, known: Mapping[str, Known]) -> Triaged:
    where = _within(path)
    if CANNOT_JUDGE in (was, now):
        return Triaged(UNCLEAR, name, where)
    if now == PASS:
        return Triaged(FIXED, name, where, _passes(name, known) or ("" if was == FAIL else "passes on both"))
    if name in known:
        return Triaged(KNOWN, name, where, known[name].reason)
    if was == FAIL:
        return Triaged(STILL, name, where)
    return Triaged(REOPENED if path.parent.name == REGRESSIONS.name else NEW, name, where)


def of_repository(known: Mapping[str, Known], judge: Judge, findings: Path = FINDINGS, regressions: Path = REGRESSIONS) -> tuple[Triaged, ...]:
    """All findings and regressions of this working tree, judged now. What is fixed can be moved, by `settle`."""
    waiting, bad = findings_in(findings)
    regressed, worse = findings_in(regressions)
    found = [*bad, *worse]
    for name, path in waiting:
        status = judge(path)
        state = {PASS: FIXED, FAIL: KNOWN if name in known else STILL}.get(status, UNCLEAR)
        found.append(Triaged(state, name, path, _passes(name, known) if state == FIXED else ""))
    for name, path in regressed:
        if (status := judge(path)) != PASS:
            found.append(Triaged(UNCLEAR if status != FAIL else KNOWN if name in known else REOPENED, name, path))
    return _sorted([*found, *_without_finding(known, {name for name, _ in (*waiting, *regressed)})])


def _without_finding(known: Mapping[str, Known], there: Set[str]) -> Iterator[Triaged]:
    """What is known, and nobody has a finding of: its fingerprint may be another one by now."""
    return (Triaged(KNOWN, name, Path(), f"no finding of it: {entry.reason}") for name, entry in known.items() if name not in there)


def settle(triaged: Sequence[Triaged], regressions: Path = REGRESSIONS) -> tuple[Path, ...]:
    """Move what is fixed to the regressions; the new paths. Raises ProgramError where a file of the name is there."""
    moves = [(one.path, regressions / one.path.name) for one in triaged if one.state == FIXED]
    for path, target in moves:
        if target.exists():
            raise ProgramError(f"{target}: is there already; {path} stays, and all others do")
    for path, target in moves:
        try:
            path.rename(target)
        except OSError as error:
            raise ProgramError(f"{path}: cannot be moved to {target}: {error.strerror}") from None
    return tuple(target for _, target in moves)


def _sorted(found: Sequence[Triaged]) -> tuple[Triaged, ...]:
    return tuple(sorted(found, key=lambda one: (STATES.index(one.state), one.fingerprint)))


@contextmanager
def working_tree(revision: str, repository: Path = ROOT) -> Iterator[Path]:
    """A working tree of a commit, for as long as it is needed; SIGTERM ends it as well. Raises ProgramError where git has none."""
    found = commit(revision, repository)
    git("worktree", "prune", where=repository)
    with _terminated(), tempfile.TemporaryDirectory(prefix="bpfmips-", ignore_cleanup_errors=True) as directory:
        path = Path(directory) / "tree"
        try:
            git("worktree", "add", "--detach", "--quiet", str(path), found, where=repository)
            yield path
        finally:
            # A git that was ended may have left locks, for which `worktree remove` would fail.
            with suppress(ProgramError):
                git("worktree", "unlock", str(path), where=repository)
            shutil.rmtree(path, ignore_errors=True)
            git("worktree", "prune", where=repository)


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM raises SystemExit, so that what is to be tidied up is."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def commit(revision: str, repository: Path) -> str:
    """The hash of a commit. Raises ProgramError where there is none of this name."""
    git("rev-parse", "--git-dir", where=repository)
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", where=repository)
    except ProgramError:
        raise ProgramError(f"{revision!r}: no commit of {repository}") from None


def git(*arguments: str, where: Path) -> str:
    """Run git; its output. Raises ProgramError with the last line that git says."""
    if not where.is_dir():
        raise ProgramError(f"{where}: not a directory")
    try:
        found = run(["git", *arguments], where)
    except FileNotFoundError:
        raise ProgramError("bpfmips: git is not installed") from None
    if found.returncode:
        reason = (found.stderr.strip() or found.stdout.strip() or "no reason given").splitlines()[-1]
        raise ProgramError(f"git {arguments[0]}: {reason}")
    return found.stdout.strip()

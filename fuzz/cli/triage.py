"""`triage`: what is new, known, fixed and reopened; `triage bisect`: which commit."""

from pathlib import Path
from typing import Any

import click

from ebpf.program import ProgramError
from fuzz.cli.options import UNUSABLE, known_now, refuse


class _Triage(click.Group):
    """A group whose command `between` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click."""
        if args[:1] not in (["bisect"], ["--help"], ["-h"]):
            args = ["between", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Triage)
def triage() -> None:
    """Say what is new, known, fixed and reopened, and which commit broke it.

    \b
    bpfmips triage                              the findings and regressions of this working tree
    bpfmips triage last-night night             between two campaigns
    bpfmips triage v1.2 HEAD                    between two commits
    bpfmips triage bisect FINDING --good v1.2   the commit
    """


@triage.command(hidden=True)
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--known", "known_file", metavar="FILE", help="Known findings; corpus/known.toml by default.")
@click.option("--move", is_flag=True, help="Move what is fixed from corpus/findings to corpus/regressions.")
@click.pass_context
def between(ctx: click.Context, before: str | None, after: str | None, known_file: str | None, move: bool) -> None:
    """Compare BEFORE with AFTER, two directories of campaigns or two commits; without them judge corpus/findings and corpus/regressions.

    Exit status: 0 nothing is new or reopened, 1 something is, 2 unusable input. A file that is no finding is one line on standard error, while the
    others are still judged.
    """
    from fuzz.findings import triage as work

    known = known_now(known_file)
    if before is None or after is None:
        if before is not None:
            refuse("triage: with what? give two campaigns or two commits, or none")
        found = work.of_repository(known, work.replayed())
    elif move:
        refuse("triage: --move is for the findings of this working tree")
    elif Path(before).is_dir() and Path(after).is_dir():
        found = work.between_campaigns(Path(before), Path(after), known, work.replayed())
    elif Path(before).is_dir() != Path(after).is_dir():
        campaign, other = (before, after) if Path(before).is_dir() else (after, before)
        refuse(f"triage: {campaign!r} is a directory and {other!r} is none: give two campaigns or two commits")
    else:
        found = work.between_commits(before, after, known)
    for one in found:
        if one.state == work.UNREADABLE:
            click.echo(f"{one.path}: {one.note}", err=True)
            continue
        where = f"  {one.path}" if one.path.name else ""
        click.echo(f"{one.state:<12}  {one.fingerprint}{where}{f'  ({one.note})' if one.note else ''}")
    counts = ", ".join(f"{sum(one.state == state for one in found)} {state}" for state in work.STATES if any(one.state == state for one in found))
    click.echo(counts or "no findings")
    if move:
        for path in work.settle(found):
            click.echo(f"moved to {path}")
    if any(one.state in (work.NEW, work.REOPENED) for one in found):
        ctx.exit(1)
    if any(one.state == work.UNREADABLE for one in found):
        ctx.exit(UNUSABLE)


@triage.command()
@click.argument("finding", type=click.Path(path_type=Path))
@click.option("--good", required=True, metavar="REV", help="A commit at which the finding passes.")
@click.option("--bad", default="HEAD", metavar="REV", show_default=True, help="A commit at which it fails.")
@click.option("--repository", metavar="DIR", type=click.Path(path_type=Path), help="The repository; that of this program by default.")
def bisect(finding: Path, good: str, bad: str, repository: Path | None) -> None:
    """Find the commit that broke it, and the first MIPS word that is another one since.

    It works in a working tree of its own, so that yours stays as it is.

    \b
    Example: bpfmips triage bisect corpus/findings/value-DIV64-o32.toml --good v1.2
    """
    from fuzz.findings.bisect import TRAMPOLINE
    from fuzz.findings.bisect import bisect as find
    from fuzz.findings.triage import ROOT

    options: dict[str, Any] = {"repository": repository or ROOT}
    try:
        culprit = find(finding, good, bad, **options)
    except OSError as error:
        raise ProgramError(f"{error.filename}: {error.strerror}") from None
    click.echo(f"first bad commit  {culprit.commit[:12]} {culprit.subject}")
    for reason in culprit.without:
        click.echo(f"first bad word    not known: {reason}")
    if culprit.without:
        return
    if culprit.slot is None:
        click.echo("first bad word    none: the words are the same, and something else has changed")
        return
    owner = {-1: "entry or exit code", TRAMPOLINE: "the trampoline"}.get(culprit.slot, f"instruction {culprit.slot}")
    click.echo(f"first bad word    {culprit.after}  ({owner})")
    click.echo(f"before            {culprit.before}")

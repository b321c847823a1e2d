"""`bpfmips selftest`: the seeded bugs, and what catches each."""

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from fuzz.cli.options import as_json, engine, refuse

if TYPE_CHECKING:
    from fuzz.selftest.selftest import Result

NOT_CAUGHT = 1

_COLUMNS = ("bug", "class", "caught by", "first on", "values alone")


@click.command()
@click.option("--bug", "globs", metavar="GLOB", multiple=True, help="Only bugs whose names match, such as 'div*'.")
@click.option("--everywhere", is_flag=True, help="On all configurations where a bug applies, not only the first and the last.")
@engine
@as_json
@click.pass_context
def selftest(ctx: click.Context, globs: tuple[str, ...], everywhere: bool, engine: str, as_json: bool) -> None:
    """Put each seeded bug into the compiler, and show what finds it: differences in values, or tripwires.

    Each bug is judged on the first and the last of the configurations where it applies. The table names what differs, and [in brackets] the tripwires
    that trip, on the first of them; "values alone" says whether anything differs without tripwires. Exit status 1 when one is not caught on
    each of them.

    \b
    Example: bpfmips selftest --bug 'div32*'
    """
    from fuzz.engine.abilities import in_lockstep
    from fuzz.engine.engines import ENGINES
    from fuzz.selftest.selftest import bugs, examine

    if not in_lockstep(engine):
        refuse(f"--engine {engine}: it does not record what tripwires look at")
    chosen = [bug for bug in bugs() if not globs or any(fnmatchcase(bug.name, glob) for glob in globs)]
    if not chosen:
        refuse(f"no seeded bug matches {' or '.join(map(repr, globs))}")
    widths = (max(len(bug.name) for bug in chosen), max(len(bug.kind) for bug in chosen), 60, 13)
    target, results = ENGINES[engine](), []
    if not as_json:
        click.echo(_line(_COLUMNS, widths))
    for bug in chosen:
        result = examine(bug, target, bug.applies() if everywhere else None)
        results.append(result)
        if not as_json:
            click.echo(_line(_cells(result), widths))
    missed = [result for result in results if not result.caught]
    if as_json:
        click.echo(json.dumps([_as_object(result) for result in results], indent=2))
    else:
        hidden = sum(result.caught and not result.by_values for result in results)
        click.echo(f"{len(results)} seeded bugs, {len(results) - len(missed)} caught, {hidden} of them by tripwires alone")
    if missed:
        ctx.exit(NOT_CAUGHT)


def _line(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, (*widths, 0), strict=True)).rstrip()


def _cells(result: "Result") -> tuple[str, ...]:
    first = result.first
    missed = [str(capture.config) for capture in result.captures if not capture.by]
    by = "NOT CAUGHT"
    if first is not None:
        # A tripwire and a kind of difference may have the same name.
        by = ", ".join((*first.values, *(f"[{name}]" for name in first.tripwires or first.others))) + (
            f"; NOT on {', '.join(missed)}" if missed else ""
        )
    return result.bug.name, result.bug.kind, by, str(first.config) if first else "", "yes" if result.by_values else "no"


def _as_object(result: "Result") -> dict[str, object]:
    bug = result.bug
    return {
        "bug": bug.name,
        "class": bug.kind,
        "description": bug.description,
        "source": bug.source or None,
        "caught": result.caught,
        "values_alone": result.by_values,
        "configurations": {
            str(capture.config): {"values": capture.values, "tripwires": capture.tripwires, "with_tripwires": capture.others}
            for capture in result.captures
        },
    }

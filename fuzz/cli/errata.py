"""`bpfmips errata`: what is worked around, and how each workaround is shown to be needed."""

import json
from typing import TYPE_CHECKING

import click

from fuzz.cli.options import as_json

if TYPE_CHECKING:
    from fuzz.selftest.seeded_bug import Bug
    from jit.erratum_rows import Row


@click.command()
@as_json
def errata(as_json: bool) -> None:
    """List the errata of CPUs: what goes wrong, what is emitted instead, and the seeded bug that shows it; then those that cannot bite, and why.

    \b
    Example: bpfmips errata
             bpfmips selftest --bug 'erratum-*'
    """
    from fuzz.cpu.erratum_models import MODELS
    from fuzz.selftest.selftest import bugs
    from jit.config import all_configs
    from jit.erratum_rows import NOT_TAKEN, ROWS

    counts = {row.name: sum(row.name in config.options for config in all_configs()) for row in ROWS}
    seeded = {row.name: [bug for bug in bugs() if bug.name == f"erratum-{row.name}"] for row in ROWS}
    if as_json:
        rows = [row._asdict() | {"configurations": counts[row.name], "seeded_bugs": [bug.name for bug in seeded[row.name]]} for row in ROWS]
        click.echo(json.dumps({"errata": rows, "not_taken": [entry._asdict() for entry in NOT_TAKEN]}, indent=1))
        return
    for row in ROWS:
        click.echo("\n".join(_lines(row, counts[row.name], row.name in MODELS, seeded[row.name])))
    click.echo(f"{len(ROWS)} errata, {len(MODELS)} models, {sum(map(len, seeded.values()))} seeded bugs\n\nnot worked around")
    for entry in NOT_TAKEN:
        click.echo(f"{entry.name}\n    listed      {entry.listed}\n    because     {entry.reason}")


def _lines(row: "Row", count: int, model: bool, seeded: "list[Bug]") -> list[str]:
    shown = ", ".join((*(["model of the CPU"] if model else []), "tripwire errata", *(f"seeded bug {bug.name}" for bug in seeded)))
    return [
        f"{row.name}  ({', '.join(row.cpus)}; {count} configurations)",
        f"    goes wrong  {row.goes_wrong}",
        f"    in          {row.pattern}",
        f"    emitted     {row.instead}",
        f"    shown by    {shown}",
        f"    source      {row.source}",
    ]

"""`bpfmips prove-model`: our own MIPS engine against its reference in plain Python and against Unicorn."""

from collections.abc import Sequence

import click

from fuzz.cli.options import refuse

DISAGREEMENT = 1

_SHOWN = 20


@click.command("prove-model")
@click.option("--row", "row_glob", metavar="GLOB", default="*", help="Only instructions whose mnemonic matches, such as 'd*'.")
@click.option("--config", "globs", metavar="GLOB", multiple=True, help="Only on these, such as 'mips64r6-64*'; each ISA at its full width.")
@click.option("--states", type=click.IntRange(1, 20000), default=10000, show_default=True, help="States for each row, ISA and byte order.")
@click.option("--seed", default=0, show_default=True, help="Chooses states and operands.")
@click.pass_context
def prove_model(ctx: click.Context, row_glob: str, globs: Sequence[str], states: int, seed: int) -> None:
    """Compare each row of the MIPS table on each ISA and byte order: model, its meaning in plain Python, and Unicorn.

    Where the manual leaves a result open, or Unicorn is known to be wrong, differences are counted with the reason. Exit status 1 for any other.

    \b
    Example: bpfmips prove-model --row 'd*' --config 'mips64r6-64be' --states 1000
    """
    from fuzz.model.prove import LACKING, MISTAKES, OPEN, Proof, prove, subjects

    chosen = list(subjects(row_glob, globs))
    if not chosen:
        refuse(f"no row matches {row_glob!r} on {' or '.join(globs) or 'any ISA'}")
    total = Proof()
    for row, config in chosen:
        found = prove(row, config, states, seed)
        for disagreement in found.disagreements[: max(_SHOWN - len(total.disagreements), 0)]:
            click.echo(f"DISAGREEMENT {disagreement}")
        total.add(found)
    for reason, kinds in (("left open by the manual", OPEN), ("mistakes of Unicorn", MISTAKES)):
        for each in kinds:
            click.echo(f"{total.open[each.name]:8}  {reason}: {each.name}: {each.sentence}")
    click.echo(f"{total.open['instructions that Unicorn lacks']:8}  rows that Unicorn lacks: {', '.join(sorted(LACKING))}")
    click.echo(f"{len(chosen)} rows × ISA × byte order, {total.states} states, {len(total.disagreements)} disagreements")
    if total.disagreements:
        ctx.exit(DISAGREEMENT)

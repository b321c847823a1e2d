"""`bpfmips prove-model`: our own MIPS engine against its reference in plain Python against Unicorn, and against QEMU where it is installed."""

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
    """Compare each row of the MIPS table on each ISA and byte order: model, its meaning in plain Python, Unicorn, and QEMU where it is installed.

    Where the manual leaves a result open, or an engine is known to be wrong, differences are counted with the reason. Exit status 1 for any other.

    \b
    Example: bpfmips prove-model --row 'd*' --config 'mips64r6-64be' --states 1000
    """
    from fuzz.model.prove import LACKING, MISTAKES, OPEN, Proof, engines, prove, subjects

    chosen = list(subjects(row_glob, globs))
    if not chosen:
        refuse(f"no row matches {row_glob!r} on {' or '.join(globs) or 'any ISA'}")
    total = Proof()
    for row, config in chosen:
        found = prove(row, config, states, seed)
        for disagreement in found.disagreements[: max(_SHOWN - len(total.disagreements), 0)]:
            click.echo(f"DISAGREEMENT {disagreement}")
        total.add(found)
    others = [name for name in engines() if name != "model"]
    for reason, kinds in (("left open by the manual", OPEN), ("mistake", MISTAKES)):
        for each in kinds:
            counts = ", ".join(f"{name} {total.open[name, each.name]}" for name in others)
            click.echo(f"{reason}: {each.name}: {counts}: {each.sentence}")
    for name, mnemonics in LACKING.items():
        click.echo(f"rows × ISA that {name} lacks: {total.lacking[name]}: {', '.join(sorted(mnemonics))}")
    counted = f"{total.states} states on {', '.join(engines())}, {total.calculated} of them calculated by the reference"
    click.echo(f"{len(chosen)} rows × ISA × byte order, {counted}, {len(total.disagreements)} disagreements")
    if total.disagreements:
        ctx.exit(DISAGREEMENT)

"""`bpfmips trampoline`: traced functions with the programs attached to them, judged."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ebpf.program import ProgramError
from fuzz.cli.options import UNUSABLE, all_configurations, as_json, config_globs, select_configs

if TYPE_CHECKING:
    from fuzz.verdict import Difference

DIFFERS = 1

SHIPPED = Path(__file__).parents[2] / "corpus" / "trampolines"
"""What is judged when no file is named."""


@click.command()
@click.argument("paths", metavar="[FILE]...", nargs=-1)
@config_globs
@all_configurations
@as_json
@click.pass_context
def trampoline(ctx: click.Context, paths: tuple[str, ...], globs: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Judge trampolines: what attached programs see, what the traced function gets, and what its caller gets.

    A FILE describes in TOML a function, calls of it, and fentry, fmod_ret and fexit programs in assembly; without one the shipped files are judged.
    `ebpf/trampoline.py` says what it may hold. Exit status 1 when image and oracle differ, 2 when a file is unusable.

    \b
    Example: bpfmips trampoline
             bpfmips trampoline traced.toml --config 'mips32*'
    """
    from fuzz.trampoline.description import read_usable
    from fuzz.trampoline.judge import judge
    from fuzz.trampoline.target import TrampolineTarget

    configs = select_configs(globs, everything)
    target, results, unusable = TrampolineTarget(), [], False
    for path in paths or [str(file) for file in sorted(SHIPPED.glob("*.toml"))]:
        try:
            traced = read_usable(path)
            found = {str(config): judge(traced, config, target) for config in configs}
        except ProgramError as error:
            click.echo(str(error), err=True)
            unusable = True
            continue
        results.append((path, len(traced.calls), found))
        if not as_json:
            _show(path, len(traced.calls), found)
    if as_json:
        click.echo(json.dumps([_as_object(*result) for result in results], indent=2))
    else:
        agreed = sum(not differences for *_, found in results for differences in found.values())
        judged = sum(len(found) for *_, found in results)
        click.echo(f"{len(results)} trampolines, {len(configs)} configurations, {judged} judged, {agreed} agree")
    if unusable or not results:
        ctx.exit(UNUSABLE)
    if any(differences for *_, found in results for differences in found.values()):
        ctx.exit(DIFFERS)


def _show(path: str, calls: int, found: "dict[str, tuple[Difference, ...]]") -> None:
    agreed = sum(not differences for differences in found.values())
    click.echo(f"{Path(path).name:30} {calls:3} calls {agreed:4}/{len(found)}")
    for config, differences in found.items():
        for difference in differences:
            click.echo(f"    {config}: {difference}")


def _as_object(path: str, calls: int, found: "dict[str, tuple[Difference, ...]]") -> dict[str, object]:
    differing: dict[str, Sequence[str]] = {config: [str(each) for each in differences] for config, differences in found.items() if differences}
    return {"file": path, "calls": calls, "configurations": list(found), "differences": differing}

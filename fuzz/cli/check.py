"""The commands that judge: `check` programs, `suite` the instructions."""

import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from types import FrameType
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from fuzz.cli.options import (
    UNUSABLE,
    all_configurations,
    as_json,
    config_globs,
    context,
    engine,
    jobs,
    memory,
    packets,
    parse_memory,
    refuse,
    section,
    select_configs,
)
from fuzz.lasting import lasting
from jit.config import Config

if TYPE_CHECKING:
    from fuzz.captures import Packets
    from fuzz.sources import Refusal, Subject
    from fuzz.tally import Result

DIFFERENT = 1

_QUIET = 60.0
"""Seconds after which a log that is no terminal is told how far it has come."""


def _check_tripwires(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    with lasting():
        from fuzz.wires import select

    try:
        select(value)
    except ValueError as error:
        refuse(f"--tripwires: {error}")
    return value


def _complete_tripwires(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from fuzz.wires import NAMES

    before, comma, last = incomplete.rpartition(",")
    choices = NAMES if comma else ("all", "none", *NAMES)
    return [f"{before}{comma}{name}" for name in choices if name.startswith(last)]


_tripwires = click.option(
    "--tripwires",
    metavar="NAME,…|all|none",
    default="all",
    show_default=True,
    callback=_check_tripwires,
    shell_complete=_complete_tripwires,
    help="What is watched besides the results; `bpfmips tripwires` lists them. With none, only the ends of runs are compared.",
)
_explain = click.option("--explain", "explained", is_flag=True, help="Show where oracle and compiled code part, side by side, with the MIPS words.")


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@config_globs
@all_configurations
@section
@memory
@packets
@context
@_tripwires
@engine
@_explain
@jobs
@as_json
@click.pass_context
def check(
    ctx: click.Context,
    paths: tuple[str, ...],
    globs: tuple[str, ...],
    everything: bool,
    section: str | None,
    memory_text: str | None,
    packets: str | None,
    context: Literal["skb", "xdp"] | None,
    tripwires: str,
    engine: str,
    explained: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Judge programs: does the compiled code do what the oracle says, on every configuration?

    PATH is an ELF object, assembly (.s, .asm), a test of the bpf_conformance suite (.data), a classic filter as tcpdump -ddd or -dd prints it
    (.txt), or a directory of them. Without PATH the shipped programs are judged. They have inputs and answers of their own; other programs are
    given --mem as their context, or 256 bytes from 00 to ff, or the packets of a capture, one after the other.
    Objects are judged on the configurations of their byte order, assembly on all.

    \b
    Example: bpfmips check prog.o --config 'mips32r*' --mem 000102030405060708090a0b0c0d0e0f
    """
    from fuzz.sources import file_subjects, shipped_subjects

    if memory_text is not None and not paths:
        refuse("--mem: the shipped programs have contexts of their own")
    if packets is not None and (not paths or memory_text is not None):
        refuse(f"--packets: {'the context of a packet is not for --mem to choose' if paths else 'the shipped programs have inputs of their own'}")
    if context is not None and packets is None:
        refuse("--context: it is for programs that are given --packets")
    given = parse_memory(memory_text)
    configs = select_configs(globs, everything)
    subjects = file_subjects(paths, section, given, _packets(packets, context)) if paths else shipped_subjects(section)
    _judge(ctx, subjects, configs, _Options(tripwires, engine, explained, jobs, as_json))


def _packets(path: str | None, kind: Literal["skb", "xdp"] | None) -> "Packets | None":
    from fuzz.captures import Packets, read_capture

    return None if path is None else Packets(read_capture(path), kind)


@click.command()
@config_globs
@all_configurations
@click.option("--row", "row_globs", metavar="GLOB", multiple=True, help="Only instructions whose name matches, such as 'ADD32_*'; repeatable.")
@click.option("--systematic", is_flag=True, help="All combinations of operand magnitudes, offsets and registers instead of a sample: takes hours.")
@_tripwires
@engine
@_explain
@jobs
@as_json
@click.pass_context
def suite(
    ctx: click.Context,
    globs: tuple[str, ...],
    everything: bool,
    row_globs: tuple[str, ...],
    systematic: bool,
    tripwires: str,
    engine: str,
    explained: bool,
    jobs: int,
    as_json: bool,
) -> None:
    """Judge the instruction suite: every instruction with the edges of its operands and with aliased registers.

    \b
    Example: bpfmips suite --row 'SDIV*' --config 'mips32*'
             bpfmips suite --systematic --row 'MUL64_*' --config 'mips64*'
    """
    from fuzz.sources import suite_subjects
    from fuzz.suite.systematic import systematic_subjects

    configs = select_configs(globs, everything)
    made = systematic_subjects if systematic else suite_subjects
    subjects: list[Subject] = []
    for number, glob in enumerate(row_globs or ("*",)):
        matching = tuple(made(glob))
        if not matching:
            refuse(f"no instruction matches {glob!r}")
        subjects += [each for each in matching if not any(fnmatchcase(each.name.split()[0], before) for before in row_globs[:number])]
    _judge(ctx, subjects, configs, _Options(tripwires, engine, explained, jobs, as_json))


class _Options(NamedTuple):
    """Of both commands."""

    tripwires: str
    engine: str
    explained: bool
    jobs: int
    as_json: bool


def _judge(ctx: click.Context, found: "Iterable[Subject | Refusal]", configs: Sequence[Config], options: _Options) -> None:
    """Judge, print, and end with the exit status."""
    from fuzz.engine.abilities import runs_on
    from fuzz.sources import Refusal
    from fuzz.tally import summarise

    chosen, configs = configs, [config for config in configs if runs_on(options.engine, config)]
    if not configs:
        refuse(f"--engine {options.engine}: it runs none of the configurations, such as {chosen[0]}")
    started = time.monotonic()
    subjects, refused, expected, other_order = [], [], 0, 0
    for one in found:
        if isinstance(one, Refusal):
            expected += one.expected
            refused += [] if one.expected else [one.message]
        elif any(config.big_endian == (one.byte_order == "big") for config in configs):
            subjects.append(one)
        elif one.program.byte_order is not None:
            # What has no byte order of its own is judged in those that were selected.
            other_order += 1
    for line in refused:
        click.echo(line, err=True)
    if not subjects and not refused and not expected:
        refuse("nothing to judge: no configuration of the program's byte order was selected" if other_order else "nothing to judge")
    notes = [f"{other_order} versions left out: no configuration of their byte order was selected"] if other_order else []
    if len(configs) < len(chosen):
        notes.append(f"configurations left out, which {options.engine} does not run: {len(chosen) - len(configs)}")
    notes += _left_out(options)
    if expected:
        notes.append(f"{expected} programs refused, as expected of them")
    results: list[Result] = []
    interrupted = False
    try:
        for result in _with_progress(subjects, configs, options) if subjects else ():
            results.append(result)
    except KeyboardInterrupt:
        interrupted = True
        notes.append(f"interrupted: {len(subjects) - len(results)} of {len(subjects)} programs were not judged")
    seconds = time.monotonic() - started
    unusable = list(dict.fromkeys(line for result in results for line in _inconclusive_lines(result)))
    for line in unusable:
        click.echo(line, err=True)
    if results or not interrupted:
        _show(results, seconds, refused, notes, options.as_json)
    if interrupted:
        raise KeyboardInterrupt
    summary = summarise(results)
    if summary.differ or summary.tripped or summary.engine or summary.wrong or summary.failures:
        ctx.exit(DIFFERENT)
    if refused or unusable or not (summary.judged or summary.expected_errors or expected):
        ctx.exit(UNUSABLE)


def _left_out(options: _Options) -> Iterator[str]:
    """What is not looked at because of the engines."""
    from fuzz.engine.abilities import absent, fitting, in_lockstep
    from fuzz.wires import select

    wires = select(options.tripwires)
    names = [wire.name for wire in wires if wire not in fitting(wires, options.engine)]
    if wires and not in_lockstep(options.engine):
        names.append("lockstep")
    if names:
        yield f"left out, which {options.engine} cannot: {', '.join(names)}"
    if options.engine == "all":
        yield from (f"engine {name} left out: {reason}" for name, reason in absent().items())


def _show(results: "Sequence[Result]", seconds: float, refused: Sequence[str], notes: Sequence[str], as_json: bool) -> None:
    from reports.table import print_results, results_json

    if as_json:
        click.echo(results_json(results, seconds, refused, notes))
    elif results or notes:
        print_results(results, seconds, notes)


def _inconclusive_lines(result: "Result") -> Iterator[str]:
    """One line for each reason; where the same happens at other addresses on other configurations, the first of them stands for all."""
    from fuzz.tally import without_address

    if result.unusable:
        yield result.unusable
    reasons: dict[str, str] = {}
    for verdict in result.inconclusive:
        reasons.setdefault(without_address(verdict.reason), verdict.reason)
    for reason in reasons.values():
        yield f"{result.source}: {result.section}: {reason}"


def _with_progress(subjects: "Sequence[Subject]", configs: Sequence[Config], options: _Options) -> "Iterator[Result]":
    """The results. On standard error there is a bar when that is a terminal and it takes longer than a second, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from fuzz.batch import judge_subjects

    console = Console(stderr=True)
    bar = Progress(TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True)
    task = bar.add_task("judging", total=len(subjects))
    started = told = time.monotonic()
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        # Only the next tick raises: here an exception could come in the middle of anything, such as a finaliser, which would lose it.
        interrupts.append(number)

    def tick() -> None:
        nonlocal told
        if interrupts:
            raise KeyboardInterrupt
        now = time.monotonic()
        if not sys.stderr.isatty() and now - told > _QUIET:
            told = now
            click.echo(f"judging: {bar.tasks[0].completed:.0f} of {len(subjects)} programs after {now - started:.0f} s", err=True)
        elif sys.stderr.isatty() and not bar.live.is_started and now - started > 1:
            bar.start()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        # Imported only now: an interrupt that comes while so much is imported may be caught there, and lost.
        from fuzz.engine.native import make_ready

        make_ready(options.engine, lambda text: click.echo(f"bpfmips: {text}", err=True))
        tick()
        jobs, explained = min(options.jobs, len(subjects)), options.explained
        for result in judge_subjects(subjects, configs, jobs, tick, tripwires=options.tripwires, engine=options.engine, explained=explained):
            bar.advance(task)
            yield result
    finally:
        signal.signal(signal.SIGINT, before)
        if bar.live.is_started:
            bar.stop()

"""The commands of campaigns: `fuzz` begins one or goes on with it, `replay` judges a finding again."""

import os
import re
import shlex
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import click

from ebpf.program import ProgramError, printable
from fuzz.cli.options import ENGINE_NAMES, INTERRUPTED, UNUSABLE, ParamType, config_globs, engine, jobs, known_now, refuse, select_configs
from fuzz.exceptions import named
from jit.config import BASE_CONFIGS, Config, all_configs

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from fuzz.campaign.state import Plan, State

FOUND = 1
CANNOT_JUDGE = 125

MEMORY = 2 << 30
"""Bytes that a worker may have in memory; 300 MiB are usual."""

CONFIRM = 32
"""Of so many images the model's word for one is not enough."""

SILENCE = 60.0
"""Seconds of processor time after which a worker that does not come to another case is taken to hang."""


class _Profile(NamedTuple):
    seconds: float | None
    cases: int | None


PROFILES = {"dev": _Profile(60, None), "ci": _Profile(None, 400), "nightly": _Profile(8 * 3600, None)}
"""How long a campaign goes on when neither --time nor --cases says so."""

_DEFAULT = click.core.ParameterSource.DEFAULT

_PLANNED = frozenset({"cases", "globs", "seed", "tier", "systematic", "profile", "engine", "confirm"})

_UNUSED = (
    ("minimize_corpus", _PLANNED | {"seconds", "jobs", "cluster"}, "it makes the corpus small, and ends"),
    ("resume", _PLANNED, "seed, tier, engine, configurations and number of cases are those of the campaign; --time says how much more"),
    ("cluster", frozenset({"jobs"}), "workers are those of the cluster"),
)
"""Beside an option those that would not be used, and why."""

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


class Duration(ParamType):
    """A time such as 8h, 90m, 1h30m, 45s or 45, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds."""
        if isinstance(value, float):
            return value
        found = _DURATION.fullmatch(str(value))
        if not found or not any(found.groups()):
            self.fail(f"{value!r} is no time such as 8h, 90m or 45s", param, ctx)
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        total = float(3600 * hours + 60 * minutes + seconds)
        if not total:
            self.fail("no time at all", param, ctx)
        return total


class Directory(ParamType):
    """A directory, which has a name: that of a variable of the shell that is not set has none, and is not the current directory."""

    name = "directory"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Its path."""
        if not str(value):
            self.fail("no directory is given", param, ctx)
        return Path(str(value))


@click.command()
@click.option("--time", "seconds", type=Duration(), help="How long, such as 8h, 90m or 45s; with --resume how much longer.")
@click.option("--cases", type=click.IntRange(1), help="How many programs; each is judged on several inputs and all configurations.")
@jobs
@config_globs
@click.option("--seed", type=click.IntRange(0), help="Same seed and same version, same cases. Without it one is chosen, and shown.")
@click.option("--tier", help="What is generated; all by default.", default="all", show_default=True)
@click.option("--systematic", is_flag=True, help="Instead of generated programs the systematic suites, all of them, on all configurations chosen.")
@click.option("--profile", type=click.Choice(tuple(PROFILES)), default="dev", show_default=True, help="dev 1 minute, ci 400 cases, nightly 8 hours.")
@click.option(
    "--engine",
    type=click.Choice(ENGINE_NAMES),
    default="model",
    show_default=True,
    help="What runs the code: our own model of the architecture, with Unicorn beside it where --confirm says so; Unicorn; or both, always.",
)
@click.option(
    "--confirm",
    type=click.IntRange(1),
    default=CONFIRM,
    show_default=True,
    help="With the model: of so many images one runs on Unicorn as well, with all of its inputs, besides all about which there is doubt.",
)
@click.option(
    "--cluster", metavar="ADDRESS", help="The scheduler of a dask.distributed cluster, such as tcp://host:8786, that takes the place of processes."
)
@click.option("--out", metavar="DIR", type=Directory(), help="Where the campaign is kept: an empty or new directory.")
@click.option("--resume", metavar="DIR", type=Directory(), help="Go on with the campaign in this directory.")
@click.option("--minimize-corpus", is_flag=True, help="With --resume: keep only the cases that are needed for all that the corpus reaches, and end.")
@click.pass_context
def fuzz(
    ctx: click.Context,
    seconds: float | None,
    cases: int | None,
    jobs: int,
    globs: tuple[str, ...],
    seed: int | None,
    tier: str,
    systematic: bool,
    profile: str,
    engine: str,
    confirm: int,
    cluster: str | None,
    out: Path | None,
    resume: Path | None,
    minimize_corpus: bool,
) -> None:
    """Generate programs and judge them, on all configurations, with all tripwires.

    The model runs everything, and Unicorn every finding and each --confirm-th image as well; where they end differently that is a finding (ENGINE).
    Configurations are those that --config chooses. Of many each case is judged on some, others each time: of the base configurations, and of those
    with options and errata, of which each batch draws some for each option.

    Everything is kept in DIR: what was reached and found in campaign.sqlite, cases that reached something new in corpus/, findings in findings/. A
    campaign goes on past its findings. It can be interrupted, or killed, at any moment, and goes on with --resume.

    Exit status: 0 nothing was found that is not in corpus/known.toml; 1 there are other findings; 2 nothing was judged, or DIR cannot be used; 130
    interrupted.

    \b
    Examples: bpfmips fuzz --time 10m --out campaign
              bpfmips fuzz --systematic --out all
    """
    from fuzz.campaign.cluster import SchedulerGoneError
    from fuzz.campaign.generation import BATCH, TIERS
    from fuzz.campaign.state import Plan, State
    from fuzz.engine.abilities import missing, runs_on

    if minimize_corpus and resume is None:
        refuse("--minimize-corpus: --resume DIR says of which campaign")
    if cluster is not None and not cluster:
        refuse("--cluster: no address is given")
    if (out is None) == (resume is None):
        refuse("fuzz: --out DIR begins a campaign, --resume DIR goes on with one; give one of them")
    _refuse_unused(ctx)
    # What is wrong with it is not to be told at the end of a long campaign.
    known_now()
    state = State(resume or out or Path())
    if resume is not None:
        plan = state.resume()
        if plan.version != _version():
            refuse(f"{resume}: begun with version {plan.version}, this is {_version()}: the same seed would not be the same cases")
        if minimize_corpus:
            _minimise(plan, state)
            return
        if plan.cases is not None and state.next_batch * BATCH >= plan.cases:
            click.echo(f"bpfmips: {resume}: all {plan.cases} cases of this campaign have been judged; more are another one, with --out", err=True)
    else:
        if tier not in TIERS:
            refuse(f"--tier: no tier {tier!r}; there is {', '.join(TIERS)}")
        if systematic:
            tier, cases, swept, drawn = _systematic(tier, cases, globs)
        else:
            if seconds is None and cases is None:
                seconds, cases = PROFILES[profile]
            swept, drawn = _configurations(globs)
        if reason := missing(engine):
            refuse(f"--engine {engine}: {reason}")
        swept, drawn = (tuple(name for name in names if runs_on(engine, Config.parse(name))) for names in (swept, drawn))
        if not swept:
            refuse(f"--engine {engine}: it runs none of the configurations")
        plan = Plan(_version(), int.from_bytes(os.urandom(4), "big") if seed is None else seed, tier, swept, "all", cases, drawn, engine, confirm)
    if resume is not None:
        seconds = _until(plan, state, seconds)
    try:
        executor, ahead = _workers(cluster, jobs)
        if resume is None:
            _begin(plan, state, executor)
        where = f"cluster {cluster}" if cluster else f"{jobs} processes"
        click.echo(
            f"seed {plan.seed}, tier {plan.tier}, {len(plan.configs)} configurations and of {len(plan.drawn)} others some, {where}, {state.directory}"
        )
        try:
            interrupted = _campaign(plan, state, executor, ahead, seconds)
        except SchedulerGoneError:
            # What was applied is sound, and the reason is told after it.
            _tell(plan, state)
            raise
        _end(ctx, plan, state, interrupted)
    finally:
        state.close()


def _refuse_unused(ctx: click.Context) -> None:
    """Refuse options that are given and would not be used beside others, whatever their values are."""
    options = {option.name or "": option.opts[0] for option in ctx.command.params}
    given = {name for name in options if ctx.get_parameter_source(name) is not _DEFAULT}
    for option, useless, reason in _UNUSED:
        if option in given and (found := [shown for name, shown in options.items() if name in given & useless]):
            refuse(f"{options[option]}: not with {', '.join(found)}: {reason}")


def _until(plan: "Plan", state: "State", seconds: float | None) -> float | None:
    """Seconds of the whole campaign after which one that goes on ends; of one with so many cases None, where nobody gives it a time."""
    if seconds is None and plan.cases is not None:
        return None
    return state.elapsed + (seconds or PROFILES["dev"].seconds or 0)


def _begin(plan: "Plan", state: "State", executor: "Executor") -> None:
    """Make the directory of a campaign, when there is somebody to do its work: of one that nobody can begin with nothing is left."""
    try:
        state.create(plan)
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise


def _minimise(plan: "Plan", state: "State") -> None:
    from fuzz.campaign.minimise import minimise
    from jit.compiler import compile_program

    before = len(state.corpus)
    dropped = minimise(state, plan, compile_program)
    state.close()
    click.echo(f"{before} cases, {dropped} of them not needed and dropped")


def _configurations(globs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those on which each case is judged, and those of which each batch draws some: so many have options that nobody can judge on all."""
    chosen = select_configs(globs) if globs else all_configs()
    swept = tuple(str(config) for config in chosen if config in BASE_CONFIGS or len(chosen) <= len(BASE_CONFIGS))
    return swept, tuple(name for config in chosen if (name := str(config)) not in swept)


def _systematic(tier: str, cases: int | None, globs: Sequence[str]) -> tuple[str, int, tuple[str, ...], tuple[str, ...]]:
    """Tier, number of cases and configurations of a systematic campaign."""
    from fuzz.campaign.generation import SYSTEMATIC
    from fuzz.suite.systematic import pieces

    if tier != "all":
        refuse("--systematic: what it judges is of no tier")
    return SYSTEMATIC, min(cases or len(pieces()), len(pieces())), tuple(map(str, select_configs(globs))), ()


def _version() -> str:
    from importlib.metadata import version

    return version("bpfmips")


def _workers(cluster: str | None, jobs: int) -> "tuple[Executor, Callable[[], int]]":
    """Who does the work, and how many batches they are to be given at once."""
    if cluster is not None:
        from fuzz.campaign.cluster import ClusterExecutor

        executor = ClusterExecutor(cluster)
        return executor, lambda: max(2, 2 * executor.workers)
    from fuzz.campaign.pool import WorkerPool

    return WorkerPool(jobs, SILENCE, MEMORY, ("fuzz.campaign.unit",)), lambda: 2 * jobs


def _campaign(plan: "Plan", state: "State", executor: "Executor", ahead: "Callable[[], int]", seconds: float | None) -> bool:
    """Run it; whether it was interrupted."""
    from rich.console import Console

    from fuzz.campaign.progress import Progress
    from fuzz.campaign.run import Run
    from jit.compiler import compile_program

    progress = Progress(Console(stderr=True), lambda text: click.echo(text, err=True))
    run = Run(plan, state, executor, compile_program, ahead, seconds, progress.show)

    def interrupt(number: int, frame: FrameType | None) -> None:
        run.stopping = True

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # Imported only now: an interrupt that comes while so much is imported may be caught there, and lost.
        from fuzz.engine.native import make_ready

        make_ready(plan.engine, lambda text: click.echo(text, err=True), whole=True)
        run.run()
    finally:
        with suppress(Exception):
            progress.stop()
        executor.shutdown(wait=True, cancel_futures=True)
        for number, handler in before.items():
            signal.signal(number, handler)
    return run.stopping


def _tell(plan: "Plan", state: "State") -> tuple[int, bool]:
    """Say what the campaign has come to; judged executions, and whether there are findings that are not known."""
    from fuzz.campaign.progress import figures, summary

    found = figures(state, frozenset(plan.configs), state.elapsed)
    for line in summary(found):
        click.echo(line)
    known = known_now()
    for fingerprint, finding in state.buckets.items():
        kind = "known finding" if fingerprint in known else "finding"
        path = state.directory / "findings" / finding.file_name
        click.echo(f"{kind} {fingerprint}: {state.seen(fingerprint)} times, {len(finding.program.slots)} slots, {path}")
    for fingerprint in sorted(set(known) - set(state.buckets)):
        click.echo(f"known, but not seen: {fingerprint}: {known[fingerprint].reason}")
    return found.judged, not set(state.buckets) <= set(known)


def _end(ctx: click.Context, plan: "Plan", state: "State", interrupted: bool) -> None:
    judged, unknown = _tell(plan, state)
    if interrupted:
        click.echo(f"bpfmips: interrupted; everything is kept: --resume {state.directory} goes on", err=True)
        ctx.exit(INTERRUPTED)
    if unknown:
        ctx.exit(FOUND)
    if not judged:
        click.echo("bpfmips: nothing was judged", err=True)
        ctx.exit(UNUSABLE)


@click.command()
@click.argument("file")
@config_globs
@click.option("--explain", "explained", is_flag=True, help="Show where oracle and compiled code part, side by side, with the MIPS words.")
@engine
@click.option("--gdb", "gdb", metavar="[HOST]:PORT", help="With --engine qiling: wait there for gdb instead of judging; its commands go to --out.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("bpfmips-gdb"), show_default=True, help="With --gdb: a directory.")
@click.pass_context
def replay(ctx: click.Context, file: str, globs: tuple[str, ...], explained: bool, engine: str, gdb: str | None, out: Path) -> None:
    """Judge a finding again: FAIL or PASS.

    It is judged on the configurations on which it was found, or on those that --config chooses.

    Exit status, as `git bisect run` understands it: 0 PASS; 1 FAIL; 125 it cannot be judged.

    \b
    Example: bpfmips replay campaign/findings/value-ADD64-REG-o32.toml
             bpfmips replay campaign/findings/value-ADD64-REG-o32.toml --engine qiling --gdb :9999
    """
    if gdb is not None and engine != "qiling":
        raise click.UsageError("--gdb is of --engine qiling")

    try:
        from fuzz.findings.replay import judge_again

        configs = select_configs(globs) if globs else None
        if gdb is not None:
            _debug(file, configs, gdb, out)
            return
        lines, status = judge_again(file, configs, explained, engine=engine)
    except ProgramError as error:
        click.echo(str(error), err=True)
        ctx.exit(CANNOT_JUDGE)
    except Exception as error:
        # Modules that cannot be imported, and compilers that raise: of a commit, to `git bisect`, this says nothing.
        click.echo(f"{printable(file)}: cannot be judged: {printable(named(error))}", err=True)
        ctx.exit(CANNOT_JUDGE)
    for line in lines:
        click.echo(line)
    ctx.exit(status)


def _debug(file: str, configs: "Sequence[Config] | None", gdb: str, out: Path) -> None:
    """Have a finding debugged. Raises ProgramError."""
    from fuzz.findings.finding import read
    from fuzz.findings.replay import own_configs
    from fuzz.qiling.debug import Address, serve, session, write_files

    try:
        address = Address.parse(gdb)
    except ValueError as error:
        refuse(f"--gdb: {error}")
    finding = read(file)
    chosen = tuple(configs) if configs is not None else own_configs(finding, file)
    found = session(finding, next((config for config in chosen if not config.cpu_64), chosen[0]))
    commands = write_files(found, out, address)
    serve(found, address, lambda: click.echo(f"{found.compiled.config}: waiting for gdb-multiarch -x {shlex.quote(str(commands))}"))

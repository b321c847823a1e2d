"""What the commands share: errors as one line, options, completion of names.

Exit status: 0 all is well, 1 a difference was found, 2 the input is unusable or the command line, 130 interrupted.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.shell_completion import CompletionItem

from ebpf.files import read_bytes
from ebpf.program import ProgramError, printable
from fuzz.cli.output import checked_output
from jit.config import BASE_CONFIGS, Config, all_configs

if TYPE_CHECKING:
    from fuzz.findings.known import Known

UNUSABLE = 2
INTERRUPTED = 130

_SHOWN = 40
"""Characters of an argument that a message repeats."""

MAXIMUM_JOBS = 256
"""Worker processes. Each takes three file descriptors of this process, which usually may have 1,024; without one left no worker can be started."""

# The type has a parameter for type checkers only since click 8.2.
if TYPE_CHECKING:
    ParamType = click.ParamType[object]
else:
    ParamType = click.ParamType


@contextmanager
def usage_in_a_line() -> Iterator[None]:
    """End the command with one line on standard error, in place of click's several, where the command line is wrong."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        command = "bpfmips" if error.ctx is None else error.ctx.command_path
        click.echo(f"{command}: {' '.join(printable(error.format_message()).split())}", err=True)
        raise click.exceptions.Exit(UNUSABLE) from None


class Commands(click.Group):
    """A group that turns errors of the command line, of unusable input, and of standard output, into one line on standard error."""

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        """Parse what stands before the command."""
        with usage_in_a_line():
            return super().make_context(info_name, args, parent, **extra)

    def main(self, *arguments: Any, **keywords: Any) -> Any:
        """Parse the command line, run the command, and end the process."""
        with checked_output():
            return super().main(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with usage_in_a_line():
                return super().invoke(ctx)
        except ProgramError as error:
            click.echo(str(error), err=True)
            ctx.exit(UNUSABLE)
        except KeyboardInterrupt:
            click.echo("bpfmips: interrupted", err=True)
            ctx.exit(INTERRUPTED)


def refuse(reason: str) -> NoReturn:
    """End the command with one line on standard error and exit status 2."""
    raise ProgramError(f"bpfmips: {reason}")


def select_configs(globs: Sequence[str], everything: bool = False) -> tuple[Config, ...]:
    """The configurations whose names match any of the patterns, all when there is none.

    Chosen from the base configurations; from every legal one with `everything`, and by a pattern that has an "@" or a "+" in it.
    Raises ProgramError when a pattern matches none.
    """
    if not globs:
        return all_configs() if everything else BASE_CONFIGS
    # To think of all that there are takes a while, and most often nobody asks.
    with_options = [everything or re.search("[@+]", glob) is not None for glob in globs]
    known, chosen = all_configs() if any(with_options) else BASE_CONFIGS, set[Config]()
    for glob, among_all in zip(globs, with_options, strict=True):
        found = [config for config in (known if among_all else BASE_CONFIGS) if fnmatchcase(str(config), glob)]
        if not found and not re.search(r"[*?\[]", glob):
            # A name: with its options in another order, or with a reason why there is no such configuration.
            found = [parse_config(glob)]
        if not found:
            refuse(f"no configuration matches {glob!r}; see `bpfmips configs`")
        chosen.update(found)
    return tuple(config for config in known if config in chosen)


def parse_config(name: str) -> Config:
    """The configuration of that name. Raises ProgramError."""
    try:
        return Config.parse(name)
    except ValueError as error:
        refuse(str(error))


def file_or_hexadecimal(argument: str, text: str) -> bytes:
    """The bytes of a file where there is one of that name, else those that the text gives in hexadecimal; none for an empty text.

    Raises ProgramError, which names the argument.
    """
    try:
        if not os.path.isfile(text):
            return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        if not os.path.exists(text):
            odd = len(re.sub(r"\s", "", text)) % 2 and re.fullmatch(r"(0x)?[0-9a-fA-F\s]*", text)
            reason = "an odd number of hexadecimal digits" if odd else "neither a file nor hexadecimal bytes"
            refuse(f"{argument}: {reason}: {_shortened(text)}")
    try:
        return read_bytes(text)
    except ProgramError as error:
        refuse(f"{argument}: {error}")


def _shortened(text: str) -> str:
    return f"{text[:_SHOWN]!r}{'...' if len(text) > _SHOWN else ''}"


def parse_memory(text: str | None) -> bytes | None:
    """The context that `--mem` gives, None where it is not given. Raises ProgramError."""
    return None if text is None else file_or_hexadecimal("--mem", text)


def known_now(path: str | None = None) -> "dict[str, Known]":
    """The known findings that count today, by fingerprint, of corpus/known.toml by default; each that has expired is a line on standard error."""
    from fuzz.findings import known

    entries, late = known.counting(path or str(known.FILE), datetime.now(tz=UTC).date())
    for line in late:
        click.echo(line, err=True)
    return entries


def write_output(path: str, contents: bytes) -> None:
    """Write a file, or standard output where the path is `-`. Raises ProgramError."""
    if path == "-":
        sys.stdout.buffer.write(contents)
        return
    try:
        Path(path).write_bytes(contents)
    except OSError as error:
        raise ProgramError(f"{path}: {error.strerror}") from None


def _named(incomplete: str) -> tuple[Config, ...]:
    return all_configs() if re.search("[@+]", incomplete) else BASE_CONFIGS


def _complete_config(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(str(config)) for config in _named(incomplete) if str(config).startswith(incomplete)]


def _complete_section(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from fuzz.sources import sections

    path = ctx.params.get("path")
    paths = [path] if path else ctx.params.get("paths") or ()
    try:
        return [CompletionItem(name) for path in paths for name in sections(path) if name.startswith(incomplete)]
    except ProgramError:
        return []


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Jobs(ParamType):
    """A number of processes, or auto for the number of CPUs, of which at most `MAXIMUM_JOBS` count."""

    name = "jobs"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if value == "auto":
            return min(len(os.sched_getaffinity(0)), MAXIMUM_JOBS)
        if not re.fullmatch(r"[0-9]{1,9}", str(value)) or not 1 <= int(str(value)) <= MAXIMUM_JOBS:
            self.fail(f"{_shortened(str(value))} is neither auto nor a number from 1 to {MAXIMUM_JOBS}", param, ctx)
        return int(str(value))


jobs: Decorator = click.option("--jobs", "-j", type=Jobs(), default="auto", show_default=True, help="Worker processes; auto: one a CPU.")

ENGINE_NAMES = ("both", "model", "unicorn", "qemu", "qiling", "all")


def _check_engine(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    from fuzz.engine.abilities import missing

    if reason := missing(value):
        refuse(f"--engine {value}: {reason}")
    return value


engine: Decorator = click.option(
    "--engine",
    type=click.Choice(ENGINE_NAMES),
    default="both",
    show_default=True,
    callback=_check_engine,
    help="What runs the code: our model of the architecture, Unicorn, QEMU in user mode, Qiling; both of the first; or all that there are.",
)

config_globs: Decorator = click.option(
    "--config",
    "globs",
    metavar="GLOB",
    multiple=True,
    shell_complete=_complete_config,
    help="Only configurations that match, such as 'mips32*-32be'.",
)
all_configurations: Decorator = click.option(
    "--all-configs",
    "--all",
    "everything",
    is_flag=True,
    help="Every legal combination with options and errata, not only the base configurations.",
)
config_name: Decorator = click.option(
    "--config", "config_text", metavar="NAME", required=True, shell_complete=_complete_config, help="The configuration; see `bpfmips configs`."
)
packets: Decorator = click.option("--packets", metavar="FILE", help="A capture, pcap or pcapng: programs are run on its packets.")
context: Decorator = click.option(
    "--context", type=click.Choice(("skb", "xdp")), help="Of programs that look at packets; xdp where the section begins so, else skb."
)
section: Decorator = click.option(
    "--section", metavar="NAME", shell_complete=_complete_section, help="Only the program of that section, or of that function."
)
memory: Decorator = click.option(
    "--mem", "memory_text", metavar="FILE|HEX", help="The context: a file, or bytes in hexadecimal, none where it is empty."
)
as_json: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

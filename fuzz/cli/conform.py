"""Conformance: `conform` judges a directory of tests in one process, `plugin` speaks the protocol of the bpf_conformance runner for one program.

The protocol, after the runner (Alan-Jowett/bpf_conformance, src/bpf_conformance.cc): the first argument is the memory in hexadecimal with blanks, the
second one, which may be empty, all options in one string; the program comes on standard input in hexadecimal, as a little-endian machine has it.
The plugin prints r0 in hexadecimal and ends with 0, or with another status when the program is refused or does not come to its end.
"""

import shlex
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ebpf.files import read_stream
from ebpf.program import ByteOrder, Program, ProgramError, printable
from fuzz.cli.options import UNUSABLE, all_configurations, as_json, config_globs, parse_config, refuse, select_configs, usage_in_a_line
from fuzz.cli.output import checked_output
from jit.config import Config

if TYPE_CHECKING:
    from oracle.outcome import Outcome

FAILED = 1

_NAME = "<stdin>"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@config_globs
@all_configurations
@click.option("--tripwires", metavar="NAME,…|all|none", default="all", show_default=True, help="What is watched besides the results.")
@as_json
@click.pass_context
def conform(ctx: click.Context, paths: tuple[str, ...], globs: tuple[str, ...], everything: bool, tripwires: str, as_json: bool) -> None:
    """Judge tests of the bpf_conformance suite: .data files, or all of a directory, on all configurations in one process.

    A test passes when oracle and compiled code agree and r0 is what the test expects, or when an error is expected and there is one. What holds on
    machines of the other byte order only, or needs accesses that the machine does not permit, is told and not counted as passed.
    Exit status: 1 when a test fails or none has passed, 2 when a file is unusable.

    \b
    Example: bpfmips conform tests/ --config 'mips64*-64le'
    """
    from ebpf.data_dialect import ExpectedRefusalError
    from fuzz.conformance.judge import files, judge_test, load
    from fuzz.conformance.judgement import Judgement, Kind
    from fuzz.unicorn.target import UnicornTarget
    from fuzz.wires import select
    from jit.compiler import compile_program
    from reports.conformance import conformance_json, print_conformance

    try:
        wires = select(tripwires)
    except ValueError as error:
        refuse(f"--tripwires: {error}")
    configs, target = select_configs(globs, everything), UnicornTarget()
    judgements: list[Judgement] = []
    unusable, tests = [], 0
    started = time.monotonic()
    for path in (file for given in paths for file in files(given)):
        try:
            test = load(path)
        except ExpectedRefusalError:
            tests += 1
            judgements += (Judgement(printable(path), config, Kind.ERROR, "") for config in configs)
            continue
        except ProgramError as error:
            unusable.append(str(error))
            continue
        tests += 1
        judgements += judge_test(test, configs, target, compile_program, wires)
    seconds = time.monotonic() - started
    for line in unusable:
        click.echo(line, err=True)
    if as_json:
        click.echo(conformance_json(judgements, tests, seconds, unusable))
    else:
        print_conformance(judgements, tests, len(configs), seconds)
    counts = Counter(one.kind.name for one in judgements)
    if unusable and not tests:
        ctx.exit(UNUSABLE)
    if not counts["PASSED"] + counts["ERROR"]:
        click.echo("bpfmips: no test has passed", err=True)
        ctx.exit(FAILED)
    if counts["FAILED"]:
        ctx.exit(FAILED)
    if unusable:
        ctx.exit(UNUSABLE)


class _PluginCommand(click.Command):
    """A command that understands several options in one argument, as the runner passes them, and an empty argument in their place."""

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        """Parse the command line."""
        with usage_in_a_line():
            return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take such arguments apart."""
        parts: list[str] = []
        for argument in args:
            try:
                parts += shlex.split(argument) if argument.startswith("--") else [argument] if argument or not parts else []
            except ValueError as error:
                refuse(f"plugin: options {printable(argument)!r}: {error}")
        return super().parse_args(ctx, parts)


@click.command(cls=_PluginCommand)
@click.argument("memory", default="")
@click.option("--program", "program_text", metavar="HEX", help="The program, in place of standard input.")
@click.option("--elf", is_flag=True, help="The program is an ELF object, in binary or in hexadecimal.")
@click.option("--config", "config_text", metavar="NAME", default="oracle", show_default=True, help="A configuration, or the oracle.")
@click.option("--byte-order", type=click.Choice(("little", "big")), help="Of the slots, little unless told otherwise, and of the oracle's machine.")
@click.pass_context
def plugin(ctx: click.Context, memory: str, program_text: str | None, elf: bool, config_text: str, byte_order: ByteOrder | None) -> None:
    """Run one program for the bpf_conformance runner, and print r0 in hexadecimal.

    MEMORY is hexadecimal, with or without blanks; r1 is its address and r2 its length. With a configuration it is the compiled code that runs, after
    the oracle, which stands for a verifier, has found nothing wrong. What goes wrong is said on standard error, with exit status 1 or 2.

    \b
    Example: echo 'b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00' | bpfmips plugin '' --config mips32r2-32be
    """
    data = read_stream(sys.stdin.buffer, _NAME) if program_text is None else program_text.encode()
    program = _program(data, elf, byte_order or "little")
    config = _config(config_text, program, byte_order)
    outcome = _run(program, _bytes(memory, "memory"), config, compiled=config_text != "oracle")
    if outcome.fault is not None:
        click.echo(f"{program.source}: {program.section}: {outcome.fault}", err=True)
        ctx.exit(FAILED)
    r0 = outcome.registers[0] if outcome.registers[0] is not None else outcome.return_value
    click.echo(f"{r0:x}")


def plugin_main() -> None:
    """The plugin as a program of its own."""
    with checked_output():
        try:
            plugin.main(standalone_mode=True)
        except ProgramError as error:
            click.echo(str(error), err=True)
            sys.exit(UNUSABLE)


def _bytes(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        refuse(f"{what}: not hexadecimal bytes")


def _program(data: bytes, elf: bool, byte_order: ByteOrder) -> Program:
    """The program that the runner gives. Raises ProgramError."""
    from ebpf.codec import decode
    from ebpf.elf import load

    if not data.startswith(b"\x7fELF"):
        data = _bytes(data.decode("ascii", "replace"), "program")
    if not elf:
        return Program(_NAME, "raw", decode(data, byte_order, _NAME, "raw"))
    programs = load(_NAME, data)
    if len(programs) != 1:
        raise ProgramError(f"{_NAME}: {len(programs)} programs; the protocol is for one")
    return programs[0]


def _config(text: str, program: Program, byte_order: ByteOrder | None) -> Config:
    """The configuration, for the oracle that of a machine like it. Raises ProgramError when an object is for another byte order."""
    order = program.byte_order or byte_order or "little"
    config = Config("mips64r6", 64, order == "big") if text == "oracle" else parse_config(text)
    if program.byte_order is not None and config.big_endian != (program.byte_order == "big"):
        raise ProgramError(f"{_NAME}: {program.section}: compiled for {program.byte_order}-endian machines")
    return config


def _run(program: Program, memory: bytes, config: Config, compiled: bool) -> "Outcome":
    """What the oracle says, or what the compiled code does where the oracle does not forbid the program."""
    from fuzz.case import Case
    from fuzz.conformance.judge import given
    from fuzz.judge import interpret
    from fuzz.layout import place
    from fuzz.sources import checked
    from fuzz.unicorn.target import UnicornTarget
    from jit.compiler import compile_program

    placement = place(Case(checked(program), given(memory)), config)
    outcome = interpret(placement).outcome
    if outcome.fault is not None or not compiled:
        return outcome
    target = UnicornTarget()
    target.load(compile_program(placement.slots, config, placement.addresses), placement)
    return target.run(placement).outcome

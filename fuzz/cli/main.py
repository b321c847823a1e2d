"""The command line: `bpfmips COMMAND`.

Each command imports what it needs when it runs, because the engine and the compiler of its hooks take longer to load than most commands to run.
"""

import os
import sys
from contextlib import suppress

import click

from ebpf.files import decode_text, read_bytes, read_stream, read_text
from ebpf.instruction import Instruction
from ebpf.program import ByteOrder, Program, ProgramError, printable
from fuzz.cli.check import check, suite
from fuzz.cli.conform import conform, plugin
from fuzz.cli.errata import errata
from fuzz.cli.fuzz import fuzz, replay
from fuzz.cli.options import UNUSABLE, Commands, all_configurations, as_json, file_or_hexadecimal, refuse, section, select_configs, write_output
from fuzz.cli.prove import prove_model
from fuzz.cli.report import export, report
from fuzz.cli.selftest import selftest
from fuzz.cli.show import engines, jit, oracle, tripwires
from fuzz.cli.trampoline import trampoline
from fuzz.cli.triage import triage

_BYTE_ORDER = click.Choice(("little", "big"))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="bpfmips", message="bpfmips %(version)s")
def main() -> None:
    """Judge eBPF JIT compilers on every MIPS.

    Exit status: 0 when all is well, 1 when oracle and compiler differ, 2 when the input is unusable.

    \b
    bpfmips check                    judge the shipped programs on all configurations
    bpfmips check prog.o             judge the programs of an object
    """


for _command in (
    *(check, suite, selftest, prove_model, errata, conform, plugin, fuzz, replay, report, export, triage),
    *(jit, oracle, tripwires, engines, trampoline),
):
    main.add_command(_command)


@main.command()
@click.argument("glob", default="*")
@all_configurations
@as_json
def configs(glob: str, everything: bool, as_json: bool) -> None:
    """List the configurations: ISA, ABI, byte order, options, and the CPU model that runs them.

    \b
    Example: bpfmips configs 'mips64r6*'
             bpfmips configs --all
             bpfmips configs '*+nollsc'
    """
    from fuzz.unicorn.models import MODELS
    from reports.table import configs_json, print_configs

    selected = [(config, MODELS[config.cpu].name) for config in select_configs([glob], everything)]
    if as_json:
        click.echo(configs_json(selected))
    else:
        print_configs(selected)


@main.command()
@click.argument("file")
@click.option("--output", "-o", metavar="FILE", help="Write the slots in binary; without it they are printed in hexadecimal, one a line.")
@click.option("--byte-order", type=_BYTE_ORDER, default="little", show_default=True, help="Of the slots.")
def asm(file: str, output: str | None, byte_order: ByteOrder) -> None:
    """Assemble FILE, or standard input where it is -, and check that the program is well-formed.

    \b
    Example: echo 'r0 = 42; exit' | bpfmips asm -
    """
    from ebpf.assembler import assemble
    from ebpf.codec import encode
    from ebpf.validity import check

    name = "<stdin>" if file == "-" else printable(file)
    program = assemble(decode_text(_standard_input(), name) if file == "-" else read_text(file), name)
    check(program)
    code = encode(program.slots, byte_order)
    if output is not None:
        write_output(output, code)
        return
    for at in range(0, len(code), 8):
        click.echo(code[at : at + 8].hex())


@main.command()
@click.argument("source", metavar="FILE|HEX|-")
@section
@click.option("--byte-order", type=_BYTE_ORDER, default="little", show_default=True, help="Of the slots, where they are no ELF object.")
@click.pass_context
def disasm(ctx: click.Context, source: str, section: str | None, byte_order: ByteOrder) -> None:
    """Disassemble an ELF object, or slots of 8 bytes in binary or hexadecimal.

    What is printed can be assembled again, but for references to data sections.

    \b
    Example: bpfmips disasm b70000002a0000009500000000000000
    """
    from ebpf import elf

    programs: tuple[Program | elf.Unlinkable, ...]
    if not source:
        refuse("disasm: nothing given: name a file, give slots in hexadecimal, or - for standard input")
    if os.path.isfile(source) and read_bytes(source).startswith(b"\x7fELF"):
        programs = tuple(program for program in elf.load_each(source) if section in (None, program.section))
        if not programs:
            raise ProgramError(f"{source}: no section {section!r}")
    else:
        programs = (_raw_program(source, byte_order),)
    errors = []
    for program in programs:
        if len(programs) > 1:
            click.echo(f"# {program.section}")
        try:
            if isinstance(program, elf.Unlinkable):
                raise program.error
            _print_assembly(program)
        except ProgramError as error:
            click.echo(str(error), err=True)
            errors.append(error)
    if errors:
        ctx.exit(UNUSABLE)


def _print_assembly(program: Program) -> None:
    from ebpf.disassembler import disassemble

    try:
        lines = disassemble(program.slots)
    except ValueError as error:
        raise ProgramError(f"{program.source}: {program.section}: {error}") from None
    for slot, line in enumerate(lines):
        if slot and slot in program.labels:
            click.echo(f"{program.labels[slot]}:")
        if line:
            click.echo(line)


def _standard_input() -> bytes:
    return read_stream(sys.stdin.buffer, "<stdin>")


def _raw_program(source: str, byte_order: ByteOrder) -> Program:
    """Slots from a file, from standard input or from the argument itself; in hexadecimal where they can be read so."""
    from ebpf.codec import decode

    name = "<stdin>" if source == "-" else printable(source) if os.path.isfile(source) else "<argument>"
    data = _standard_input() if source == "-" else file_or_hexadecimal("disasm", source)
    if name != "<argument>":
        with suppress(ValueError):
            data = bytes.fromhex(data.decode("ascii"))
    slots: tuple[Instruction, ...] = decode(data, byte_order, name, "raw")
    return Program(name, "raw", slots)

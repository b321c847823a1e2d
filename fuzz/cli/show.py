"""The commands that show one program: what the compiler makes of it, and what the oracle does with it."""

from typing import TYPE_CHECKING

import click

from ebpf.program import ByteOrder, Program, ProgramError
from fuzz.cli.options import ENGINE_NAMES, config_name, context, memory, packets, parse_config, parse_memory, refuse, section, write_output
from jit.config import Config

if TYPE_CHECKING:
    from ebpf.context import ContextKind
    from fuzz.case import Input


_DEFAULT = click.core.ParameterSource.DEFAULT


def _require_byte_order(program: Program, byte_order: ByteOrder) -> None:
    if program.byte_order not in (None, byte_order):
        raise ProgramError(
            f"{program.source}: {program.section}: compiled for {program.byte_order}-endian machines, not for {byte_order}-endian ones"
        )


@click.command()
@click.argument("path")
@config_name
@section
@context
@click.option("--output", "-o", metavar="FILE", help="Write the image instead of printing the listing.")
@click.option("--format", "file_format", type=click.Choice(("raw", "elf")), help="Of the image; elf unless told otherwise.")
def jit(path: str, config_text: str, section: str | None, context: "ContextKind | None", output: str | None, file_format: str | None) -> None:
    """Compile a program for one configuration: print the MIPS words under each eBPF instruction, or write the image.

    \b
    Example: bpfmips jit prog.o --config mips32r2-32be
             bpfmips jit prog.o --config mips64r6-64le --output prog.elf && llvm-objdump -d prog.elf
    """
    from ebpf.context import size
    from fuzz.case import Case, Input
    from fuzz.environment.contexts import rewritten
    from fuzz.layout import place
    from fuzz.marks import marked
    from fuzz.sources import load_program, with_context
    from fuzz.unicorn.models import MODELS
    from jit.call import CompileError
    from jit.compiler import compile_program
    from jit.image import elf_image
    from reports.listing import render_listing

    if file_format and output is None:
        raise click.UsageError("--format is of the file that --output names")
    config = parse_config(config_text)
    program, given = load_program(path, section)
    order: ByteOrder = "big" if config.big_endian else "little"
    _require_byte_order(program, order)
    if context is not None:
        program = with_context(program, context)
        given = bytes(size(program.context))
    placement = place(Case(program, Input(given)), config)
    program = rewritten(program, config.width, order)
    if config.marked:
        program = marked(program)
    try:
        compiled = compile_program(placement.slots, config, placement.addresses)
    except CompileError as error:
        raise ProgramError(f"{program.source}: {program.section}: {error}") from None
    if output is None:
        click.echo(render_listing(program, placement.slots, compiled, MODELS[config.cpu].name), nl=False)
    else:
        write_output(output, compiled.image() if file_format == "raw" else elf_image(compiled))


@click.command()
@click.argument("path")
@click.option("--trace", is_flag=True, help="Print each executed instruction, and the registers that it changed.")
@section
@memory
@packets
@click.option("--packet", type=click.IntRange(0), default=0, show_default=True, help="Which of the packets, counted from 0.")
@context
@click.option("--byte-order", type=click.Choice(("little", "big")), help="Of the machine; that of the object, else little.")
@click.option("--width", type=click.Choice(("32", "64")), default="64", show_default=True, help="Of addresses, in bits.")
@click.option("--witness", type=click.Choice(("kernel",)), help="Ask this machine's Linux kernel as well; PATH may be a directory.")
@click.pass_context
def oracle(
    ctx: click.Context,
    path: str,
    trace: bool,
    section: str | None,
    memory_text: str | None,
    packets: str | None,
    packet: int,
    context: "ContextKind | None",
    byte_order: ByteOrder | None,
    width: str,
    witness: str | None,
) -> None:
    """Run a program in the reference interpreter: print r0, the registers, and the memory that it changed.

    Memory is laid out as for the MIPS of that byte order and width. The exit status is 2 when the program faults.

    \b
    Example: bpfmips oracle prog.o --trace --mem 0011223344556677
             bpfmips oracle filter.txt --packets capture.pcap --packet 17
             bpfmips oracle --witness kernel corpus/programs
    """
    if witness is not None:
        from fuzz.cli.witness import ask_kernel

        others = trace, packets, context, byte_order, ctx.get_parameter_source("width") is not _DEFAULT or None
        if any(other not in (None, False) for other in others):
            refuse("--witness: of programs that work on memory, on this machine: without --trace, --packets, --context, --byte-order and --width")
        ctx.exit(ask_kernel(path, section, parse_memory(memory_text)))
    from fuzz.case import Case, Input
    from fuzz.layout import place
    from fuzz.sources import load_program
    from oracle.interpreter import run
    from reports.run import render_run, render_trace

    program, known = load_program(path, section)
    given = parse_memory(memory_text)
    order: ByteOrder = byte_order or program.byte_order or "little"
    _require_byte_order(program, order)
    config = Config("mips64r2" if width == "64" else "mips32r2", int(width), order == "big")
    if packets is not None:
        if given is not None:
            refuse("--packets: the context of a packet is not for --mem to choose")
        program, chosen = _packet(program, packets, packet, context, order)
    elif context is not None or program.context != "memory":
        refuse("a program that looks at packets needs one: give a capture with --packets")
    else:
        chosen = Input(known if given is None else given)
    placement = place(Case(program, chosen), config)
    world, _ = placement.fresh_world()
    outcome = run(placement.slots, world, trace)
    if trace:
        click.echo(render_trace(placement.slots, outcome), nl=False)
    if outcome.fault is not None:
        raise ProgramError(f"{program.source}: {program.section}: {outcome.fault}")
    click.echo(render_run(world, outcome), nl=False)


def _packet(program: Program, path: str, number: int, kind: "ContextKind | None", order: ByteOrder) -> "tuple[Program, Input]":
    """The program with its context, and one packet of a capture as its input. Raises ProgramError."""
    from fuzz.captures import read_capture
    from fuzz.sources import with_context

    program, captured = with_context(program, kind), read_capture(path)
    if number >= len(captured):
        refuse(f"--packet: {path} has packets 0 to {len(captured) - 1}")
    return program, captured[number].input(number, program.context, order)


@click.command()
def tripwires() -> None:
    """List the tripwires: what each watches, and the source of its rule.

    \b
    Example: bpfmips tripwires
    """
    from fuzz.wires import OTHERS, WIRES

    for wire in (*WIRES, *OTHERS):
        click.echo(f"{wire.name}{' (not part of `all`)' if wire in OTHERS else ''}\n    {wire.rule}\n    {wire.source}")


@click.command()
def engines() -> None:
    """List the engines: whether they can be used here, what they cannot do, and their known faults.

    \b
    Example: bpfmips engines
    """
    from fuzz.engine.abilities import ABILITIES, missing
    from fuzz.engine.faults import BY_ENGINE
    from fuzz.engine.target import EVERYTHING

    for name in ENGINE_NAMES:
        cannot = sorted(ability.value for ability in EVERYTHING - ABILITIES[name])
        click.echo(f"{name} {missing(name) or 'can be used'}{'; cannot do: ' + ', '.join(cannot) if cannot else ''}")
        for fault in BY_ENGINE.get(name, ()):
            click.echo(f"    fault of {fault.versions}: {fault.what}\n        {fault.evidence}\n        {fault.workaround}")

"""`report` makes pages and files of a campaign; `export` writes a finding in the form that another tool takes."""

from pathlib import Path

import click

from ebpf.program import ProgramError
from fuzz.cli.options import UNUSABLE, known_now, write_output

FORMS = ("data", "elf", "c", "markdown")


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--before", "earlier", metavar="DIR", multiple=True, type=click.Path(path_type=Path), help="An earlier campaign, the last one last.")
@click.option("--known", "known_file", metavar="FILE", help="Known findings; corpus/known.toml by default.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Where the files go; the directory of the campaign by default.")
@click.pass_context
def report(ctx: click.Context, directory: Path, earlier: tuple[Path, ...], known_file: str | None, out: Path | None) -> None:
    """Write what a campaign has come to: report.html, report.json, junit.xml, report.sarif and summary.md.

    The page needs nothing but a browser. Commands in it are for the directory in which this is run. Exit status: 0, and 2 for unusable input. A file
    of a finding that cannot be read is one line on standard error, and is named in the report of the others.

    \b
    Example: bpfmips report night --before last-night
    """
    from fuzz.findings.reporting import write_report

    known = known_now(known_file)
    try:
        paths, unreadable = write_report(directory, earlier, known, out or directory)
    except OSError as error:
        raise ProgramError(f"{error.filename or directory}: {error.strerror}") from None
    for path in paths:
        click.echo(str(path))
    for one in unreadable:
        click.echo(str(one), err=True)
    if unreadable:
        ctx.exit(UNUSABLE)


@click.command()
@click.argument("file")
@click.option("--as", "form", type=click.Choice(FORMS), required=True, help="A bpf_conformance test, an object, C, or an issue.")
@click.option("--output", "-o", metavar="FILE", help="Where to write it; an object must have one.")
def export(file: str, form: str, output: str | None) -> None:
    """Write a finding in the form that another tool takes.

    \b
    Example: bpfmips export corpus/findings/value-DIV64-o32.toml --as c
    """
    from fuzz.findings.finding import read
    from fuzz.findings.reporting import exported

    content = exported(read(file), form, file)
    if output is not None:
        write_output(output, content)
    elif form == "elf":
        raise ProgramError("bpfmips: --output names the file of an object")
    else:
        click.echo(content.decode(), nl=False)

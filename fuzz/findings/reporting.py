"""From the directory of a campaign to the files of its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ebpf.elf_writer import write_object
from ebpf.program import ProgramError
from fuzz.campaign.progress import REACHABLE
from fuzz.campaign.record import load
from fuzz.case import Compiler
from fuzz.casefile import write_atomically
from fuzz.findings.finding import Finding, Unreadable
from fuzz.findings.known import Known
from fuzz.findings.lowered import lowered_apart
from jit.compiler import compile_program
from jit.config import Config
from reports.document import document
from reports.exports import FORMS, c_array, data_file, markdown
from reports.machine import junit, report_json, sarif, step_summary
from reports.page import page


def exported(finding: Finding, form: str, path: str) -> bytes:
    """A finding in one of `FORMS`; `path` is that of its file, as whoever reads it would name it. Raises ProgramError where that cannot hold it."""
    if finding.trampoline and form != "markdown":
        raise ProgramError(f"{finding.file_name}: a trampoline has no form as {form}")
    if form == "elf":
        return write_object(finding.program, "big" if Config.parse(finding.config).big_endian else "little")
    if form == "markdown":
        return markdown(finding, path).encode()
    return {"data": data_file, "c": c_array}[form](finding).encode()


def write_report(
    directory: Path, earlier: Sequence[Path], known: Mapping[str, Known], out: Path, compiler: Compiler = compile_program
) -> tuple[tuple[Path, ...], tuple[Unreadable, ...]]:
    """Write all files; their paths, and the files of findings that cannot be read. Raises ProgramError and OSError."""
    record, before = load(directory), [load(each) for each in earlier]
    found = document(record, before, known, REACHABLE, lowered_apart(compiler), Path.cwd())
    exports = {each.finding.fingerprint: _forms(each.finding, directory / "findings" / each.finding.file_name) for each in record.buckets}
    files = {
        "report.html": page(found, exports),
        "report.json": report_json(found),
        "junit.xml": junit(found),
        "report.sarif": sarif(found),
        "summary.md": step_summary(found),
    }
    _write(out, files)
    return tuple(out / name for name in files), tuple(one for each in (*before, record) for one in each.unreadable)


def _write(out: Path, files: Mapping[str, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(out / name, text)
    except OSError as error:
        raise ProgramError(f"{out}: the report cannot be written there: {error.strerror}; --out names another directory") from None


def _forms(finding: Finding, path: Path) -> dict[str, bytes]:
    found = {}
    for form in FORMS:
        try:
            found[form] = exported(finding, form, str(path))
        except ProgramError:
            # Not every form can hold every program.
            continue
    return found

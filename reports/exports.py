"""A finding in the forms that others take: a test of bpf_conformance, C, an issue in Markdown. The ELF object is made by `ebpf.elf_writer`."""

import shlex
from collections.abc import Iterator

from ebpf.codec import encode
from ebpf.disassembler import disassemble
from ebpf.program import ProgramError
from fuzz.findings.finding import Finding

FORMS = ("data", "elf", "c", "markdown")
"""What there is to choose from."""


def replay_command(path: str) -> str:
    """The command that judges the finding in a file again, for a shell."""
    return f"bpfmips replay {shlex.quote(path)}"


def data_file(finding: Finding) -> str:
    """A `.data` file of the bpf_conformance suite, with the program as numbers; the expected r0 is what the oracle left in it.

    Raises ProgramError for a program with maps or data sections, which the suite does not have.
    """
    _stands_alone(finding, "a .data file")
    code = encode(finding.program.slots, "little")
    slots = [f"0x{int.from_bytes(code[at : at + 8], 'little'):016x}" for at in range(0, len(code), 8)]
    lines = [f"# {finding.fingerprint}", f"# {finding.condition or finding.config}", "-- raw", *slots]
    if memory := finding.inputs[0].memory:
        lines += ["-- mem", *(memory[at : at + 16].hex(" ") for at in range(0, len(memory), 16))]
    if (result := _expected(finding)) is not None:
        lines += ["-- result", f"{result:#x}"]
    return "".join(f"{line}\n" for line in lines)


def _expected(finding: Finding) -> int | None:
    """r0 of the oracle at exit, from the steps; None where they do not reach the exit, or never say."""
    if not finding.steps or finding.steps[-1].text != "exit":
        return None
    told = [part.removeprefix("r0=") for step in finding.steps for part in step.oracle.split() if part.startswith("r0=")]
    return int(told[-1], 16) if told else None


def c_array(finding: Finding) -> str:
    """The program as an array of `struct bpf_insn` of linux/bpf.h; the context of the input as bytes. It compiles by itself."""
    slots, texts = finding.program.slots, disassemble(finding.program.slots)
    head = _comment(f"{finding.fingerprint}: {finding.condition or finding.config}")
    # Whoever takes one of the two arrays need not be warned of the other.
    unused = " __attribute__((unused))"
    lines = [f"/* {head} */", "#include <linux/bpf.h>", "", f"static const struct bpf_insn program[]{unused} = {{"]
    for slot, text in zip(slots, texts, strict=True):
        fields = f".code = {slot.opcode:#04x}, .dst_reg = {slot.dst}, .src_reg = {slot.src}, .off = {slot.offset}, .imm = {_imm(slot.imm)}"
        lines.append(f"\t{{ {fields} }},{f'  /* {_comment(text)} */' if text else ''}")
    lines.append("};")
    if memory := finding.inputs[0].memory:
        lines.append(f"static const unsigned char context[]{unused} = {{")
        lines += [f"\t{' '.join(f'{byte:#04x},' for byte in memory[at : at + 12])}" for at in range(0, len(memory), 12)]
        lines.append("};")
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("/*", "/ *")


def _imm(value: int) -> str:
    # -2147483648 is no constant of C but the negation of one that is too large.
    return f"{value + 1} - 1" if value == -(1 << 31) else str(value)


def markdown(finding: Finding, path: str) -> str:
    """A listing for a bug report; `path` is that of the file of the finding."""
    return "".join(f"{line}\n" for line in _markdown(finding, replay_command(path)))


def _markdown(finding: Finding, command: str) -> Iterator[str]:
    yield f"## {finding.fingerprint}"
    yield ""
    yield f"Fails: {finding.condition or finding.config} (seen on `{finding.config}`). First wrong: `{finding.wrong or 'not known'}`"
    yield ""
    yield from (f"* {detail}" for detail in finding.details)
    yield ""
    if finding.trampoline:
        yield from (*(f"    {line}" for line in finding.trampoline.splitlines()), "", f"    {command}", "", finding.origin)
        return
    yield "| eBPF | oracle | image | MIPS |"
    yield "|---|---|---|---|"
    for step in finding.steps:
        mips = "<br>".join(f"`{word.split('  ', 1)[-1]}`" for word in step.mips)
        mark = "**" if step.wrong else ""
        cells = (f"{mark}`{step.slot}: {step.text}`{mark}", step.oracle, step.image, mips)
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""
    yield f"Context: `{finding.inputs[0].memory.hex() or 'empty'}`"
    yield ""
    yield f"    {command}"
    yield ""
    yield "".join(f"{name} {version}, " for name, version in (finding.versions or {}).items()).rstrip(", ") + f"; {finding.origin}"


def _stands_alone(finding: Finding, form: str) -> None:
    if finding.program.maps or finding.program.data:
        raise ProgramError(f"{finding.file_name}: {form} has no maps and no data sections, which this program has")

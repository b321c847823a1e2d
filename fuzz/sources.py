"""Where programs and their inputs come from: files, the shipped corpus, the instruction suites. All become Subjects.

A subject is a program for one byte order, with its inputs and, where there is one, the answer to each that was found without the oracle. Programs
of an object have the byte order of the object; an assembly file is one subject for each byte order.

    .s .asm      assembly, in LLVM's dialect
    .data        a test of the bpf_conformance suite, with context and result of its own
    .txt         a classic filter, as `tcpdump -ddd` or `tcpdump -dd` prints it; so is any other file that looks like one
    directory    all files of it, and of directories in it, that end in .o, .s, .asm or .data, and classic filters that end in .txt
    other        an ELF object

A program without inputs of its own gets 256 bytes of context, the numbers 0 to 255; or, where there is a capture, one input for each packet. What
a classic filter must return is what `oracle.classic` makes of it, without any eBPF.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ebpf import assembler, data_dialect, elf
from ebpf.classic import BY_CODE, ClassicInstruction, ancillary
from ebpf.classic_convert import HELPERS as CLASSIC_CALLS
from ebpf.classic_convert import Loads, convert
from ebpf.classic_text import is_classic, read_classic
from ebpf.context import ContextKind
from ebpf.context import size as context_size
from ebpf.context_access import context_accesses
from ebpf.files import files_below, read_bytes, read_text
from ebpf.instruction import LOOP, TAIL_CALL
from ebpf.opcodes import BY_NAME, lookup
from ebpf.program import ByteOrder, Program, ProgramError, printable
from ebpf.validity import check
from fuzz.captures import Packets
from fuzz.case import Input
from fuzz.environment.functions import HELPERS, KERNEL_FUNCTIONS, MAXIMUM_DECLARED, THROW
from oracle.classic import run_classic

PROGRAMS = Path(__file__).parent.parent / "corpus" / "programs"
"""Sources of the shipped programs, with their objects in `objects`."""

DEFAULT_MEMORY = bytes(range(256))

BYTE_ORDERS: tuple[ByteOrder, ...] = ("little", "big")

_SUFFIXES = (".o", ".s", ".asm", ".data")


class Answer(NamedTuple):
    """What a run must come to: r0 as an unsigned 64-bit integer, and the context at the end, None where nothing is known of it."""

    r0: int
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged on the configurations of one byte order.

    name      of the row in the table
    version   which of several objects of the same source, else empty
    answers   one for each input, or none at all
    error     whether a fault is what is expected of every run
    packets   whether the inputs are packets, which it accepts or not
    """

    name: str
    version: str
    program: Program
    byte_order: ByteOrder
    inputs: tuple[Input, ...]
    answers: tuple[Answer, ...] = ()
    error: bool = False
    packets: bool = False

    def __str__(self) -> str:
        return f"{self.program.source}: {self.program.section}"


class Refusal(NamedTuple):
    """Something that could not become a subject: the one-line message, and whether that is what is expected of it."""

    message: str
    expected: bool


class _Loaded(NamedTuple):
    """A program of a file, or why it is none, and what else the file says: context, result, whether it expects an error, the filter that it was."""

    program: Program | elf.Unlinkable
    memory: bytes | None = None
    result: int | None = None
    error: bool = False
    classic: tuple[ClassicInstruction, ...] = ()


def _load(path: str) -> tuple[_Loaded, ...]:
    suffix = Path(path).suffix
    if suffix in (".s", ".asm"):
        return (_Loaded(assembler.assemble(read_text(path), printable(path))),)
    if suffix == ".data":
        return (_Loaded(*data_dialect.read(read_text(path), printable(path))),)
    if _is_filter(path, suffix):
        instructions = read_classic(read_text(path), printable(path))
        ways: tuple[Loads, ...] = ("legacy", "direct")
        return tuple(_Loaded(convert(instructions, printable(path), loads), classic=instructions) for loads in ways)
    return tuple(_Loaded(program) for program in elf.load_each(path))


def _is_filter(path: str, suffix: str) -> bool:
    """Whether a file of another kind is to be read as a classic filter. Raises ProgramError when it cannot be read."""
    if suffix == ".txt":
        return True
    if suffix == ".o":
        return False
    try:
        return is_classic(read_bytes(path).decode("ascii"))
    except UnicodeDecodeError:
        return False


def _select(path: str, loaded: Sequence[_Loaded], section: str | None) -> tuple[_Loaded, ...]:
    selected = tuple(one for one in loaded if section in (None, one.program.section))
    if not selected:
        raise ProgramError(f"{path}: no section {section!r}; there is {', '.join(one.program.section for one in loaded)}")
    return selected


def checked(program: Program | elf.Unlinkable) -> Program:
    """The program. Raises ProgramError when it cannot be linked, is not well-formed, or calls a function that does not exist."""
    if isinstance(program, elf.Unlinkable):
        raise program.error
    check(program)
    if len(program.kernel_functions) > MAXIMUM_DECLARED:
        declared = len(program.kernel_functions)
        raise ProgramError(f"{program.source}: {program.section}: {declared} kernel functions are declared, more than {MAXIMUM_DECLARED}")
    helpers = (*HELPERS, TAIL_CALL, LOOP)
    functions = (*KERNEL_FUNCTIONS, THROW, *(one.number for one in program.kernel_functions))
    for at, slot in enumerate(program.slots):
        row = lookup(slot)
        known = helpers if row is BY_NAME["CALL"] else functions if row is BY_NAME["CALL_KERNEL"] else None
        if known is not None and slot.imm not in known:
            what = "helper" if row is BY_NAME["CALL"] else "kernel function"
            numbers = ", ".join(map(str, sorted(known)))
            raise ProgramError(f"{program.source}: {program.section}: instruction {at}: call of unknown {what} {slot.imm}; there is {numbers}")
    return program


def load_program(path: str, section: str | None) -> tuple[Program, bytes]:
    """The checked program of a file, and the context that the file gives or the default one.

    Raises ProgramError when the file is unusable, and when it holds several programs and `section` does not choose one.
    """
    selected = _select(path, _load(path), section)
    if len(selected) > 1 and not selected[0].classic:
        raise ProgramError(f"{path}: several programs, choose one by its section: {', '.join(one.program.section for one in selected)}")
    program = checked(selected[0].program)
    if program.context != "memory":
        return program, bytes(context_size(program.context))
    return program, DEFAULT_MEMORY if selected[0].memory is None else selected[0].memory


def sections(path: str) -> tuple[str, ...]:
    """The names by which the programs of a file are chosen. Raises ProgramError."""
    return tuple(one.program.section for one in _load(path))


def file_subjects(paths: Sequence[str], section: str | None, memory: bytes | None, packets: Packets | None = None) -> Iterator[Subject | Refusal]:
    """The programs of the files and directories; `memory`, or the packets, take the place of the context that they would have otherwise."""
    for path in paths:
        try:
            files = _files(path)
        except ProgramError as error:
            yield Refusal(str(error), False)
            continue
        for file in files:
            yield from _subjects_of(file, section, memory, packets)


def _files(path: str) -> tuple[str, ...]:
    if not os.path.isdir(path):
        return (path,)
    found = tuple(sorted(str(file) for file in files_below(path) if _is_program(file)))
    if not found:
        raise ProgramError(f"{path}: no programs: no file ends in {', '.join(_SUFFIXES)}, and none is a classic filter in .txt")
    return found


def _is_program(file: Path) -> bool:
    if file.suffix != ".txt":
        return file.suffix in _SUFFIXES
    try:
        return is_classic(read_text(str(file)))
    except ProgramError:
        return False


def _subjects_of(path: str, section: str | None, memory: bytes | None, packets: Packets | None = None) -> Iterator[Subject | Refusal]:
    try:
        loaded = _select(path, _load(path), section)
        shipped = _shipped_name(path) if memory is None and not packets else None
    except ProgramError as error:
        yield Refusal(str(error), isinstance(error, data_dialect.ExpectedRefusalError))
        return
    for one in loaded:
        try:
            program = checked(one.program)
            subject = _shipped_subject(program, shipped) if shipped is not None else None
        except ProgramError as error:
            yield Refusal(str(error), one.error)
            continue
        if subject is not None:
            yield subject
            continue
        if packets and one.classic and packets.kind not in (None, program.context):
            if one is loaded[0]:
                yield Refusal(f"{printable(path)}: a classic filter looks at __sk_buff, which --context {packets.kind} does not change", False)
            continue
        if packets:
            yield from _packet_subjects(_row_name(path, program, loaded), one, program, packets)
            continue
        if one.classic:
            if one is not loaded[0]:
                continue
            yield Refusal(f"{printable(path)}: a classic filter looks at packets: give a capture with --packets", False)
            continue
        context = memory if memory is not None else DEFAULT_MEMORY if one.memory is None else one.memory
        # An answer is to the context that the file gives, not to another one.
        answers = () if one.result is None or memory is not None else (Answer(one.result, None),)
        for byte_order in BYTE_ORDERS:
            if program.byte_order in (None, byte_order):
                yield Subject(_row_name(path, program, loaded), "", program, byte_order, (Input(context),), answers, one.error)


def _row_name(path: str, program: Program, loaded: Sequence[_Loaded]) -> str:
    file = printable(Path(path).name)
    return file if len(loaded) == 1 or loaded[0].classic else f"{file} {program.section}"


def with_context(program: Program, kind: ContextKind | None) -> Program:
    """The program as one that looks at packets: with that kind of context, or what its section says. A classic filter has one already.

    Raises ProgramError where it accesses the context in a way that is not permitted.
    """
    if program.context == "memory":
        program = replace(program, context=kind or ("xdp" if program.section.startswith("xdp") else "skb"))
    context_accesses(program, program.context)
    return program


def _packet_subjects(name: str, one: _Loaded, program: Program, packets: Packets) -> Iterator[Subject | Refusal]:
    """A program with an input for each packet, and with an answer to each where it was a classic filter that only depends on the packet."""
    try:
        program = with_context(program, packets.kind)
    except ProgramError as error:
        yield Refusal(str(error), False)
        return
    answers: tuple[Answer, ...] = ()
    if one.classic and not any(ancillary(BY_CODE[i.code], i.k) in CLASSIC_CALLS for i in one.classic):
        answers = tuple(Answer(run_classic(one.classic, given.packet, given.length, given.values), None) for given in packets.captured)
    for byte_order in BYTE_ORDERS:
        if program.byte_order in (None, byte_order):
            inputs = tuple(given.input(number, program.context, byte_order) for number, given in enumerate(packets.captured))
            yield Subject(name, program.section if one.classic else "", program, byte_order, inputs, answers, packets=True)


def shipped_subjects(section: str | None) -> Iterator[Subject | Refusal]:
    """All objects of the shipped corpus, with the inputs and answers that belong to them. Raises ProgramError when there is no corpus."""
    objects = sorted((PROGRAMS / "objects").glob("*.o"))
    if not objects:
        raise ProgramError(
            f"{PROGRAMS / 'objects'}: no shipped programs: they are part of the source tree, which bpfmips must be installed from with -e"
        )
    for path in objects:
        yield from _subjects_of(str(_relative(path)), section, None)


def _relative(path: Path) -> Path:
    """The path as a user in the current directory would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _shipped_name(path: str) -> str | None:
    """The source of which a file is an object in the shipped corpus."""
    file = Path(path).resolve()
    return file.name.split(".")[0] if file.parent == (PROGRAMS / "objects").resolve() else None


def _shipped_subject(program: Program, name: str) -> Subject:
    byte_order = program.byte_order or "little"
    answers = _answers(name, byte_order)
    version = program.source.split(".")[-3]
    return Subject(
        name,
        version,
        program,
        byte_order,
        tuple(Input(answer.memory, seed=seed) for seed, answer in enumerate(answers)),
        tuple(Answer(answer.r0, answer.after) for answer in answers),
    )


@cache
def _answers(name: str, byte_order: ByteOrder) -> Sequence[Any]:
    """What `corpus/programs/answers.py` says of a program; it is data and no package, so that it is loaded from its path."""
    path = PROGRAMS / "answers.py"
    if (table := _answer_table(path)) is None or name not in table:
        raise ProgramError(f"{path}: no answers for {name}")
    return table[name](byte_order)


@cache
def _answer_table(path: Path) -> Mapping[str, Callable[[ByteOrder], Sequence[Any]]] | None:
    spec = importlib.util.spec_from_file_location("corpus_programs_answers", path)
    if spec is None or spec.loader is None or not path.exists():
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table: Mapping[str, Callable[[ByteOrder], Sequence[Any]]] = module.ANSWERS
    return table


def suite_subjects(row_glob: str) -> Iterator[Subject]:
    """The instruction suites of the rows of `ebpf.opcodes.ROWS` whose names match, then those with
    misaligned accesses and those with long jumps."""
    from fuzz.suite.suites import far_suites, misaligned_suites, suites

    for family, suffix in ((suites(), ""), (misaligned_suites(), " misaligned"), (far_suites(), " far")):
        for suite in family:
            if fnmatchcase(suite.row_name, row_glob):
                for byte_order in BYTE_ORDERS:
                    yield Subject(suite.row_name + suffix, "", suite.program, byte_order, suite.inputs(byte_order))

"""Tests of the bpf_conformance suite, judged in one process: what each expects, and what became of it on each configuration.

    file ─ ebpf.data_dialect ─► program, context, expected r0 or error
                                  │ checked ─ judged, with all tripwires unless others are asked for
                                  ▼
             Judgement: PASSED, FAILED, or what the expectation cannot say of this machine

The suite was written on little-endian machines that access memory at any address. Where an expectation changes with the byte order, the oracle shows
it: it meets the expectation on the other byte order, all else being equal. And where a MIPS does not permit an access that is not aligned, oracle
and image fault there. Neither is a failure of the compiler, and neither is counted as passed.

A test that expects an error passes when the program is refused, or faults; nothing is promised about an image of a program that a verifier forbids,
so that this is up to the oracle, and to the image where an access is misaligned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ebpf.data_dialect import ConformanceTest, read
from ebpf.files import files_below, read_text
from ebpf.program import ProgramError, printable
from fuzz.case import Case, Compiler, Input
from fuzz.conformance.judgement import Judgement, Kind
from fuzz.engine.target import Target
from fuzz.groups import Grouped
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.sources import checked
from fuzz.verdict import Status, Verdict
from fuzz.wires.wire import Wire
from jit.compiler import compile_program
from jit.config import Config
from jit.shared import Shared, covering
from oracle.outcome import FaultKind, Outcome
from oracle.world import Packet

SUFFIX = ".data"


def files(path: str) -> tuple[str, ...]:
    """The tests of a directory and the directories in it, or the one that is named. Raises ProgramError where one cannot be read."""
    if not Path(path).is_dir():
        return (path,)
    return tuple(sorted(str(file) for file in files_below(path) if file.suffix == SUFFIX))


def load(path: str) -> ConformanceTest:
    """A test that expects something. Raises ProgramError."""
    test = read(read_text(path), printable(path))
    if test.result is None and not test.error:
        raise ProgramError(f"{printable(path)}: neither a result nor an error is expected")
    return test


def given(memory: bytes) -> Input:
    """What a program of the suite works on; its memory is what the packet instructions read, too."""
    return Input(memory, Packet(memory), conformance=True)


def judge_test(
    test: ConformanceTest, configs: Sequence[Config], target: Target, compiler: Compiler, wires: Sequence[Wire] = ()
) -> Iterator[Judgement]:
    """The judgements on all of the configurations, whatever the byte order of the test."""
    program = replace(test.program, byte_order=None)
    name = program.source
    try:
        checked(program)
        shared = Shared(universe=covering(configs)) if compiler is compile_program else compiler
        grouped = Grouped(program, (given(test.memory),), target, tuple(wires), shared, lockstep=bool(wires))
        found: dict[Config, Judgement] = {}
        for big_endian in (False, True):
            for verdict, others in grouped.judge([config for config in configs if config.big_endian is big_endian]):
                found |= {config: Judgement(name, config, *_kind(test, replace(verdict, config=config))) for config in (verdict.config, *others)}
        yield from (found[config] for config in configs)
    except ProgramError as error:
        kind = Kind.ERROR if test.error else Kind.FAILED
        yield from (Judgement(name, config, kind, "" if test.error else str(error)) for config in configs)


def _kind(test: ConformanceTest, verdict: Verdict) -> tuple[Kind, str]:
    outcome = verdict.outcome
    if verdict.status in (Status.DIFFER, Status.TRIPPED) or outcome is None:
        return Kind.FAILED, "; ".join(map(str, (*verdict.differences, *verdict.trips))) or verdict.reason
    fault = outcome.fault
    if test.error:
        return (Kind.FAILED, f"an error is expected, but r0 = {outcome.registers[0]:#x}") if fault is None else (Kind.ERROR, "")
    if fault is not None:
        return Kind.MISALIGNED if fault.kind is FaultKind.MISALIGNED else Kind.FAILED, str(fault)
    r0 = outcome.registers[0]
    if r0 == test.result:
        return Kind.PASSED, ""
    if _other_order(test, verdict.config).registers[0] == test.result:
        return (
            Kind.OTHER_ORDER,
            f"r0 = {test.result:#x} on {'little' if verdict.config.big_endian else 'big'}-endian machines only, here it is {r0:#x}",
        )
    return Kind.FAILED, f"expected r0 = {test.result:#x}, got {r0:#x}"


def _other_order(test: ConformanceTest, config: Config) -> Outcome:
    """What the oracle says on the other byte order, all else being equal."""
    program = replace(test.program, byte_order=None)
    return interpret(place(Case(program, given(test.memory)), replace(config, big_endian=not config.big_endian))).outcome

"""What went wrong first, small cases, and fingerprints: seeded bugs in small programs."""

from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.opcodes import ROWS
from ebpf.program import Program, ProgramError
from ebpf.shape import inserted, starts, unit, without
from ebpf.validity import check
from fuzz.campaign.reduce import Bench, reduce
from fuzz.case import Case, Input
from fuzz.findings.condition import Condition
from fuzz.findings.diagnosis import Diagnosis, Symptom, diagnose, rule_of
from fuzz.findings.family import siblings
from fuzz.findings.finding import Finding, read, text
from fuzz.findings.fingerprint import fingerprint, kept, operation, place, same_bug
from fuzz.findings.form import form
from fuzz.findings.side_by_side import rendered
from fuzz.judge import judge_all
from fuzz.selftest.seeded_compiler import SeededCompiler, combined
from fuzz.selftest.selftest import bugs, cases
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status, Trip
from fuzz.wires import WIRES
from jit.config import Config

MEMORY = bytes(range(1, 65))


def _diagnosis(bug: str, source: str, config: str, target: UnicornTarget) -> Diagnosis:
    shown = Bench(target, SeededCompiler(bug), WIRES).shown(assemble(source, "made"), Input(MEMORY), Config.parse(config))
    assert shown is not None
    return shown.diagnosis


@pytest.mark.parametrize(
    ("bug", "source", "config", "symptom", "wrong"),
    [
        ("div64-order", "r0 = 7; r1 = 3; r0 /= r1; exit", "mips64r2-64le", "value DIV64_REG n64", "2: r0 /= r1"),
        # The load is right, what it loads was stored wrongly.
        (
            "and-for-or",
            "r0 = 0; *(u64 *)(r10 - 8) = r0; r1 = 5; lock *(u32 *)(r10 - 8) |= w1; r0 = *(u32 *)(r10 - 8); exit",
            "mips32r2-32be",
            "store ATOMIC_OR_W o32",
            "3: lock *(u32 *)(r10 - 8) |= w1",
        ),
        # No register is wrong, and nobody loads it.
        ("and-for-or", "r0 = 0; lock *(u32 *)(r1 + 0) |= w2; exit", "mips64r2-64le", "store ATOMIC_OR_W n64", "1: lock *(u32 *)(r1 + 0) |= w2"),
        ("jle-imm-bound", "r0 = 1; r1 = 1; if r1 <= 1 goto +1; r0 = 2; exit", "mips64r2-64le", "path JLE64_IMM n64", "2: if r1 <= 1 goto +1"),
        # The instruction that is wrong has no code at all.
        ("swap16-upper-half", "r2 = 0; r1 = le16 r1; r0 = 0; exit", "mips64r2-64le", "value LE16 n64", "1: r1 = le16 r1"),
        # Neither has code, and of the two one cannot be wrong.
        ("swap16-upper-half", "r2 = 0; r1 = le16 r1; r1 s>>= 0; r0 = 0; exit", "mips64r2-64le", "value LE16 n64", "1: r1 = le16 r1"),
        # The result is right, and what is above it is not; in the other the result is right, and another register is not.
        ("add32-upper-half", "r0 = -1; r0 = -1; w0 += 0; exit", "mips64r2-64le", "upper bits ADD32_IMM n64", "2: w0 += 0"),
        ("mul64-clobber", "r0 = 7; r4 = 3; r5 = 5; r4 *= r0; exit", "mips64r2-64le", "clobber MUL64_REG n64", "3: r4 *= r0"),
        # What looks like a call is code of the compiler's own.
        (
            "loop-flags-low-half",
            "r1 = 1; r2 = code back; r3 = 0; r4 = 0x100000000 ll; call 181; exit; back: r0 = 0; exit",
            "mips32r2-32be",
            "path (bpf_loop) CALL o32",
            "6: call 181",
        ),
        # A rule that is broken comes before what follows from it.
        (
            "add-without-retry",
            "r0 = 0; lock *(u32 *)(r1 + 0) += w2; exit",
            "mips32r2-32le",
            "hazards (the result of an instruction is not tested) ATOMIC_ADD_W o32",
            "1: lock *(u32 *)(r1 + 0) += w2",
        ),
    ],
)
def test_the_first_wrong_instruction(bug: str, source: str, config: str, symptom: str, wrong: str, target: UnicornTarget) -> None:
    found = _diagnosis(bug, source, config, target)
    assert (found.fingerprint, found.wrong) == (symptom, wrong)


@pytest.mark.parametrize(
    ("detail", "rule"),
    [
        ("addu uses what lw at word 17 loads, in its load delay slot", "an instruction uses what an instruction loads, in its load delay slot"),
        ("load of 4 bytes at 0x20100040: not what its instruction does", "not what its instruction does"),
        ("store of 1 bytes at -0x40: not what its instruction does", "not what its instruction does"),
        ("no sync between this access and what comes before the operation", "no sync between this access and what comes before the operation"),
    ],
)
def test_rules_have_no_values_and_no_places(detail: str, rule: str) -> None:
    assert rule_of(Trip("hazards", 1, 2, detail)) == rule


def test_a_fingerprint_leaves_out_what_is_chance() -> None:
    assert operation("DIV64_REG") == operation("DIV64_IMM") == "DIV64"
    assert operation("LE16") == operation("BSWAP16") == "SWAP16"
    assert operation("LDABS_W") == operation("LDIND_B")
    assert operation("LDX_W") != operation("LDX_B")
    first = Symptom("value", "", "ADD32_IMM", 32)
    assert same_bug(first, Symptom("value", "", "ADD32_REG", 64))
    assert not same_bug(first, Symptom("path", "", "ADD32_REG", 32))
    assert not same_bug(first, Symptom("value", "", "ADD64_IMM", 32))
    # Blinding does the same for all instructions of a class.
    assert same_bug(Symptom("blinding", "", "ADD32_IMM", 32), Symptom("blinding", "", "XOR32_IMM", 32))
    assert not same_bug(Symptom("blinding", "", "ADD32_IMM", 32), Symptom("blinding", "", "ADD64_IMM", 32))
    assert place(Symptom("blinding", "", "JEQ32_IMM", 32)) != place(Symptom("blinding", "", "JEQ64_IMM", 32))


@pytest.mark.parametrize(
    ("bug", "source", "slot", "expected"),
    [
        ("sub64-borrow", "r0 = 0; r1 = 1; r0 -= r1; exit", 2, "_REG"),
        ("xor64-imm-high", "r0 = 0; r0 ^= -2; exit", 1, "_IMM"),
        # No jump leads elsewhere when the register is loaded before.
        ("xor64-imm-high", "r0 = 0; if r0 == 0 goto next; r0 = 5; next: r0 ^= -2; exit", 3, "_IMM"),
        # One piece of code for both.
        ("add32-upper-half", "r0 = -1; w0 += 0; exit", 1, ""),
        # No immediate holds it.
        ("sub64-borrow", "r0 = 0; r1 = 0x123456789a ll; r0 -= r1; exit", 3, ""),
        ("load-byte-sign", "r0 = *(u8 *)(r1 + 0); exit", 0, ""),
    ],
)
def test_the_form_of_the_operation(bug: str, source: str, slot: int, expected: str, target: UnicornTarget) -> None:
    case, config = Case(assemble(source, "made"), Input(bytes(range(255, 191, -1)))), Config.parse("mips32r2-32be")
    if bug == "add32-upper-half":
        config = Config.parse("mips64r2-64be")
    bench = Bench(target, SeededCompiler(bug), WIRES)
    assert bench.shown(case.program, case.input, config) is not None
    assert form(case, config, slot, lambda program: bench.shown(program, case.input, config) is not None) == expected


@pytest.mark.parametrize(
    ("bug", "source", "slot", "config", "expected"),
    [
        # One comparison for both ways, one division for both results, one extension for two sizes.
        ("jeq-negative-constant", "r0 = -5 ; if r0 == -5 goto +1; r0 = 1; exit", 1, "mips32r2-32be", "JEQ/JNE64"),
        ("jeq-negative-constant", "r1 = -5 ; r2 = 0; if r1 != -5 goto +1; r0 = 1; exit", 2, "mips32r2-32be", "JEQ/JNE64"),
        ("blind-sdiv-unsigned", "r0 = -7; r0 s/= 2; exit", 1, "mips64r2-64le+blind", "SDIV/SMOD"),
        ("movsx-high-register", "r1 = 0x80; r0 = 0; r0 = (s8)r1; exit", 2, "mips32r2-32le", "MOVSX64"),
        # The other way, the rest, and other sizes are right.
        ("jle-imm-bound", "r0 = 1; r1 = 1; if r1 <= 1 goto +1; r0 = 2; exit", 2, "mips64r2-64le", ""),
        ("div64-order", "r0 = 7; r1 = 3; r0 /= r1; exit", 2, "mips64r2-64le", ""),
        ("sub64-borrow", "r0 = 0; r1 = 1; r0 -= r1; exit", 2, "mips32r2-32be", ""),
    ],
)
def test_the_family_of_the_operation(bug: str, source: str, slot: int, config: str, expected: str, target: UnicornTarget) -> None:
    case, bench = Case(assemble(source, "made"), Input(MEMORY)), Bench(target, SeededCompiler(bug), WIRES)

    def symptom(program: Program) -> Symptom | None:
        shown = bench.shown(program, case.input, Config.parse(config))
        return None if shown is None else shown.diagnosis.symptom

    found = symptom(case.program)
    assert found is not None
    variants = kept(case, Config.parse(config), slot, found, symptom)
    assert variants.family == expected
    named = fingerprint(found, Condition("", "", (), ()), *variants).split()[-1]
    assert named == (expected or operation(found.row)) + variants.form


def test_families_are_the_same_from_each_member() -> None:
    for row in ROWS:
        name, others = siblings(row.name)
        assert row.name not in others
        assert bool(name) == bool(others)
        for other in others:
            again, back = siblings(other)
            assert (again, {other, *back}) == (name, {row.name, *others})


@pytest.mark.parametrize(
    ("bug", "config", "rule"),
    [
        ("argument-half", "mips32r2-32be", "argument"),
        ("kernel-function-pointer-as-word", "mips64r2-64le", "argument"),
        ("kernel-function-result", "mips32r2-32be", "result"),
        ("map-key-is-value", "mips32r2-32be", "argument"),
        ("map-value-as-word", "mips64r2-64le", "result"),
        ("tail-call-limit-32", "mips32r2-32be", "not taken, tail_call"),
        ("tail-call-limit-34", "mips32r2-32be", "taken beyond the limit, tail_call"),
        ("tail-call-signed-index", "mips32r2-32be", "taken without a program, tail_call"),
        ("may-goto-one-less", "mips32r2-32be", "jumps too early"),
        ("may-goto-not-counted", "mips32r2-32be", "jumps too late"),
        ("packet-goes-on", "mips32r2-32be", "outside"),
        ("packet-size", "mips32r2-32be", ""),
        ("tail-call-keeps-frame", "mips64r2-64le", "outside of context, data, stack and frame"),
        ("tail-call-keeps-frame", "mips32r2-32be", "outside of context, data, stack and frame"),
    ],
)
def test_what_such_an_instruction_did_wrong(bug: str, config: str, rule: str, target: UnicornTarget) -> None:
    """With the programs of the self-test, of which one fails first."""
    (seeded,) = (each for each in bugs() if each.name == bug)
    bench = Bench(target, SeededCompiler(bug), WIRES)
    rules = set()
    for program, inputs in cases(seeded, Config.parse(config)):
        for verdict in judge_all(program, inputs, (Config.parse(config),), target, bench.compiler):
            if verdict.status in (Status.DIFFER, Status.TRIPPED):
                rules.add(diagnose(Case(program, inputs[verdict.input]), verdict, target, bench.compiler, WIRES).symptom.rule)
                break
    assert rules == {rule}


def test_the_class_of_configurations_is_part_of_a_fingerprint() -> None:
    here = Condition("o32, with blind", "o32 +blind", (), ())
    assert fingerprint(Symptom("value", "", "ADD32_IMM", 32), here) == "value ADD32 o32 +blind"
    # A pass is at fault, and at which width a case shows it is chance.
    assert fingerprint(Symptom("hazards", "a rule", "any", 32), here) == "hazards (a rule) any +blind"


SOURCE = """
    r6 = r1
    r7 = *(u64 *)(r6 + 8)
    r8 = *(u32 *)(r6 + 16)
    r8 += 12345
    if r8 > 5 goto next
    r8 = 77
next:
    r7 -= r8
    *(u64 *)(r10 - 16) = r7
    r0 = r7
    r0 ^= 3
    exit
"""


@pytest.fixture(scope="module")
def small(target: UnicornTarget) -> Finding:
    symptom = "value SUB64_REG o32"
    case = Finding(symptom, symptom, "DIFFER", assemble(SOURCE, "made"), (Input(bytes(64)),), "mips32r2-32be", ("mips32r2-32be",), ())
    return reduce(case, target, SeededCompiler("sub64-borrow"), WIRES)


@pytest.mark.parametrize(
    ("bug", "config", "line", "wrong", "slots"),
    [
        ("sub64-borrow", "mips32r2-32be", "r7 -= r8", " -= ", 4),
        ("jle-imm-bound", "mips64r2-64le", "if r8 <= 77 goto next", " <= 77 goto +1", 5),
        ("load-byte-sign", "mips32r2-32le", "r7 = *(u8 *)(r6 + 8)", " = *(u8 *)(r1 + 0)", 3),
    ],
)
def test_what_is_needed_is_the_wrong_instruction_and_its_operands(
    bug: str, config: str, line: str, wrong: str, slots: int, target: UnicornTarget
) -> None:
    """Among a lot that has nothing to do with it, some of which is not executed."""
    noise = "; ".join(f"r{number} = {number}; w{number} *= 3; r{number} <<= 7" for number in (2, 3, 4, 5, 9)) + "; call 7"
    source = f"r6 = r1; {noise}; r7 = *(u64 *)(r6 + 8); r8 = 77; {line}; {noise}; if r0 s> 0 goto next; {noise}; next: r0 = r7; call 5; exit"
    program, given = assemble(source, "made"), Input(bytes([0x80 if bug == "load-byte-sign" else 0] * 64))
    shown = Bench(target, SeededCompiler(bug), WIRES).shown(program, given, Config.parse(config))
    assert shown is not None
    symptom = str(shown.diagnosis.symptom)
    small = reduce(Finding(symptom, symptom, "DIFFER", program, (given,), config, (config,), ()), target, SeededCompiler(bug), WIRES)
    assert len(small.program.slots) <= slots
    assert wrong in small.wrong


TAIL_CALLS = """
.map table prog_array 4 4 86
.program table 0 first
.program table 2 second
    r6 = r1; {noise}
    {entry}
    r1 = r6; r2 = map_fd 0; r3 = 0; call 12
    r0 = 0; exit
first: r6 = r1; {noise}
    {reached}
    r0 = r7; exit
second: {noise}
    r0 = 2; exit
"""


@pytest.mark.parametrize(
    ("entry", "reached"),
    [("r7 = 0", "r8 = 77; r7 = 1; if r8 <= 77 goto next; r7 = 2; next: r7 += 0"), ("r8 = 77; if r8 <= 77 goto +1; r8 = 1", "r7 = 1")],
)
def test_other_programs_of_prog_arrays_are_left_out(entry: str, reached: str, target: UnicornTarget) -> None:
    """They are not a part of the candidates, so what prog arrays hold must go with them."""
    noise = "; ".join(f"r{number} = {number}; w{number} *= 3; r{number} <<= 7" for number in (2, 3, 4, 5, 9))
    program = assemble(TAIL_CALLS.format(noise=noise, entry=entry, reached=reached), "made")
    shown = Bench(target, SeededCompiler("jle-imm-bound"), WIRES).shown(program, Input(MEMORY), Config.parse("mips64r2-64le"))
    assert shown is not None
    symptom = str(shown.diagnosis.symptom)
    finding = Finding(symptom, symptom, "DIFFER", program, (Input(MEMORY),), "mips64r2-64le", ("mips64r2-64le",), ())
    small = reduce(finding, target, SeededCompiler("jle-imm-bound"), WIRES)
    assert len(small.program.slots) <= 5
    assert not small.program.maps


def test_what_moves_takes_programs_of_prog_arrays_along() -> None:
    program = assemble(".map a prog_array 4 4 3\n.program a 0 x\n.program a 2 y\nr0 = 0; r0 = 1; exit; x: r0 = 2; exit; y: r0 = 3; exit", "made")
    later = inserted(program, 1, program.slots[:2])
    assert later is not None
    assert later.maps[0].programs == ((0, 5), (2, 7))
    earlier = without(program, {0, 5, 6})
    assert earlier is not None
    assert earlier.maps[0].programs == ((0, 2),)
    check(later)
    check(earlier)


def test_a_small_case_is_1_minimal(small: Finding, target: UnicornTarget) -> None:
    bench = Bench(target, SeededCompiler("sub64-borrow"), WIRES)

    def symptom(program: Program | None, given: Input) -> str:
        try:
            shown = None if program is None else bench.shown(program, given, Config.parse(small.config))
        except ProgramError:
            return "cannot be judged"
        return "" if shown is None else shown.diagnosis.fingerprint

    slots = small.program.slots
    assert symptom(small.program, small.inputs[0]) == small.symptom
    assert len(slots) <= 4
    for at in starts(slots):
        assert symptom(without(small.program, set(unit(slots, at))), small.inputs[0]) != small.symptom
    assert not any(small.inputs[0].memory)


def test_a_small_case_has_its_condition_and_its_steps(small: Finding) -> None:
    assert (small.fingerprint, small.condition) == ("value SUB64_REG o32", "o32")
    assert all(Config.parse(name).width == 32 for name in small.configs)
    (wrong,) = (step for step in small.steps if step.wrong)
    assert wrong.text in small.wrong
    assert wrong.oracle != wrong.image
    assert any("subu" in word for word in wrong.mips)
    assert sum(line.startswith(">") for line in rendered(small.steps)) == 1


def test_a_finding_is_the_same_when_it_is_read_again(small: Finding, tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / small.file_name
    path.write_text(text(small))
    again = read(str(path))
    assert replace(again, program=small.program, versions=None) == small
    assert again.program.slots == small.program.slots
    assert text(again) == text(small)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("format = 2", "format = 1", "not a finding of format 2"),
        ("reduced = true", 'reduced = "yes"', "reduced: not true or false"),
        ('config = "mips32r2-32be"', 'config = "mips9"', "unknown configuration 'mips9'"),
        ('fingerprint = "value SUB64_REG o32"', 'fingerprint = " "', "fingerprint: ' ' is not a line of text"),
        ('condition = "o32"', 'condition = "o32\\n"', "is not a line of text"),
        ("slot = 0", "place = 0", "steps 0: unknown field 'place'"),
        ("slot = 0", 'slot = "0"', "steps 0: slot: not an integer"),
        ('oracle = "', 'oracle = 1 # "', "steps 0: oracle: not text"),
        ("\nexit\n", "\nleave\n", "finding.toml"),
    ],
)
def test_a_bad_file_is_one_line(small: Finding, tmp_path: object, old: str, new: str, reason: str) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "finding.toml"
    whole = text(small)
    assert old in whole
    path.write_text(whole.replace(old, new))
    with pytest.raises(ProgramError) as raised:
        read(str(path))
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bugs_that_edit_the_same_part_do_not_go_together() -> None:
    chosen = {bug.name: bug for bug in bugs()}
    with pytest.raises(ValueError, match="both edit the single cell of LSH64_REG"):
        combined([chosen["lsh64-order"], chosen["lsh64-reg-width"]])
    with pytest.raises(ValueError, match="no seeded bug 'no-such-bug'"):
        SeededCompiler("no-such-bug")

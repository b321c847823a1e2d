"""Trampolines of the corpus agree, what is wrong with one is told, and files that are no descriptions are refused."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.program import DataSection, ProgramError
from ebpf.trampoline import MAXIMUM_ARGUMENTS, SIZES, Attached, Signature, Traced, Trampoline, read
from fuzz.cli.main import main
from fuzz.cli.trampoline import SHIPPED
from fuzz.layout import LAYOUTS
from fuzz.trampoline.description import read_usable
from fuzz.trampoline.judge import actual, build, judge
from fuzz.trampoline.target import TrampolineTarget
from jit.config import BASE_CONFIGS, Config
from jit.trampoline import Parts, compile_trampoline, layout

FILES = sorted(SHIPPED.glob("*.toml"))
CONFIGS = tuple(
    map(
        Config.parse,
        (
            "mips1-32be",
            "mips32r2-32le",
            "mips32r6-32be",
            "mips3-32le",
            "mips3-64be",
            "mips64r2-64le",
            "mips64r6-64be",
            "mips64r2-64be+blind+zext",
        ),
    )
)


@pytest.fixture(scope="module")
def target() -> TrampolineTarget:
    return TrampolineTarget()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_the_shipped_trampolines_agree(path: Path, target: TrampolineTarget) -> None:
    traced = read(str(path))
    for config in CONFIGS:
        assert judge(traced, config, target) == (), str(config)


def test_the_readme_describes_every_file() -> None:
    assert re.findall(r"^\| `(\w+\.toml)` \|", (SHIPPED / "README.md").read_text(), re.MULTILINE) == [path.name for path in FILES]


SIGNATURE = Signature(("u32",), "s32")


def traced(text: str, signature: Signature = SIGNATURE) -> Traced:
    program = assemble(text, "program")
    return Traced("test", Trampoline(signature, fentry=(Attached(program),)), (((5,) * len(signature.arguments), 7),))


def test_where_bits_of_addresses_are_cleared_functions_are_near(target: TrampolineTarget) -> None:
    for name in ("mips3-64le+loongson2f-jump", "mips3-32le+loongson2f-jump"):
        assert judge(traced("r0 = 0; exit"), Config.parse(name), target) == ()
    wrong = Parts(layout=lambda trampoline, config: layout(trampoline, config)._replace(result=layout(trampoline, config).saved))
    found = judge(traced("r0 = 0; exit"), Config.parse("mips3-64le+loongson2f-jump"), target, partial(compile_trampoline, parts=wrong))
    assert any(difference.place.startswith("call 0, memory from") for difference in found)
    assert not any("far functions" in difference.place for difference in found)


def test_a_difference_says_which_call_and_where(target: TrampolineTarget) -> None:
    wrong = Parts(layout=lambda trampoline, config: layout(trampoline, config)._replace(result=layout(trampoline, config).saved))
    found = judge(traced("r0 = 0; exit"), CONFIGS[0], target, partial(compile_trampoline, parts=wrong))
    assert {difference.kind for difference in found} >= {"events"}
    assert any(difference.place.startswith("call 0, far functions: ") for difference in found)


def test_a_program_with_a_fault_is_unusable(target: TrampolineTarget) -> None:
    with pytest.raises(ProgramError, match=r"^test: call 0: a program has a fault: instruction 0: access out of bounds of 8 bytes"):
        judge(traced("r0 = *(u64 *)(r1 + 16); exit"), CONFIGS[0], target)


def test_the_array_is_read_only(target: TrampolineTarget) -> None:
    with pytest.raises(ProgramError, match="write to read-only memory"):
        judge(traced("r0 = 0; *(u64 *)(r1 + 0) = r0; exit"), CONFIGS[0], target)


def test_programs_with_data_are_refused(target: TrampolineTarget) -> None:
    plain = traced("r0 = 0; exit")
    program = replace(plain.trampoline.fentry[0].program, data=(DataSection(".data", b"x", True),))
    with_data = replace(plain, trampoline=replace(plain.trampoline, fentry=(Attached(program),)))
    with pytest.raises(ProgramError, match="have no place in programs of a trampoline"):
        judge(with_data, CONFIGS[0], target)


CALLING = {
    "mix_small": "r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5; call kernel 2; r0 = 0; exit",
    "mix_wide": "r1 = -1; r2 = 2; r3 = -3; r4 = 4; r5 = 5; call kernel 3; r0 = 0; exit",
    "mix_signed": "r1 = 1; r2 = -2; r3 = 3; r4 = -4; r5 = -5; call kernel 4; r0 = 0; exit",
    "trace_printk": "r3 = 0x000a6425; *(u64 *)(r10 - 8) = r3; r1 = r10; r1 += -8; r2 = 8; r3 = -5; call 6; r0 = 0; exit",
    "csum_diff": "*(u32 *)(r10 - 4) = 1; r3 = r10; r3 += -4; r4 = 4; r1 = 0; r2 = 0; r5 = 7; call 28; r0 = 0; exit",
}


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("name", CALLING)
def test_programs_call_functions_with_types_and_functions_that_read_memory(name: str, config: Config, target: TrampolineTarget) -> None:
    calling = traced(CALLING[name])
    assert judge(calling, config, target) == ()
    built = build(calling, config, LAYOUTS[config.width])
    (call,) = actual(calling, 0, built, LAYOUTS[config.width], target, 7, watched=False).calls
    assert call.name == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("r6 = r1; r0 = *(u8 *)skb[2]; exit", "program: packets have no place in programs of a trampoline"),
        (".variable v 9 0102\nr1 = variable 9; r0 = *(u8 *)(r1 + 0); exit", "program: variables and declared kernel functions have no place"),
        (".kernel_function v 900 s32 u64\nr1 = 5; call kernel 900; r0 = 0; exit", "program: variables and declared kernel functions have no place"),
        ("call 999; exit", r"program: \.text: instruction 0: call of unknown helper 999; there is 1, "),
        ("call kernel 999; exit", "instruction 0: call of unknown kernel function 999"),
        ("r2 = 5; r3 = r10; r3 += -4; r4 = 4; call 26; exit", "skb_load_bytes: the context of the program is no __sk_buff"),
        ("r1 = 1; r2 = r1; r3 = 0; r4 = 0; call 181; exit", "bpf_loop and tail calls have no place"),
        ("r2 = 0; r3 = 0; call 12; r0 = 0; exit", "bpf_loop and tail calls have no place"),
    ],
)
def test_what_programs_of_a_trampoline_cannot_do_is_told(text: str, reason: str, target: TrampolineTarget) -> None:
    with pytest.raises(ProgramError, match=reason):
        judge(traced(text), CONFIGS[1], target)


def test_what_they_cannot_do_is_told_when_they_are_read(tmp_path: Path) -> None:
    """Not only when there is a configuration to judge them on."""
    path = tmp_path / "traced.toml"
    path.write_text('function = "s32 ()"\ncalls = [[[], 1]]\n[[fexit]]\nprogram = "call 12; exit"')
    with pytest.raises(ProgramError, match=r"traced\.toml: fexit 0: bpf_loop and tail calls have no place"):
        read_usable(str(path))


def test_command() -> None:
    done = CliRunner().invoke(main, ["trampoline", str(SHIPPED / "void.toml"), "--config", "mips32r2-32*"])
    assert done.exit_code == 0
    assert done.output.splitlines() == ["void.toml                        1 calls    2/2", "1 trampolines, 2 configurations, 2 judged, 2 agree"]


def test_command_in_json() -> None:
    done = CliRunner().invoke(main, ["trampoline", str(SHIPPED / "void.toml"), "--config", "mips64r6-64be", "--json"])
    (entry,) = json.loads(done.output)
    assert (entry["calls"], entry["configurations"], entry["differences"]) == (1, ["mips64r6-64be"], {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("function = ", "Invalid value"),
        (f"calls = {'9' * 5000}", "Exceeds the limit"),
        (f"calls = {'[' * 5000}", "too many brackets, one in the other"),
        ("calls = [[[], 1]]", "function is missing"),
        ('function = "int f()"\ncalls = []', "not a signature: 'int f()'; as in 's32 (u64, pointer)'"),
        ('function = "s32 (f32)"\ncalls = []', "unknown type 'f32'; one of u8, s8, u16, s16, u32, s32, u64, s64, pointer"),
        (f'function = "s32 ({", ".join(["u8"] * 13)})"\ncalls = []', "13 arguments; a traced function has at most 12"),
        ('function = "s32 ()"\ncalls = [[[], 1]]', "no program is attached"),
        ('function = "s32 ()"\ncalls = []\n[[fexit]]\nprogram = "r0 = 0; exit"', "no calls"),
        ('function = "s32 (u8)"\ncalls = [[[], 1]]\n[[fexit]]\nprogram = "r0 = 0; exit"', "call 0: 0 arguments for a function with 1"),
        ('function = "s32 ()"\ncalls = [5]\n[[fexit]]\nprogram = "exit"', "call 0: not a list of the arguments and what the function returns"),
        (
            'function = "s32 ()"\ncalls = [[[], 99999999999999999999]]\n[[fexit]]\nprogram = "exit"',
            "call 0: 99999999999999999999 does not fit 64 bits",
        ),
        ('function = "u32 ()"\ncalls = [[[], 1]]\n[[fmod_ret]]\nprogram = "exit"', "fmod_ret programs return an error code"),
        (
            'function = "s32 ()"\ncalls = [[[], 1]]\nreplaces = true\n[[fexit]]\nprogram = "exit"',
            "a function that is replaced has fentry programs only",
        ),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\nprogram = "nonsense"', "fentry 0: line 1: not an instruction: nonsense"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\nprogram = "r0 = 0"', "fentry 0: .text: instruction 0: control falls off the end"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\ncookie = -1\nprogram = "exit"', "cookie -1; an unsigned 64-bit integer"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\nprog = "exit"', "unknown key 'prog' of a program"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\nskipped = [1]\n[[fentry]]\nprogram = "exit"', "skipped: there are programs 0 to 0"),
        ('function = "s32 ()"\ncall = [[[], 1]]', "unknown key 'call'"),
        ('function = "s32 ()"\nskipped = 1\ncalls = [[[], 1]]\n[[fentry]]\nprogram = "exit"', "skipped is no list of numbers"),
        ('function = "s32 ()"\nskipped = [true]\ncalls = [[[], 1]]\n[[fentry]]\nprogram = "exit"', "skipped is no list of numbers"),
        ('function = "s32 ()"\nfentry = 5\ncalls = [[[], 1]]', "fentry is no list of tables"),
        ('function = "s32 ()"\nfentry = [5]\ncalls = [[[], 1]]', "fentry 0: no table of a program"),
        ('function = "s32 ()"\ncalls = 5\n[[fentry]]\nprogram = "exit"', "calls is no list of calls"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\nprogram = 5', "fentry 0: program is no text"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\ncookie = "x"\nprogram = "exit"', "cookie 'x'; an unsigned 64-bit integer"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\ncookie = 1.5\nprogram = "exit"', "cookie 1.5; an unsigned 64-bit integer"),
        ('function = "s32 ()"\ncalls = [[[], 1]]\n[[fentry]]\ncookie = true\nprogram = "exit"', "cookie True; an unsigned 64-bit integer"),
        ("function = 5\ncalls = [[[], 1]]", "not a signature: '5'"),
        ('function = "s32 ()"\nreplaces = "no"\ncalls = [[[], 1]]\n[[fentry]]\nprogram = "exit"', "replaces is neither true nor false"),
        ('function = "s32 (u8)"\ncalls = [[[true], 2]]\n[[fentry]]\nprogram = "exit"', "call 0: not a list of the arguments"),
        ('function = "s32 ()"\ncalls = [[[], true]]\n[[fentry]]\nprogram = "exit"', "call 0: not a list of the arguments"),
    ],
)
def test_what_is_no_description_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "traced.toml"
    path.write_text(text)
    done = CliRunner().invoke(main, ["trampoline", str(path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


# Any signature: what all programs see is compared at each call of the kernel, so that they need do little themselves.

_kinds = st.sampled_from(sorted(SIZES))
_values = st.integers(0, (1 << 64) - 1) | st.sampled_from((0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, (1 << 64) - 1))
_programs = st.builds(
    lambda text, cookie: Attached(assemble(text, "generated"), cookie),
    st.sampled_from(("r0 = 0; exit", "r0 = *(u64 *)(r1 - 8); exit", "r0 = -3; exit", "r6 = r1; call 5; r0 = *(u64 *)(r6 - 16); exit")),
    _values,
)


@st.composite
def any_traced(draw: st.DrawFn) -> Traced:
    arguments = tuple(draw(st.lists(_kinds, max_size=MAXIMUM_ARGUMENTS)))
    result = draw(_kinds | st.just("void"))
    few = st.lists(_programs, max_size=2).map(tuple)
    entered, left = draw(few), draw(few)
    modified = draw(few) if result in ("s32", "s64") else ()
    if not entered + left + modified:
        entered = (draw(_programs),)
    trampoline = Trampoline(Signature(arguments, result), entered, modified, left)
    given = tuple(draw(st.tuples(*[_values] * len(arguments))))
    skipped = draw(st.frozensets(st.integers(0, len(trampoline.programs) - 1)))
    return Traced("generated", trampoline, ((given, draw(_values)),), skipped)


@settings(max_examples=25)
@given(any_traced(), st.sampled_from(BASE_CONFIGS))
def test_any_signature(any_one: Traced, config: Config) -> None:
    assert judge(any_one, config, _SHARED) == (), str(any_one.trampoline.signature)


_SHARED = TrampolineTarget()

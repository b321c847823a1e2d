"""Which programs a trampoline runs, in which order, and what everybody sees."""

from ebpf.assembler import assemble
from ebpf.trampoline import Attached, Signature, Trampoline
from oracle.outcome import FaultKind
from oracle.tests.building import make_world
from oracle.trampoline import Ending, Setting, call, extended

CONTEXT = 0x0040_0000
ADDRESS = 0x1234_5678
ORIGINAL = 0xFFFF_FFFF_FFFF_FFF9


def attached(text: str, cookie: int = 0) -> Attached:
    return Attached(assemble(text), cookie)


RETURN = {number: attached(f"r0 = {number}; exit", number & 0xFF) for number in (-1, 0, 1, 2, 3)}


def run(trampoline: Trampoline, arguments: tuple[int, ...] = (5,), skipped: tuple[int, ...] = (), width: int = 64) -> Ending:
    programs = trampoline.programs
    setting = Setting(
        world=make_world(address_width=width, arguments=(0, 0), regions=()),
        context=CONTEXT,
        frames=(0x0003_0000,) * len(programs),
        slots=tuple(each.program.slots for each in programs),
        start=lambda number: 0 if number in skipped else 1000 + number,
        original=ORIGINAL,
        address=ADDRESS,
    )
    return call(trampoline, setting, arguments)


def names(ending: Ending) -> list[str]:
    """Each event with its first argument."""
    return [" ".join((event.name, *map(str, event.arguments[:1]))) for event in ending.events]


def words(context: bytes) -> list[int]:
    return [int.from_bytes(context[at : at + 8], "little") for at in range(0, len(context), 8)]


ONE = Signature(("s64",), "s32")


def test_everything_in_its_order() -> None:
    ending = run(Trampoline(ONE, (RETURN[1], RETURN[2]), (RETURN[0],), (RETURN[3],)))
    programs = [f"prog_{what} {number}" for number in range(3) for what in ("enter", "exit")]
    assert names(ending) == ["tramp_enter", *programs, "original 5", "prog_enter 3", "prog_exit 3", "tramp_exit"]
    assert ending.result == extended("s32", ORIGINAL, 64) == 0xFFFF_FFFF_FFFF_FFF9
    assert ending.fault is None


def test_what_the_array_holds() -> None:
    ending = run(Trampoline(Signature(("s8", "u64"), "u32"), (RETURN[1],), (), (RETURN[2],)), (0xFE, 7))
    before, after = ending.events[1].context, ending.events[-2].context
    assert words(before) == [ADDRESS, 2, 0xFFFF_FFFF_FFFF_FFFE, 7, 0]
    assert words(after) == [ADDRESS, 2, 0xFFFF_FFFF_FFFF_FFFE, 7, 0xFFFF_FFF9]
    assert ending.result == 0xFFFF_FFF9


def test_the_first_fmod_ret_program_that_returns_something_is_the_last_before_fexit() -> None:
    ending = run(Trampoline(ONE, (), (RETURN[0], RETURN[-1], RETURN[2]), (RETURN[3],)))
    assert "original 5" not in names(ending)
    assert [name for name in names(ending) if name.startswith("prog_enter")] == ["prog_enter 0", "prog_enter 1", "prog_enter 3"]
    assert ending.result == 0xFFFF_FFFF_FFFF_FFFF
    # It is in its place when prog_exit is called, and when fexit programs run.
    assert [words(event.context)[-1] for event in ending.events] == [0, 0, 0, 0, *[0xFFFF_FFFF_FFFF_FFFF] * 4]


def test_a_program_that_may_not_run_changes_nothing_and_is_left_all_the_same() -> None:
    ending = run(Trampoline(ONE, (), (RETURN[1], RETURN[0])), skipped=(0,))
    assert ending.events[2].name == "prog_exit"
    assert ending.events[2].arguments == (0, 0, 1)
    assert ending.events[4].arguments == (1, 1001, 0)
    assert "original 5" in names(ending)


def test_a_function_that_is_replaced() -> None:
    ending = run(Trampoline(ONE, (RETURN[-1],), replaces=True))
    assert names(ending) == ["prog_enter 0", "prog_exit 0"]
    assert ending.result == 0xFFFF_FFFF_FFFF_FFFF


def test_a_program_sees_the_array_and_its_size() -> None:
    text = "r3 = *(u64 *)(r1 + 0); r4 = *(u64 *)(r1 - 8); r5 = *(u64 *)(r1 - 16); r0 = r3; r0 += r4; r0 += r5; r0 += r2; exit"
    ending = run(Trampoline(ONE, (attached(text),), replaces=True))
    assert ending.result == 5 + 1 + ADDRESS + 16


def test_a_void_function_has_no_result() -> None:
    ending = run(Trampoline(Signature((), "void"), (), (), (RETURN[1],)), ())
    assert ending.result == 0
    assert words(ending.events[-1].context) == [ADDRESS, 0, 0]


def test_pointers_have_the_width_of_the_cpu() -> None:
    trampoline = Trampoline(Signature(("pointer",), "pointer"), (), (), (RETURN[0],))
    assert run(trampoline, (0x8000_0000_1234_5678,), width=32).events[1].arguments == (0x1234_5678,)
    assert run(trampoline, (0x8000_0000_1234_5678,)).events[1].arguments == (0x8000_0000_1234_5678,)


def test_a_fault_ends_everything() -> None:
    ending = run(Trampoline(ONE, (attached("r0 = *(u64 *)(r1 + 16); exit"), RETURN[0])))
    assert names(ending) == ["tramp_enter", "prog_enter 0"]
    assert ending.fault is not None
    assert ending.fault.kind is FaultKind.OUT_OF_BOUNDS

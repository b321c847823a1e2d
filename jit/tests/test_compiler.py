"""The compiler as a whole: nothing is refused, nothing illegal is emitted, hazards are respected, and what it says of the image is true.

Whether the image computes what the program says is judged in `fuzz`, against the oracle.
"""

from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, ROWS
from ebpf.program import functions_by_address, link
from ebpf.tests.strategies import programs
from jit.call import CompileError
from jit.compiled import ENTRY_SIZE, Addresses, Compiled
from jit.compiler import compile_program
from jit.config import BASE_CONFIGS, Config
from jit.frame import COUNT
from jit.lowering import LOWERING
from jit.mips import Row, decode, rows
from jit.passes import hilo_hazard, load_delay
from jit.runtime import ROUTINES

HELPER = 5
KERNEL_FUNCTION = 1
ADDRESSES = Addresses(
    base=0x0040_0000,
    routines={name: 0x0080_0000 + 16 * number for number, name in enumerate(ROUTINES)},
    helpers={HELPER: 0x0090_0000},
    kernel_functions={KERNEL_FUNCTION: 0x0090_0010},
)
SYMBOLIC = {row.name for row in ROWS if row.imm == "wide"}
EXIT = Instruction(BY_NAME["EXIT"].opcode)
LINK_REGISTER = 31


def compiled(text: str, name: str, addresses: Addresses = ADDRESSES) -> Compiled:
    return compile_program(link(assemble(text), (), {}), Config.parse(name), addresses)


def disassembled(image: Compiled) -> list[tuple[Row, tuple[int, ...]]]:
    """Every word as a row that is legal on the configuration, 32-bit code on 64-bit CPUs included."""
    legal = rows(image.config)
    result = []
    for at, word in enumerate(image.words):
        decoded = decode(word, image.config.isa)
        assert decoded is not None, f"word {at} of {image.config}: {word:#010x} is no instruction"
        row, operands = decoded
        assert legal.get(row.mnemonic) is row, f"word {at} of {image.config}: {row.mnemonic} is not legal"
        result.append((row, operands))
    return result


def check_neighbours(image: Compiled) -> None:
    """What must not follow what, in the order of the text."""
    instructions = disassembled(image)
    since_read = 2
    for at, (row, operands) in enumerate(instructions):
        after = instructions[at + 1] if at + 1 < len(instructions) else None
        control = after is not None and bool(after[0].facts & {"branch", "jump"})
        if row.facts & {"delay", "forbidden"}:
            assert not control, f"{image.config}: control transfer in the slot of word {at}"
        if "load" in row.facts and load_delay(image.config) and after is not None:
            assert not set(row.writes(operands)) & set(after[0].reads(after[1])), f"{image.config}: load delay of word {at}"
            assert "delay" not in instructions[at - 1][0].facts, f"{image.config}: load in a delay slot, word {at}"
        if hilo_hazard(image.config) and set(row.writes(operands)) & {32, 33}:
            assert since_read >= 2, f"{image.config}: HI or LO written too early, word {at}"
        since_read = 0 if set(row.reads(operands)) & {32, 33} else since_read + 1


def every_row() -> list[str]:
    return [row.name for row in ROWS if row.name not in SYMBOLIC]


def program_of(row_name: str) -> list[Instruction]:
    """The instruction with low and high registers, equal and different ones, r10 where it may be, and a few immediates and offsets."""
    row = BY_NAME[row_name]
    slots: list[Instruction] = []
    for dst in _registers(row.dst):
        for src in _registers(row.src):
            for imm in (0, -1, 8, -0x8000, 0x12345678) if row.imm in ("imm", "imm64") and dst in (0, 9) else (7,):
                offset = {"jump": 0, "memory": -8 * dst - 8}.get(str(row.offset), row.offset)
                value = {"helper": HELPER, "btf": KERNEL_FUNCTION, "jump": 0}.get(str(row.imm), imm if isinstance(row.imm, str) else row.imm)
                assert isinstance(offset, int)
                slots.append(Instruction(row.opcode, dst, src, offset, value))
                if row.slots == 2:
                    slots.append(Instruction(0, imm=imm))
    return [*slots, EXIT]


def _registers(use: str | int) -> tuple[int, ...]:
    if isinstance(use, int):
        return (use,)
    return (0, 1, 9) if "w" in use else (0, 1, 9, 10)


def test_every_linked_instruction_has_a_lowering() -> None:
    assert set(LOWERING) | {"EXIT"} == set(every_row())


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_every_instruction_compiles_to_legal_code_without_hazards(config: Config) -> None:
    for name in every_row():
        if name == "EXIT":
            continue
        check_neighbours(compile_program(program_of(name), config, ADDRESSES))


@pytest.mark.parametrize("name", ["mips1-32be", "mips3-32le", "mips3-64be", "mips64r2-64le", "mips32r6-32le", "mips64r6-64be"])
def test_generated_programs_compile_to_legal_code_without_hazards(name: str) -> None:
    config = Config.parse(name)

    @settings(max_examples=40, deadline=None)
    @given(programs())
    def check(program: object) -> None:
        slots = [slot for slot in program.slots if slot.opcode not in (0x18, 0x85, 0)]  # type: ignore[attr-defined]
        # Dropping calls and wide loads moves jump targets: keep those that still are inside.
        last = len(slots) - 1
        slots = [
            s._replace(offset=min(max(s.offset, -at - 1), last - at - 1)) if s.opcode & 7 in (5, 6) and s.opcode not in (0x95, 0x06) else s
            for at, s in enumerate(slots)
        ]
        slots = [s._replace(imm=min(max(s.imm, -at - 1), last - at - 1)) if s.opcode == 0x06 else s for at, s in enumerate(slots)]
        check_neighbours(compile_program(slots, config, ADDRESSES))

    check()


@pytest.mark.parametrize("config", BASE_CONFIGS, ids=str)
def test_what_it_says_of_the_image(config: Config) -> None:
    image = compiled("r0 = 7\nr0 *= r2\nif r0 > 5 goto a\nr0 = 3 ll\na: r6 = r0\nexit", str(config))
    assert image.image() == b"".join(w.to_bytes(4, "big" if config.big_endian else "little") for w in image.words)
    assert len(image.bpf_at) == 7
    assert image.bpf_at[4] is None, "the second slot of a wide load"
    assert len(image.slot_of) == len(image.words)
    places = [at for at in image.bpf_at if at is not None]
    assert places == sorted(places)
    for slot, at in enumerate(image.bpf_at):
        if at is not None and slot != 6:
            assert image.slot_of[at] == slot
    assert image.exits == (image.bpf_at[6],)


@pytest.mark.parametrize(
    ("text", "saved", "stack"),
    [
        ("r0 = 1\nexit", 0, 0),
        ("r6 = 1\nr0 = r6\nexit", 1, 0),
        ("r9 = r1\nr8 = 1\nr0 = r9\nexit", 2, 0),
        ("*(u64 *)(r10 - 8) = r1\nr0 = 0\nexit", 1, 512),
        ("call 5\nr0 = 0\nexit", 1, 0),
        ("r6 = r10\ncall f\nexit\nf: r0 = 1\nexit", 3, 8 * 512),
    ],
)
def test_only_what_is_used_is_saved(text: str, saved: int, stack: int) -> None:
    """Saved: 8-byte registers of the main program, in n64."""
    image = compiled(text, "mips64r2-64le")
    assert image.stack_size == stack
    assert image.frame_pointer == -(-8 * saved // 16) * 16
    assert (image.registers[10] is None) == (stack == 0)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("r0 = 1\nexit", set()),
        ("r0 = r2\nexit", {2}),
        ("r0 = *(u32 *)(r1 + 0)\nexit", {1}),
        ("r1 = 1\nr2 = 1\nr0 = 1\nexit", {1, 2}),
        ("call 5\nexit", {1, 2}),
    ],
)
def test_arguments_take_instructions_only_where_they_are_named(text: str, held: set[int]) -> None:
    registers = compiled(text, "mips32r2-32le").registers
    assert {number for number in (1, 2) if registers[number] is not None} == held
    assert compiled(text, "mips64r2-64le").registers[1:3] == ((4,), (5,))


def test_a_leaf_without_state_has_no_frame() -> None:
    # r0 = r1; return the sign-extended word.
    assert [row.mnemonic for row, _ in disassembled(compiled("r0 = r1\nexit", "mips64r2-64le"))] == ["or", "jr", "sll"]


@pytest.mark.parametrize("name", ["mips1-32be", "mips64r6-64le"])
def test_code_does_not_depend_on_what_was_compiled_before(name: str) -> None:
    text = "r0 = 1\nr1 = 2\nl: r0 <<= r1\nr2 = 5\nr0 /= r2\nif r0 > 9 goto l\nexit"
    first = compiled(text, name)
    compiled("r1 <<= r1\nr0 = 5\nr0 /= r3\nr2 <<= r1\nr0 <<= r1\nexit", name)
    assert asdict(compiled(text, name)) == asdict(first)


@pytest.mark.parametrize(("text", "reason"), [("call 99\nexit", "unknown helper 99"), ("r0 = 0\ncall kernel 77\nexit", "unknown kernel function 77")])
@pytest.mark.parametrize("name", ["mips2-32be", "mips64r6-64le"])
def test_calls_of_the_unknown_are_refused(text: str, reason: str, name: str) -> None:
    with pytest.raises(CompileError, match=reason):
        compiled(text, name)


def test_a_missing_routine_is_named() -> None:
    with pytest.raises(CompileError, match="udiv64"):
        compiled("r0 /= r1\nexit", "mips2-32be", Addresses(0x400000))


def test_a_call_of_the_main_program_is_refused() -> None:
    with pytest.raises(CompileError, match="main program"):
        compiled("m: r0 = 0\ncall m\nexit", "mips2-32be")


def test_what_is_no_instruction_is_refused() -> None:
    with pytest.raises(CompileError, match="instruction 0"):
        compile_program([Instruction(0xFF), EXIT], BASE_CONFIGS[0], ADDRESSES)


@pytest.mark.parametrize("name", ["mips1-32le", "mips64r2-64be", "mips64r6-64le"])
def test_functions_in_another_region_are_called_through_a_register(name: str) -> None:
    far = Addresses(0x0040_0000, helpers={HELPER: 0x3000_0000})
    mnemonics = [row.mnemonic for row, _ in disassembled(compiled("call 5\nr0 = 0\nexit", name, far))]
    assert "jalr" in mnemonics
    assert "jal" not in mnemonics
    near = [row.mnemonic for row, _ in disassembled(compiled("call 5\nr0 = 0\nexit", name))]
    assert "jal" in near


def test_functions_are_where_their_addresses_say() -> None:
    """The table begins the image; each entry leads to its function, also to one beyond the reach of a branch."""
    filler = "r0 += 1\n" * 40000
    for name in ("mips1-32le", "mips64r6-64be"):
        for text in ("r1 = code f; callx r1; exit; f: r0 = 5; exit; g: r0 = 6; exit", f"r1 = code f; callx r1; {filler} exit; f: r0 = 5; exit"):
            program = assemble(text.replace("; ", "\n"))
            (start,) = functions_by_address(program)
            functions = {0: ADDRESSES.base, start: ADDRESSES.base + ENTRY_SIZE}
            image = compile_program(link(program, (), functions), Config.parse(name), replace(ADDRESSES, functions=functions))
            leads = [_target(image, word) for word in (0, ENTRY_SIZE // 4)]
            assert leads == [2 * ENTRY_SIZE // 4, image.bpf_at[start]]


def _target(image: Compiled, at: int) -> int:
    decoded = decode(image.words[at], image.config.isa)
    assert decoded is not None
    row, operands = decoded
    return (operands[-1] * 4 - image.base & 0xFFF_FFFF) // 4 if row.mnemonic == "j" else at + 1 + operands[-1]


def test_functions_elsewhere_are_refused() -> None:
    program = assemble("r1 = code f\ncallx r1\nexit\nf: r0 = 5\nexit")
    functions = {0: ADDRESSES.base, 4: ADDRESSES.base + ENTRY_SIZE + 4}
    with pytest.raises(CompileError, match="the function at slot 4 cannot be at 0x400014"):
        compile_program(link(program, (), functions), Config.parse("mips32r2-32be"), replace(ADDRESSES, functions=functions))


@pytest.mark.parametrize("name", ["mips1-32le", "mips64r6-64be"])
def test_entries_of_programs_start_the_count_and_tail_calls_enter_behind(name: str) -> None:
    program = assemble("r2 = 0\nr3 = 0\ncall 12\nr0 = 1\nexit\nf: r0 = 5\nexit")
    functions = {0: ADDRESSES.base, 5: ADDRESSES.base + ENTRY_SIZE}
    image = compile_program(program.slots, Config.parse(name), replace(ADDRESSES, functions=functions, programs=frozenset({5})))
    zero = rows(image.config)["addiu"].encode(COUNT, 0, 0)
    assert [image.words[at] for at in (1, 5)] == [zero, zero]
    places = [_target(image, at) for at in (0, 2, 4, 6)]
    # The C function around the main program; the main program, whose entry code comes before its first slot; twice the other one.
    assert places[0] < places[1] < (image.bpf_at[0] or 0)
    assert places[2] == places[3]
    assert image.slot_of[places[2]] == -1
    assert image.words[image.exits[0]] == image.words[image.exits[1]]

"""The listing of an image: under each eBPF instruction the MIPS words that it became.

    ; entry
        0x00400000  27bdfdf8  addiu $sp, $sp, -520
       3: r1 += r2
        0x00400010  00a32821  addu $a1, $a1, $v1
        0x00400014  14400004  bne $v0, $zero, 0x400028
        0x00400018  afa40010  sw $a0, 16($sp)            ; of instruction 2

The words stand in the order of the image. A word that has moved into a delay slot behind the code of a later instruction says whose it is. An
eBPF instruction without words under it needs none.
"""

from collections.abc import Iterator, Sequence

from ebpf.disassembler import disassemble
from ebpf.instruction import Instruction
from ebpf.program import Program
from jit import mips
from jit.compiled import Compiled

_OUTSIDE = -1
_ENTRY, _EXIT = "entry", "exit"


def render_listing(program: Program, slots: Sequence[Instruction], compiled: Compiled, cpu_model: str) -> str:
    """The listing, lines ended by newlines. `slots` are the linked ones that were compiled; `cpu_model` is what the image would run on."""
    return "".join(f"{line}\n" for line in (*_header(program, len(slots), compiled, cpu_model), "", *_body(program, slots, compiled)))


def _header(program: Program, slots: int, compiled: Compiled, cpu_model: str) -> Iterator[str]:
    config = compiled.config
    words = len(compiled.words)
    yield f"{program.source}: {program.section}"
    yield f"configuration  {config}: {config.isa}, {'n64' if config.width == 64 else 'o32'}, {'big' if config.big_endian else 'little'}-endian"
    yield f"CPU model      {cpu_model}"
    yield f"registers      {_register_map(compiled)}"
    yield f"program        {slots} slots, {8 * slots} bytes; {compiled.stack_size} bytes of stack"
    yield f"image          {words} words, {4 * words} bytes at {_address(compiled, 0)}; {words / slots:.2f} words per slot"


def _register_map(compiled: Compiled) -> str:
    names = mips.REGISTER_NAMES[compiled.config.width]
    return "  ".join(
        f"r{number}={'unused' if registers is None else ':'.join(names[register] for register in reversed(registers))}"
        for number, registers in enumerate(compiled.registers)
    )


def _address(compiled: Compiled, index: int) -> str:
    return f"{compiled.base + 4 * index:#0{2 + compiled.config.width // 4}x}"


def _word(compiled: Compiled, index: int) -> str:
    config, word = compiled.config, compiled.words[index]
    decoded = mips.decode(word, config.isa)
    text = mips.text(*decoded, compiled.base + 4 * index, config.width) if decoded else f".word {word:#010x}"
    return f"    {_address(compiled, index)}  {word:08x}  {text}"


def _body(program: Program, slots: Sequence[Instruction], compiled: Compiled) -> Iterator[str]:
    texts = disassemble(slots)
    starts = {index: slot for slot, index in enumerate(compiled.bpf_at) if index is not None}
    outside = dict(_outside(compiled))
    shown = 0
    heading = ""
    for index, owner in enumerate(compiled.slot_of):
        for slot in range(shown, max(owner, starts.get(index, _OUTSIDE)) + 1):
            yield from _instruction(texts, slot)
            shown, heading = slot + 1, ""
        if outside.get(index, heading) != heading:
            heading = outside[index]
            yield f"; {heading}{_function(program, shown) if heading == _ENTRY else ''}"
        moved = _OUTSIDE < owner < shown - 1
        yield f"{_word(compiled, index):<56}  ; of instruction {owner}" if moved else _word(compiled, index)
    for slot in range(shown, len(slots)):
        yield from _instruction(texts, slot)


def _function(program: Program, slot: int) -> str:
    return f" of {program.labels[slot]}" if slot in program.labels else ""


def _instruction(texts: Sequence[str], slot: int) -> Iterator[str]:
    if texts[slot]:
        yield f"{slot:4}: {texts[slot]}"


def _outside(compiled: Compiled) -> Iterator[tuple[int, str]]:
    """For each word that belongs to no slot, whether it is entry or exit code: what follows the delay slot of a return is entry code again."""
    part = _ENTRY
    returned_at = None
    for index, owner in enumerate(compiled.slot_of):
        if returned_at is not None and index == returned_at + 2:
            part = _ENTRY
        if owner != _OUTSIDE:
            part = _EXIT
            continue
        yield index, part
        decoded = mips.decode(compiled.words[index], compiled.config.isa)
        if decoded and decoded[0].mnemonic == "jr":
            returned_at = index

"""Every tripwire on the examples that its file carries, and what is common to all of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from fuzz.case import Case, Input
from fuzz.judge import judge
from fuzz.tests.images import image
from fuzz.unicorn.target import UnicornTarget
from fuzz.verdict import Status
from fuzz.wires import NAMES, OTHERS, WIRES, select
from fuzz.wires.wire import Example, Wire
from jit.compiled import Addresses, Compiled
from jit.config import Config, all_configs
from jit.mips import REGISTER_NAMES, Row, rows

MEMORY = bytes(range(1, 65))

# What is added to every example, so that it does what its program says.
_END = "addiu $v0, $zero, 42; jr $ra; nop"
_LINE = re.compile(r"(?:(?P<slot>\d+)> *)?(?:(?P<isa>mips\w+): *)?(?P<mnemonic>\.?\w+) *(?P<operands>.*)")


def _row(config: Config, isa: str | None, mnemonic: str) -> Row:
    if isa is not None:
        config = Config(isa, 64 if Config(isa, 32, False).cpu_64 else 32, False)
    return rows(config)[mnemonic]


def _words(config: Config, code: str) -> Iterator[tuple[int, int]]:
    """The words of an example, and the slot that each belongs to, -1 for none."""
    for line in filter(None, map(str.strip, re.split("[;\n]", f"{code}; {_END}"))):
        match = _LINE.fullmatch(line)
        assert match is not None, line
        slot = int(match["slot"] or -1)
        operands = [_operand(config, text) for text in re.findall(r"[-$\w]+", match["operands"])]
        if match["mnemonic"] in ("nop", ".word"):
            yield (operands or [0])[0], slot
        else:
            row = _row(config, match["isa"], match["mnemonic"])
            # Division is written with a register that has no field: `div $zero, rs, rt`.
            yield row.encode(*operands[len(operands) - len(row.operands) :]), slot


def _operand(config: Config, text: str) -> int:
    return REGISTER_NAMES[config.width].index(text[1:]) if text[0] == "$" else int(text, 0)


def example_case(example: Example) -> Case:
    return Case(assemble(example.program.replace("; ", "\n"), "example"), Input(MEMORY, seed=5))


def example_image(example: Example, seed: int) -> Compiled:
    config = Config.parse(example.config)
    words, slots = zip(*_words(config, example.code.replace("SEED", str(seed))), strict=True)
    return replace(image(config, []), words=words, slot_of=slots, exits=(len(words) - 2,))


EXAMPLES = [pytest.param(wire, example, id=f"{wire.name}-{number}") for wire in (*WIRES, *OTHERS) for number, example in enumerate(wire.examples)]


@pytest.mark.parametrize(("wire", "example"), EXAMPLES)
def test_examples(target: UnicornTarget, wire: Wire, example: Example) -> None:
    def compiler(slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        return example_image(example, addresses.seed)

    verdict = judge(example_case(example), Config.parse(example.config), target, compiler, (wire,))
    assert {trip.wire for trip in verdict.trips} == ({wire.name.partition(":")[0]} if example.trips else set()), str(verdict)
    if not example.trips:
        assert verdict.status is Status.AGREE, str(verdict)


@pytest.mark.parametrize("wire", [*WIRES, *OTHERS], ids=lambda wire: wire.name)
def test_a_wire_says_what_it_does(wire: Wire) -> None:
    assert wire.rule.endswith(".")
    assert wire.source
    assert wire.code or wire.run or wire.variants
    assert {example.trips for example in wire.examples} == {False, True}
    assert {Config.parse(example.config) for example in wire.examples} <= set(all_configs())


def test_selection() -> None:
    assert select("all") == WIRES
    assert select("none") == ()
    assert [wire.name for wire in select("memory,abi,memory")] == ["memory", "abi"]
    assert select("all,sign-extension:trap") == (*WIRES, *OTHERS)
    for text in ("", "abi,", "abi,nonsense", "none,abi"):
        with pytest.raises(ValueError, match=r"unknown tripwire '.*'; there is all, none, sign-extension:flip, "):
            select(text)
    assert len(set(NAMES)) == len(WIRES) + len(OTHERS)

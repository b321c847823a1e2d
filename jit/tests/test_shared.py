"""An image that a configuration shares with others is the one that it would have got on its own."""

import random
from collections.abc import Callable
from dataclasses import fields
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebpf.assembler import assemble
from ebpf.instruction import Instruction
from jit.call import CompileError
from jit.code import Emitter
from jit.compiled import Addresses, Compiled
from jit.compiler import PARTS, Parts, compile_program
from jit.config import BASE_CONFIGS, Config, all_configs
from jit.erratum_rows import ROWS as ERRATA
from jit.lowering import Lowering
from jit.mips import rows
from jit.shared import Answered, Shared, Universe, covering, everything
from jit.watched import OPTION, ROW, Watched

ADDRESSES = Addresses(base=0x400_0000, routines={f"atomic{bits}_fetch_add": 0x881_0000 for bits in (32, 64)}, helpers={5: 0x881_0010})
DESCRIBED = [each.name for each in fields(Compiled)]
PROGRAMS = {
    "nothing": "exit",
    "constants": "r0 = 0x123456789abcdef0 ll; r3 = -5; w4 = 0x12345; r0 += r3; r0 += 0x7fff0000; exit",
    "products": "r0 = 7; r3 = 9; r0 *= r3; w0 *= 5; r0 <<= r3; r0 /= r3; w0 s%= w3; exit",
    "atomic": "r0 = 1; lock *(u32 *)(r1 + 0) += w0; lock *(u64 *)(r1 + 8) += r0; exit",
    "memory": "*(u64 *)(r10 - 8) = 0; *(u32 *)(r10 - 16) = 0x55667788; r0 = *(u64 *)(r10 - 8); r0 = be32 r0; exit",
    "loop": "r0 = 100\nagain:\nr0 += -1\nif r0 != 0 goto again\nnospec\ncall 5\nexit",
}


def slots(name: str) -> tuple[Instruction, ...]:
    return assemble(PROGRAMS[name]).slots


def image(compiler: Callable[..., Compiled], program: tuple[Instruction, ...], config: Config) -> object:
    try:
        made = compiler(program, config, ADDRESSES)
    except CompileError as error:
        return str(error)
    return [getattr(made, name) for name in DESCRIBED]


@pytest.mark.parametrize("name", PROGRAMS)
def test_shared_images_are_those_of_the_compiler(name: str) -> None:
    shared, program = Shared(), slots(name)
    draw = random.Random(name)
    # All are asked for, so that each may share with any other; a part of them is compiled.
    images = {config: image(shared, program, config) for config in all_configs()}
    for config in draw.sample(all_configs(), 250):
        assert images[config] == image(compile_program, program, config), str(config)
    assert shared.compilations < len(all_configs()) / 5


@given(st.data())
def test_order_does_not_matter(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(all_configs()), min_size=2, max_size=6))
    program = slots(data.draw(st.sampled_from(sorted(PROGRAMS))))
    shared = Shared()
    for config in chosen:
        assert image(shared, program, config) == image(compile_program, program, config)


@given(st.data())
def test_a_few_configurations(data: st.DataObject) -> None:
    """Of errata that none of them has nothing is asked; of those that some have it is."""
    chosen = data.draw(st.lists(st.sampled_from(all_configs()), min_size=1, max_size=6, unique=True))
    program = slots(data.draw(st.sampled_from(sorted(PROGRAMS))))
    universe = Universe(chosen)
    shared = Shared(universe=universe)
    for config in chosen:
        assert image(shared, program, config) == image(compile_program, program, config)
        assert [row.name for row in ERRATA if universe.watched(config).may_have(row.name)] == [
            row.name for row in ERRATA if any(row.name in other.errata for other in chosen)
        ]


def test_what_goes_past_the_door_is_seen() -> None:
    """A cell that looks at the configuration behind the one that watches: then an image is shared that must not be, and comparison tells."""

    def peeks(e: Emitter, i: Instruction) -> None:
        behind = e.config.config if isinstance(e.config, Watched) else e.config
        e.op("addiu", e.registers[i.dst] if behind.width == 64 else e.registers[i.dst][0], 0, len(behind.options))

    parts = Parts(lowering={**PARTS.lowering, "MOV64_IMM": Lowering(peeks, peeks)})
    program, shared = assemble("r0 = 0; exit").slots, Shared(parts)
    differing = [
        config
        for config in all_configs()
        if "blind" not in config.options and image(shared, program, config) != image(partial(compile_program, parts=parts), program, config)
    ]
    assert differing


def test_a_cell_that_asks_for_an_erratum_is_seen() -> None:
    """Errata are hidden from cells, whose code is kept for CPUs with them and without; not so where it is watched what they ask."""

    def asks(e: Emitter, i: Instruction) -> None:
        e.op("addiu", e.registers[i.dst], 0, 1 + ("r4000-multiply" in e.config.options))

    parts = Parts(lowering={**PARTS.lowering, "MOV64_IMM": Lowering(asks, asks)})
    program, config = assemble("r0 = 0; exit").slots, Config.parse("mips3-64be+r4000-multiply")
    assert image(Shared(parts), program, config) != image(partial(compile_program, parts=parts), program, config)


def test_addresses_and_programs_are_told_apart() -> None:
    shared, config = Shared(), Config.parse("mips32r2-32le")
    first = shared(slots("nothing"), config, ADDRESSES)
    assert shared(slots("nothing"), config, Addresses(base=0x500_0000)).base == 0x500_0000
    assert shared(slots("constants"), config, ADDRESSES).words != first.words
    assert shared(slots("nothing"), config, ADDRESSES) is first


def test_errors_are_shared_as_well() -> None:
    shared, program = Shared(), assemble("call 77; exit").slots
    for name in ("mips32r2-32le", "mips32r2-32le+nollsc"):
        with pytest.raises(CompileError, match="unknown helper 77"):
            shared(program, Config.parse(name), ADDRESSES)
    assert shared.compilations == 1


def test_watched_remembers_what_was_asked() -> None:
    config = Config.parse("mips64r2-64be+loongson3")
    watched = Watched(config)
    assert ("blind" in watched.options, "loongson3" in watched.options) == (False, True)
    assert "seb" in rows(watched)
    assert rows(watched).get("seleqz") is None
    assert watched.answers == {(OPTION, "blind"): False, (OPTION, "loongson3"): True, (ROW, "seb"): rows(config)["seb"], (ROW, "seleqz"): None}
    members = set(everything().members(everything().alike(watched)))
    expected = {c for c in all_configs() if "loongson3" in c.options and "blind" not in c.options and "seb" in rows(c) and "seleqz" not in rows(c)}
    assert members == expected
    assert config in members


def test_options_answer_nothing_else() -> None:
    options = Watched(Config.parse("mips64r2-64be+loongson3")).options
    for ask in (len, list, lambda given: given[0]):
        with pytest.raises(TypeError):
            ask(options)
    assert options != ("loongson3",)


def test_rows_do_not_tell_which_there_are() -> None:
    known = rows(Watched(Config.parse("mips1-32le")))
    with pytest.raises(TypeError, match="one by one"):
        list(known)
    with pytest.raises(TypeError, match="how many"):
        len(known)


def test_answers_are_for_those_that_give_them() -> None:
    known: Answered[str] = Answered(everything())
    watched = Watched(Config.parse("mips1-32le"))
    assert watched.width == 32
    known.add(watched, "narrow")
    assert known.get(Config.parse("mips64r6-32be")) == "narrow"
    assert known.get(Config.parse("mips64r6-64be")) is None


def test_few_configurations_are_a_universe_of_their_own() -> None:
    """In which answers are the same as in that of all."""
    small, config = covering(BASE_CONFIGS[3:7]), BASE_CONFIGS[5]
    assert small is covering(BASE_CONFIGS) is not everything()
    assert covering((*BASE_CONFIGS, Config.parse("mips32r2-32be+blind"))) is everything()
    watched = Watched(config)
    assert (watched.width, "seb" in rows(watched)) == (config.width, "seb" in rows(config))
    assert set(small.members(small.alike(watched))) == set(everything().members(everything().alike(watched))) & set(BASE_CONFIGS)

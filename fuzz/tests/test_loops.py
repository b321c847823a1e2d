"""`may_goto` with other numbers of iterations than the harness's, and what the compiler refuses of it and of exceptions."""

from dataclasses import replace

import pytest

from ebpf.assembler import assemble
from fuzz.case import Case, Input
from fuzz.compare import compare
from fuzz.judge import interpret
from fuzz.layout import place
from fuzz.unicorn.target import UnicornTarget
from jit.call import CompileError
from jit.compiled import Addresses
from jit.compiler import compile_program
from jit.config import Config

LOOP = assemble("r0 = 0\nagain:\nmay_goto done\nr0 += 1\ngoto again\ndone:\nexit", "loop")


@pytest.mark.parametrize("loops", [0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x12345])
@pytest.mark.parametrize("name", ["mips1-32be", "mips64r6-64le"])
def test_any_number_of_iterations(name: str, loops: int) -> None:
    config = Config.parse(name)
    placed = place(Case(LOOP, Input(b"")), config)
    placed = replace(placed, world=replace(placed.world, loops=loops), addresses=replace(placed.addresses, loops=loops))
    compiled = compile_program(placed.slots, config, placed.addresses)
    target = UnicornTarget()
    target.load(compiled, placed)
    expected, actual = interpret(placed), target.run(placed)
    assert expected.outcome.registers[0] == loops
    assert compare(expected, actual, compiled, placed) == ()


def test_the_number_of_iterations_of_a_kernel_is_a_constant_of_the_image() -> None:
    addresses = Addresses(0x1000_0000)
    assert addresses.loops == 1 << 23
    words = compile_program(LOOP.slots, Config.parse("mips32r2-32be"), addresses).words
    # lui $at, 0x80
    assert 0x3C010080 in words


@pytest.mark.parametrize("loops", [-1, 1 << 31])
def test_a_number_that_does_not_fit_is_refused(loops: int) -> None:
    with pytest.raises(CompileError, match=rf"^{loops} iterations of may_goto; 0 to 2147483647$"):
        compile_program(LOOP.slots, Config.parse("mips32r2-32be"), Addresses(0x1000_0000, loops=loops))


def test_functions_without_may_goto_have_no_counter() -> None:
    plain = assemble("r0 = 0\nexit").slots
    assert len(compile_program(plain, Config.parse("mips64r2-64le"), Addresses(0x1000_0000)).words) == 3


def test_a_call_of_the_exception_callback_is_refused_by_the_compiler_as_well() -> None:
    program = assemble("r1 = 0\ncall kernel 64\ncall exception_callback\nexit\nexception_callback:\nr0 = r1\nexit")
    addresses = Addresses(0x1000_0000, throw=64, exception_callback=program.exception_callback)
    with pytest.raises(CompileError, match=r"^instruction 2: calls the exception callback$"):
        compile_program(program.slots, Config.parse("mips64r2-64le"), addresses)


def test_without_bpf_throw_it_is_an_unknown_kernel_function() -> None:
    program = assemble("r1 = 0\ncall kernel 64\nexit")
    with pytest.raises(CompileError, match=r"call of unknown kernel function 64$"):
        compile_program(program.slots, Config.parse("mips64r2-64le"), Addresses(0x1000_0000))

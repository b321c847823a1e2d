"""`may_goto` and the speculation barrier."""

import pytest

from oracle.outcome import Fault, FaultKind
from oracle.tests.building import EXIT, RETURN_0, execute, make_world, slot

LOOP = (slot("MAY_GOTO", offset=2), slot("ADD64_IMM", 0, imm=1), slot("JA", offset=-3))
"""Adds 1 to r0 as often as there are iterations."""


@pytest.mark.parametrize("loops", [0, 1, 2, 1000])
def test_the_body_of_a_loop_runs_as_often_as_there_are_iterations(loops: int) -> None:
    outcome = execute(slot("MOV64_IMM", 0), LOOP, EXIT, world=make_world(loops=loops))
    assert outcome.registers[0] == loops
    assert outcome.executed == 3 + 3 * loops


def test_all_loops_of_a_function_share_its_iterations() -> None:
    outcome = execute(slot("MOV64_IMM", 0), LOOP, slot("LSH64_IMM", 0, imm=8), LOOP, EXIT, world=make_world(loops=5))
    assert outcome.registers[0] == 5 << 8


def test_a_call_has_iterations_of_its_own_and_leaves_those_of_its_caller() -> None:
    """The main program takes one, calls twice a function that takes all of its own, and takes the rest."""
    callee = (slot("MOV64_IMM", 0), *LOOP, EXIT)
    main = (
        slot("MAY_GOTO", offset=0),
        slot("CALL_LOCAL", imm=9),
        slot("MOV64_REG", 6, 0),
        slot("CALL_LOCAL", imm=7),
        slot("ADD64_REG", 6, 0),
        slot("MOV64_IMM", 0),
        *LOOP,
        slot("ADD64_REG", 0, 6),
        EXIT,
    )
    assert execute(main, callee, world=make_world(loops=7)).registers[0] == 6 + 7 + 7


def test_without_an_end_a_loop_meets_the_limit() -> None:
    outcome = execute(slot("MOV64_IMM", 0), LOOP, EXIT, world=make_world(instruction_limit=100))
    assert outcome.fault == Fault(FaultKind.INSTRUCTION_LIMIT, 1, detail="100")


def test_a_barrier_does_nothing() -> None:
    outcome = execute(slot("NOSPEC"), slot("MOV64_IMM", 1, imm=5), slot("NOSPEC"), RETURN_0)
    plain = execute(slot("MOV64_IMM", 1, imm=5), RETURN_0)
    assert (outcome.registers, outcome.memory, outcome.fault) == (plain.registers, plain.memory, None)
    assert outcome.executed == plain.executed + 2

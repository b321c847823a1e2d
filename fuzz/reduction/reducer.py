"""A case that is made smaller step by step, as long as it still does what it is to do.

What it is to do is a question that the reducer is given; it asks it of each step that a pass (`fuzz.reduction.passes`) would take.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.layout import place
from jit.config import Config
from oracle import interpreter
from oracle.outcome import Outcome

JUDGINGS = 1200
"""So often a case is judged at most; not by time, so that the result is always the same."""


@dataclass(slots=True)
class Reducer:
    """The case as small as it has become; `holds` judges others, at most `left` more of them. `states` are the case that it was, and all since."""

    program: Program
    given: Input
    config: Config
    holds: Callable[[Program, Input], bool]
    left: int = JUDGINGS
    states: list[tuple[Program, Input]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states.append((self.program, self.given))

    def try_program(self, program: Program | None) -> bool:
        """Whether this program, if any, could take the place of the one that there is; then it has."""
        return program is not None and self._try(program, self.given)

    def try_slots(self, slots: Sequence[Instruction]) -> bool:
        """The same for other instructions."""
        return self.try_program(replace(self.program, slots=tuple(slots)))

    def try_input(self, given: Input) -> bool:
        """The same for another input."""
        return self._try(self.program, given)

    def _try(self, program: Program, given: Input) -> bool:
        if self.left <= 0 or (program == self.program and given == self.given):
            return False
        self.left -= 1
        if not self.holds(program, given):
            return False
        self.program, self.given = program, given
        self.states.append((program, given))
        return True

    def back_to(self, at: int) -> None:
        """To one of the states, without those behind it."""
        del self.states[at + 1 :]
        self.program, self.given = self.states[at]


def outcome(case: Case, config: Config, limit: int) -> Outcome:
    """What the oracle says of a case after so many instructions at most. Raises ProgramError for a program that cannot be placed."""
    placement = place(case, config)
    world, _ = placement.fresh_world()
    return interpreter.run(placement.slots, replace(world, instruction_limit=limit))

"""The corpus made small: only as many cases as are needed for all features that its cases reach, each on the configurations that it was judged on.

A case stays when it was the first on a way through the compiler's own Python, which is seen of a sample only. Of the others the one that adds most is
taken again and again, until nothing is missing (the greedy set cover).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from ebpf.trampoline import parse
from fuzz.campaign import traced
from fuzz.campaign.configurations import of_batch
from fuzz.campaign.coverage import features, reached_by
from fuzz.campaign.generation import BATCH, Generated
from fuzz.campaign.state import Plan, State
from fuzz.campaign.unit import Task, configs_of
from fuzz.case import Case, Compiler
from fuzz.layout import place
from jit.config import Config


def features_of(case: Generated, configs: Sequence[Config], compiler: Compiler) -> frozenset[str]:
    """The features of a case on these configurations."""
    program, inputs, trampoline = case
    if trampoline:
        known = parse(trampoline, program.source)
        return frozenset(name for config in traced.some(configs) for name in traced.features(known, config))
    found = reached_by(program, inputs, configs)
    names = set[str]()
    for config in configs:
        placement = place(Case(program, inputs[0]), config)
        # Where the compiler raises an error there is no image; the campaign has told.
        with suppress(Exception):
            names.update(features(found[config.marked], compiler(placement.slots, config, placement.addresses)))
    return frozenset(names)


def reached_by_case(state: State, plan: Plan, compiler: Compiler, tick: Callable[[], None] = lambda: None) -> dict[str, frozenset[str]]:
    """The features of each case of the corpus, by the name of its file."""
    found: dict[str, frozenset[str]] = {}
    for batch, name in state.corpus:
        case = state.parents(name)
        task = Task(plan.seed, batch, plan.tier, BATCH, of_batch(plan.seed, batch, plan.configs, plan.drawn))
        number = int(name.removesuffix(".toml").partition("-")[2])
        found[name] = features_of(case, configs_of(task, number, case.program), compiler)
        tick()
    return found


def minimise(state: State, plan: Plan, compiler: Compiler, tick: Callable[[], None] = lambda: None) -> int:
    """Drop the cases that are not needed; how many they were. `tick` is called for each case."""
    wanted = reached_by_case(state, plan, compiler, tick)
    first = {f"{batch:06d}-{number}.toml" for batch, number in state.database.execute("SELECT batch, number FROM feature WHERE name LIKE 'jit | %'")}
    kept = first & set(wanted)
    covered = frozenset[str]().union(*(wanted[name] for name in kept))
    left = set(wanted) - kept
    while left:
        best = min(left, key=lambda name: (-len(wanted[name] - covered), name))
        if not wanted[best] - covered:
            break
        covered |= wanted[best]
        left.discard(best)
    state.drop(left)
    return len(left)

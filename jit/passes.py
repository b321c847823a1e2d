"""Passes over the code of a whole program: functions from code to code, applied in the order of `jit.pipeline.PASSES`.

`fill_delay_slots` moves an instruction from before a branch into its delay slot. `separate` puts `nop` where the pipeline of an old CPU, or the
forbidden slot of a new one, wants something in between.
"""

from collections.abc import Set
from typing import NamedTuple

from jit.code import CONTROL, HILO, LOADS, Item, Label, Op, nop
from jit.config import Config
from jit.mips import rows
from jit.registers import HI, LO

_HILO = 1 << HI | 1 << LO
_CONTROL = frozenset({"branch", "jump"})
_PINNED = frozenset({"branch", "jump", "ll", "sc", "sync", "trap"})
_MEMORY = frozenset({"load", "store"})

# How far back an instruction for a delay slot is looked for.
_WINDOW = 5


def load_delay(config: Config) -> bool:
    """MIPS I: the instruction after a load must not use the loaded register. MIPS II interlocks; it is also the first to have SYNC."""
    return "sync" not in rows(config)


def hilo_hazard(config: Config) -> bool:
    """MIPS I to III: two instructions between a read of HI or LO and the next write. MIPS IV and MIPS32 interlock, and have MOVZ."""
    return "movz" not in rows(config) and "mfhi" in rows(config)


class Code(NamedTuple):
    """The code of a program between lowering and layout.

    items    instructions and labels
    slots    the number of eBPF slots; the labels below it are theirs
    targets  the labels that may be reached other than by falling through
    passed   labels at which an instruction from before them has not been executed yet, because it has moved behind a later branch
    """

    items: list[Item]
    slots: int
    targets: Set[int]
    passed: frozenset[int] = frozenset()


def fill_delay_slots(code: Code, config: Config) -> Code:
    """Fill open delay slots where possible."""
    loads_too = not load_delay(config)
    result: list[Item] = []
    passed: set[int] = set()
    done = 0
    for here, branch in [(here, item) for here, item in enumerate(code.items) if item.kinds & CONTROL and isinstance(item, Op)]:
        if branch.slot is not None or "delay" not in branch.facts or "likely" in branch.facts:
            continue
        result += code.items[done:here]
        found = _candidate(result, branch, code.targets, loads_too)
        if found is not None:
            at, crossed = found
            owner = _owner(result, at, code.slots) if crossed else None
            moved = result.pop(at)
            assert isinstance(moved, Op)
            branch = branch._replace(slot=moved, slot_owner=owner)
            passed.update(crossed)
        result.append(branch)
        done = here + 1
    return code._replace(items=result + code.items[done:], passed=code.passed | passed)


def _candidate(code: list[Item], branch: Op, targets: Set[int], loads_too: bool) -> tuple[int, list[int]] | None:
    """The index of an instruction that may move behind the end of the code and into the slot, and the labels that it passes."""
    reads, writes, memory = branch.reads, branch.writes, False
    crossed: list[int] = []
    for at in range(len(code) - 1, max(-1, len(code) - 1 - 2 * _WINDOW), -1):
        item = code[at]
        if isinstance(item, Label):
            if item.number in targets:
                return None
            crossed.append(item.number)
            continue
        if item.facts & _PINNED or len(code) - at - len(crossed) > _WINDOW:
            return None
        accesses = bool(item.facts & _MEMORY)
        if (
            not item.writes & (reads | writes)
            and not item.reads & writes
            and not (item.reads | item.writes) & _HILO
            and not (accesses and memory)
            and (loads_too or "load" not in item.facts)
            and not _in_forbidden_slot(code, at)
        ):
            return at, crossed
        reads |= item.reads
        writes |= item.writes
        memory = memory or accesses
    return None


def _in_forbidden_slot(code: list[Item], at: int) -> bool:
    """Whether the instruction separates a compact branch from what follows: another one would have to take its place."""
    for before in range(at - 1, -1, -1):
        if isinstance(item := code[before], Op):
            return "forbidden" in item.facts
    return False


def _owner(code: list[Item], at: int, slots: int) -> int | None:
    """The eBPF slot of an instruction."""
    for before in range(at - 1, -1, -1):
        if isinstance(item := code[before], Label) and item.number < slots:
            return item.number
    return None


def separate(code: Code, config: Config) -> Code:
    """Insert `nop` between instructions that must not be neighbours. Delay slots have been filled."""
    delay, hilo = load_delay(config), hilo_hazard(config)
    if not delay and not hilo and "bc" not in rows(config):
        return code
    concerned = CONTROL | (LOADS if delay else 0) | (HILO if hilo else 0)
    nothing = nop(config)
    result: list[Item] = []
    loaded = 0  # the register that the instruction before has loaded, on MIPS I
    since_read = 2  # instructions since HI or LO was read, at most 2
    forbidden = False  # whether the instruction before was a compact branch with a forbidden slot
    settled = True  # whether what came before asks for nothing
    for item in code.items:
        if (settled and not item.kinds & concerned) or isinstance(item, Label):
            result.append(item)
            continue
        wait = 0
        if loaded & (item.reads | item.writes) or (forbidden and item.facts & _CONTROL):
            wait = 1
        if hilo and item.writes & _HILO:
            wait = max(wait, 2 - since_read)
        result.extend([nothing] * wait)
        result.append(item)
        # The slot of a branch-likely may be annulled, and then is not something in between.
        words = (item,) if item.slot is None or "likely" in item.facts else (item, item.slot)
        since_read = min(2, since_read + wait)
        for op in words:
            since_read = 0 if op.reads & _HILO else min(2, since_read + 1)
        if "delay" in item.facts and item.slot is None and "likely" not in item.facts:
            since_read = min(2, since_read + 1)
        loaded = item.writes if delay and "load" in item.facts else 0
        forbidden = "forbidden" in item.facts
        settled = not (loaded or forbidden or (hilo and since_read < 2))
    return code._replace(items=result)

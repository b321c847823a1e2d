"""Which configurations a case is judged on: some of so many, other ones each time.

    batch   the base configurations, and of the others for each option some that have it (`drawn`)
    case    some of both that are of two worlds: 32-bit code of one byte order and 64-bit code of the other (`sampled`)

A program costs next to nothing to make, and what it shows on one configuration it mostly shows on others: many programs on some configurations find
more than few programs on all. Worlds are chosen as a whole, because what the oracle says of an input is for all configurations of a world.

Of the thousands that have options most have several, and what an option does shows best in those that have no more than they must: these take turns,
as many at a time as there are more of them, and others come beside them. What an option is about, such as atomic operations, is not in every
program: those that are about something in a case come first.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache

from ebpf.instruction import Instruction
from ebpf.opcodes import BY_NAME, Row, lookup
from fuzz.gen.rows import ATOMICS, STORES
from jit.config import Config

FEW = 8
"""Of so many configurations each case is judged on all."""

_SHARE, _SHARE_ALONE = 3, 2
"""Of those without options a case is judged on one in so many of each width; where there are no others, on more of them."""

_OTHERS, _ABOUT_IT = 12, 6
"""So many of a case have options or another CPU; so many of these are about instructions that are in it, as long as there are any."""

_EACH = 10
"""For each option a batch draws one more configuration for so many that have nothing else."""

_COMPANY = 4
"""So many of each world of a batch have options in company."""

_LINKED = frozenset(row.name for row in ATOMICS)
_STORED = frozenset(row.name for row in (*STORES, *ATOMICS))
_DIVIDED = frozenset(name for name in BY_NAME if name.startswith(("DIV", "SDIV", "MOD", "SMOD")))
_MULTIPLIED = frozenset(name for name in BY_NAME if name.startswith("MUL"))
_ABOUT = {
    **dict.fromkeys(("nollsc", "r10000", "loongson3"), _LINKED),
    **dict.fromkeys(("r4000-multiply", "rm7000-dmult", "vr4120-multiply"), _MULTIPLIED),
    **dict.fromkeys(("r7000-hilo", "vr4130"), _MULTIPLIED | _DIVIDED),
    "vr4120-divide": _DIVIDED,
    "24k": _STORED,
    "nospec": frozenset(("NOSPEC",)),
}
"""The instructions that an option is about; others are about any, but for `_LOOPS`."""

_LOOPS = "r5900"
"""This one is about jumps back."""


def of_batch(seed: int, number: int, always: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The names of those of a batch: some that each has, and of the others those that it draws."""
    return (*always, *drawn(seed, number, others))


def drawn(seed: int, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """The configurations that a batch draws: of each world for each option some of those that have it, and some that have none."""
    found: list[str] = []
    for world, groups in enumerate(_by_option(names)):
        for option, (alone, _) in groups.items():
            each = 1 + len(alone) // _EACH
            if each == 1 and (number + world + len(option)) % 2:
                continue
            found += _turn(f"alone {seed}/{world}/{option}", alone, number * each, each)
        draw = random.Random(f"configurations {seed}/{number}/{world}")
        company = [group for _, group in groups.values() if group]
        found += [draw.choice(group) for group in draw.sample(company, min(_COMPANY, len(company)))]
    return tuple(dict.fromkeys(found))


def _turn(label: str, names: Sequence[str], first: int, length: int) -> Iterator[str]:
    """Part of a sequence in which all of the names come once, then all of them again in another order, and so on."""
    for at in range(first, first + length):
        turn, place = divmod(at, len(names))
        yield _order(label, turn, tuple(names))[place]


@cache
def _order(label: str, turn: int, names: tuple[str, ...]) -> list[str]:
    order = list(names)
    random.Random(f"{label}/{turn}").shuffle(order)
    return order


@cache
def _by_option(names: tuple[str, ...]) -> tuple[dict[str, tuple[list[str], list[str]]], ...]:
    """By world and option: the configurations with fewest options that have it, and the others."""
    worlds: tuple[dict[str, list[str]], ...] = ({}, {})
    for name in names:
        for option in name.split("+")[1:] or [""]:
            worlds[_crossed(Config.parse(name))].setdefault(option, []).append(name)
    return tuple({option: _alone(group) for option, group in sorted(groups.items())} for groups in worlds)


def _alone(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those with fewest options, which have no CPU of their own either if there are such, and the others."""
    fewest = min(map(_size, names))
    return [name for name in names if _size(name) == fewest], [name for name in names if _size(name) > fewest]


def _size(name: str) -> tuple[int, int]:
    return name.count("+"), name.count("@")


def _crossed(config: Config) -> bool:
    """Which of the two pairs of worlds it is in: 32-bit code and big-endian, or 64-bit code and little-endian, is one of them."""
    return (config.width == 32) == config.big_endian


def sampled(seed: int, number: int, case: int, configs: Sequence[Config], slots: Sequence[Instruction] = ()) -> tuple[Config, ...]:
    """Those of the configurations of a batch that one of its cases is judged on, in their order. `slots` are those of its program."""
    if len(configs) <= FEW:
        return tuple(configs)
    draw = random.Random(f"case {seed}/{number}/{case}")
    crossed = bool(draw.getrandbits(1))
    there = [config for config in configs if _crossed(config) == crossed] or list(configs)
    plain = [config for config in there if is_plain(config)]
    others = [config for config in there if not is_plain(config)]
    share = _SHARE if others else _SHARE_ALONE
    chosen: set[Config] = set()
    for width in (32, 64):
        alike = [config for config in plain if config.width == width]
        chosen.update(draw.sample(alike, -(-len(alike) // share)))
    draw.shuffle(others)
    rows = [(row, slot) for slot in slots if (row := lookup(slot)) is not None]
    narrow = [config for config in others if any(option == _LOOPS or option in _ABOUT for option in config.options)]
    about_it = [config for config in narrow if all(_concerns(option, rows) for option in config.options)]
    first = (*about_it[:_ABOUT_IT], *(config for config in others if config not in narrow))[: _OTHERS - 1]
    rest = [config for config in others if config not in first]
    chosen.update(first, rest[: _OTHERS - len(first)])
    return tuple(config for config in there if config in chosen)


def is_plain(config: Config) -> bool:
    """Whether it is a base configuration: it has no options, and a CPU of its ISA."""
    return not config.options and config.cpu == config.isa


def _concerns(option: str, rows: Sequence[tuple[Row, Instruction]]) -> bool:
    """Whether it is about something in a program, which is given by its rows and slots."""
    if option == _LOOPS:
        return any(row.offset == "jump" and slot.offset < 0 for row, slot in rows)
    about = _ABOUT.get(option)
    return about is None or any(row.name in about for row, _ in rows)

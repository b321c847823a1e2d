"""The smallest condition on the axes of configurations under which a case fails, found by running the neighbours.

    (1) without each of its options, and with each other one: which options it takes, and which ones hide it
    (2) with the options that it takes, on each ISA, width and byte order

What fails is then said by axis: code width (o32, n64), width of the CPU, release, byte order, options. A condition names an axis only where leaving
it out would take in a configuration that does not fail. Where no product of axes is exact, it is a list of products, for each width of code one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from jit import options
from jit.config import BASE_CONFIGS, Config

RELEASES = ("I", "II", "III", "IV", "V", "r1", "r2", "r3", "r5", "r6")
"""The versions of the architecture in their order; MIPS I and II have no 64-bit code."""


def release(config: Config) -> str:
    """The version of the architecture of a configuration, without the width of its registers."""
    name = config.isa.removeprefix("mips")
    return RELEASES[int(name) - 1] if name.isdecimal() else name[-2:]


@dataclass(frozen=True, slots=True)
class Condition:
    """Where a case fails.

    text     for people, such as "o32, release < r2, big-endian, with blind"; "everywhere" where no axis matters
    kind     what goes into fingerprints: code width and options, empty where neither matters
    failing  names of the configurations that fail, of those that were tried
    passing  the others that were tried
    """

    text: str
    kind: str
    failing: tuple[str, ...]
    passing: tuple[str, ...]


class _Axis(NamedTuple):
    name: str
    value: Callable[[Config], str]
    values: tuple[str, ...]


_AXES = (
    _Axis("code", lambda config: "n64" if config.width == 64 else "o32", ("o32", "n64")),
    _Axis("CPU", lambda config: "64-bit CPU" if config.cpu_64 else "32-bit CPU", ("32-bit CPU", "64-bit CPU")),
    _Axis("release", release, RELEASES),
    _Axis("byte order", lambda config: "big-endian" if config.big_endian else "little-endian", ("little-endian", "big-endian")),
)


def examine(config: Config, fails: Callable[[Config], bool | None]) -> Condition:
    """Run the neighbours of a configuration on which a case fails.

    `fails` says whether the case fails on another one in the same way, None where it cannot be judged there.
    """
    taken = tuple(name for name in config.options if not all(fails(other) for other in without(config, name)))
    tried: dict[Config, bool] = {}
    for base in BASE_CONFIGS:
        if (neighbour := configured(base, taken)) is None:
            continue
        answer = True if neighbour == config else fails(neighbour)
        if answer is not None:
            tried[base] = answer
    failing = [base for base, found in tried.items() if found]
    passing = [base for base, found in tried.items() if not found]
    chosen = (failing[0], failing[len(failing) // 2], failing[-1]) if failing else ()
    sample = [config, *(found for base in chosen if (found := configured(base, taken)) is not None)]
    hidden = [name for name in _others(config) if _hides(name, sample, fails)]
    parts = _products(failing, passing) if failing else []
    wanted = [f"with {name}" for name in taken] + [f"without {name}" for name in hidden]
    # Where it passes without the other options, or on the CPU of its own ISA, no axis says why it fails.
    alone = [str(config)] if tried.get(Config(config.isa, config.width, config.big_endian)) is False else []
    text = "; or ".join([", ".join(filter(None, (part, *wanted))) for part in parts] + alone)
    widths = {base.width for base in failing} or {config.width}
    classes = [] if len(widths) == 2 or not any(base.width != config.width for base in passing) else ["o32" if widths == {32} else "n64"]
    names = [tuple(str(configured(base, taken) or base) for base in group) for group in (failing, passing)]
    return Condition(text or "everywhere", " ".join([*classes, *(f"+{name}" for name in taken)]), *names)


def configured(config: Config, names: Sequence[str]) -> Config | None:
    """With these options, None where that is not legal."""
    try:
        return replace(config, options=tuple(names), cpu="")
    except ValueError:
        return None


def without(config: Config, name: str) -> list[Config]:
    """The configuration without an option, and without those that need it."""
    rest = [other for other in config.options if other != name and name not in options.BY_NAME[other].needs]
    found = configured(config, rest)
    return [] if found is None else [found]


def _others(config: Config) -> list[str]:
    return [option.name for option in options.OPTIONS if option.name not in config.options and option.kind != options.ERRATUM]


def _hides(name: str, failing: Sequence[Config], fails: Callable[[Config], bool | None]) -> bool:
    """Whether with the option none of these fails, as far as it is legal: of one alone that may be chance."""
    others = (configured(config, options.in_order((*config.options, name))) for config in dict.fromkeys(failing))
    answers = [fails(other) for other in others if other is not None]
    return bool(answers) and all(answer is False for answer in answers)


def _products(failing: Sequence[Config], passing: Sequence[Config]) -> list[str]:
    """Texts of products that take in what fails and nothing that passes."""
    if (whole := _product(failing, passing)) is not None:
        return [whole]
    for axis in _AXES:
        groups = [[config for config in failing if axis.value(config) == value] for value in axis.values]
        found = [_product(group, passing, axis.name) for group in groups if group]
        if len(found) > 1 and None not in found:
            return [text for text in found if text is not None]
    return [str(config) for config in failing]


def _product(failing: Sequence[Config], passing: Sequence[Config], needed: str = "") -> str | None:
    """The smallest conjunction of axes that is exact, None where there is none. `needed` is the axis that must be named."""
    values = {axis.name: {axis.value(config) for config in failing} for axis in _AXES}

    def holds(names: Iterable[str], config: Config) -> bool:
        return all(axis.value(config) in values[axis.name] for axis in _AXES if axis.name in names)

    named = [axis.name for axis in _AXES]
    if any(holds(named, config) for config in passing):
        return None
    for axis in reversed(_AXES):
        rest = [name for name in named if name != axis.name]
        if axis.name != needed and not any(holds(rest, config) for config in passing):
            named = rest
    possible = (*failing, *passing)
    return ", ".join(
        _named(axis, values[axis.name], possible, [name for name in named if name != axis.name], holds) for axis in _AXES if axis.name in named
    )


def _named(axis: _Axis, values: set[str], possible: Sequence[Config], rest: Sequence[str], holds: Callable[[Iterable[str], Config], bool]) -> str:
    if axis.name != "release":
        return " or ".join(value for value in axis.values if value in values)
    # Versions that the rest of the condition leaves, in their order.
    there = [value for value in axis.values if any(release(config) == value and holds(rest, config) for config in possible)]
    chosen = [value for value in there if value in values]
    first, last = there.index(chosen[0]), there.index(chosen[-1])
    if there[first : last + 1] != chosen:
        return f"release {', '.join(chosen)}"
    if first == last:
        return f"release {chosen[0]}"
    if last == len(there) - 1:
        return f"release >= {chosen[0]}"
    if first == 0:
        return f"release < {there[last + 1]}"
    return f"release {chosen[0]} to {chosen[-1]}"

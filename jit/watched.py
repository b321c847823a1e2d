"""A configuration that remembers what was asked of it, and the answers.

What works on it works alike on every configuration that gives these answers, whatever else it is: so one compilation will do for many of them
(`jit.shared`), and one look of a tripwire at an image. There is one door: everything that tells one configuration from another is either remembered
here, or cannot be asked.

    question                  answer
    (FIELD, "width")          a property of `Config`, by its name
    (OPTION, "blind")         whether it is among the options
    (ROW, "mul")              the row of the MIPS table of that mnemonic, None where code for the configuration has none (`jit.mips.rows`)
"""

from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from jit.config import Config

if TYPE_CHECKING:
    from jit.mips import Row

FIELD, OPTION, ROW = "field", "option", "row"

Question = tuple[str, str]
Kept = TypeVar("Kept")


class Watched(Config):
    """Stands for a configuration; equal to itself only, so that what is kept by a configuration is asked for anew.

    `options` are those that any has of the configurations of which it may turn out to work alike: None for all that there are.
    """

    __slots__ = ("_options", "answers", "config")

    config: Config
    answers: dict[Question, object]
    _options: Set[str] | None

    def __init__(self, config: Config, options: Set[str] | None = None) -> None:
        object.__setattr__(self, "config", config)
        object.__setattr__(self, "answers", {})
        object.__setattr__(self, "_options", options)

    def _ask(self, name: str) -> Any:
        answer = self.answers[FIELD, name] = getattr(self.config, name)
        return answer

    @property
    def isa(self) -> str:
        """See `Config`."""
        return str(self._ask("isa"))

    @property
    def width(self) -> int:
        """See `Config`."""
        return int(self._ask("width"))

    @property
    def big_endian(self) -> bool:
        """See `Config`."""
        return bool(self._ask("big_endian"))

    @property
    def cpu(self) -> str:
        """See `Config`."""
        return str(self._ask("cpu"))

    @property
    def options(self) -> tuple[str, ...]:
        """Answers `in`, and refuses all else."""
        return cast(tuple[str, ...], _Options(self))

    @property
    def cpu_64(self) -> bool:
        """See `Config`."""
        return bool(self._ask("cpu_64"))

    @property
    def marked(self) -> bool:
        """See `Config`."""
        return bool(self._ask("marked"))

    @property
    def errata(self) -> tuple[str, ...]:
        """See `Config`."""
        answer: tuple[str, ...] = self._ask("errata")
        return answer

    def may_have(self, option: str) -> bool:
        """Whether any has that option of the configurations that it is about; no answer to be remembered, because it is the same for all of them."""
        return self._options is None or option in self._options

    def has(self, option: str) -> bool:
        """Whether it has that option."""
        answer = self.answers[OPTION, option] = option in self.config.options
        return answer

    def watch(self, rows: "Mapping[str, Row]") -> "Mapping[str, Row]":
        """The rows of the MIPS table for this configuration, which remember what is looked up. They do not tell how many they are."""
        return _Rows(self, rows)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __str__(self) -> str:
        """For messages only, in which no code depends on it."""
        return str(self.config)


class _Options:
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def __contains__(self, option: object) -> bool:
        return self._watched.has(str(option))


class _Rows(Mapping[str, Kept], Generic[Kept]):
    def __init__(self, watched: Watched, rows: Mapping[str, Kept]) -> None:
        self._answers = watched.answers
        self._rows = rows

    def __getitem__(self, mnemonic: str) -> Kept:
        row = self._answers[ROW, mnemonic] = self._rows.get(mnemonic)
        if row is None:
            raise KeyError(mnemonic)
        return row

    def __contains__(self, mnemonic: object) -> bool:
        row = self._answers[ROW, str(mnemonic)] = self._rows.get(str(mnemonic))
        return row is not None

    def __iter__(self) -> Iterator[str]:
        raise TypeError("which rows a configuration has is asked one by one")

    def __len__(self) -> int:
        raise TypeError("how many rows a configuration has is not to be asked")

"""Configurations with the same image on the same CPU: one of them runs it, for all.

What a run shows depends on the words, on where the eBPF registers are, on the CPU of the engine, and on those rules of the ISA that tripwires hold
a run to: load delay, HI/LO distance, whether there is `sync`. Configurations in which all of this is the same form a group. The words themselves are
looked at for each member, because what one ISA has another may lack; a member with a trip there is judged on its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Compiler, Input
from fuzz.layout import LAYOUTS, Placement, Setting, place, setting
from fuzz.unicorn_engine import MODELS
from fuzz.wires.hazards import HILO_DISTANCE, LOAD_DELAY
from fuzz.wires.ordering import has_sync
from fuzz.wires.wire import Wire
from jit.compiled import Addresses, Compiled
from jit.config import Config


class Group(NamedTuple):
    """The configuration that is judged, its image (None where the compiler raised an error), and the others with the same one."""

    config: Config
    compiled: Compiled | None
    others: tuple[Config, ...]


@dataclass(slots=True)
class Images:
    """The images of a program, and the compiler that gives them again instead of compiling a second time."""

    groups: list[Group]
    _compiler: Compiler
    _known: dict[Config, tuple[Placement, Compiled]]

    def compiler(self, slots: Sequence[Instruction], config: Config, addresses: Addresses) -> Compiled:
        """See `fuzz.case.Compiler`."""
        if config in self._known:
            placement, compiled = self._known[config]
            if placement.addresses == addresses and placement.slots == slots:
                return compiled
        return self._compiler(slots, config, addresses)


def compile_all(program: Program, given: Input, configs: Sequence[Config], compiler: Compiler, wires: Sequence[Wire]) -> Images:
    """Compile a program for all configurations of its byte order. Raises ProgramError for one that cannot be placed."""
    case = Case(program, given)
    placements: dict[Setting, Placement] = {}
    known: dict[Config, tuple[Placement, Compiled]] = {}
    found: dict[Any, tuple[Config, Compiled | None, list[Config]]] = {}
    for config in configs:
        key = setting(config)
        if key not in placements:
            placements[key] = place(case, config, LAYOUTS[config.width])
        placement = placements[key]
        try:
            compiled = compiler(placement.slots, config, placement.addresses)
        except Exception:
            # Judging compiles it again, and says what is to be said of the error.
            found[config] = (config, None, [])
            continue
        known[config] = (placement, compiled)
        identity = (_machine(config), compiled.words, *_elsewhere(case, placement, compiled, compiler, wires))
        first = found.setdefault(identity, (config, compiled, []))
        if first[0] is not config:
            if _same(first[1], compiled) and not any(trip for wire in wires if wire.code for trip in wire.code(compiled, placement)):
                first[2].append(config)
            else:
                found[config] = (config, compiled, [])
    return Images([Group(config, compiled, tuple(others)) for config, compiled, others in found.values()], compiler, known)


def _machine(config: Config) -> tuple[object, ...]:
    """What a run depends on besides the image. Of the ISA it is what is asked here, of all else the value itself."""
    others = tuple(getattr(config, field.name) for field in fields(config) if field.name not in ("isa", "cpu"))
    isa = config.isa
    return MODELS[config.cpu], setting(config), isa in LOAD_DELAY, isa in HILO_DISTANCE, has_sync(config), config.cpu_64, *others


def _same(first: Compiled | None, second: Compiled) -> bool:
    return first is not None and all(
        getattr(first, field.name) == getattr(second, field.name) for field in fields(Compiled) if field.name not in ("config", "words")
    )


def _elsewhere(case: Case, placement: Placement, compiled: Compiled, compiler: Compiler, wires: Sequence[Wire]) -> Iterator[tuple[int, ...]]:
    """The words of the images that tripwires want of the program at other addresses, where these addresses are in the program."""
    for wire in wires:
        if wire.variants is None or not case.program.data:
            continue
        for variant in wire.variants(compiled, case, placement):
            if variant.slots != placement.slots:
                try:
                    yield compiler(variant.slots, compiled.config, variant.addresses).words
                except Exception:
                    # As long as it is the same for all, judging tells.
                    yield ()

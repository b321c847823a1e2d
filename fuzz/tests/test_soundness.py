"""The tripwire for word operands is sound: code of a compiler that knows the rules never trips it, and does with one extension less.

The images of corpus/soundness are linked and committed, so that no compiler is needed here. What they compute is compared with Python's answers,
because an image that went wrong early would prove nothing.
"""

import importlib.util
import random
import struct
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ebpf.instruction import Instruction
from ebpf.program import Program
from fuzz.case import Case, Input
from fuzz.engine.target import Run, Target
from fuzz.layout import Placement, place
from fuzz.recording.record import Recording
from fuzz.wires import sign_extension
from fuzz.wires.wire import Observation
from jit.compiled import Compiled
from jit.config import Config

SOUNDNESS = Path(__file__).parent.parent.parent / "corpus" / "soundness"
IMAGES = sorted(SOUNDNESS.glob("images/*.bin"))

INSTRUCTIONS = 10_000_000
"""That the images of an optimisation level and byte order together must execute at least."""

LEVELS = Counter(image.stem.partition(".")[2] for image in IMAGES)
"""How many images there are of each."""

REMOVED = {"O0": 3, "O2": 1}
"""The number of an extension that matters, by optimisation: most of those that clang emits are of values that are small anyway."""


def module(name: str) -> Any:
    specification = importlib.util.spec_from_file_location(f"soundness_{name}", SOUNDNESS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


answers = module("answers")
DATA = random.Random(1).randbytes(answers.INPUT_SIZE)


def config_of(image: Path) -> Config:
    cpu, _, order = image.stem.split(".")
    return Config(cpu, 64, order == "eb")


@cache
def placement(config: Config) -> Placement:
    memory = DATA + bytes(answers.SIZE - answers.INPUT_SIZE)
    placed = place(Case(Program("soundness", "start", (Instruction(0x95),)), Input(memory)), config)
    return replace(placed, world=replace(placed.world, instruction_limit=INSTRUCTIONS))


def observe(target: Target, config: Config, image: bytes) -> Observation:
    """Run an image as what it is, a C function of a pointer and a size; there is no eBPF program, and nothing is expected."""
    count = len(image) // 4
    words = struct.unpack(f"{'>' if config.big_endian else '<'}{count}I", image)
    placed = placement(config)
    compiled = Compiled(
        config=config,
        base=placed.layout.image,
        words=words,
        bpf_at=(),
        slot_of=(-1,) * count,
        exits=(),
        registers=(None,) * 11,
        stack_size=512,
        frame_pointer=64,
    )
    target.load(compiled, placed)
    run: Run = target.run(placed, frozenset({Recording.OPERANDS}))
    return Observation(compiled, placed, run, run, run.record)


def trips(seen: Observation) -> list[str]:
    assert sign_extension.TRAP.run is not None
    assert Recording.OPERANDS not in seen.record.truncated or seen.record.operands
    return [str(trip) for trip in sign_extension.TRAP.run(seen)]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_code_of_a_compiler_never_trips(image: Path, recording_target: Target) -> None:
    config = config_of(image)
    seen = observe(recording_target, config, image.read_bytes())
    outcome = seen.actual.outcome
    assert outcome.fault is None
    assert outcome.return_value == answers.RESULT
    memory = outcome.memory["context"]
    for at, right in answers.answers(DATA, "big" if config.big_endian else "little").items():
        assert memory[at : at + len(right)] == right, hex(at)
    assert trips(seen) == []
    # So many in the shortest image are enough in all of its level and byte order.
    assert outcome.executed >= INSTRUCTIONS / LEVELS[image.stem.partition(".")[2]]


@pytest.mark.parametrize("image", [image for image in IMAGES if "mips64r2" in image.stem], ids=lambda image: image.stem)
def test_one_extension_less_trips(image: Path, recording_target: Target) -> None:
    config = config_of(image)
    optimisation = image.stem.split(".")[1]
    damaged = module("remove_extension").without_extension(image.read_bytes(), config.big_endian, REMOVED[optimisation])
    assert trips(observe(recording_target, config, damaged))


def test_there_is_an_image_for_each_optimisation_and_byte_order() -> None:
    kinds = {tuple(image.stem.split(".")[1:]) for image in IMAGES}
    assert kinds == {(level, order) for level in ("O0", "O2") for order in ("el", "eb")}

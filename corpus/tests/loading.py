"""The answers and the build script, loaded from their paths: `corpus` is data and no package."""

from pathlib import Path

from fuzz.tests.scripts import load

PROGRAMS = Path(__file__).parents[1] / "programs"

ANSWERS = load(PROGRAMS / "answers.py").ANSWERS
build = load(PROGRAMS / "build.py")

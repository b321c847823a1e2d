"""The table of features names files that there are, and every program in assembly."""

import re
from pathlib import Path

CORPUS = Path(__file__).parents[1]
NAMED = set(re.findall(r"`([\w-]+/[\w/.-]+)`", (CORPUS / "README.md").read_text()))


def test_every_file_of_the_table_is_there() -> None:
    assert len(NAMED) > 40
    assert not [name for name in NAMED if not (CORPUS / name).is_file()]


def test_every_program_in_assembly_shows_a_feature() -> None:
    assert {f"assembly/{path.name}" for path in (CORPUS / "assembly").glob("*.s")} <= NAMED


def test_programs_are_judged_as_objects() -> None:
    sources = {Path(name).stem for name in NAMED if name.endswith(".c")}
    objects = {path.name.split(".")[0] for directory in ("programs", "packets") for path in (CORPUS / directory / "objects").glob("*.o")}
    assert sources <= objects

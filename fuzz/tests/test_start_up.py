"""What starts quickly does not import what takes long to import."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.lasting import lasting

_RUN = """
import sys
from fuzz.cli.main import main
main(sys.argv[1:], standalone_mode=False)
print(sorted({"numba", "hypothesis", "matplotlib", "unicorn.unicorn_py3", "capstone"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["configs"], ["oracle", "PROGRAM"], ["jit", "PROGRAM", "--config", "mips32r2-32le"]], ids=lambda c: c[0])
def test_commands_that_judge_nothing_start_no_engine(command: list[str], tmp_path: Path) -> None:
    program = tmp_path / "tiny.s"
    program.write_text("r0 = 1\nexit\n")
    words = [str(program) if word == "PROGRAM" else word for word in command]
    done = subprocess.run([sys.executable, "-c", _RUN, *words], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_judging_needs_what_only_tests_and_campaigns_need_not() -> None:
    code = "import sys, fuzz.worker; print({'hypothesis', 'pytest', 'matplotlib', 'jinja2', 'capstone', 'qiling'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("enabled", [True, False])
def test_what_lasts_is_no_garbage_and_collecting_goes_on_as_before(enabled: bool) -> None:
    before, was = gc.get_freeze_count(), gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with lasting():
            assert not gc.isenabled()
            made = [[number] for number in range(1000)]
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()
        (gc.enable if was else gc.disable)()

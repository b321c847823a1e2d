"""The table of known faults of engines: what it refers to exists."""

import ast
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fuzz.cli.main import main
from fuzz.engine.abilities import ABILITIES
from fuzz.engine.faults import FAULTS, EngineFault
from fuzz.engine.target import Target
from fuzz.tests.images import CONFIGS, V0, image, placement
from oracle.outcome import FaultKind

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.engine}: {fault.what}")
def test_evidence_and_workaround_exist(fault: EngineFault) -> None:
    assert fault.engine in ABILITIES
    file, _, name = fault.evidence.partition("::")
    functions = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}
    assert name in functions
    for module in re.findall(r"`(fuzz\.[\w.]+)`", fault.workaround):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_command() -> None:
    result = CliRunner().invoke(main, ["engines"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines if line and not line.startswith(" ")] == ["both", "model", "unicorn", "qemu", "qiling", "all"]
    assert sum(line.startswith("    fault") for line in lines) == len(FAULTS)


def test_an_exception_of_qiling_that_does_not_come_again(qiling: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen once on a machine with too much other work: it is a fault of the engine in that run, and no end of the campaign."""
    config = CONFIGS[1]
    answers = [False, True]
    monkeypatch.setattr(type(qiling), "_finished", lambda *_, **__: answers.pop(0))
    qiling.load(image(config, [("addiu", V0, 0, 42)]), placement(config))
    fault = qiling.run(placement(config)).outcome.fault
    assert fault is not None
    assert (fault.kind, fault.detail) == (FaultKind.ENGINE, "an exception that did not come again when the run was repeated")

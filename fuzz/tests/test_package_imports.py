"""Imports point one way; what the packages may import is this table and nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

OURS = ("ebpf", "oracle", "jit", "fuzz", "reports", "corpus")

# reports renders values: it may know their types, but run nothing.
_RESULT_TYPES = (
    *("fuzz.case", "fuzz.conformance.judgement", "fuzz.verdict", "fuzz.tally", "oracle.outcome", "oracle.world"),
    *("fuzz.campaign.record", "fuzz.findings.finding", "fuzz.findings.known", "fuzz.reference", "fuzz.findings.side_by_side"),
)
# Tables that reference pages show; the texts of tripwires lie beside their code.
_TABLES = ("jit.mips", "jit.config", "jit.options", "jit.compiled", "jit.erratum_rows", "jit.frame", "jit.registers", "fuzz.wires")

ALLOWED = {
    "ebpf": ("ebpf",),
    "oracle": ("oracle", "ebpf"),
    "jit": ("jit", "ebpf"),
    "fuzz": ("fuzz", "oracle", "jit", "ebpf", "reports"),
    "reports": ("reports", "ebpf", *_TABLES, *_RESULT_TYPES),
}


def imported(source: str) -> Iterator[str]:
    """The modules that a file imports, absolutely; those of relative imports begin with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def forbidden(package: str, source: str) -> list[str]:
    """What a file of the package imports and must not."""
    found = []
    for name in imported(source):
        ours = name.startswith(".") or name.split(".")[0] in OURS
        if ours and not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED[package]):
            found.append(name)
    return found


def _files(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "tests" not in path.relative_to(ROOT).parts]


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_what_it_may(package: str) -> None:
    files = _files(package)
    assert files
    assert {str(path): wrong for path in files if (wrong := forbidden(package, path.read_text()))} == {}


def test_every_package_is_in_the_table() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("ebpf", "import oracle.world"),
        ("oracle", "from jit.config import Config"),
        ("jit", "def f():\n    from oracle import interpreter"),
        ("jit", "import fuzz"),
        ("reports", "from fuzz.judge import judge_all"),
        ("reports", "from jit.compiler import compile_program"),
        ("oracle", "from .world import World"),
        ("fuzz", "import corpus.programs.answers"),
    ],
)
def test_the_lint_sees_a_forbidden_import(package: str, source: str) -> None:
    assert forbidden(package, source)

"""Native code is made ready before there are workers."""

import pytest

from fuzz.engine import native
from fuzz.engine.engines import ENGINES


def test_what_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(native, "SOON", 0.0)
    native.make_ready("model", told.append)
    assert told == ["compiling native code; it is kept, and the next start is a quick one"]


def test_what_is_ready_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "SOON", 60.0)
    told: list[str] = []
    native.make_ready("both", lambda text: None)
    native.make_ready("both", told.append)
    assert told == []


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - set(native._ENGINES)))
def test_engines_without_compiled_code_are_not_started(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "ENGINES", {})
    native.make_ready(engine, lambda text: pytest.fail(text))

"""Engines are dear to make, so that the tests of a process share a target.

Nor is a test wrong because it is slow: on a busy machine any example may take long. Profiles of Hypothesis, which `--hypothesis-profile` chooses:
`dev`, unless told otherwise; `ci`, whose examples are the same for the same test, so that what is red there is red everywhere; `nightly`, which looks
for new ones. They count for tests that do not say how many examples they want, such as the property tests of
generated programs.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from fuzz.engine.abilities import missing, runs_on
from fuzz.engine.engines import ENGINES
from fuzz.engine.target import Target
from fuzz.model.target import ModelTarget
from fuzz.qemu.target import QemuTarget
from fuzz.unicorn.target import UnicornTarget
from jit.config import Config

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=20_000, print_blob=True)
settings.load_profile("dev")


@pytest.fixture(scope="session")
def target() -> UnicornTarget:
    return UnicornTarget()


@pytest.fixture(scope="session")
def model() -> ModelTarget:
    return ModelTarget()


@pytest.fixture(scope="session")
def qemu() -> Iterator[QemuTarget]:
    if reason := missing("qemu"):
        pytest.skip(reason)
    target = QemuTarget()
    yield target
    target.close()


@pytest.fixture(scope="session")
def qiling() -> Target:
    if reason := missing("qiling"):
        pytest.skip(reason)
    return ENGINES["qiling"]()


@pytest.fixture(params=["target", "model", "qemu", "qiling"], ids=["unicorn", "model", "qemu", "qiling"])
def any_target(request: pytest.FixtureRequest) -> Target:
    """Each of the targets: what every one of them must do, on the configurations that it runs."""
    chosen: Target = request.getfixturevalue(request.param)
    config = request.node.callspec.params.get("config", Config("mips64r2", 64, False))
    if not runs_on(request.param, config):
        pytest.skip(f"{request.param} does not run {config.cpu}")
    return chosen


@pytest.fixture(scope="session", params=["target", "model"], ids=["unicorn", "model"])
def recording_target(request: pytest.FixtureRequest) -> Target:
    """Each of those that record, and count instructions."""
    chosen: Target = request.getfixturevalue(request.param)
    return chosen


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What was wrong once is looked at first."""
    items.sort(key=lambda item: "test_regressions" not in item.nodeid)

"""Engines are dear to make, so that the tests of a process share a target."""

import pytest

from fuzz.unicorn_target import UnicornTarget


@pytest.fixture(scope="session")
def target() -> UnicornTarget:
    return UnicornTarget()

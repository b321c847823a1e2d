"""Engines are dear to make, so that the tests of a process share a target.

Nor is a test wrong because it is slow: on a busy machine any example may take long.
"""

import pytest
from hypothesis import settings

from fuzz.unicorn_target import UnicornTarget

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def target() -> UnicornTarget:
    return UnicornTarget()

"""The hour of the shop that several modules look at."""

from __future__ import annotations

import pytest

from models.serving.scorer import Scorer
from tests.models.live.hour import Hour


@pytest.fixture(scope="session")
def hour() -> Hour:
    return Hour(scorer=Scorer())

"""Draining a worker: it commits, ends its membership of the group, and ends; others take its partitions at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from topics.errors import ConfigurationError
from topics.membership import memberships
from topics.settings import Settings
from topics.transport.app import StreamApp

HOLD_S = 1.0
"""How long one who asks waits for an answer that is not the last."""
TOLD_S = 5.0
"""How long a worker that left waits for somebody to hear of it."""


class State(str, Enum):
    """Where a drain stands. The last two are ends."""

    STARTING = "starting"
    """It has not joined the group yet, and holds nothing it could give; ask again."""
    DRAINING = "draining"
    """It commits and leaves; ask again."""
    LEFT = "left"
    """The group names it no more."""
    UNCONFIRMED = "unconfirmed"
    """It left, and the group still names it or does not tell: its partitions may wait for LAM_SESSION_TIMEOUT_S."""


class Progress(NamedTuple):
    """Where a drain stands: `partitions` is how many the worker had when it was asked to leave."""

    state: State
    partitions: int
    detail: str


class Draining:
    """Drains one worker, for whoever asks from any thread; `stop` ends the worker as SIGTERM does."""

    def __init__(self, settings: Settings, app: StreamApp, stop: Callable[[], None]) -> None:
        self._settings = settings
        self._app = app
        self._stop = stop
        self._asked = threading.Lock()
        self._partitions = 0
        self._told = threading.Event()

    def ask(self) -> Progress:
        """Begin to drain, or go on; answers within a second unless the worker has just left."""
        standing = self._app.standing
        if not standing.meter.joined:
            return Progress(State.STARTING, 0, "the worker has not joined its group yet")
        with self._asked:
            if not self._app.leaving_for_good:
                self._partitions = len(standing.partitions)
                self._app.leaving_for_good = True
                self._stop()
        if not standing.left(HOLD_S):
            return Progress(State.DRAINING, self._partitions, "the worker commits and leaves")
        progress = self._confirmed()
        self._told.set()
        return progress

    def wait_until_told(self) -> None:
        """Where a drain was asked for, return when its end was told, or nobody asked for a while."""
        if self._app.leaving_for_good:
            self._told.wait(TOLD_S)

    def _confirmed(self) -> Progress:
        try:
            remaining = memberships(self._settings)
        except ConfigurationError as unknown:
            return Progress(State.UNCONFIRMED, self._partitions, str(unknown))
        if remaining:
            named = f"the group still names {', '.join(remaining)}"
            return Progress(State.UNCONFIRMED, self._partitions, named)
        return Progress(State.LEFT, self._partitions, "the group names this worker no more")

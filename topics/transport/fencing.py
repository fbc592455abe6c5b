"""Being taken for another: by a broker that mixed up who this is, once, or by a twin, over and over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from topics.errors import StreamStopped

TIMES = 3
"""So often within the time given nobody is fenced by accident."""


class Fencing:
    """How often this worker was fenced lately. `within_s`: the time in which no accident fences it so often."""

    def __init__(self, identity: str, within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._identity = identity
        self._within_s = within_s
        self._clock = clock
        self._at: deque[float] = deque(maxlen=TIMES)

    def happened(self) -> None:
        """Once more. Raises StreamStopped where it must be a twin: were both to go on, neither would get far."""
        self._at.append(self._clock())
        lasted_s = self._at[-1] - self._at[0]
        if len(self._at) == TIMES and lasted_s < self._within_s:
            raise StreamStopped(
                f"fenced {TIMES} times within {lasted_s:.1f} s: another worker runs with LAM_WORKER_ID "
                f"{self._identity} and takes turns with this one; give each its own, and restart"
            )

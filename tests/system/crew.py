"""Workers that die, freeze and come back: who lives, by which plan, and what really happened to them.

What happened is read off the workers' logs and how they ended, not off what was planned.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat

from tests.system.nursery import NurseryWorker
from tests.system.plans import Help, Plan
from tests.system.stream import Stream

PATIENCE_S = 12.0
"""After which a worker whose plan did not come to its end is killed where it is."""
HELP_AFTER_S = 3.0
GUEST_S = 5.0
"""How long a guest lives."""
FROZEN_TIMEOUTS = 1.5
"""Session timeouts that a frozen worker sleeps: its partitions have moved by then."""
ANYWHERE = "anywhere"
HAPPENED = re.compile(r"LAM_FAULTS: (\w+) at (\w+)")
NO_PLANS: Iterator[Plan | None] = repeat(None)


@dataclass
class Faults:
    """What happened: kills by point, other faults by action and point."""

    kills: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    @property
    def points(self) -> set[str]:
        """Named points at which a worker was killed."""
        return set(self.kills) - {ANYWHERE}

    @property
    def actions(self) -> set[str]:
        """What else was done to workers."""
        return {what.partition(" at ")[0] for what in self.others}

    def __str__(self) -> str:
        return f"{self.kills.total()} kills at {len(self.points)} points, {self.others.total()} other faults"


@dataclass
class Life:
    """One worker from its start to its end. A guest is one that is not started again."""

    name: str
    process: NurseryWorker
    plan: Plan | None
    guest: bool
    began: float = field(default_factory=time.monotonic)
    frozen_at: float | None = None
    helped: bool = False
    by_us: bool = False
    then: Plan | None = None
    """What it comes back with, if not with whatever is next."""

    @property
    def age_s(self) -> float:
        """Seconds since it was started or woke."""
        return time.monotonic() - self.began

    @property
    def told_to_end_while_starting(self) -> bool:
        """Whether SIGTERM came before the worker had learned to take it, and so ended it."""
        told = self.helped and self.plan is not None and self.plan.help is Help.TERM
        return told and self.process.status() == -signal.SIGTERM

    @property
    def limit_s(self) -> float:
        """Age at which it is killed from outside."""
        if self.guest:
            return GUEST_S
        return PATIENCE_S if self.plan is not None and self.plan.ends else float("inf")


class Crew:
    """Residents, each started again under its identity with the next plan whenever it died, and guests."""

    def __init__(self, stream: Stream, plans: Iterator[Plan | None] = NO_PLANS, faults: Faults | None = None) -> None:
        """`faults` takes in what happens; plans may be drawn by it."""
        self.faults = faults or Faults()
        self.lives: list[Life] = []
        self._stream = stream
        self._plans = plans
        self._guests = 0

    def begin(self, residents: int) -> None:
        """Start so many residents."""
        for number in range(residents):
            self.start(f"resident-{number}", next(self._plans))

    def start(self, name: str, plan: Plan | None = None, guest: bool = False) -> Life:
        """Start a worker of that identity."""
        process = self._stream.start(name, LAM_FAULTS=plan.faults if plan is not None else "")
        assert isinstance(process, NurseryWorker)
        life = Life(name, process, plan, guest)
        self.lives.append(life)
        return life

    def look(self) -> None:
        """Bring back who died, wake who slept long enough, help plans along, end what lasts too long.

        Raises ProcessFailed for a worker that ended otherwise than planned.
        """
        for life in list(self.lives):
            if life.process.status() is not None:
                self._bury(life)
                if not life.guest:
                    self.start(life.name, life.then or next(self._plans))
            elif life.process.frozen():
                self._wake(life)
            elif life.age_s > life.limit_s:
                self.kill(life)
            elif life.plan is not None and life.age_s > HELP_AFTER_S and not life.helped:
                life.helped = True
                self._help(life, life.plan)

    def kill(self, life: Life, then: Plan | None = None) -> None:
        """End it where it is; the next look brings it back, by the plan given where there is one."""
        life.by_us, life.then = True, then
        life.process.kill()

    def freeze(self, life: Life) -> None:
        """Stop it where it is; a later look wakes it."""
        life.process.signal(signal.SIGSTOP)
        self.faults.others[f"stop at {ANYWHERE}"] += 1

    def end(self) -> None:
        """Kill who lives."""
        for life in list(self.lives):
            self.kill(life)
            self._bury(life)

    def _bury(self, life: Life) -> None:
        self.lives.remove(life)
        self._stream.forget(life.name)
        happened = HAPPENED.findall(life.process.log.read_text(errors="replace"))
        self.faults.others.update(f"{action} at {point}" for action, point in happened if action != "kill")
        killed = [point for action, point in happened if action == "kill"]
        if life.process.status() == -signal.SIGKILL and (killed or life.by_us):
            self.faults.kills[killed[-1] if killed else ANYWHERE] += 1
        elif not life.told_to_end_while_starting:
            life.process.check()

    def _wake(self, life: Life) -> None:
        life.frozen_at = life.frozen_at or time.monotonic()
        if time.monotonic() - life.frozen_at > FROZEN_TIMEOUTS * self._stream.settings.session_timeout_s:
            life.began, life.frozen_at = time.monotonic(), None
            life.process.signal(signal.SIGCONT)

    def _help(self, life: Life, plan: Plan) -> None:
        if plan.help is Help.TERM:
            life.process.signal(signal.SIGTERM)
        elif plan.help is Help.GUEST:
            self._guests += 1
            self.start(f"guest-{self._guests}", guest=True)

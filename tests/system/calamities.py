"""A fault now and then, of every kind, while a load goes through at a steady rate: what a soak consists of."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from deploy.kafka import KafkaServer
from tests.system.crew import Crew
from tests.system.plans import Plan, deaths, harmless


class Calamities:
    """Draws what happens next. `counts` says how often each kind was made to happen."""

    def __init__(self, crew: Crew, kafka: KafkaServer, dice: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._crew = crew
        self._kafka = kafka
        self._dice = dice
        self._kinds = self._deck()
        self._deaths, self._harmless = deaths(dice), harmless(dice)

    def happen(self) -> str:
        """The next one; its kind."""
        happening = next(self._kinds)
        kind = happening.__name__.removeprefix("_")
        self.counts[kind] += 1
        happening()
        return kind

    def _deck(self) -> Iterator[Callable[[], None]]:
        kinds = [self._kill, self._die_at_a_point, self._fail, self._freeze, self._bounce_broker, self._kill_broker]
        while True:
            self._dice.shuffle(kinds)
            yield from kinds

    def _kill(self) -> None:
        self._crew.kill(self._dice.choice(self._crew.lives))

    def _die_at_a_point(self) -> None:
        self._again(next(self._deaths))

    def _fail(self) -> None:
        self._again(next(self._harmless))

    def _freeze(self) -> None:
        self._crew.freeze(self._dice.choice(self._crew.lives))

    def _bounce_broker(self) -> None:
        self._kafka.restart(self._dice.randrange(len(self._kafka.nodes)))

    def _kill_broker(self) -> None:
        broker = self._dice.randrange(len(self._kafka.nodes))
        self._kafka.kill(broker)
        time.sleep(self._dice.random())
        self._kafka.restart(broker)

    def _again(self, plan: Plan) -> None:
        """Have a worker killed and come back with a plan."""
        life = self._dice.choice([one for one in self._crew.lives if not one.guest])
        self._crew.kill(life, then=plan)

"""What is known of every arm, kept up to date from arm-posterior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from models.ava.deciding import Decider
from models.bandit.posterior import Posterior
from models.live.rewarding import CONTAINER_ARM


class ArmBook(Mapping[str, Posterior]):
    """Posteriors by arm id; a decider forgets what it made of a site's whenever one of them changes.

    Arms of containers are left out: no decision asks for them, and each would make the decider forget its site's.
    `frozen`: nothing is learned, so that every arm keeps its prior and decisions depend on no feedback.
    """

    def __init__(self, decider: Decider, *, frozen: bool) -> None:
        self._decider = decider
        self._frozen = frozen
        self._arms: dict[str, Posterior] = {}

    def apply(self, arm_id: str, record: Mapping[str, Any] | None, offset: int) -> None:
        """Take an arm-posterior record; None forgets the arm."""
        if self._frozen or arm_id.startswith(CONTAINER_ARM):
            return
        if record is None:
            forgotten = self._arms.pop(arm_id, None)
            if forgotten is not None:
                self._decider.forget(site_of(arm_id))
            return
        self._arms[arm_id] = Posterior(record["n"], record["reward_sum"], record["reward_sum_sq"], offset)
        self._decider.forget(record["site_id"])

    def __getitem__(self, arm_id: str) -> Posterior:
        return self._arms[arm_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arms)

    def __len__(self) -> int:
        return len(self._arms)


def site_of(arm_id: str) -> str:
    """The site of an intervention's arm, `a:<site>:<friction>:<action>`; a site's id may hold colons."""
    return arm_id.removeprefix("a:").rsplit(":", 2)[0]

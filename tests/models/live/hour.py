"""An hour of the shop with live decisions behind it, and its visitors hearing them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Any

from models.behaviour.config import HOUR_MS, SECOND_MS
from models.serving.scorer import Scorer
from models.shop.config import SITES, ShopConfig, Site
from models.shop.shop import Sent, Shop
from tests.models.live.partition import LivePartition, minds
from tests.models.shop.days import events, opened, run

MINUTES = 60
BATCH_MS = 10 * SECOND_MS
CLOSES_ALL_MS = 30 * HOUR_MS
STOPPED = "shop-e"
"""The site whose operator stopped it."""
CONFIG = ShopConfig(
    sites=(*SITES[:3], replace(SITES[3], share=0.15), Site(STOPPED, 0.05, SITES[0].prices, 6.9, 150.0, opted_in=True))
)
HELD_OUT_BELOW = 500
"""Of 10,000 buckets, those of the holdout: 5 % (given)."""

Record = dict[str, Any]


class Hour:
    """`minutes` of the shop, taken in batches of 10 s; each new intervention is heard at once. Ends when all closed."""

    def __init__(self, minutes: int = MINUTES, scorer: Scorer | None = None) -> None:
        self.shop = opened(CONFIG)
        configs = [one | {"kill_switch": one["site_id"] == STOPPED} for one in self.shop.site_configs()]
        self.minds = minds(configs=configs, scorer=scorer)
        self.partition = LivePartition(self.minds)
        self._heard = 0
        self.sent = run(self.shop, minutes, self._live, step_ms=BATCH_MS)
        self.partition.advance(self.shop.now_ms + CLOSES_ALL_MS)
        # What was decided after the last visitor left reaches nobody, and is counted as heard.
        self._hear(self.shop)
        self.shop.advance(self.shop.now_ms + 1)
        self.visits, _ = self.shop.truth.drain()

    @cached_property
    def events(self) -> list[Record]:
        """The session events, in order of arrival."""
        return events(self.sent)

    def records(self, topic: str) -> list[Record]:
        """What left on a topic."""
        return self.partition.records[topic]

    @cached_property
    def concluded(self) -> dict[str, Record]:
        """The decisions that concluded something, by id."""
        return {one["decision_id"]: one for one in self.records("decision") if one["result"] != "suppress"}

    def rewards(self, subject: str) -> list[Record]:
        """The rewards of decisions, or of containers."""
        return [one for one in self.records("reward-update") if one["subject"] == subject]

    @cached_property
    def held_out(self) -> set[str]:
        """The sessions of visitors in the holdout."""
        bucket, held = self.minds.draws.bucket, set()
        for session, of_session in self.by_session.items():
            first = of_session[0]
            if bucket(first["site_id"], first["visitor_id"] or session) < HELD_OUT_BELOW:
                held.add(session)
        return held

    @cached_property
    def by_session(self) -> dict[str, list[Record]]:
        """The session events of each session, in order of arrival."""
        sessions = defaultdict(list)
        for event in self.events:
            sessions[event["session_id"]].append(event)
        return sessions

    def _live(self, shop: Shop, sent: list[Sent]) -> None:
        self.partition.take(events(sent))
        self.partition.advance(shop.now_ms)
        self._hear(shop)

    def _hear(self, shop: Shop) -> None:
        told = self.records("intervention")
        for intervention in told[self._heard :]:
            shop.hear(intervention, shop.now_ms)
        self._heard = len(told)

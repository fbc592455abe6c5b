"""The whole stream in memory, on the shop's records: live, the agent of assembly, posteriors and sites."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from agents.assembly import parents
from models.assembly.config import HOUR_MS, SECOND_MS
from models.serving.scorer import Scorer
from models.shop.config import ShopConfig
from models.shop.shop import Sent
from schemas.record_type import record_type
from tests.agents.test_assembly import Worker, columns
from tests.models.bandit.test_deltas import after as posteriors_after
from tests.models.live.partition import LivePartition, minds
from tests.models.shop.days import opened, run
from tests.models.sites.records import batch
from tests.models.sites.test_stage import after as stages_after
from tests.reference.behaviour import Told, add_activity
from tests.reference.closed import ClosedVisits
from tests.reference.config import Config
from tests.reference.release import INPUTS
from tests.reference.tuples import Arrived, arrived
from tests.system.committed import Committed
from topics.watermark import BEFORE_ALL

SHOP = ShopConfig(seed=7, visits_per_minute=40)
MINUTES = 25
SOURCES = 3
"""Partitions of session-event."""
TURN_MS = 30 * SECOND_MS
ENDS_MS = 25 * HOUR_MS
"""Event time after the last record: all is closed and final."""
DELTAS_AT_ONCE = 50

Record = dict[str, Any]


class Stream:
    """The shop's records, and three partitions of live, one of assembly, of posteriors and of sites behind them."""

    def __init__(self) -> None:
        shop = opened(SHOP)
        self.sent = run(shop, MINUTES, step_ms=TURN_MS)
        known = minds(configs=shop.site_configs(), scorer=Scorer())
        self.live = [LivePartition(known) for _ in range(SOURCES)]
        self.visits = ClosedVisits(Config(clock="event"), INPUTS)
        self.worker = Worker()
        self.made: defaultdict[str, list[Record]] = defaultdict(list)
        self._told = [0] * SOURCES
        self._heard = BEFORE_ALL
        self._known = 0

    async def flow(self) -> Committed:
        """Run all of it, in turns of 30 s of event time."""
        turns: defaultdict[int, list[Sent]] = defaultdict(list)
        for one in self.sent:
            turns[one.at_ms // TURN_MS].append(one)
        for turn in range(min(turns), max(turns) + 1):
            await self._turn(turns.get(turn, []), (turn + 1) * TURN_MS)
        last = max(turns) * TURN_MS
        for hours in range(1, ENDS_MS // HOUR_MS + 1):
            await self._turn([], last + hours * HOUR_MS)
        self._fold()
        return self._committed()

    async def _turn(self, sent: list[Sent], now_ms: int) -> None:
        for number, partition in enumerate(self.live):
            events = [one.record for one in sent if one.topic == "session-event" and source_of(one.record) == number]
            if events:
                partition.take(events)
            partition.advance(now_ms)
        for topic in ("tombstone", "mutation"):
            await self._see(topic, [one.record for one in sent if one.topic == topic])
        for number, partition in enumerate(self.live):
            rows = partition.records["container-activity"]
            await self._see("container-activity", rows[self._told[number] :])
            self._told[number] = len(rows)
        await self._see("mutation", [], now_ms)

    async def _see(self, topic: str, records: list[Record], watermark: int = BEFORE_ALL) -> None:
        """A batch for assembly; what it sends is committed at once, and its container-stats are known to it."""
        if not records and watermark == BEFORE_ALL:
            return
        await self.worker.see(max(watermark, self._heard), topic, *records)
        self._heard = max(watermark, self._heard)
        for name in ("training-tuple", "container-stats", "site-delta"):
            self.made[name] += self.worker.sent(name)
        self.worker.commit()
        for stats in self.made["container-stats"][self._known :]:
            parents.apply(stats["container_id"], stats, 0)
        self._known = len(self.made["container-stats"])

    def _fold(self) -> None:
        last = max(one.at_ms for one in self.sent) // TURN_MS * TURN_MS
        for number in range(SOURCES):
            records: list[tuple[Record | int, int]] = []
            now_ms = self.sent[0].at_ms // TURN_MS * TURN_MS
            for one in self.sent:
                while one.at_ms // TURN_MS * TURN_MS > now_ms:
                    now_ms += TURN_MS
                    records.append((now_ms, 0))
                if one.topic == "session-event" and source_of(one.record) == number:
                    records.append((one.record, one.record["sent_at"]))
            self.visits.fold([*records, (last + ENDS_MS, 0)])

    def _committed(self) -> Committed:
        told: defaultdict[Any, Told] = defaultdict(Told)
        of_live: defaultdict[str, list[Record]] = defaultdict(list)
        for partition in self.live:
            for topic, records in partition.records.items():
                of_live[topic] += records
        add_activity(told, of_live["container-activity"])
        deltas = of_live["site-delta"] + self.made["site-delta"]
        _, stages = stages_after(in_groups(deltas))
        return Committed(
            mutations=self._arrived("mutation"),
            tombstones=self._arrived("tombstone"),
            rewards=of_live["reward-update"],
            posteriors=posteriors_after(in_groups(of_live["reward-delta"])),
            told=told,
            stats={one["container_id"]: one for one in self.made["container-stats"]},
            tuples=self.made["training-tuple"],
            containers={key: self.worker.state.get(key) or {} for key in self.worker.state},
            site_deltas=batch(deltas).to_pylist(),
            stages={one["site_id"]: one for one in stages},
            decisions=Counter(
                (one["session_id"], one["visit_started_at"])
                for one in of_live["decision"]
                if one["result"] != "suppress"
            ),
        )

    def _arrived(self, topic: str) -> list[Arrived]:
        records = columns(record_type(topic), [one.record for one in self.sent if one.topic == topic])
        return [arrived(one, 0, "event") for one in records.to_pylist(maps_as_pydicts="strict")]


def source_of(event: Record) -> int:
    return sum(str(event["session_id"]).encode()) % SOURCES


def in_groups(deltas: list[Record]) -> list[list[Record]]:
    return [deltas[at : at + DELTAS_AT_ONCE] for at in range(0, len(deltas), DELTAS_AT_ONCE)]

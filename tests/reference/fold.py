"""The way of one record, and the passage of time, in one partition (docs/fold.md, sections 2 and 3)."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import count

from tests.reference.clock import arrival, event_time
from tests.reference.config import Config
from tests.reference.duplicates import Verdict
from tests.reference.symbols import Event
from tests.reference.timers import FiredTimer
from tests.reference.visit import Visit


@dataclass(slots=True)
class Counts:
    """Counts of one site: its records by what became of them, and its closed visits."""

    folded: int = 0
    late: int = 0
    duplicate: int = 0
    undecided: int = 0
    capped: int = 0
    unconsented: int = 0
    visits: int = 0
    converted_visits: int = 0
    orders: int = 0
    order_lines: int = 0


@dataclass(frozen=True)
class ClosedVisit:
    """A visit as it stood when it closed; times in ms."""

    session_id: str
    site_id: str
    visit_started_at: int
    last: int
    features: dict[str, float]
    converted: bool
    who: str
    """The visitor that the first event names, else the session."""
    personalization: bool
    """Consent of the last folded event."""


class PartitionFold:
    """The visits of one partition, and all they led to, in the order in which it came."""

    def __init__(self, config: Config | None = None) -> None:
        """Begin an empty partition; the default is the default `Config`."""
        self.config = config or Config()
        self.watermark: int | None = None
        self.live: dict[str, Visit] = {}
        self.closed: list[ClosedVisit] = []
        self.erased: list[Visit] = []
        self.timers: list[FiredTimer] = []
        self.counts: dict[str, Counts] = {}
        self._queue: list[tuple[int, int, Visit]] = []
        self._serial = count()

    def record(self, event: Event, timestamp: int) -> None:
        """Fold one session event; `timestamp` is its record's Kafka timestamp, in ms."""
        config = self.config
        arrived = arrival(event, timestamp, config.clock)
        t = event_time(event, arrived)
        watermark = self._move_watermark(min(t, arrived))
        visit = self.live.get(event["session_id"])

        if visit is not None:
            self._pass_time(visit, watermark, self._end(visit))
            visit = visit if visit.live else None

        if not event["consent"]["analytics"]:
            self._counts(event["site_id"]).unconsented += 1
            if visit is not None:
                self.erased.append(visit)
                self._free(visit)
            return

        if t < watermark - config.lateness_ms:
            self._counts(event["site_id"]).late += 1
            return

        if visit is not None and (t - visit.last >= config.gap_ms or t - visit.start >= config.longest_ms):
            self._fire(visit, until=t)
            self._close(visit)
            visit = None
        if visit is not None and visit.start - t >= config.gap_ms:
            self._counts(event["site_id"]).late += 1
            return

        if visit is None:
            visit = Visit.begin(event, t, config.bot_threshold)
            self.live[visit.session_id] = visit
        counts = self._counts(visit.site_id)

        verdict = visit.memory.judge(event, visit.events)
        if verdict is Verdict.DUPLICATE:
            visit.duplicates += 1
            counts.duplicate += 1
            return
        if verdict is Verdict.UNDECIDED:
            visit.undecided += 1
            counts.undecided += 1

        self._fire(visit, until=t)

        if visit.events >= config.cap:
            visit.capped += 1
            counts.capped += 1
            visit.last = max(visit.last, t)
        else:
            visit.fold(event, t)
            counts.folded += 1
            self.changed(visit)
        self._enqueue(visit)

    def advance(self, watermark: int) -> None:
        """Take in an explicit watermark, in ms; visits are looked at by `end_of_batch`."""
        self._move_watermark(watermark)

    def end_of_batch(self) -> None:
        """Let time pass for every visit: for those, in truth, to which it makes a difference."""
        if self.watermark is None:
            return
        while self._queue and self._queue[0][0] <= self.watermark:
            due, _, visit = heapq.heappop(self._queue)
            if visit.live and due == visit.queued:
                visit.queued = float("inf")
                self._pass_time(visit, self.watermark, self._handed_over(visit))
                if visit.live:
                    self._enqueue(visit)

    def changed(self, visit: Visit) -> None:
        """What follows once an event was folded."""

    def fired(self, visit: Visit, timer: FiredTimer) -> None:
        """What follows once a timer fired, before anything else happens to its visit."""
        self.timers.append(timer)

    def passed(self, visit: Visit, watermark: int) -> None:
        """What follows once time passed for a live visit, its timers fired."""

    def closing(self, visit: Visit, converted: bool) -> None:
        """What is handed over of a visit as it stands."""
        self.closed.append(
            ClosedVisit(
                session_id=visit.session_id,
                site_id=visit.site_id,
                visit_started_at=visit.start,
                last=visit.last,
                features=visit.features(),
                converted=converted,
                who=visit.who,
                personalization=visit.personalization,
            )
        )

    def _move_watermark(self, to: int) -> int:
        if self.watermark is None or to > self.watermark:
            self.watermark = to
        return self.watermark

    def _counts(self, site_id: str) -> Counts:
        counts = self.counts.get(site_id)
        if counts is None:
            counts = self.counts[site_id] = Counts()
        return counts

    def _end(self, visit: Visit) -> int:
        """The watermark at which a visit closes; no timer is due later."""
        return visit.last + self.config.gap_ms + self.config.lateness_ms

    def _handed_over(self, visit: Visit) -> int:
        """The watermark at which the end of a batch closes the visit."""
        steps = math.ceil(self._end(visit) / self.config.closing_step_ms)
        return steps * self.config.closing_step_ms

    def _enqueue(self, visit: Visit) -> None:
        """See to it that the visit is looked at when time next makes a difference to it.

        An entry that has become too early stays, and only leads to a look too many.
        """
        due = self._handed_over(visit)
        for deadline, _ in visit.armed():
            due = min(due, deadline + self.config.slack_ms)
        if due < visit.queued:
            visit.queued = due
            heapq.heappush(self._queue, (due, next(self._serial), visit))

    def _pass_time(self, visit: Visit, watermark: int, closing: int) -> None:
        self._fire(visit, until=watermark - self.config.slack_ms)
        self.passed(visit, watermark)
        if watermark >= closing:
            self._fire(visit, until=self._end(visit))
            self._close(visit)

    def _fire(self, visit: Visit, until: int) -> None:
        """Fire the timers with a deadline up to `until`, by deadline, ties in the order of the table."""
        until = min(until, self._end(visit))
        due = [timer for timer in visit.armed() if timer[0] <= until]
        for deadline, name in sorted(due, key=lambda timer: timer[0]):
            post_session = deadline >= visit.last + self.config.gap_ms
            visit.timers.fire(name, post_session)
            self.fired(visit, FiredTimer(visit.session_id, visit.start, name, deadline, post_session))

    def _close(self, visit: Visit) -> None:
        """Hand the visit over as it stands, and free it."""
        converted = visit.count("purchase") > 0
        counts = self._counts(visit.site_id)
        counts.visits += 1
        counts.converted_visits += converted
        counts.orders += visit.cart.orders
        counts.order_lines += visit.count("purchase")
        self.closing(visit, converted)
        self._free(visit)

    def _free(self, visit: Visit) -> None:
        visit.live = False
        del self.live[visit.session_id]

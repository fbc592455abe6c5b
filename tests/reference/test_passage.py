"""The passage of time does not depend on how it is looked at."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from tests.reference.make import at, event, pass_time
from tests.reference.symbols import EVENT_TYPES, PAGE_TYPES, Event

END_S = 90_000.0


class Scan(PartitionFold):
    """Looks at every visit at the end of a batch, as docs/fold.md says it."""

    def end_of_batch(self) -> None:
        """Let time pass for every visit."""
        if self.watermark is not None:
            for visit in list(self.live.values()):
                self._pass_time(visit, self.watermark, self._handed_over(visit))


def some_events(seed: int, count: int = 1_500) -> list[Event]:
    """Events of a few sessions, some out of order, doubled, late or without consent."""
    random = Random(seed)
    now = 0.0
    events: list[Event] = []
    for _ in range(count):
        now += random.choice((0.05, 0.4, 3.0, 20.0, 70.0 if random.random() < 0.9 else 2_000.0))
        if events and random.random() < 0.05:
            events.append(random.choice(events[-20:]))
            continue
        kind = random.choice(EVENT_TYPES)
        events.append(
            event(
                kind,
                max(0.0, now - random.choice((0.0, 0.0, 0.0, 5.0, 50.0, 70.0, 2_000.0))),
                session_id=random.choice("abcdef"),
                page_type=random.choice(PAGE_TYPES),
                page_id=random.choice(("/x", "/y", "/z")),
                seq=random.choice((None, random.randrange(200))),
                target=random.choice((None, "t")),
                field=random.choice((None, "card")),
                filled=random.choice((None, True, False)),
                cart_items=random.choice((None, None, None, 0, 2)),
                price=random.choice((None, 19.99)),
            )
        )
    return events


def told(partition: PartitionFold) -> tuple[Any, ...]:
    """All a partition came to, by session, since the order among sessions at the end of a batch is open."""
    return (
        sorted(partition.closed, key=lambda closed: (closed.session_id, closed.visit_started_at)),
        sorted(partition.timers, key=lambda timer: timer.session_id),
        partition.counts,
        {name: visit.features() for name, visit in partition.live.items()},
    )


def run(partition: PartitionFold, events: list[Event], batch: int) -> PartitionFold:
    """The partition after these events in batches of that size, up to the end of time."""
    for start in range(0, len(events), batch):
        for one in events[start : start + batch]:
            partition.record(one, one["sent_at"])
        partition.end_of_batch()
    pass_time(partition, END_S + 1_000_000)
    return partition


@pytest.mark.parametrize("seed", range(10))
def test_the_queue_finds_what_a_scan_finds(seed: int) -> None:
    """Looking at those visits that are due comes to the same as looking at all."""
    events = some_events(seed)
    found = run(PartitionFold(), events, 7)
    assert told(found) == told(run(Scan(), events, 7))
    assert found.timers
    assert found.closed
    assert not found.live


@pytest.mark.parametrize("batch", [1, 3, 50, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_it_does_not_matter_where_a_batch_ends(seed: int, batch: int) -> None:
    """However the records are cut into batches, the same comes of them, where all consent."""
    events = some_events(seed)
    config = Config(cap=40)
    assert told(run(PartitionFold(config), events, batch)) == told(run(PartitionFold(config), events, 11))


def test_time_passes_before_the_records_it_was_told_with() -> None:
    """A partition told of time in small steps and in one comes to the same."""
    steps, leap = PartitionFold(), PartitionFold()
    for partition in (steps, leap):
        partition.record(event("click", 0, cart_items=1, page_type="checkout", event_id="one"), at(0))
    for second in range(0, 2_000, 7):
        pass_time(steps, second)
    pass_time(leap, 2_000)
    assert told(steps) == told(leap)

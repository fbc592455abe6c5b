"""The compiled fold and the plain reference read docs/fold.md alike."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour.config import FoldConfig
from models.behaviour.effects import COUNTS
from models.behaviour.features import FEATURE_NAMES
from tests.models.behaviour.events import START
from tests.models.behaviour.replay import Partition
from tests.models.behaviour.strategies import Event, seeded_splits, seeded_stream, splits, streams
from tests.reference.config import Config
from tests.reference.fold import PartitionFold

END_MS = START + 100 * 86_400_000

CONFIGS = {
    "default": FoldConfig(),
    "replay": FoldConfig(closing_step_ms=1),
    "small": FoldConfig(
        gap_ms=310_000, longest_ms=1_000_000, lateness_ms=1_500, timer_slack_ms=1_500, event_cap=12, bot_threshold=4
    ),
}


def reference_of(config: FoldConfig, replay: bool) -> PartitionFold:
    """The reference under the same constants."""
    return PartitionFold(
        Config(
            gap_ms=config.gap_ms,
            longest_ms=config.longest_ms,
            lateness_ms=config.lateness_ms,
            slack_ms=config.timer_slack_ms,
            cap=config.event_cap,
            bot_threshold=config.bot_threshold,
            closing_step_ms=config.closing_step_ms,
            clock="event" if replay else "wall",
        )
    )


SEEDS = range(48)


@pytest.mark.parametrize("name", CONFIGS)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_same_results_on_small_streams(name: str, data: st.DataObject) -> None:
    """Live and closed visits, timers fired and counts are those of the reference, batch by batch."""
    events = data.draw(streams(), label="events")
    _compare(name, events, data.draw(splits(len(events)), label="batches"))


@pytest.mark.parametrize("name", CONFIGS)
def test_same_results_on_long_streams(name: str) -> None:
    """So they are over hundreds of events, whatever the batches."""
    for seed in SEEDS:
        events = seeded_stream(seed)
        _compare(name, events, seeded_splits(seed, len(events)))


def test_every_rule_is_reached() -> None:
    """The long streams move every feature, count and timer: agreement on them means something."""
    moved: set[str] = set()
    for config in CONFIGS.values():
        for seed in SEEDS:
            partition = Partition(config).take(seeded_stream(seed)).advance(END_MS)
            visits = [visit for visits in partition.closed.values() for visit in visits]
            moved |= {name for visit in visits for name, value in visit.items() if value not in (0.0, -1.0)}
            moved |= {name for counts in partition.counts.values() for name, number in counts.items() if number}
    assert {*FEATURE_NAMES, *COUNTS} - moved == set()


def _compare(name: str, events: list[Event], batches: list[slice]) -> None:
    config, replay = CONFIGS[name], name == "replay"
    partition, reference = Partition(config, replay), reference_of(config, replay)
    for batch in batches:
        _take(partition, reference, events[batch])
        assert partition.live == _live(reference)
    partition.advance(END_MS)
    reference.advance(END_MS)
    reference.end_of_batch()
    _assert_same_effects(partition, reference)
    assert not partition.live


def _take(partition: Partition, reference: PartitionFold, events: list[Event]) -> None:
    stamps = [e["sent_at"] + 17 for e in events]
    for event, stamp in zip(events, stamps, strict=True):
        reference.record(event, stamp)
    reference.end_of_batch()
    partition.take(events, stamps)


def _live(reference: PartitionFold) -> dict[str, dict[str, float]]:
    return {s: visit.features() | {"start_ms": float(visit.start)} for s, visit in reference.live.items()}


def _assert_same_effects(partition: Partition, reference: PartitionFold) -> None:
    closed = defaultdict(list)
    for visit in reference.closed:
        closed[visit.session_id].append(visit.features | {"start_ms": float(visit.visit_started_at)})
    assert partition.closed == closed
    fired = defaultdict(list)
    for t in reference.timers:
        fired[t.session_id].append((t.visit_started_at, t.name, t.deadline, t.post_session))
    assert partition.fired == fired
    sites = {site: {name: getattr(c, name) for name in COUNTS} for site, c in reference.counts.items()}
    assert {s: c for s, c in partition.counts.items() if any(c.values())} == {
        s: c for s, c in sites.items() if any(c.values())
    }

"""What a partition's time is after a restore."""

from __future__ import annotations

from tests.kafka import Broker
from tests.topics.engine import COUNTS, LIMIT_S, engine_settings
from tests.topics.state.restoring import restored_rows
from topics.clients import producer
from topics.settings import Settings
from topics.source_clock import SOURCE_KEY_PREFIX
from topics.state.restore import WATERMARK_KEY, Restored
from topics.watermark import BEFORE_ALL

CHANGELOG = "lamstream-session-changelog"
SOURCE = SOURCE_KEY_PREFIX + "session-event/0"


def restored(settings: Settings, *records: tuple[str, bytes | None]) -> Restored:
    """Write these to the changelog, and restore all it holds then."""
    client = producer(settings)
    for key, value in records:
        client.produce(settings.prefix + CHANGELOG, value, key, partition=0)
    assert client.flush(LIMIT_S) == 0
    return restored_rows(settings, settings.prefix + CHANGELOG, COUNTS)[1]


def test_time_begins_anew_where_its_keys_were_deleted(embedded: str) -> None:
    """An emptied state has no time: what is read again would be too late for the old one."""
    settings = engine_settings(Broker(embedded, transactional=False))
    before = restored(settings, (WATERMARK_KEY, b"7"), (SOURCE, b"5"), (WATERMARK_KEY, b"9"))
    assert (before.watermark, list(before.sources.values())) == (9, [5])
    emptied = restored(settings, (WATERMARK_KEY, None), (SOURCE, None))
    assert (emptied.watermark, emptied.sources) == (BEFORE_ALL, {})
    after = restored(settings, (WATERMARK_KEY, b"3"))
    assert (after.watermark, after.sources) == (3, {})

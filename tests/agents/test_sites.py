"""The agent of sites, on both brokers."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from agents.sites import add
from services.reading import newest
from tests.agents.running import agent_running, send
from tests.kafka import Broker
from tests.models.sites.records import delta
from tests.topics.engine import Engine, engine_settings
from topics.settings import Settings


def running(settings: Settings) -> AbstractAsyncContextManager[Engine]:
    return agent_running(settings, "sites", lambda app: app.record_state("site", "site-sums"), add)


async def test_sites_are_told_as_they_grow_also_over_a_restart(broker: Broker) -> None:
    """The newest stage of each site stands for all its visits, and versions go on rising after a restart."""
    settings = engine_settings(broker)
    first = [delta("shop", [0.0, 60.0, 60.0]) for _ in range(5)] + [delta("b2b", [5.0], [0.0], late=3)]
    second = [delta("shop", [60.0] * 20), delta("quiet", [], unconsented=4)]
    versions = []
    for part in (first, second):
        send(settings, "site-delta", part)
        async with running(settings) as engine:
            await engine.until(lambda: engine.records["sites"] == len(part))  # noqa: B023
        versions.append(newest(settings, "site-stage")["shop"]["version"])
    told = newest(settings, "site-stage")
    assert {site: stage["sessions"] for site, stage in told.items()} == {"shop": 35, "b2b": 1}
    assert versions[1] == versions[0] + 1
    assert 50 < told["shop"]["dwell_median_s"] < 72
    assert told["b2b"]["scroll_median"] is None, "one visit has no median"

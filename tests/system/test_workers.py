"""Workers that come, go and die change nothing of the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.shop.config import ShopConfig
from models.shop.shop import Sent, Shop
from services.publishing import CLOSE_ALL_MS
from tests.models.live.partition import KEY
from tests.models.shop.days import OPENS, opened, run
from tests.reference.config import Config
from tests.system.committed import read_committed
from tests.system.ledger import assert_consistent, read_ledger
from tests.system.outcome import assert_equal, found
from tests.system.recomputed import assert_recomputed
from tests.system.refolded import refold
from tests.system.stream import Stream, stream_on
from topics.lag import lags

MINUTES = 25
SHOP = ShopConfig(seed=7, visits_per_minute=12)
CONFIG = Config(clock="event")


@pytest.fixture(scope="module")
def records() -> list[Sent]:
    """Of a shop that nobody tells what was decided, so that they are the same in every run."""
    return run(opened(SHOP), MINUTES)


def begun(stream: Stream) -> None:
    """The sites as their operators want them."""
    stream.configure(Shop(SHOP, OPENS).site_configs())


def closed(stream: Stream, records: list[Sent]) -> None:
    """Let time end every visit and every container."""
    stream.watermark(records[-1].at_ms + CLOSE_ALL_MS)
    stream.until_read()


def assert_exact(stream: Stream) -> None:
    """The fold is the reference's, as are posteriors, activity, tuples and sites; and decisions and rewards are
    consistent with them; while visits are open and when all is over."""
    wanted = refold(stream.settings, CONFIG)
    assert_equal(found(stream.settings), wanted.outcome)
    ledger = read_ledger(stream.settings)
    assert_consistent(ledger, wanted)
    assert {one["result"] for one in ledger.decisions} == {"fire", "no_op", "holdout"}
    assert ledger.posteriors.keys() >= {one["arm_id"] for one in ledger.exposures} != set()
    assert_recomputed(read_committed(stream.settings, ledger), wanted.visits, KEY)


def test_a_late_joiner_and_a_leaver_share_the_work_exactly(kafka: str, tmp_path: Path, records: list[Sent]) -> None:
    """Two workers share the partitions, one joins late and one leaves: everything holds as with one that stays."""
    third = len(records) // 3
    with stream_on(kafka, tmp_path) as stream:
        begun(stream)
        stream.start("first")
        stream.publish(records[:third])
        stream.until_committed(third // 2)
        stream.start("second")
        stream.publish(records[third : 2 * third])
        stream.until_read()
        stream.stop("first")
        stream.publish(records[2 * third :])
        stream.until_read()
        assert_exact(stream)
        closed(stream, records)
        assert_exact(stream)


def test_a_killed_worker_comes_back_and_goes_on_exactly(kafka: str, tmp_path: Path, records: list[Sent]) -> None:
    """A worker killed in the middle of its work, twice, and restarted: everything holds as if it had lived."""
    with stream_on(kafka, tmp_path) as stream:
        begun(stream)
        stream.publish(records)
        for share in (0.1, 0.4):
            stream.start("only", LAM_POLL_RECORDS="300")
            stream.until_committed(int(share * len(records)))
            stream.kill("only")
            assert sum(one.lag for one in lags(stream.settings)) > 0, "there was nothing left to be killed in"
        stream.start("only")
        closed(stream, records)
        assert_exact(stream)

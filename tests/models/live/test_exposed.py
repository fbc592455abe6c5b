"""What closed visits add to containers, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.behaviour.config import HOUR_MS
from models.live.exposed import NOT_EMBEDDED, Embedded, Exposed, activity
from tests.models.behaviour.events import START

VISITS = 3_000
GROUPS = 2_000
EXPOSURES = 9_000
WIDTH = 64
FEATURES = 128


def exposures(source: np.random.Generator, size: int) -> Exposed:
    """Exposures to containers of two sites in two hours, in the order of visits."""
    return Exposed(
        visit=np.sort(source.integers(0, VISITS, size)),
        container=source.permutation(np.arange(size) % (GROUPS // 2)).astype("S40"),
        site=np.full(size, b"site", "S40"),
        from_ms=START + source.integers(0, 2, size) * HOUR_MS,
        to_ms=np.full(size, START + 3 * HOUR_MS),
        reward=source.random(size),
        engagement=source.random(size),
        bounced=source.random(size) < 0.5,
        converted=source.random(size) < 0.1,
        several=source.random(size) < 0.3,
        held_out=source.random(size) < 0.05,
    )


def one_by_one(seen: Exposed, features: Any, embedded: Embedded) -> list[dict[str, Any]]:
    """The records of each group told as if there were no other, by container, site and hour."""
    hours = seen.from_ms // HOUR_MS * HOUR_MS
    keys = list(zip(seen.container.tolist(), seen.site.tolist(), hours.tolist(), strict=True))
    found: list[dict[str, Any]] = []
    for key in sorted(set(keys)):
        mine = np.array([at for at, other in enumerate(keys) if other == key])
        found += activity(Exposed(*(column[mine] for column in seen)), features, embedded, "topic", 3)
    return found


def test_many_groups_are_told_as_each_alone() -> None:
    """To the last bit, and in the order of container, site and hour."""
    source = np.random.default_rng(5)
    seen = exposures(source, EXPOSURES)
    features = source.random((VISITS, FEATURES)).astype(np.float32)
    scored = np.flatnonzero(source.random(VISITS) < 0.8)
    embedded = Embedded(scored, source.random((scored.size, WIDTH)).astype(np.float32), "2")
    together = list(activity(seen, features, embedded, "topic", 3))
    assert len(together) >= GROUPS - 20
    assert together == one_by_one(seen, features, embedded)


def test_sums_are_over_a_groups_own_exposures() -> None:
    """Counts, rewards, features and embeddings of the visits that saw the container in that hour."""
    source = np.random.default_rng(6)
    seen = exposures(source, EXPOSURES)
    features = source.random((VISITS, FEATURES)).astype(np.float32)
    scored = np.flatnonzero(source.random(VISITS) < 0.8)
    embedded = Embedded(scored, source.random((scored.size, WIDTH)).astype(np.float32), "2")
    place = {visit: at for at, visit in enumerate(scored.tolist())}
    for record in list(activity(seen, features, embedded, "topic", 3))[::100]:
        mine = (seen.container == record["container_id"].encode()) & (
            seen.from_ms // HOUR_MS * HOUR_MS == record["hour"]
        )
        places = [place[visit] for visit in seen.visit[mine].tolist() if visit in place]
        assert (record["n"], record["embedding_n"]) == (mine.sum(), len(places))
        assert record["holdout_n"] == (mine & seen.held_out).sum()
        np.testing.assert_allclose(record["reward_sum"], seen.reward[mine].sum())
        np.testing.assert_allclose(record["mean"], features[seen.visit[mine]].mean(axis=0, dtype=np.float64))
        if places:
            np.testing.assert_allclose(record["embedding_sum"], embedded.embedding[places].sum(axis=0), rtol=1e-5)


def test_of_no_exposure_there_is_no_record() -> None:
    """Nor is there an error."""
    nothing = exposures(np.random.default_rng(7), 0)
    assert list(activity(nothing, np.zeros((0, FEATURES), np.float32), NOT_EMBEDDED, "topic", 3)) == []

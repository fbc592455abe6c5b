"""The story of one container, from its first record until it is forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from models.assembly.config import DAY_MS, EARLIEST_MS, HOUR_MS, MINUTE_MS
from models.assembly.container import NOTHING, Effects, due_at, on_activity, on_mutation, on_time, on_tombstone
from models.assembly.parents import ContainerStats
from models.assembly.records import training_tuple
from models.assembly.state import HOURS_KEPT, Container
from models.assembly.versions import VERSIONS_KEPT
from schemas.codec import Decoder, Encoder, SchemaStore
from schemas.record_type import record_type
from schemas.validation import violations
from tests.models.assembly.events import (
    BORN,
    CLAIMED,
    CONFIG,
    FINAL,
    FIRST,
    MIDNIGHT,
    PAGE,
    RETIRED,
    activity,
    mutation,
    parent_stats,
    tombstone,
)

PARENT = parent_stats((BORN, 50, 0.4))


def tell(*records: dict[str, Any], to: Container | None = None, watermark: int = BORN) -> Container:
    """The container after the records, each taken at its own event time."""
    for record in records:
        if "version" in record:
            to = on_mutation(to, record, record["occurred_at"])
        elif "reason" in record:
            to = on_tombstone(to, record, record["occurred_at"])
        else:
            to = on_activity(to, record, watermark)
    assert to is not None
    return to


def passed(container: Container, watermark: int, parent: ContainerStats | None = PARENT) -> tuple[Container, Effects]:
    """What `on_time` makes of it, which must be something."""
    after, effects = on_time(container, watermark, parent, CONFIG)
    assert after is not None
    return after, effects


def revision(container: Container, watermark: int, parent: ContainerStats | None = PARENT) -> dict[str, Any]:
    """The tuple that leaves at the watermark."""
    made = on_time(container, watermark, parent, CONFIG)[1].tuple_revision
    assert made is not None
    return made


def assert_valid(name: str, record: dict[str, Any]) -> None:
    """The record is what readers of its type admit."""
    kind = record_type(name)
    decoded = Decoder(kind, SchemaStore()).decode([Encoder(kind).encode(record)])
    assert violations(decoded.batch, kind) == []


def test_revision_1_waits_for_the_rewards() -> None:
    """It is made at W >= tombstone + reward wait + activity interval, and not a millisecond before."""
    container = tell(mutation(), activity(), tombstone())
    assert FIRST == RETIRED + 31 * MINUTE_MS + 10_000
    assert passed(replace(container, stats_due_at=None), FIRST - 1) == (replace(container, stats_due_at=None), NOTHING)
    made = revision(container, FIRST)
    assert (made["tuple_id"], made["revision"], made["final"], made["missing"]) == (f"c-1:{RETIRED}", 1, False, [])
    assert (made["made_at"], made["mutated_at"], made["retired_at"]) == (FIRST, BORN, RETIRED)
    assert (made["parent_id"], made["site_id"], made["reason"]) == ("c-0", "shop", "underperform")
    assert (made["before"], made["claimed"], made["observed"]) == (PAGE, CLAIMED, None)
    assert (made["user"]["n"], made["reward"]["n"], made["reward"]["parent_n"]) == (40, 40, 50)
    assert_valid("training-tuple", made)


def test_revision_1_names_what_is_missing() -> None:
    """A tombstone alone makes a tuple that says what was not there, with nothing guessed in its place."""
    made = revision(tell(tombstone()), FIRST, None)
    assert made["missing"] == ["mutation", "activity"]
    assert (made["parent_id"], made["before"], made["reward"]["n"], made["user"]["n"]) == (None, None, 0, 0)
    assert_valid("training-tuple", made)
    assert revision(tell(tombstone(), mutation(), activity()), FIRST, None)["missing"] == ["parent"]


def test_the_first_of_its_kind_misses_no_parent() -> None:
    """A mutation without parent is whole without one; one that names itself has none and misses it."""
    assert revision(tell(mutation(parent_id=None), activity(), tombstone()), FIRST, None)["missing"] == []
    own = tell(mutation(parent_id="c-1"), activity(), tombstone())
    assert own.parent_id is None
    made = revision(own, FIRST, None)
    assert (made["parent_id"], made["missing"], made["reward"]["delta"]) == (None, ["parent"], None)


def test_what_changed_makes_one_amendment_an_event_hour() -> None:
    """An amendment has the same id and the next number, waits for the next event-hour of W, and leaves once."""
    container, _ = passed(tell(activity(), tombstone()), FIRST)
    hour = (FIRST // HOUR_MS + 1) * HOUR_MS
    assert passed(container, hour) == (container, NOTHING)
    container = tell(mutation(), activity(5), activity(5), to=container, watermark=FIRST)
    assert passed(container, hour - 1)[1] == NOTHING
    container, effects = passed(container, hour)
    made = effects.tuple_revision
    assert made is not None
    assert (made["tuple_id"], made["revision"], made["final"]) == (f"c-1:{RETIRED}", 2, False)
    assert (made["missing"], made["reward"]["n"]) == ([], 50)
    container = tell(activity(1), to=container, watermark=hour)
    assert passed(container, hour + HOUR_MS - 1)[1] == NOTHING
    assert revision(container, hour + HOUR_MS)["revision"] == 3


def test_what_says_nothing_new_makes_no_amendment() -> None:
    """A repeated tombstone, an older or repeated mutation and activity without visits change no tuple."""
    container, _ = passed(tell(mutation(2), activity(), tombstone()), FIRST)
    later = tombstone("t-2", occurred_at=RETIRED - HOUR_MS)
    told = tell(mutation(1), mutation(2), later, activity(0), to=container, watermark=FIRST)
    assert not told.changed
    assert (told.mutations, told.tombstones) == (3, 2)
    assert passed(told, FIRST + 5 * HOUR_MS) == (told, NOTHING)


def test_the_final_revision_is_always_made_once() -> None:
    """At tombstone + 24 h + lateness the last revision says so, changed or not; a marker stays and makes nothing."""
    container, _ = passed(tell(mutation(), activity(), tombstone()), FIRST)
    assert FINAL == RETIRED + DAY_MS + MINUTE_MS
    assert passed(container, FINAL - 1)[1] == NOTHING
    marker, effects = passed(container, FINAL)
    assert effects.tuple_revision is not None
    assert (effects.tuple_revision["revision"], effects.tuple_revision["final"]) == (2, True)
    assert passed(marker, FINAL + DAY_MS) == (marker, NOTHING)


def test_a_tombstone_that_came_late_makes_one_tuple() -> None:
    """Where W is past everything already, revision 1 is the final one."""
    container = tell(mutation(), activity(), tombstone())
    made = revision(container, FINAL + HOUR_MS)
    assert (made["revision"], made["final"]) == (1, True)


def test_a_marker_counts_what_comes_too_late() -> None:
    """After the final revision input is counted and makes no new container, until tombstone + 7 d."""
    marker, _ = passed(tell(mutation(), activity(), tombstone()), FINAL)
    marker = tell(mutation(9), activity(7), tombstone("t-2"), activity(4), to=marker, watermark=FINAL)
    assert (marker.late_mutations, marker.late_visits, marker.tombstones) == (1, 11, 2)
    assert (marker.mutation, marker.hours, marker.behaviours) == (None, {}, ())
    assert len(Encoder(record_type("container-state")).encode(marker.record(due_at(marker, CONFIG)))) < 200
    assert passed(marker, RETIRED + 7 * DAY_MS - 1) == (marker, NOTHING)
    assert on_time(marker, RETIRED + 7 * DAY_MS, None, CONFIG) == (None, NOTHING)


def test_activity_that_nobody_claims_is_forgotten() -> None:
    """Without mutation and tombstone a container is kept 40 d after its newest hour; with a mutation for good."""
    late = BORN + HOUR_MS + 40 * DAY_MS
    container, effects = passed(tell(activity(hour=BORN - HOUR_MS), activity(), activity(hour=MIDNIGHT)), late)
    assert effects.stats is not None
    assert effects.tuple_revision is None
    assert passed(container, late - 1) == (container, NOTHING)
    assert on_time(container, late, None, CONFIG) == (None, NOTHING)
    made, _ = passed(tell(mutation(), activity()), late)
    assert on_time(made, late + 100 * DAY_MS, None, CONFIG) == (made, NOTHING)
    assert due_at(made, CONFIG) is None


def test_the_first_tombstone_counts() -> None:
    """The earliest by event time names the tuple, whichever came first; from revision 1 on its name stands."""
    early, late = tombstone("t-1"), tombstone("t-2", occurred_at=RETIRED + HOUR_MS, reason="manual")
    for order in ((early, late), (late, early)):
        container = tell(*order)
        assert container.tombstones == 2
        assert revision(container, FIRST)["tuple_id"] == f"c-1:{RETIRED}"
    named, _ = passed(tell(late), FIRST + HOUR_MS)
    assert revision(tell(early, to=named), FINAL + HOUR_MS)["tuple_id"] == f"c-1:{RETIRED + HOUR_MS}"


def test_the_highest_version_counts() -> None:
    """Of equal versions the earliest stands, so that a version is not rewritten."""
    first, second = mutation(2, parent_id="p"), mutation(2, event_id="m-9", parent_id="q", occurred_at=BORN + 1)
    for order in ((mutation(1), first, second), (second, first, mutation(1))):
        container = tell(*order)
        assert (container.parent_id, container.mutations) == ("p", 3)
    assert tell(first, mutation(3, parent_id="r")).parent_id == "r"


def test_a_mutation_after_the_tombstone_is_joined() -> None:
    """In arrival and in event time alike: the tuple tells both times."""
    made = revision(tell(tombstone(), mutation(occurred_at=RETIRED + HOUR_MS)), FIRST)
    assert (made["mutated_at"], made["retired_at"]) == (RETIRED + HOUR_MS, RETIRED)


def test_a_tuples_site_is_the_tombstones() -> None:
    """Records of one container that name several sites are joined; who retires it says whose it is."""
    container = tell(activity(site_id="a"), mutation(site_id="b"))
    assert container.site == "b"
    assert revision(tell(tombstone(site_id="c"), to=container), FIRST)["site_id"] == "c"


@pytest.mark.parametrize("named", [mutation(), tombstone()])
def test_pages_of_another_site_neither_add_to_a_container_nor_keep_its_visits_out(named: dict[str, Any]) -> None:
    """Where they were first to name it, its mutation or tombstone gives their visits up, and its own count from then
    on; hours that were told with theirs are told again."""
    before, effects = passed(tell(activity(20, site_id="other")), BORN + HOUR_MS)
    assert effects.stats is not None
    claimed, effects = passed(tell(named, to=before), BORN + HOUR_MS)
    assert effects.stats is not None
    assert (effects.stats["site_id"], effects.stats["hours"]) == ("shop", [])
    container = tell(activity(30), activity(5, site_id="other"), tombstone(), mutation(), to=claimed)
    assert container.foreign == 25
    made = revision(container, FIRST)
    assert (made["site_id"], made["reward"]["n"], made["user"]["n"]) == ("shop", 30, 30)


def test_event_times_of_broken_clocks_stay_within_what_readers_admit() -> None:
    """A tombstone corrected to before 2000 or after 2100 still makes a tuple that can be read."""
    early = on_tombstone(None, tombstone(), EARLIEST_MS - DAY_MS)
    assert_valid("training-tuple", revision(early, FIRST))
    late = on_mutation(tell(tombstone()), mutation(), 2**50)
    assert_valid("training-tuple", revision(late, FIRST))


def test_nothing_leaves_before_there_is_a_watermark() -> None:
    """Before the first event of every source nothing is due that would be stamped with no time."""
    container = tell(activity(), tombstone(), watermark=-(2**62))
    assert passed(container, -(2**62)) == (container, NOTHING)
    assert passed(container, 0) == (container, NOTHING)


def test_stats_leave_once_an_event_hour() -> None:
    """Changed hours are told when W enters another event-hour, at revision 1 and at the final one; unchanged never."""
    container = tell(activity(), watermark=BORN + 1)
    assert passed(container, BORN + HOUR_MS - 1)[1] == NOTHING
    container, effects = passed(container, BORN + HOUR_MS)
    stats = effects.stats
    assert stats is not None
    assert (stats["container_id"], stats["site_id"], stats["watermark"]) == ("c-1", "shop", BORN + HOUR_MS)
    assert [(hour["hour"], hour["n"]) for hour in stats["hours"]] == [(BORN, 40)]
    assert_valid("container-stats", stats)
    assert passed(container, BORN + 9 * HOUR_MS) == (container, NOTHING)
    container = tell(activity(hour=BORN + HOUR_MS), activity(hour=MIDNIGHT), to=container, watermark=BORN + HOUR_MS)
    assert passed(container, BORN + 2 * HOUR_MS - 1)[1] == NOTHING
    container, effects = passed(container, BORN + 2 * HOUR_MS)
    assert effects.stats is not None
    assert [hour["hour"] for hour in effects.stats["hours"]] == [MIDNIGHT, BORN, BORN + HOUR_MS]
    busy = tell(activity(1), to=tell(activity(1), watermark=BORN), watermark=BORN + HOUR_MS)
    assert passed(busy, BORN + HOUR_MS)[1].stats is not None, "what comes does not put off what is due"
    container, effects = passed(tell(tombstone(), to=container), FIRST)
    assert effects.stats is not None
    assert passed(container, FINAL)[1].stats is not None


def test_an_amendment_tells_stats_only_where_they_changed() -> None:
    """A mutation amends the tuple and no hours."""
    container, _ = passed(tell(activity(), tombstone()), FIRST)
    assert passed(tell(mutation(), to=container), FIRST + HOUR_MS)[1].stats is None
    assert passed(tell(activity(), to=container, watermark=FIRST), FIRST + HOUR_MS)[1].stats is not None


def test_hours_are_bounded() -> None:
    """The oldest hours become one sum: no visit is lost, and in any order the same hours are kept."""
    hours = [MIDNIGHT + number * HOUR_MS for number in range(HOURS_KEPT + 3)]
    forwards = tell(*(activity(1, hour) for hour in hours))
    backwards = tell(*(activity(1, hour) for hour in reversed(hours)))
    assert forwards.hours == backwards.hours
    assert sorted(forwards.hours) == hours[3:]
    assert forwards.beyond.n == 3
    assert forwards.rewards.n == len(hours)


def test_behaviour_of_another_feature_set_is_kept_apart() -> None:
    """The set with most visits speaks; rewards are of all; a fifth set gives way and is counted as foreign."""
    container = tell(activity(20), activity(30, feature_set="features-2", mean=[5.0, 5.0]), activity(5))
    made = revision(tell(tombstone(), to=container), FIRST)
    assert (made["user"]["feature_set"], made["user"]["n"], made["user"]["mean"]) == ("features-2", 30, [5.0, 5.0])
    assert made["reward"]["n"] == 55
    many = tell(*(activity(number, feature_set=f"f-{number}") for number in range(1, VERSIONS_KEPT + 2)))
    assert [one.n for one in many.behaviours] == [5, 4, 3, 2]
    assert many.foreign == 1


@pytest.mark.parametrize("fields", [{"mean": [], "m2": []}, {"m2": [1.0]}])
def test_activity_without_usable_behaviour_counts_as_foreign(fields: dict[str, Any]) -> None:
    """Its rewards count; its visits are in no mean."""
    container = tell(activity(20, **fields), activity(11))
    assert (container.foreign, container.rewards.n, container.behaviours[0].n) == (20, 31, 11)


def test_a_container_is_kept_as_it_is() -> None:
    """The record it is kept as makes the same container again, whatever it went through."""
    whole = tell(mutation(), activity(), activity(3, MIDNIGHT, feature_set="g", scorer=None), tombstone())
    for container in (tell(activity()), whole, passed(whole, FIRST)[0], passed(whole, FINAL)[0]):
        kind = record_type("container-state")
        value = Encoder(kind).encode(container.record(due_at(container, CONFIG)))
        batch = Decoder(kind, SchemaStore()).decode([value]).batch
        assert violations(batch, kind) == []
        (record,) = batch.to_pylist(maps_as_pydicts="strict")
        again = Container.of(record)
        assert again.record(due_at(again, CONFIG)) == record == container.record(due_at(container, CONFIG))


def test_a_container_without_tombstone_has_no_tuple() -> None:
    """Asked for one, it says so."""
    with pytest.raises(ValueError, match="c-1 has no tombstone"):
        training_tuple(tell(mutation()), None, FIRST, final=False)

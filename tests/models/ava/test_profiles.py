"""The three profiles: every figure of the table, and what the kernel makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.ava.catalog import installed_catalog
from models.ava.deciding import Policy
from models.ava.profiles import PROFILES, Profile, ProfileError
from tests.models.ava.cases import FREE, REFUSED_PAYMENT, gates, past, row_of, verdict

TABLE = {
    "default": ((0.25, 0.25, 0.15, 0.20, 0.15), (29, 49, 64, 79), 30, (2, 3, 6), (120, 60, 300), 3),
    "aggressive": ((0.20, 0.30, 0.10, 0.20, 0.20), (24, 39, 54, 69), 15, (3, 5, 8), (60, 30, 180), 5),
    "conservative": ((0.30, 0.20, 0.20, 0.15, 0.15), (39, 59, 74, 89), 60, (1, 2, 4), (300, 120, 600), 2),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_figures_are_those_of_the_table(name: str) -> None:
    """DOMAIN 7."""
    weights, bounds, age, limits, cooldowns, dismissals = TABLE[name]
    of = PROFILES[name]
    assert (of.weights, of.bounds, of.min_age_s) == (weights, bounds, age)
    assert (of.active_per_session, of.nudge_per_session, of.loud_per_session) == limits
    assert (of.after_active_s, of.after_nudge_s, of.after_dismissal_s) == cooldowns
    assert of.dismissals == dismissals


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("at", range(4))
def test_a_bound_belongs_to_the_lower_tier(name: str, at: int) -> None:
    """All signals at a bound give a composite at the bound; a little more is the next tier."""
    site = replace(FREE, profile=name)
    bound = TABLE[name][1][at]
    policy = Policy(installed_catalog(), bound=100)
    rule = verdict(row_of({}), site=site).rule[0]
    below = verdict(row_of({}), site=site, policy=policy, adjustments=(bound - 1e-3 - rule).tolist())
    above = verdict(row_of({}), site=site, policy=policy, adjustments=(bound + 1e-3 - rule).tolist())
    assert below.composite[0] == pytest.approx(bound, abs=2e-3)
    assert (below.composite_tier[0], above.composite_tier[0]) == (at, at + 1)


@pytest.mark.parametrize("name", TABLE)
def test_gates_hold_by_the_profile_of_the_site(name: str) -> None:
    """Session age, cooldowns and dismissals are the profile's own."""
    _, _, age, _, (after_active, after_nudge, after_dismissal), dismissals = TABLE[name]
    site = replace(FREE, profile=name)
    calm = row_of({"age_s": age - 0.5})
    assert gates(verdict(calm, site=site))[6] == "session_age"
    assert gates(verdict(row_of({"age_s": age}), site=site))[6] == ""
    for since, span, held in (("active", after_active, "after_active"), ("nudge", after_nudge, "after_nudge")):
        inside, outside = past(), past()
        inside[f"since_{since}_s"], outside[f"since_{since}_s"] = span - 0.5, span
        assert gates(verdict(row_of({}), inside, site=site))[6] == held
        assert gates(verdict(row_of({}), outside, site=site))[6] == ""
    for step, held in ((-0.5, "after_dismissal"), (0, "")):
        told = {"count.intervention_dismissed": 1, "dismissed_s": after_dismissal + step}
        assert gates(verdict(row_of(told), site=site))[6] == held
    # A scorer that makes every visitor receptive leaves the limit of dismissals alone.
    eager = Policy(installed_catalog(), bound=100)
    for count in (dismissals - 1, dismissals):
        dismissed = row_of(REFUSED_PAYMENT, {"count.intervention_dismissed": count, "dismissed_s": 900})
        of = verdict(dismissed, site=site, policy=eager, adjustments=[0, 0, 0, 100, 0])
        assert gates(of)[5] == ("dismissal_limit" if count == dismissals else "")


def test_figures_that_do_not_hold_are_refused() -> None:
    """Weights sum to 1 and bounds rise."""
    with pytest.raises(ProfileError, match="sum to"):
        Profile(intent=0.5)
    with pytest.raises(ProfileError, match="rising"):
        Profile(passive_at_most=20)

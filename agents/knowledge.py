"""What live decisions go by: the scorer, the catalog, and global states of sites and arms."""

from __future__ import annotations

from agents.app import app
from agents.scoring import TimedScorer
from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws, master_key
from models.behaviour.config import SECOND_MS, FoldConfig
from models.live.arm_book import ArmBook
from models.live.site_book import SiteBook
from models.live.turn import Minds
from models.serving.scorer import Scorer
from topics.settings import Posteriors

_settings = app.settings
_draws = Draws(master_key(_settings.master))
_scorer = Scorer()
_sites = SiteBook(_draws.key_id)
_decider = Decider(Policy(installed_catalog(), _scorer.version, _scorer.manifest.adjustment_bound), _draws)
_arms = ArmBook(_decider, frozen=_settings.posteriors is Posteriors.FROZEN)

app.metrics("scorer", {"version": _scorer.version, "provider": _scorer.provider}, 1)
app.global_state("site-config", _sites.apply_config)
app.global_state("site-stage", _sites.apply_stage)
app.global_state("arm-posterior", _arms.apply)

minds = Minds(
    FoldConfig(
        lateness_ms=round(_settings.lateness_s * SECOND_MS),
        timer_slack_ms=round(_settings.timer_slack_s * SECOND_MS),
        closing_step_ms=round(_settings.activity_interval_s * SECOND_MS),
    ),
    _draws,
    _sites,
    _decider,
    _arms,
    TimedScorer(_scorer, lambda seconds: app.metrics("scoring_seconds", {}, seconds)),
)

"""The card of a scorer's release: what it is and is not for, in words."""

from __future__ import annotations

from models.serving.manifest import Manifest

_FIGURES = (
    ("abandonment", "abandonment: the visit ends with a cart not bought"),
    ("conversion", "conversion: a purchase follows in the visit"),
)


def card(manifest: Manifest) -> str:
    """The card, in Markdown."""
    data = manifest.training_data
    kind = "**Simulated visits only**: no real visitor is in it" if data.simulated else "Real visits"
    return f"""# {manifest.name} {manifest.version}

From the {len(manifest.inputs)} features of a visit at a moment: an embedding, the chances of abandonment and of
conversion, a value for each of {len(manifest.actions)} actions, and an adjustment for each of five
signals. 128 -> 256 -> 128 -> heads, normalization in the graph.

Level {manifest.level}, adjustment bound {manifest.adjustment_bound:g}: its scores are recorded and move nothing.

## Data

{kind}. {data.description}: visits folded, evaluated and decided on as live ones are, interventions shown to them.
{data.rows:,} evaluations of {data.visits:,} visits with consent, split by visit: 70 % to learn from, 15 %
to know when to stop, 15 % for the figures below. Seed {manifest.seed}, code {manifest.code_version}. Made by

    {manifest.command}

- Abandonment and conversion: what came in the rest of the same visit, whatever was shown in it.
- Action values: the reward .2 + .5 y + .3 e - .2 b of the 10 minutes after a decision, learned only for the action
  that was drawn and carried out, fire or no_op, by clipped inverse propensity. A value is that of the visit plus the
  action's own difference, which is drawn towards 0: an action that was never drawn has the visit's value.
- Adjustments: trained towards 0. They say nothing yet.
- Embedding: trained so that the normalized features can be made from it again. Comparable within this version only.

## Figures

On the visits held out ({manifest.metrics["judged_rows"]:,.0f} evaluations), from model.onnx as it is served:

| | share | AUC | log loss | of the base rate | calibration error |
|---|---|---|---|---|---|
{_chances(manifest)}

Reward of the action drawn ({manifest.metrics["judged_rewards"]:,.0f} decisions): {_reward(manifest)}

{_effects(manifest)}

| gate | found | bound | held |
|---|---|---|---|
{_gates(manifest)}

## Not for

Acting on real visitors: choosing or ranking actions, moving signals, prices, discounts or scarcity, or judging people.
Claims about real traffic. Comparing embeddings of different versions.

## Limits

The figures say how well the simulation's own rules were learned and nothing about a real shop. It leaves the shadow
level only past the gates on real sessions. Inputs that never varied in training have no weight, whatever they hold:
{", ".join(manifest.ignored) or "none"}.
"""


def _chances(manifest: Manifest) -> str:
    columns = ("share", "auc", "log_loss", "log_loss_of_base_rate", "calibration_error")
    return "\n".join(
        f"| {words} | " + " | ".join(f"{manifest.metrics[f'{name}_{column}']:.3f}" for column in columns) + " |"
        for name, words in _FIGURES
    )


def _reward(manifest: Manifest) -> str:
    found = {name: manifest.metrics[f"reward_{name}"] for name in ("mae", "mae_of_mean", "rmse", "rmse_of_mean")}
    return (
        f"mean absolute error {found['mae']:.3f} (of the mean {found['mae_of_mean']:.3f}), root mean square error "
        f"{found['rmse']:.3f} (of the mean {found['rmse_of_mean']:.3f})."
    )


def _effects(manifest: Manifest) -> str:
    if "effect_pairs" not in manifest.metrics:
        return "What actions truly do is not known, or too few were drawn to compare."
    found = {name: manifest.metrics[f"effect_{name}"] for name in ("frictions", "pairs")}
    each, overall = (manifest.metrics[f"effect_rank_correlation{of}"] for of in ("", "_overall"))
    return (
        f"Values over no_op's against what the shop's actions truly do, over {found['pairs']:.0f} pairs of friction "
        f"and action: rank correlation {overall:.2f} overall, {each:.2f} within a friction in the mean of "
        f"{found['frictions']:.0f} frictions. 1 ranks as the truth does, 0 as chance."
    )


def _gates(manifest: Manifest) -> str:
    rows = (f"| {g.name} | {g.value:g} | {g.bound} | {'yes' if g.passed else 'no'} |" for g in manifest.gates)
    return "\n".join(rows)

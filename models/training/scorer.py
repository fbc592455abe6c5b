"""Training of the scorer: examples in, a release out, every figure taken from the artefact as it is served."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTIONS
from models.behaviour.moment import INPUTS
from models.serving.manifest import Gate, Input, Manifest, TrainingData
from models.serving.release import CARD_FILE, MODEL_FILE, numbered_versions
from models.serving.scorer import Scorer, Scores
from models.training.card import card
from models.training.effects import TrueEffect, of_effects
from models.training.examples import Examples, Told, examples
from models.training.graph import scorer_graph
from models.training.metrics import of_a_probability, of_a_value
from models.training.network import Learning, Table, train
from models.training.normalization import NORMALIZATION, Normalization, normalization

NAME = "scorer"
SHARES = (0.7, 0.15, 0.15)
"""Of the visits, those learned from, those that say when to stop, and those that judge (ours)."""
REAL_SESSIONS = 1_000
"""Real sessions on which a scorer must prove itself before it leaves the shadow level (DOMAIN 7, given)."""
LARGEST_BYTES = 1_000_000
"""Of the artefact."""
LARGEST_WEIGHT = 10.0
"""Inverse propensities count as at most this (ours), so that no single draw decides."""

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


class Source(NamedTuple):
    """Where examples come from; `true_effect` where it is known what an action changes for a friction."""

    told: Iterable[Told]
    description: str
    simulated: bool = True
    true_effect: TrueEffect | None = None


class Made(NamedTuple):
    """What is said of a release and does not come from its training; `command` makes it again."""

    created: datetime
    code_version: str
    command: str


class _Parts(NamedTuple):
    """Places of the examples, split by visit."""

    learn: Places
    validate: Places
    judge: Places


def train_scorer(
    source: Source,
    seed: int,
    out: Path,
    made: Made,
    learning: Learning | None = None,
    progress: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Path:
    """Train a scorer and write it to `out/scorer/<next version>/`; returns that folder.

    The same source, seed and `made` give the same bytes on the same machine. `progress` is told each epoch and its
    loss. Raises ValueError where the source has too few visits to be split.
    """
    found = examples(source.told)
    parts = _split(found.visit, np.random.default_rng(seed))
    normalized = normalization(found.features[parts.learn])
    layers = train(
        _table(found, parts.learn, normalized),
        _table(found, parts.validate, normalized),
        seed,
        learning or Learning(),
        progress,
    )
    model = scorer_graph(normalized, layers)
    versions = numbered_versions(out / NAME)
    folder = out / NAME / str(versions[-1] + 1 if versions else 1)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(model)
    unjudged = _manifest(folder.name, source, found, seed, made, normalized, model)
    unjudged.write(folder)
    scores = Scorer(folder, cuda=False).score(found.features[parts.judge])
    metrics = _metrics(found, parts, scores, source.true_effect)
    manifest = unjudged.model_copy(update={"metrics": metrics, "gates": _gates(metrics, unjudged, len(model))})
    manifest.write(folder)
    (folder / CARD_FILE).write_text(card(manifest), encoding="utf-8")
    return folder


def _split(visit: npt.NDArray[np.int64], random: np.random.Generator) -> _Parts:
    visits = np.unique(visit)
    random.shuffle(visits)
    cuts = (np.cumsum(SHARES[:-1]) * visits.size).astype(int)
    parts = _Parts(*(np.flatnonzero(np.isin(visit, part)) for part in np.split(visits, cuts)))
    if not all(part.size for part in parts):
        raise ValueError(f"found {visits.size} visits; expected enough for {len(SHARES)} parts of shares {SHARES}")
    return parts


def _table(found: Examples, places: Places, normalized: Normalization) -> Table:
    """Rewards count by inverse propensity, so that an action counts alike wherever it was unlikely to be drawn."""
    drawn = found.drawn[places]
    weight = np.where(drawn, np.minimum(1 / found.propensity[places], LARGEST_WEIGHT), 0.0)
    return Table(
        normalized.apply(found.features[places]),
        np.stack([found.abandonment[places], found.conversion[places]], axis=1),
        np.where(drawn, found.action[places], 0),
        found.reward[places],
        (weight / max(weight.mean(), 1.0 / LARGEST_WEIGHT)).astype(np.float32),
    )


def _metrics(found: Examples, parts: _Parts, scores: Scores, true_effect: TrueEffect | None) -> dict[str, float]:
    figures: dict[str, float] = {"judged_rows": float(parts.judge.size)}
    for name, chances, happened in (
        ("abandonment", scores.abandonment, found.abandonment),
        ("conversion", scores.conversion, found.conversion),
    ):
        figures |= of_a_probability(name, chances, happened[parts.judge], float(happened[parts.learn].mean()))
    rows = np.flatnonzero(found.drawn[parts.judge])
    judged, values = parts.judge[rows], scores.action_values[rows]
    mean = float(found.reward[parts.learn][found.drawn[parts.learn]].mean())
    figures["judged_rewards"] = float(rows.size)
    figures |= of_a_value("reward", values[np.arange(rows.size), found.action[judged]], found.reward[judged], mean)
    if true_effect is not None:
        figures |= of_effects(values, found.friction[judged], found.action[judged], true_effect)
    return {name: round(figure, 6) for name, figure in figures.items()}


def _gates(metrics: dict[str, float], manifest: Manifest, size: int) -> tuple[Gate, ...]:
    real = manifest.training_data.real_sessions
    below = (
        ("abandonment_log_loss", "abandonment_log_loss_of_base_rate"),
        ("conversion_log_loss", "conversion_log_loss_of_base_rate"),
        ("reward_rmse", "reward_rmse_of_mean"),
    )
    return (
        *(
            Gate(name=name, value=metrics[name], bound=f"< {bound}", passed=metrics[name] < metrics[bound])
            for name, bound in below
        ),
        Gate(name="artefact_bytes", value=size, bound=f"< {LARGEST_BYTES}", passed=size < LARGEST_BYTES),
        Gate(name="real_sessions", value=real, bound=f">= {REAL_SESSIONS}", passed=real >= REAL_SESSIONS),
    )


def _manifest(
    version: str, source: Source, found: Examples, seed: int, made: Made, normalized: Normalization, model: bytes
) -> Manifest:
    """All but what is judged; a scorer starts at the shadow level, where it moves no signal."""
    return Manifest(
        name=NAME,
        version=version,
        created=made.created,
        level="shadow",
        adjustment_bound=0.0,
        inputs=tuple(Input(name=f.name, definition_hash=f.definition_hash) for f in INPUTS),
        ignored=normalized.ignored,
        actions=ACTIONS,
        normalization=NORMALIZATION,
        training_data=TrainingData(
            description=source.description,
            simulated=source.simulated,
            visits=int(np.unique(found.visit).size),
            rows=int(found.visit.size),
            real_sessions=0 if source.simulated else int(np.unique(found.visit).size),
        ),
        seed=seed,
        code_version=made.code_version,
        command=made.command,
        metrics={},
        gates=(),
        sha256=hashlib.sha256(model).hexdigest(),
    )

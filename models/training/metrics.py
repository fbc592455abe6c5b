"""How good probabilities and values are, beside what can be had without a model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

CALIBRATION_BINS = 10
_LEAST_PROBABILITY = 1e-7


def auc(probabilities: Floats, happened: Floats) -> float:
    """Area under the ROC curve: how often what happened has the higher probability, ties as half.

    NaN where all happened or nothing did.
    """
    ranks = _ranks(probabilities)
    positives = happened > 0
    number, others = int(positives.sum()), int((~positives).sum())
    if number == 0 or others == 0:
        return float("nan")
    return float((ranks[positives].sum() - number * (number + 1) / 2) / (number * others))


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's, -1 to 1: the correlation of ranks, ties as their mean; NaN where either does not vary."""
    ranks = [_ranks(values) - (values.size + 1) / 2 for values in (one, other)]
    spread = float(np.sqrt(np.square(ranks[0]).sum() * np.square(ranks[1]).sum()))
    return float((ranks[0] * ranks[1]).sum()) / spread if spread else float("nan")


def log_loss(probabilities: Floats, happened: Floats) -> float:
    """Mean negative logarithm of the probability given to what came, nats."""
    p = np.clip(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return float(-np.mean(np.where(happened > 0, np.log(p), np.log1p(-p))))


def calibration_error(probabilities: Floats, happened: Floats) -> float:
    """Mean distance of probability and share that came, over bins of equally many, 0-1."""
    order = np.argsort(probabilities, kind="stable")
    bins = [part for part in np.array_split(order, CALIBRATION_BINS) if part.size]
    gaps = [abs(float(probabilities[part].mean()) - float(happened[part].mean())) * part.size for part in bins]
    return sum(gaps) / probabilities.size


def of_a_probability(name: str, probabilities: Floats, happened: Floats, base_rate: float) -> dict[str, float]:
    """The figures of one probability; `base_rate` is the share that came in training, the guess without a model."""
    return {
        f"{name}_share": float(happened.mean()),
        f"{name}_auc": auc(probabilities, happened),
        f"{name}_log_loss": log_loss(probabilities, happened),
        f"{name}_log_loss_of_base_rate": log_loss(np.full(happened.size, base_rate), happened),
        f"{name}_calibration_error": calibration_error(probabilities, happened),
    }


def of_a_value(name: str, values: Floats, seen: Floats, mean: float) -> dict[str, float]:
    """The figures of one expected value; `mean` is that of training, the guess without a model."""
    return {
        f"{name}_mean": float(seen.mean()),
        f"{name}_mae": float(np.abs(values - seen).mean()),
        f"{name}_mae_of_mean": float(np.abs(mean - seen).mean()),
        f"{name}_rmse": float(np.sqrt(np.square(values - seen).mean())),
        f"{name}_rmse_of_mean": float(np.sqrt(np.square(mean - seen).mean())),
    }


def _ranks(values: Floats) -> npt.NDArray[np.float64]:
    """Places from 1 by rising value, ties at their mean place."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks

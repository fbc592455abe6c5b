"""The scorer's inputs at a moment, for training, from rows of visits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.behaviour.codes import INTERVENTION_DISMISSED, INTERVENTION_SHOWN, TIMERS
from models.behaviour.config import SECOND_MS
from models.behaviour.features import FEATURE_NAMES, NEVER
from models.behaviour.matrix import feature_matrix
from models.behaviour.moment import IDLE_TIMERS, INPUTS

Floats = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]


def moment_matrix(rows: Rows, now_ms: Int64s) -> Floats:
    """`float32[n, 128]`: the features of n visits at moments `int64[n]`, ms since the epoch, in the order of INPUTS.

    What a session row does not hold yet (words of help, errors and stock on the page, decisions) is 0.
    """
    columns = dict(zip(FEATURE_NAMES, feature_matrix(rows).T, strict=True)) | _at_the_moment(rows, now_ms)
    nothing = np.zeros(rows.size, np.float32)
    return np.stack([columns.get(feature.name, nothing) for feature in INPUTS], axis=1).astype(np.float32)


def _at_the_moment(rows: Rows, now_ms: Int64s) -> dict[str, npt.NDArray[np.float32]]:
    age_ms = now_ms - rows["start_ms"]
    seconds = {
        "age_s": age_ms / SECOND_MS,
        "idle_s": np.maximum(age_ms - rows["active"], 0) / SECOND_MS,
        "page_s": np.maximum(age_ms - rows["page_entered"], 0) / SECOND_MS,
        "shown_s": _since(rows, age_ms, INTERVENTION_SHOWN),
        "dismissed_s": _since(rows, age_ms, INTERVENTION_DISMISSED),
    }
    silent = {f"silent.{timer}": rows["silent"] >> TIMERS.index(timer) & 1 for timer in IDLE_TIMERS}
    return {name: values.astype(np.float32) for name, values in (seconds | silent).items()}


def _since(rows: Rows, age_ms: Int64s, kind: int) -> npt.NDArray[np.float64]:
    since_s: npt.NDArray[np.float64] = (age_ms - rows["type_last"][:, kind]) / SECOND_MS
    return np.where(rows["type_count"][:, kind] > 0, since_s, NEVER)

"""The scorer's graph, run by onnxruntime on one thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime

from tests.reference.release import FOLDER, MANIFEST

POINTS = np.float32(10.0)
"""What an adjustment of 1 stands for, in points of a signal."""
ROWS = 256
"""Visits scored at once."""


class Scorer:
    """The graph of the newest release, on one thread."""

    version: str = MANIFEST["version"]
    bound: float = MANIFEST["adjustment_bound"]
    """How far, in points, it may move a signal; 0 for a shadow."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])

    def adjustments(self, vectors: Sequence[Sequence[float]]) -> list[list[float]]:
        """What it would add to each of the five signals, in points, float32, for each vector of inputs."""
        found: list[list[float]] = []
        for begin in range(0, len(vectors), ROWS):
            features = np.array(vectors[begin : begin + ROWS], np.float32)
            (scores,) = self._session.run(["adjustments"], {"features": features})
            found += (scores * POINTS).tolist()
        return found

"""An onnxruntime session on one provider, and its buffers for a fixed number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.serving.errors import ModelRefused

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
# TensorFloat-32 keeps 10 bits of a float's 23: too few for the same numbers on every provider.
_CUDA_OPTIONS = {"use_tf32": "0"}
_DEVICE = {CUDA: "cuda", CPU: "cpu"}
_ERRORS_ONLY = 3
_FLOATS = "tensor(float)"

Floats = npt.NDArray[np.float32]


def cuda_available() -> bool:
    """Whether the installed onnxruntime was built with CUDA; its libraries and a GPU may still be missing."""
    return CUDA in onnxruntime.get_available_providers()


def open_session(model: bytes, *, threads: int, cuda: bool) -> onnxruntime.InferenceSession:
    """A session on CUDA where that is asked for and loads, else on the CPU; ask it which by `get_providers`.

    Raises ModelRefused where the bytes are no model that onnxruntime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = True
    options.log_severity_level = _ERRORS_ONLY
    providers: list[Any] = [(CUDA, _CUDA_OPTIONS), CPU] if cuda and cuda_available() else [CPU]
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as problem:  # onnxruntime's exceptions have no common base below it
        raise ModelRefused(f"onnxruntime {onnxruntime.__version__} cannot load the model: {problem}") from problem


def check_widths(session: onnxruntime.InferenceSession, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
    """Raises ModelRefused unless the graph's inputs and outputs are float32[n, width] of these names and widths."""
    for what, nodes, expected in (
        ("inputs", session.get_inputs(), inputs),
        ("outputs", session.get_outputs(), outputs),
    ):
        found = {node.name: (node.type, *node.shape[1:]) for node in nodes}
        if found != {name: (_FLOATS, width) for name, width in expected.items()}:
            told = ", ".join(f"{name} {kind}" for name, kind in found.items())
            wanted = ", ".join(f"{name} float32[n, {width}]" for name, width in expected.items())
            raise ModelRefused(f"the graph's {what} are {told}; expected {wanted}: export the model again")


class Chunk:
    """Buffers for `rows` rows, bound to a session once: what is run over and over allocates nothing."""

    def __init__(
        self, session: onnxruntime.InferenceSession, rows: int, name: str, width: int, outputs: Mapping[str, int]
    ) -> None:
        device = _DEVICE[session.get_providers()[0]]
        self._session = session
        self._staged = np.zeros((rows, width), np.float32)
        self._input = onnxruntime.OrtValue.ortvalue_from_numpy(self._staged, device, 0)
        self._outputs = {output: np.empty((rows, wide), np.float32) for output, wide in outputs.items()}
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(name, self._input)
        for output, buffer in self._outputs.items():
            # In the host's memory on every provider: the session copies results there.
            self._binding.bind_output(output, "cpu", 0, np.float32, buffer.shape, buffer.ctypes.data)

    def run(self, features: Floats) -> Mapping[str, Floats]:
        """Outputs for `float32[k, width]`, k at most the rows: `float32[k, w]` each, overwritten by the next run.

        The rows behind k hold what an earlier run left there; no row depends on another.
        """
        self._staged[: len(features)] = features
        self._input.update_inplace(self._staged)
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        return {name: buffer[: len(features)] for name, buffer in self._outputs.items()}

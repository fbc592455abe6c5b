"""The scorer's graph in ONNX, written out operator by operator.

An exporter would do it, and leave file paths of the machine and names of its own making in the file; here the same
numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from models.behaviour.features import NEVER
from models.behaviour.moment import INPUTS
from models.serving.scorer import FEATURES_INPUT, WIDTHS
from models.training.network import PACKED, Layer
from models.training.normalization import ABOVE_LOG, FURTHEST, HIGHEST, Normalization

OPSET, IR_VERSION = 17, 9
"""What every onnxruntime of the last years reads."""
PRODUCER = "lamstream"
_ROWS = "n"


class _Writer:
    """Nodes and constants of a graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def split(self, source: str, outputs: Sequence[str], widths: Sequence[int]) -> None:
        sizes = self.constant(f"{source}_widths", widths, np.int64)
        self.nodes.append(helper.make_node("Split", [source, sizes], outputs, axis=1))


def scorer_graph(normalized: Normalization, layers: Sequence[Layer]) -> bytes:
    """The model: features float32[n, 128] in, the outputs of WIDTHS float32[n, width] out."""
    writer = _Writer()
    packed = _affine(writer, _normalize(writer, normalized), layers)
    _heads(writer, packed)
    graph = helper.make_graph(
        writer.nodes,
        "scorer",
        [helper.make_tensor_value_info(FEATURES_INPUT, TensorProto.FLOAT, [_ROWS, len(INPUTS)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [_ROWS, width]) for name, width in WIDTHS.items()],
        writer.constants,
    )
    model: ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name=PRODUCER
    )
    checker.check_model(model, full_check=True)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def _normalize(writer: _Writer, normalized: Normalization) -> str:
    """`Normalization.apply`, in the graph."""
    bounds = [writer.constant("lowest", NEVER), writer.constant("highest", HIGHEST)]
    clipped = writer.node("Clip", [FEATURES_INPUT, *bounds], "clipped")
    raised = writer.node("Add", [clipped, writer.constant("above_log", ABOVE_LOG)], "raised")
    logarithm = writer.node("Log", [raised], "logarithm")
    chosen = writer.constant("takes_logarithm", normalized.logarithm, np.bool_)
    unscaled = writer.node("Where", [chosen, logarithm, clipped], "unscaled")
    scaled = writer.node("Mul", [unscaled, writer.constant("scale", normalized.scale)], "scaled")
    shifted = writer.node("Add", [scaled, writer.constant("shift", normalized.shift)], "shifted")
    furthest = [writer.constant("furthest_below", -FURTHEST), writer.constant("furthest_above", FURTHEST)]
    return writer.node("Clip", [shifted, *furthest], "normalized")


def _affine(writer: _Writer, flow: str, layers: Sequence[Layer]) -> str:
    """The layers, with a ReLU between two of them."""
    for number, layer in enumerate(layers, 1):
        numbers = [writer.constant(f"weight_{number}", layer.weight), writer.constant(f"bias_{number}", layer.bias)]
        flow = writer.node("Gemm", [flow, *numbers], f"affine_{number}")
        if number < len(layers):
            flow = writer.node("Relu", [flow], f"hidden_{number}")
    return flow


def _heads(writer: _Writer, packed: str) -> None:
    chances = PACKED[PACKED.index("abandonment") :]
    bounded = [WIDTHS[name] for name in chances]
    writer.split(
        packed,
        ["embedding", "unbounded_adjustments", "logits"],
        [WIDTHS["embedding"], WIDTHS["adjustments"], sum(bounded)],
    )
    whole = [writer.constant("wholly_down", -1.0), writer.constant("wholly_up", 1.0)]
    writer.node("Clip", ["unbounded_adjustments", *whole], "adjustments")
    writer.split(writer.node("Sigmoid", ["logits"], "chances"), chances, bounded)

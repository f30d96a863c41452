"""The operators that a graph may hold: their inputs, their attributes, and the shapes they make.

Names, attributes and defaults are ONNX's (opset 18, Gelu of 20, RMSNormalization of
23): https://onnx.ai/onnx/operators. An operator
that is to be added needs a row here, an implementation in implementations.py, and a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import movement_shapes as moved
from . import other_shapes as other
from . import window_shapes as windows

if TYPE_CHECKING:
    from .given import Given, Type


class Operator(NamedTuple):
    """infer: the rule for the types of the outputs. inputs: the least and the largest number, None
    for any. attributes: names and defaults, None for none. outputs: the largest number.
    """

    infer: Callable[[Given], list[Type]]
    inputs: tuple[int, int | None] = (1, 1)
    attributes: dict[str, Any] = {}  # noqa: RUF012  (nobody writes to it)
    outputs: int | None = 1


_WINDOW = {"auto_pad": "NOTSET", "dilations": None, "kernel_shape": None, "pads": None,
           "strides": None}  # fmt: skip
_REDUCTION = {"keepdims": 1, "noop_with_empty_axes": 0}
_LOCATED = {"axis": 0, "keepdims": 1, "select_last_index": 0}

OPERATORS: dict[str, Operator] = {
    # Sliding windows
    "Conv": Operator(windows.conv, (2, 3), {**_WINDOW, "group": 1}),
    "ConvTranspose": Operator(
        windows.conv_transpose, (2, 3),
        {**_WINDOW, "group": 1, "output_padding": None, "output_shape": None},
    ),
    "MaxPool": Operator(
        windows.pool, (1, 1), {**_WINDOW, "ceil_mode": 0, "storage_order": 0}, outputs=2
    ),
    "AveragePool": Operator(
        windows.pool, (1, 1), {**_WINDOW, "ceil_mode": 0, "count_include_pad": 0}
    ),
    "GlobalAveragePool": Operator(windows.global_pool),
    "GlobalMaxPool": Operator(windows.global_pool),
    # Products
    "Gemm": Operator(
        other.gemm, (2, 3), {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    ),
    "MatMul": Operator(other.matmul, (2, 2)),
    # Norms
    "BatchNormalization": Operator(
        other.channels, (5, 5), {"epsilon": 1e-5, "momentum": 0.9, "training_mode": 0}, outputs=3
    ),
    "InstanceNormalization": Operator(other.channels, (3, 3), {"epsilon": 1e-5}),
    "GroupNormalization": Operator(other.same, (3, 3), {"epsilon": 1e-5, "num_groups": None}),
    "LayerNormalization": Operator(
        other.layer_norm, (2, 3), {"axis": -1, "epsilon": 1e-5, "stash_type": 1}, outputs=3
    ),
    "RMSNormalization": Operator(other.layer_norm, (2, 2), {"axis": -1, "epsilon": 1e-5}),
    "LpNormalization": Operator(other.same, (1, 1), {"axis": -1, "p": 2}),
    "LRN": Operator(other.same, (1, 1), {"alpha": 1e-4, "beta": 0.75, "bias": 1.0, "size": None}),
    # Elementwise, of one input
    **{
        name: Operator(other.same)
        for name in (
            "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf",
            "Exp", "Floor", "HardSwish", "Identity", "Log", "Mish", "Neg", "Not", "Reciprocal",
            "Relu", "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt",
            "Tan", "Tanh",
        )
    },
    "Celu": Operator(other.same, (1, 1), {"alpha": 1.0}),
    "Elu": Operator(other.same, (1, 1), {"alpha": 1.0}),
    "Gelu": Operator(other.same, (1, 1), {"approximate": "none"}),
    "HardSigmoid": Operator(other.same, (1, 1), {"alpha": 0.2, "beta": 0.5}),
    "IsInf": Operator(other.truth, (1, 1), {"detect_negative": 1, "detect_positive": 1}),
    "IsNaN": Operator(other.truth),
    "LeakyRelu": Operator(other.same, (1, 1), {"alpha": 0.01}),
    "Selu": Operator(
        other.same, (1, 1), {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}
    ),
    "Shrink": Operator(other.same, (1, 1), {"bias": 0.0, "lambd": 0.5}),
    "ThresholdedRelu": Operator(other.same, (1, 1), {"alpha": 1.0}),
    "Clip": Operator(other.same, (1, 3)),
    "Dropout": Operator(other.same, (1, 3), {"seed": None}, outputs=2),
    # Elementwise, with broadcasting
    **{name: Operator(other.of_several, (2, 2)) for name in ("Add", "Div", "Mul", "Sub")},
    **{name: Operator(other.of_several, (2, 2)) for name in ("Pow", "PRelu")},
    "Mod": Operator(other.of_several, (2, 2), {"fmod": 0}),
    **{name: Operator(other.of_several, (1, None)) for name in ("Max", "Mean", "Min", "Sum")},
    **{
        name: Operator(other.truth, (2, 2))
        for name in (
            "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor",
        )
    },
    "Where": Operator(other.where, (3, 3)),
    # Along axes
    **{
        name: Operator(other.reduced, (1, 2), _REDUCTION)
        for name in (
            "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
            "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
        )
    },
    "ArgMax": Operator(other.located, (1, 1), _LOCATED),
    "ArgMin": Operator(other.located, (1, 1), _LOCATED),
    "CumSum": Operator(other.same, (2, 2), {"exclusive": 0, "reverse": 0}),
    "LogSoftmax": Operator(other.same, (1, 1), {"axis": -1}),
    "Softmax": Operator(other.same, (1, 1), {"axis": -1}),
    "Hardmax": Operator(other.same, (1, 1), {"axis": -1}),
    "TopK": Operator(other.top, (2, 2), {"axis": -1, "largest": 1, "sorted": 1}, outputs=2),
    # Moving numbers
    "Concat": Operator(moved.concat, (1, None), {"axis": None}),
    "DepthToSpace": Operator(moved.depth_to_space, (1, 1), {"blocksize": None, "mode": "DCR"}),
    "Expand": Operator(moved.expand, (2, 2)),
    "Flatten": Operator(moved.flatten, (1, 1), {"axis": 1}),
    "Gather": Operator(moved.gather, (2, 2), {"axis": 0}),
    "GatherElements": Operator(moved.gather_elements, (2, 2), {"axis": 0}),
    "Pad": Operator(moved.pad, (2, 4), {"mode": "constant"}),
    "Reshape": Operator(moved.reshape, (2, 2), {"allowzero": 0}),
    "Resize": Operator(
        moved.resize, (1, 4),
        {
            "antialias": 0, "axes": None, "coordinate_transformation_mode": "half_pixel",
            "cubic_coeff_a": -0.75, "exclude_outside": 0, "extrapolation_value": 0.0,
            "keep_aspect_ratio_policy": "stretch", "mode": "nearest",
            "nearest_mode": "round_prefer_floor",
        },
    ),
    "Slice": Operator(moved.slice_, (3, 5)),
    "SpaceToDepth": Operator(
        moved.space_to_depth, (1, 1), {"blocksize": None, "mode": "DCR"}
    ),
    "Split": Operator(moved.split, (1, 2), {"axis": 0, "num_outputs": None}, outputs=None),
    "Squeeze": Operator(moved.squeeze, (1, 2)),
    "Tile": Operator(moved.tile, (2, 2)),
    "Transpose": Operator(moved.transpose, (1, 1), {"perm": None}),
    "Trilu": Operator(other.same, (1, 2), {"upper": 1}),
    "Unsqueeze": Operator(moved.unsqueeze, (2, 2)),
    # Types, shapes, constants
    "Cast": Operator(other.cast, (1, 1), {"saturate": 1, "to": None}),
    "Constant": Operator(other.constant, (0, 0), {"value": None}),
    "ConstantOfShape": Operator(other.constant_of_shape, (1, 1), {"value": None}),
    "Range": Operator(other.range_, (3, 3)),
    "Shape": Operator(other.shape_of, (1, 1), {"end": None, "start": 0}),
    "Size": Operator(other.size_of),
    # Recurrent
    "LSTM": Operator(
        other.lstm, (3, 8),
        {
            "activations": None, "clip": None, "direction": "forward", "hidden_size": None,
            "input_forget": 0, "layout": 0,
        },
        outputs=3,
    ),
}  # fmt: skip

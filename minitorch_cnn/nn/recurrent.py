"""Recurrent networks over sequences, of several layers and directions: RNN, GRU and LSTM.

recurrent_cells.py defines one step.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from .. import functional as F
from ..functional.geometry import is_int
from ..tensor import cat, stack, zeros
from ..tensor.tensor import Tensor
from .checks import check_one_of, check_probability, check_sizes
from .module import Module
from .parameter import Parameter, new_parameter
from .recurrent_cells import GATES, STEPS, State, checked_state, draw_uniform

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class RNNBase(Module):
    """Base of RNN, GRU and LSTM: layers over sequences, of mode "RNN_TANH", "RNN_RELU", "GRU" or
    "LSTM".

    x (T, N, I), or (N, T, I) with batch_first, or (T, I); initial states (L D, N, H) or (L D, H),
    None for zeros -> y (T, N, D H) in the order of x's axes, with h of the last layer at every
    step, and the last states. L = num_layers; D = 2 if bidirectional, with the h of both directions
    concatenated, else 1.

    `dropout` is the probability, in training, of dropping an element between layers. The parameters
    of layer l are weight_ih_l{l}, weight_hh_l{l}, bias_ih_l{l}, bias_hh_l{l} and weight_hr_l{l},
    with the suffix _reverse for the second direction.

    Raises: ValueError for settings out of range or shapes that do not fit.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        layer = type(self).__name__
        check_one_of(layer, tuple(GATES), mode=mode)
        check_sizes(layer, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability(layer, dropout=dropout)
        if not is_int(proj_size) or not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"{layer}: proj_size={proj_size} must be an int of at least 0 and below "
                f"hidden_size={hidden_size}"
            )
        if proj_size and mode != "LSTM":
            raise ValueError(f"{layer}: proj_size={proj_size} is for mode 'LSTM' only")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{layer}: dropout={dropout} acts between layers, so num_layers=1 has none",
                stacklevel=3,
            )
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = dropout, bidirectional, proj_size
        self._suffixes = ("", "_reverse") if bidirectional else ("",)
        self._add_parameters({"device": device, "dtype": dtype})
        self.reset_parameters()

    def _add_parameters(self, where: dict[str, Any]) -> None:
        rows, outputs = GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        for layer in range(self.num_layers):
            inputs = outputs * len(self._suffixes) if layer else self.input_size
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (rows, inputs),
                "weight_hh": (rows, outputs),
            }
            if self.bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if self.proj_size:
                shapes["weight_hr"] = (self.proj_size, self.hidden_size)
            for suffix in self._suffixes:
                for name, shape in shapes.items():
                    parameter = new_parameter(*shape, **where)
                    self.register_parameter(f"{name}_l{layer}{suffix}", parameter)

    def reset_parameters(self) -> None:
        """Draw everything from U[-1/sqrt(H), 1/sqrt(H)]."""
        draw_uniform(self, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of every layer and direction."""
        names = [f"_l{i}{suffix}" for i in range(self.num_layers) for suffix in self._suffixes]
        found = [[self._parameters.get(f"{part}{name}") for part in PARTS] for name in names]
        return [[p for p in parameters if p is not None] for parameters in found]

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        layer = type(self).__name__
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{layer}: input of shape {input.shape} must have 2 or 3 axes, "
                f"the last of them input_size={self.input_size}"
            )
        batched, time_axis = input.ndim == 3, 1 if self.batch_first and input.ndim == 3 else 0
        if input.shape[time_axis] == 0:
            raise ValueError(
                f"{layer}: input of shape {input.shape} must have at least one time step"
            )
        steps: Sequence[Tensor] = input.unbind(time_axis)
        cells = self.num_layers * len(self._suffixes)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        shapes = [(cells, *steps[0].shape[:-1], size) for size in sizes]
        if hx is None:
            kept = shapes if self.mode == "LSTM" else shapes[:1]
            state = tuple(zeros(shape, dtype=input.dtype, device=input.device) for shape in kept)
        else:
            state = checked_state(layer, self.mode, hx, *shapes)
        if not batched:
            steps, state = [x.unsqueeze(0) for x in steps], tuple(s.unsqueeze(1) for s in state)
        steps, state = self._layers(steps, list(zip(*(s.unbind(0) for s in state), strict=True)))
        if not batched:
            steps, state = [y.squeeze(0) for y in steps], tuple(s.squeeze(1) for s in state)
        return stack(steps, time_axis), state if self.mode == "LSTM" else state[0]

    def flatten_parameters(self) -> None:
        """Do nothing: in PyTorch it prepares weights for cuDNN."""

    def _layers(
        self, steps: Sequence[Tensor], states: list[State]
    ) -> tuple[Sequence[Tensor], State]:
        """Run all layers over the (N, I) of each step, from the initial state of each cell."""
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                steps = [F.dropout(x, self.dropout, True) for x in steps]
            directions: list[Sequence[Tensor]] = []
            for suffix in self._suffixes:
                ys, end = self._run(
                    steps[::-1] if suffix else steps, states[len(ends)], layer, suffix
                )
                directions.append(ys[::-1] if suffix else ys)
                ends.append(end)
            steps = directions[0]
            if self.bidirectional:
                steps = [cat(pair, 1) for pair in zip(*directions, strict=True)]
        return steps, tuple(stack(parts) for parts in zip(*ends, strict=True))

    def _run(
        self, steps: Sequence[Tensor], state: State, layer: int, suffix: str
    ) -> tuple[list[Tensor], State]:
        """Run one direction of one layer over time; return h of every step, and the last state."""
        names = PARTS if self.mode == "LSTM" else PARTS[:-1]
        weights = [self._parameters.get(f"{name}_l{layer}{suffix}") for name in names]
        step = STEPS[self.mode]
        hs: list[Tensor] = []
        for x in steps:
            state = step(x, state, *weights)
            hs.append(state[0])
        return hs, state

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size:
            parts.append(f"proj_size={self.proj_size}")
        plain = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        parts += [f"{k}={getattr(self, k)}" for k, v in plain.items() if getattr(self, k) != v]
        return ", ".join(parts)


class LSTM(RNNBase):
    """Layers of LSTM over sequences; see RNNBase.    x, (h, c) -> y, (h, c)

    With proj_size P > 0, a matrix weight_hr (P, H) projects h in every step, and h and y have P
    features instead of H (Sak et al. 2014, arXiv 1402.1128).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        settings = num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype
        super().__init__("LSTM", input_size, hidden_size, *settings)

    if TYPE_CHECKING:  # a state is a pair

        def forward(
            self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
        ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...


class GRU(RNNBase):
    """Layers of GRU over sequences; see RNNBase.    x, h -> y, h"""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        settings = num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        super().__init__("GRU", input_size, hidden_size, *settings)

    if TYPE_CHECKING:  # a state is one Tensor

        def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...


class RNN(RNNBase):
    """Layers of RNN with tanh or relu over sequences; see RNNBase.    x, h -> y, h

    Raises: ValueError for another nonlinearity.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        check_one_of("RNN", ("tanh", "relu"), nonlinearity=nonlinearity)
        settings = num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, *settings)
        self.nonlinearity = nonlinearity

    if TYPE_CHECKING:  # a state is one Tensor

        def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...

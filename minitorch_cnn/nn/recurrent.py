"""LSTM: long short-term memory, one step (LSTMCell) or sequences through layers (LSTM).

    i = s(W_ii x + b_ii + W_hi h + b_hi)        c' = f c + i g
    f = s(W_if x + b_if + W_hf h + b_hf)        h' = o tanh(c')
    g = tanh(W_ig x + b_ig + W_hg h + b_hg)
    o = s(W_io x + b_io + W_ho h + b_ho)        s the logistic function

(Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000.) The four matrices are
stacked in the order i, f, g, o into one weight_ih (4H, I) and one weight_hh (4H, H).
"""

from __future__ import annotations

import math
import warnings

from .. import functional as F
from ..functional.geometry import is_int
from ..tensor import cat, stack, zeros
from ..tensor.tensor import Tensor
from . import init
from .checks import check_probability, check_sizes
from .module import Module
from .parameter import new_parameter

State = tuple[Tensor, Tensor]  # (h, c)


def lstm_step(
    x: Tensor,
    state: State,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    w_hr: Tensor | None = None,
) -> State:
    """One step.   x (N, I), h and c (N, H), w_ih (4H, I), w_hh (4H, H), b (4H,) -> h', c' (N, H)

    With a projection w_hr (P, H), h and h' are (N, P) and w_hh is (4H, P).
    """
    h, c = state
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if w_hr is None else F.linear(h, w_hr)), c


def check_state(layer: str, state: State, *shapes: tuple[int, ...]) -> None:
    """ValueError unless the state is a pair (h, c) of tensors of these shapes."""
    if len(state) != 2:
        raise ValueError(f"{layer}: the state must be a pair (h, c), got {len(state)} items")
    for name, s, shape in zip("hc", state, shapes, strict=True):
        if s.shape != shape:
            raise ValueError(
                f"{layer}: the state {name} of shape {s.shape} must be of shape {shape}"
            )


class LSTMCell(Module):
    """One step of an LSTM.    x (N, I) or (I,), h and c (N, H) or (H,) -> (h', c')

    Without a state it is zero.

    Raises: ValueError for sizes below 1 or shapes that do not fit.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        check_sizes("LSTMCell", input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, rows = input_size, hidden_size, 4 * hidden_size
        where = {"device": device, "dtype": dtype}
        self.weight_ih = new_parameter(rows, input_size, **where)
        self.weight_hh = new_parameter(rows, hidden_size, **where)
        self.bias_ih = new_parameter(rows, **where) if bias else None
        self.bias_hh = new_parameter(rows, **where) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw everything from U[-1/sqrt(H), 1/sqrt(H)]."""
        draw_uniform(self, self.hidden_size)

    def forward(self, input: Tensor, hx: State | None = None) -> State:
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"LSTMCell: input of shape {input.shape} must be (N, I) or (I,), "
                f"I = input_size={self.input_size}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            hx = (zeros(shape, dtype=input.dtype, device=input.device),) * 2
        check_state("LSTMCell", hx, shape, shape)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        if input.ndim == 2:
            return lstm_step(input, hx, *weights)
        h, c = lstm_step(input.unsqueeze(0), tuple(s.unsqueeze(0) for s in hx), *weights)
        return h.squeeze(0), c.squeeze(0)

    def extra_repr(self) -> str:
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class LSTM(Module):
    """Layers of LSTM over sequences.

    x (T, N, I), or (N, T, I) with batch_first, or (T, I); state (h, c) of (L D, N, H) or (L D, H),
    zero if None -> (y, (h, c)), y (T, N, D H) with x's axes in x's order: the last layer's h at
    every time; L = num_layers, D = 2 if bidirectional (h of the two directions side by side) and 1
    otherwise. With proj_size P > 0, h is multiplied by a matrix weight_hr (P, H) in every step, and
    P stands for H in h and y (Sak et al. 2014, arXiv 1402.1128).

    Between layers, `dropout` is the probability of dropping an element in training. The parameters
    of layer l are weight_ih_l{l}, weight_hh_l{l}, bias_ih_l{l}, bias_hh_l{l} and weight_hr_l{l},
    and the same with _reverse.

    Raises: ValueError for settings out of range or shapes that do not fit.
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
        device=None,
        dtype=None,
    ):
        super().__init__()
        check_sizes("LSTM", input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        check_probability("LSTM", dropout=dropout)
        if not is_int(proj_size) or not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"LSTM: proj_size={proj_size} must be an int of at least 0 and below "
                f"hidden_size={hidden_size}"
            )
        if dropout and num_layers == 1:
            warnings.warn(
                f"LSTM: dropout={dropout} acts between layers, of which num_layers=1 has none",
                stacklevel=2,
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first = bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = dropout, bidirectional, proj_size
        self._suffixes = ("", "_reverse") if bidirectional else ("",)
        where = {"device": device, "dtype": dtype}
        outputs, rows = proj_size or hidden_size, 4 * hidden_size
        for layer in range(num_layers):
            inputs = outputs * len(self._suffixes) if layer else input_size
            shapes = {
                "weight_ih": (4 * hidden_size, inputs),
                "weight_hh": (4 * hidden_size, outputs),
            }
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for suffix in self._suffixes:
                for name, shape in shapes.items():
                    parameter = new_parameter(*shape, **where)
                    self.register_parameter(f"{name}_l{layer}{suffix}", parameter)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw everything from U[-1/sqrt(H), 1/sqrt(H)]."""
        draw_uniform(self, self.hidden_size)

    def forward(self, input: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"LSTM: input of shape {input.shape} must have 2 or 3 axes, "
                f"the last of them input_size={self.input_size}"
            )
        batched, time_axis = input.ndim == 3, 1 if self.batch_first and input.ndim == 3 else 0
        if input.shape[time_axis] == 0:
            raise ValueError(
                f"LSTM: input of shape {input.shape} must have at least one step of time"
            )
        steps = input.unbind(time_axis)
        cells = self.num_layers * len(self._suffixes)
        shapes = [
            (cells, *steps[0].shape[:-1], size)
            for size in (self.proj_size or self.hidden_size, self.hidden_size)
        ]
        if hx is None:
            hx = tuple(zeros(shape, dtype=input.dtype, device=input.device) for shape in shapes)
        check_state("LSTM", hx, *shapes)
        if not batched:
            steps, hx = [x.unsqueeze(0) for x in steps], tuple(s.unsqueeze(1) for s in hx)
        steps, (h, c) = self._layers(steps, list(zip(*(s.unbind(0) for s in hx), strict=True)))
        if not batched:
            steps, h, c = [y.squeeze(0) for y in steps], h.squeeze(1), c.squeeze(1)
        return stack(steps, time_axis), (h, c)

    def flatten_parameters(self) -> None:
        """Nothing: PyTorch's lays out weights for a library of its own."""

    def _layers(self, steps: list[Tensor], states: list[State]) -> tuple[list[Tensor], State]:
        """Run all layers over the (N, I) of every time, starting from the state of every cell."""
        ends = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                steps = [F.dropout(x, self.dropout, True) for x in steps]
            directions = []
            for suffix in self._suffixes:
                ys, end = self._run(
                    steps[::-1] if suffix else steps, states[len(ends)], layer, suffix
                )
                directions.append(ys[::-1] if suffix else ys)
                ends.append(end)
            steps = directions[0]
            if self.bidirectional:
                steps = [cat(pair, 1) for pair in zip(*directions, strict=True)]
        h, c = (stack(parts) for parts in zip(*ends, strict=True))
        return steps, (h, c)

    def _run(self, steps, state: State, layer: int, suffix: str) -> tuple[list[Tensor], State]:
        """One direction of one layer over time: h of every step, and the last state."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        weights = [self._parameters.get(f"{name}_l{layer}{suffix}") for name in names]
        hs = []
        for x in steps:
            state = lstm_step(x, state, *weights)
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


def draw_uniform(module: Module, hidden_size: int) -> None:
    """Draw every parameter from U[-1/sqrt(H), 1/sqrt(H)]."""
    bound = 1 / math.sqrt(hidden_size)
    for param in module.parameters():
        init.uniform_(param, -bound, bound)

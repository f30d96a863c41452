"""One step of a recurrent network: RNNCell, GRUCell and LSTMCell.

    RNN    h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu for tanh        (Elman 1990)

    GRU    r = s(W_ir x + b_ir + W_hr h + b_hr)        s the logistic function
           z = s(W_iz x + b_iz + W_hz h + b_hz)
           n = tanh(W_in x + b_in + r (W_hn h + b_hn))
           h' = (1 - z) n + z h                        (Cho et al. 2014, with r as in cuDNN)

    LSTM   i = s(W_ii x + b_ii + W_hi h + b_hi)        c' = f c + i g
           f = s(W_if x + b_if + W_hf h + b_hf)        h' = o tanh(c')
           g = tanh(W_ig x + b_ig + W_hg h + b_hg)
           o = s(W_io x + b_io + W_ho h + b_ho)
           (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)

One weight_ih (G H, I) and one weight_hh (G H, H) stack the matrices in the order r, z, n or
i, f, g, o; G = 1, 3 or 4. A state is a tuple, (h,) or (h, c).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from .. import functional as F
from ..tensor import zeros
from ..tensor.tensor import Tensor
from . import init
from .checks import check_one_of, check_sizes
from .module import Module
from .parameter import new_parameter

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike

State = tuple[Tensor, ...]
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


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


def gru_step(
    x: Tensor,
    state: State,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> State:
    """One step.   x (N, I), h (N, H), w_ih (3H, I), w_hh (3H, H), b (3H,) -> h' (N, H)"""
    (h,) = state
    xr, xz, xn = F.linear(x, w_ih, b_ih).chunk(3, 1)
    hr, hz, hn = F.linear(h, w_hh, b_hh).chunk(3, 1)
    n = (xn + (xr + hr).sigmoid() * hn).tanh()
    return (n + (xz + hz).sigmoid() * (h - n),)


def tanh_step(
    x: Tensor,
    state: State,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> State:
    """One step.   x (N, I), h (N, H), w_ih (H, I), w_hh (H, H), b (H,) -> h' (N, H)"""
    return ((F.linear(x, w_ih, b_ih) + F.linear(state[0], w_hh, b_hh)).tanh(),)


def relu_step(
    x: Tensor,
    state: State,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> State:
    """One step.   x (N, I), h (N, H), w_ih (H, I), w_hh (H, H), b (H,) -> h' (N, H)"""
    return (F.relu(F.linear(x, w_ih, b_ih) + F.linear(state[0], w_hh, b_hh)),)


STEPS: dict[str, Callable[..., State]] = {
    "RNN_TANH": tanh_step,
    "RNN_RELU": relu_step,
    "GRU": gru_step,
    "LSTM": lstm_step,
}


def checked_state(layer: str, mode: str, hx: Any, *shapes: tuple[int, ...]) -> State:
    """The state, a Tensor h or a pair (h, c), as a tuple. Raises: ValueError for other shapes."""
    state: tuple[Any, ...] = tuple(hx) if mode == "LSTM" else (hx,)
    if mode == "LSTM" and len(state) != 2:
        raise ValueError(f"{layer}: the state must be a pair (h, c), got {len(state)} items")
    for name, s, shape in zip("hc", state, shapes, strict=False):
        if not isinstance(s, Tensor):
            raise TypeError(f"{layer}: the state {name} must be a Tensor, got {type(s).__name__}")
        if s.shape != shape:
            raise ValueError(
                f"{layer}: the state {name} of shape {s.shape} must be of shape {shape}"
            )
    return state


def draw_uniform(module: Module, hidden_size: int) -> None:
    """Draw every parameter from U[-1/sqrt(H), 1/sqrt(H)]."""
    bound = 1 / math.sqrt(hidden_size)
    for param in module.parameters():
        init.uniform_(param, -bound, bound)


class RNNCellBase(Module):
    """Base of the cells: sizes, weights for `num_chunks` gates, and a state of zeros."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        check_sizes(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        rows = num_chunks * hidden_size
        self.weight_ih = new_parameter(rows, input_size, **where)
        self.weight_hh = new_parameter(rows, hidden_size, **where)
        self.bias_ih = new_parameter(rows, **where) if bias else None
        self.bias_hh = new_parameter(rows, **where) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw everything from U[-1/sqrt(H), 1/sqrt(H)]."""
        draw_uniform(self, self.hidden_size)

    def _stepped(self, input: Tensor, hx: Any, mode: str) -> State:
        """The state one step later."""
        layer = type(self).__name__
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{layer}: input of shape {input.shape} must be (N, I) or (I,), "
                f"I = input_size={self.input_size}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            zero = zeros(shape, dtype=input.dtype, device=input.device)
            hx = (zero, zero) if mode == "LSTM" else zero
        state = checked_state(layer, mode, hx, shape, shape)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        if input.ndim == 2:
            return STEPS[mode](input, state, *weights)
        state = STEPS[mode](input.unsqueeze(0), tuple(s.unsqueeze(0) for s in state), *weights)
        return tuple(s.squeeze(0) for s in state)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


class LSTMCell(RNNCellBase):
    """One step of an LSTM.    x (N, I) or (I,), h and c (N, H) or (H,) -> (h', c')

    The state defaults to zeros.

    Raises: ValueError for sizes below 1 or shapes that do not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self._stepped(input, hx, "LSTM")
        return h, c


class GRUCell(RNNCellBase):
    """One step of a GRU.    x (N, I) or (I,), h (N, H) or (H,) -> h'

    The state defaults to zeros.

    Raises: ValueError for sizes below 1 or shapes that do not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._stepped(input, hx, "GRU")[0]


class RNNCell(RNNCellBase):
    """One step of an RNN with tanh or relu.    x (N, I) or (I,), h (N, H) or (H,) -> h'

    The state defaults to zeros.

    Raises: ValueError for sizes below 1, another nonlinearity or shapes that do not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        check_one_of("RNNCell", ("tanh", "relu"), nonlinearity=nonlinearity)
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._stepped(input, hx, f"RNN_{self.nonlinearity.upper()}")[0]

    def extra_repr(self) -> str:
        kind = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + kind

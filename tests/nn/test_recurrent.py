"""LSTM: the recurrence by hand, states that continue, and what is refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def logistic(a):
    return 1 / (1 + np.exp(-a))


def lstm_by_hand(x, h, c, w_ih, w_hh, b):
    """y (T, N, H) of one direction of one layer, written as in the papers."""
    ys = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ w_ih.T + h @ w_hh.T + b, 4, axis=1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        h = logistic(o) * np.tanh(c)
        ys.append(h)
    return np.array(ys), h, c


def weights(lstm, end):
    w_ih, w_hh, b_ih, b_hh = (
        lstm.state_dict()[f"{name}_l{end}"].numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return w_ih, w_hh, b_ih + b_hh


def test_two_layers_in_two_directions_are_four_recurrences(rng):
    lstm = nn.LSTM(3, 2, num_layers=2, bidirectional=True, dtype=mt.float64)
    x, h, c = rng.standard_normal((5, 4, 3)), *rng.standard_normal((2, 4, 4, 2))
    seq, ends = x, []
    for layer in (0, 1):
        there = lstm_by_hand(seq, h[2 * layer], c[2 * layer], *weights(lstm, layer))
        back = lstm_by_hand(
            seq[::-1], h[2 * layer + 1], c[2 * layer + 1], *weights(lstm, f"{layer}_reverse")
        )
        seq = np.concatenate([there[0], back[0][::-1]], axis=2)
        ends += [there[1:], back[1:]]
    y, (h_n, c_n) = lstm(mt.tensor(x), (mt.tensor(h), mt.tensor(c)))
    np.testing.assert_allclose(y.detach(), seq, rtol=1e-12)
    np.testing.assert_allclose(h_n.detach(), [end[0] for end in ends], rtol=1e-12)
    np.testing.assert_allclose(c_n.detach(), [end[1] for end in ends], rtol=1e-12)


def test_gradients_are_slopes(rng):
    lstm = nn.LSTM(1, 1, bidirectional=True, dtype=mt.float64)
    x = mt.tensor(rng.standard_normal((3, 2, 1)), requires_grad=True)
    names, params = zip(*lstm.named_parameters(), strict=True)

    def run(x, *values):
        for name, value in zip(names, values, strict=True):
            lstm._parameters[name] = value
        y, (h, c) = lstm(x)
        return y, h, c

    assert mt.gradcheck(run, (x, *params))


def test_dropout_falls_between_layers_only(rng):
    lstm = nn.LSTM(2, 3, num_layers=2, dropout=0.5)
    x = mt.tensor(rng.standard_normal((4, 2, 2)).astype(np.float32))
    assert not mt.equal(lstm(x)[0], lstm(x)[0])
    lstm.eval()
    assert mt.equal(lstm(x)[0], lstm(x)[0])
    lstm.train()
    first = [lstm(x)[1][0][0] for _ in range(2)]
    assert mt.equal(*first)


def test_dropout_of_a_single_layer_warns():
    with pytest.warns(UserWarning, match="LSTM: dropout=0.5 acts between layers"):
        nn.LSTM(2, 3, dropout=0.5)


STATE = (mt.zeros(1, 4, 2), mt.zeros(1, 4, 2))


@pytest.mark.parametrize(
    "act, error, words",
    [
        (lambda: nn.LSTM(0, 2), ValueError, "LSTM: input_size=0"),
        (lambda: nn.LSTM(3, 2, 0), ValueError, "num_layers=0"),
        (lambda: nn.LSTM(3, 2, dropout=1.5), ValueError, r"LSTM: dropout=1.5 must be in \[0, 1\]"),
        (lambda: nn.LSTMCell(3, -2), ValueError, "LSTMCell: hidden_size=-2"),
        (lambda: nn.LSTM(3, 2)(mt.ones(5, 4, 2)), ValueError, "the last of them input_size=3"),
        (lambda: nn.LSTM(3, 2)(mt.ones(3)), ValueError, "must have 2 or 3 axes"),
        (lambda: nn.LSTM(3, 2)(mt.ones(0, 4, 3)), ValueError, "at least one time step"),
        (
            lambda: nn.LSTM(3, 2)(mt.ones(5, 3, 3), STATE),
            ValueError,
            r"state h .* shape \(1, 3, 2\)",
        ),
        (lambda: nn.LSTM(3, 2)(mt.ones(5, 4, 3), STATE[:1]), ValueError, r"pair \(h, c\), got 1"),
        (lambda: nn.LSTMCell(3, 2)(mt.ones(4, 2)), ValueError, "I = input_size=3"),
        (lambda: nn.LSTMCell(3, 2)(mt.ones(4, 3), STATE), ValueError, "LSTMCell: the state h"),
    ],
)
def test_settings_inputs_and_states_that_do_not_fit_are_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_a_projected_lstm_is_its_formula(rng):
    lstm = nn.LSTM(2, 4, proj_size=3).double()
    w = {n.removesuffix("_l0"): p.detach().numpy() for n, p in lstm.named_parameters()}
    assert w["weight_hh"].shape == (16, 3) and w["weight_hr"].shape == (3, 4)
    x, h, c = rng.standard_normal((5, 1, 2)), np.zeros((1, 3)), np.zeros((1, 4))
    for t in range(5):
        gates = x[t] @ w["weight_ih"].T + h @ w["weight_hh"].T + w["bias_ih"] + w["bias_hh"]
        i, f, g, o = np.split(gates, 4, 1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        h = (logistic(o) * np.tanh(c)) @ w["weight_hr"].T
    y, (hn, cn) = lstm(mt.tensor(x))
    assert y.shape == (5, 1, 3) and hn.shape == (1, 1, 3) and cn.shape == (1, 1, 4)
    assert np.allclose(y[-1].detach(), h) and np.allclose(cn[0].detach(), c)
    with pytest.raises(ValueError, match=r"state h of shape \(1, 1, 4\) must be .* \(1, 1, 3"):
        lstm(mt.tensor(x), (cn, cn))


@pytest.mark.parametrize("size", [-1, 4, 1.5])
def test_a_projection_must_be_smaller_than_the_state(size):
    with pytest.raises(ValueError, match=f"LSTM: proj_size={size} must be"):
        nn.LSTM(2, 4, proj_size=size)


def test_a_gru_is_its_recurrence_by_hand(rng):
    gru = nn.GRU(3, 2, dtype=mt.float64)
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in gru.parameters())
    x, h = rng.standard_normal((5, 4, 3)), rng.standard_normal((4, 2))
    y, end = gru(mt.tensor(x), mt.tensor(h[None]))
    for x_t, y_t in zip(x, y.detach().numpy(), strict=True):
        xr, xz, xn = np.split(x_t @ w_ih.T + b_ih, 3, axis=1)
        hr, hz, hn = np.split(h @ w_hh.T + b_hh, 3, axis=1)
        n, z = np.tanh(xn + logistic(xr + hr) * hn), logistic(xz + hz)
        h = (1 - z) * n + z * h
        np.testing.assert_allclose(y_t, h, rtol=1e-12)
    np.testing.assert_allclose(end.detach()[0], h, rtol=1e-12)


@pytest.mark.parametrize("kind", ["tanh", "relu"])
def test_an_rnn_is_its_recurrence_by_hand(rng, kind):
    rnn = nn.RNN(3, 2, nonlinearity=kind, dtype=mt.float64)
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in rnn.parameters())
    x, h = rng.standard_normal((5, 4, 3)), np.zeros((4, 2))
    y, end = rnn(mt.tensor(x))
    act = {"tanh": np.tanh, "relu": lambda a: np.maximum(a, 0)}[kind]
    for x_t, y_t in zip(x, y.detach().numpy(), strict=True):
        h = act(x_t @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
        np.testing.assert_allclose(y_t, h, rtol=1e-12, atol=1e-15)
    assert end.shape == (1, 4, 2)


@pytest.mark.parametrize("name", ["GRU", "RNN", "LSTM"])
def test_sequences_of_every_kind_continue_and_go_step_by_step(rng, name):
    layer = getattr(nn, name)(3, 2, dtype=mt.float64)
    cell = getattr(nn, f"{name}Cell")(3, 2, dtype=mt.float64)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = mt.tensor(rng.standard_normal((6, 4, 3)))
    y, _ = layer(x)
    first, state = layer(x[:2])
    second, _ = layer(x[2:], state)
    np.testing.assert_allclose(mt.cat([first, second]).detach(), y.detach(), rtol=1e-12)
    state = None
    for t in range(6):
        state = cell(x[t], state)
        h = state[0] if name == "LSTM" else state
        np.testing.assert_allclose(h.detach(), y[t].detach(), rtol=1e-12)
    assert [len(weights) for weights in layer.all_weights] == [4]
    assert isinstance(layer, nn.RNNBase) and isinstance(cell, nn.RNNCellBase)


@pytest.mark.parametrize("name, settings", [
    ("GRUCell", {}), ("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}),
])  # fmt: skip
def test_gradients_of_cells_of_both_orders_are_slopes(rng, name, settings):
    cell = getattr(nn, name)(3, 2, **settings, dtype=mt.float64)
    xs = [mt.tensor(rng.standard_normal((2, n)), requires_grad=True) for n in (3, 2)]
    assert mt.gradcheck(lambda x, h: cell(x, h), xs)
    assert mt.gradgradcheck(lambda x, h: cell(x, h), xs)


@pytest.mark.parametrize("call, error, message", [
    (lambda x: nn.RNN(3, 2, nonlinearity="elu"), ValueError, "RNN: nonlinearity='elu'"),
    (lambda x: nn.RNNCell(3, 2, nonlinearity="elu"), ValueError, "RNNCell: nonlinearity='elu'"),
    (lambda x: nn.GRU(3, 0), ValueError, "GRU: hidden_size=0"),
    (lambda x: nn.GRU(3, 2)(x, x), ValueError, r"GRU: the state h of shape \(5, 4, 3\)"),
    (lambda x: nn.GRU(3, 2)(x, (x, x)), TypeError, "GRU: the state h must be a Tensor"),
    (lambda x: nn.GRUCell(3, 2)(x), ValueError, r"GRUCell: input of shape \(5, 4, 3\)"),
    (lambda x: nn.RNNBase("FAST", 3, 2), ValueError, "RNNBase: mode='FAST'"),
    (lambda x: nn.RNNBase("GRU", 3, 2, proj_size=1), ValueError, "proj_size=1 is for mode 'LSTM'"),
])  # fmt: skip
def test_recurrent_layers_refuse_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.zeros(5, 4, 3))

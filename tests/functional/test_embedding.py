"""embedding and one_hot: rows, summed gradients, checked indices."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import functional as F
from minitorch_cnn.autograd import grad, gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,), (2, 0)])
def test_embedding_reads_rows_and_its_gradient_adds_them_up(shape, padding_idx, rng):
    w, i = rng.standard_normal((4, 3)), rng.integers(0, 4, shape)
    weight = Tensor(w, requires_grad=True)
    y = F.embedding(Tensor(i), weight, padding_idx)
    assert y.shape == (*shape, 3)
    np.testing.assert_array_equal(y.array, w[i])

    gy = rng.standard_normal(y.shape)
    y.backward(Tensor(gy))
    expected = np.zeros_like(w)
    for place in np.ndindex(shape):
        if padding_idx is None or i[place] != padding_idx % 4:
            expected[i[place]] += gy[place]
    np.testing.assert_allclose(weight.grad.array, expected)


@pytest.mark.parametrize("padding_idx", [None, 2])
def test_embedding_has_gradients_of_both_orders(padding_idx, rng):
    i = Tensor(np.array([[0, 2], [2, 0], [1, 2]]))
    weight = Tensor(rng.standard_normal((4, 2)), requires_grad=True)

    def without_padding(w):
        y = F.embedding(i, w, padding_idx)
        return y if padding_idx is None else y * Tensor((i.array != padding_idx)[..., None] * 1.0)

    def squared(w):
        return without_padding(w) ** 2

    assert gradcheck(without_padding, (weight,))
    assert gradgradcheck(squared, (weight,))


def test_the_gradient_s_gradient_leaves_the_padding_out(rng):
    i = Tensor(np.array([0, 1, 1, 2]))
    weight = Tensor(rng.standard_normal((3, 2)), requires_grad=True)
    gy = Tensor(rng.standard_normal((4, 2)), requires_grad=True)
    (gw,) = grad(F.embedding(i, weight, padding_idx=1), weight, gy, create_graph=True)
    v = rng.standard_normal((3, 2))
    (ggy,) = grad(gw, gy, Tensor(v))
    np.testing.assert_array_equal(ggy.array, np.where((i.array == 1)[:, None], 0, v[i.array]))


def test_indices_changed_in_place_before_backward_are_noticed(rng):
    i = Tensor(np.array([0, 1]))
    y = F.embedding(i, Tensor(rng.standard_normal((3, 2)), requires_grad=True))
    i[0] = 2
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_one_hot_has_a_one_at_each_index():
    y = F.one_hot(Tensor(np.array([[0, 2], [1, 0]])))
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y.array, [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]])
    assert F.one_hot(Tensor(np.array(1)), 4).tolist() == [0, 1, 0, 0]
    assert F.one_hot(Tensor(np.zeros(0, int)), 3).shape == (0, 3)


ROWS = Tensor(np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda i: F.embedding(i, ROWS),
            IndexError,
            "embedding: index 3 must be in 0..2, as weight",
        ),
        (lambda i: F.embedding(i - 4, ROWS), IndexError, "embedding: index -4 must be in 0..2"),
        (lambda i: F.embedding(i * 1.0, ROWS), TypeError, "embedding: input of dtype float"),
        (lambda i: F.embedding(i, i), TypeError, "embedding: weight of dtype int64 must be"),
        (
            lambda i: F.embedding(i, ROWS[0]),
            ValueError,
            r"embedding: weight of shape \(2,\) must be",
        ),
        (
            lambda i: F.embedding(i, ROWS, 3),
            ValueError,
            "embedding: padding_idx=3 must be in -3..2",
        ),
        (
            lambda i: F.one_hot(i, 3),
            IndexError,
            "one_hot: index 3 must be in 0..2, as num_classes=3",
        ),
        (lambda i: F.one_hot(i - 1), IndexError, "one_hot: index -1 must be in 0..2"),
        (lambda i: F.one_hot(i, 0), ValueError, "one_hot: num_classes=0 must be positive"),
        (lambda i: F.one_hot(i[:0]), ValueError, "one_hot: num_classes must be given for an empty"),
        (lambda i: F.one_hot(i * 1.0), TypeError, "one_hot: tensor of dtype float"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=rf"^{message}"):
        call(Tensor(np.array([0, 3])))


def test_rows_that_are_looked_up_are_shortened_in_place_and_others_stay():
    table = [[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]]
    w = mt.tensor(table, dtype=mt.float64)
    y = F.embedding(mt.tensor([0, 1, 0]), w, max_norm=1.0)
    assert np.allclose(w.numpy(), [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)
    assert np.array_equal(y.numpy(), w.numpy()[[0, 1, 0]])
    w = mt.tensor(table, dtype=mt.float64)
    F.embedding(mt.tensor([[2]]), w, max_norm=7.0, norm_type=1.0)
    assert np.allclose(w.numpy(), [[3, 4], [0.3, 0.4], [3, 4]], rtol=1e-6)
    F.embedding(mt.zeros(0, dtype=mt.int64), w, max_norm=1e-3)
    assert w[0].tolist() == [3, 4]


def test_rows_that_a_graph_needs_and_a_lookup_shortens_are_noticed():
    w = mt.tensor([[3.0, 4.0]], requires_grad=True)
    loss = (w * w).sum()
    F.embedding(mt.tensor([0]), w, max_norm=1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_gradients_are_divided_by_how_often_a_row_is_looked_up():
    w = mt.tensor(np.random.default_rng(0).standard_normal((4, 2)), requires_grad=True)
    i = mt.tensor([[0, 1], [1, 3]])
    gy = np.random.default_rng(1).standard_normal((2, 2, 2))
    (F.embedding(i, w, 3, scale_grad_by_freq=True) * mt.tensor(gy)).sum().backward()
    expected = [gy[0, 0], (gy[0, 1] + gy[1, 0]) / 2, np.zeros(2), np.zeros(2)]
    assert np.allclose(w.grad.numpy(), expected)
    seed = mt.tensor(gy, requires_grad=True)
    y = F.embedding(i, w, scale_grad_by_freq=True)
    (gw,) = mt.grad(y, w, seed, create_graph=True)
    (back,) = mt.grad((gw * w).sum(), seed)
    w = w.detach().numpy()
    assert np.allclose(back.numpy(), [[w[0], w[1] / 2], [w[1] / 2, w[3]]])


def test_a_sparse_gradient_is_refused():
    with pytest.raises(ValueError, match="embedding: sparse=True"):
        F.embedding(mt.tensor([0]), mt.ones(1, 1), sparse=True)

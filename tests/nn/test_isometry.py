"""Orthonormality and modulated gradients, against their formulas in NumPy."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn.utils import modulate_gradients, orthonormality
from minitorch_cnn.tensor import Tensor

RNG = np.random.default_rng(0)


def by_formula(*weights):
    """Half of the sum of ||W' W - I||^2, in groups of at most as many filters as inputs."""
    total = 0.0
    for w in weights:
        columns = w.reshape(len(w), -1).T  # W (inputs, filters)
        n = len(columns)
        for k in range(0, columns.shape[1], n):
            part = columns[:, k : k + n]
            total += ((part.T @ part - np.eye(part.shape[1])) ** 2).sum() / 2
    return total


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3, 3), (7, 1, 1, 3), (6, 2)])
def test_the_penalty_is_the_papers_equation_in_groups_of_as_many_filters_as_inputs(shape):
    w = RNG.normal(size=shape)
    assert orthonormality(Tensor(w)).item() == pytest.approx(by_formula(w))


def test_its_gradients_are_the_slopes_of_both_orders():
    for shape in ((2, 1, 2, 2), (5, 2)):
        w = Tensor(RNG.normal(size=shape), requires_grad=True)
        assert mt.gradcheck(orthonormality, (w,))
        assert mt.gradgradcheck(orthonormality, (w,))


def test_its_gradient_is_twice_w_times_the_distance_from_the_identity():
    w = Tensor(RNG.normal(size=(3, 5)), requires_grad=True)
    orthonormality([w]).backward()
    columns = w.array.T
    assert np.allclose(w.grad.array.T, 2 * columns @ (columns.T @ columns - np.eye(3)))


def test_weights_that_orthogonal_draws_have_none_and_biases_are_left_out():
    conv, norm, linear = nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.Linear(6, 6)
    net = nn.Sequential(conv, norm, nn.Flatten(), linear).double()
    for m in (conv, linear):
        nn.init.orthogonal_(m.weight)
    assert orthonormality(net.parameters()).item() < 1e-20
    norm.weight.array[:] = 9
    assert orthonormality(net.parameters()).item() < 1e-20
    assert orthonormality([conv.bias]).item() == orthonormality([]).item() == 0


def test_the_sum_is_over_all_weights_and_keeps_their_dtype():
    a, b = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 4))
    assert orthonormality([Tensor(a), Tensor(b)]).item() == pytest.approx(by_formula(a, b))
    assert orthonormality(Tensor(a.astype(np.float32))).dtype == np.float32


def test_what_is_no_weight_is_refused():
    with pytest.raises(TypeError, match="orthonormality: parameters must be Tensors, got float"):
        orthonormality([1.0])


def chain(factors):
    """Layers that multiply by numbers, in float64."""
    layers = [nn.Linear(3, 3, bias=False).double() for _ in factors]
    for layer, factor in zip(layers, factors, strict=True):
        layer.weight.array[:] = factor * np.eye(3)
    return nn.Sequential(*layers)


def test_each_gradient_gets_the_size_of_the_last_ones_and_keeps_its_direction():
    net = chain([1.0, 5.0, 0.1, 1.0])
    x = Tensor(RNG.normal(size=(2, 3)), requires_grad=True)
    v = RNG.normal(size=(2, 3))
    handle = modulate_gradients(net)
    net(x).backward(Tensor(v))
    # Every output's gradient is a multiple of v, so all have its length, and the first layer is 1.
    assert np.allclose(x.grad.array, v)
    assert [handle.factors[k] for k in range(4)] == pytest.approx([1 / 5, 10, 1, 1])
    handle.remove()
    x.grad = None
    net(x).backward(Tensor(v))
    assert np.allclose(x.grad.array, 0.5 * v)


def test_weights_get_the_gradients_of_the_modulated_outputs():
    net = chain([1.0, 4.0])
    x, v = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
    modulate_gradients(net)
    net(Tensor(x)).backward(Tensor(v))
    for layer in net:
        assert np.allclose(layer.weight.grad.array, v.T @ x)


def test_gradients_within_the_tolerance_stay():
    net = chain([1.0, 1.5, 4.0])
    x = Tensor(RNG.normal(size=(2, 3)), requires_grad=True)
    v = RNG.normal(size=(2, 3))
    handle = modulate_gradients(net, tolerance=2.0)
    net(x).backward(Tensor(v))
    # 4 is corrected to 1 behind the third layer; then 1.5 is within 2.
    assert handle.factors == pytest.approx({0: 1, 1: 0.25, 2: 1})
    assert np.allclose(x.grad.array, 1.5 * v)


def test_each_backward_pass_has_its_own_reference_and_zeros_stay_zeros():
    net = chain([1.0, 2.0])
    modulate_gradients(net)
    for scale in (1.0, 1e-3, 0.0):
        x = Tensor(RNG.normal(size=(2, 3)), requires_grad=True)
        v = scale * RNG.normal(size=(2, 3))
        net(x).backward(Tensor(v))
        assert np.allclose(x.grad.array, v * (2 if scale == 0 else 1))


def test_what_cannot_be_modulated_is_refused():
    for modules, tolerance in (([], 1.0), (chain([1.0]), 0.5), (chain([1.0]), float("nan"))):
        with pytest.raises(ValueError, match="modulate_gradients: modules must not be empty"):
            modulate_gradients(modules, tolerance)

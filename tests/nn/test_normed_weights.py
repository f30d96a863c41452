"""Weight norm and spectral norm: the weights they compute, what they learn, and their undoing."""

import copy

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import utils


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_a_weight_normed_layer_computes_what_it_did_and_learns_length_and_direction(dim, rng):
    layer = nn.Conv2d(3, 4, 2).double()
    w, x = layer.weight.detach().numpy().copy(), mt.tensor(rng.standard_normal((2, 3, 5, 5)))
    before = layer(x).detach().numpy()
    assert utils.weight_norm(layer, dim=dim) is layer
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    axes = None if dim is None else tuple(i for i in range(4) if i != dim % 4)
    norms = np.sqrt((w * w).sum(axes, keepdims=dim is not None))
    assert np.allclose(layer.weight_g.detach(), norms) and layer.weight_g.shape == norms.shape
    assert np.allclose(layer(x).detach(), before)
    with mt.no_grad():
        layer.weight_g.mul_(2)
        layer.weight_v.mul_(5)
    assert np.allclose(
        layer(x).detach() - layer.bias.detach().reshape(1, -1, 1, 1),
        2 * (before - layer.bias.detach().numpy().reshape(1, -1, 1, 1)),
    )
    assert mt.gradcheck(
        lambda g, v: (lambda m: m.compute(_Holder(g, v)))(_hook(layer)),
        (
            layer.weight_g.detach().clone().requires_grad_(),
            layer.weight_v.detach().clone().requires_grad_(),
        ),
    )
    utils.remove_weight_norm(layer)
    assert list(layer.state_dict()) == ["bias", "weight"] and not layer.has_hooks()
    assert np.allclose(layer.weight.detach(), 2 * w) and layer.weight.requires_grad


class _Holder:
    def __init__(self, g, v):
        self.weight_g, self.weight_v = g, v


def _hook(layer):
    (hook,) = layer._forward_pre_hooks.values()
    return hook.function


def test_a_spectrally_normed_weight_has_the_largest_singular_value_one(rng):
    layer = utils.spectral_norm(nn.Linear(5, 3).double(), n_power_iterations=50)
    layer(mt.tensor(rng.standard_normal((1, 5))))
    assert np.linalg.svd(layer.weight.detach().numpy())[1][0] == pytest.approx(1, rel=1e-6)
    assert set(layer.state_dict()) == {"bias", "weight_orig", "weight_u", "weight_v"}
    assert [n for n, _ in layer.named_parameters()] == ["bias", "weight_orig"]
    u = layer.weight_u.numpy().copy()
    layer.eval()(mt.tensor(rng.standard_normal((1, 5))))
    assert np.array_equal(layer.weight_u.numpy(), u)
    weight = layer.weight.detach().numpy().copy()
    utils.remove_spectral_norm(layer)
    assert np.allclose(layer.weight.detach(), weight) and len(layer.state_dict()) == 2


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("make", ["Linear", "Conv2d", "ConvTranspose2d"])
@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")
def test_normed_layers_give_what_pytorchs_give(name, make, rng):
    torch = pytest.importorskip("torch")
    args, shape = ((4, 3), (2, 4)) if make == "Linear" else ((4, 3, 2), (2, 4, 5, 5))
    ours = getattr(utils, name)(getattr(nn, make)(*args).double())
    theirs = getattr(torch.nn.utils, name)(getattr(torch.nn, make)(*args).double())
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    for training in (True, True, False):
        a = rng.standard_normal(shape)
        y, expected = ours.train(training)(mt.tensor(a)), theirs.train(training)(torch.tensor(a))
        assert np.allclose(y.detach(), expected.detach().numpy())
        ours.zero_grad()
        theirs.zero_grad()
        (y * y).sum().backward()
        (expected * expected).sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert np.allclose(p.grad.numpy(), q.grad.numpy())
    for k, v in theirs.state_dict().items():
        assert np.allclose(ours.state_dict()[k].numpy(), v.numpy())


def test_a_normed_convolution_and_its_relu_run_apart_and_are_copied():
    net = nn.Sequential(utils.weight_norm(nn.Conv2d(1, 2, 1)), nn.ReLU())
    x = mt.randn(1, 1, 2, 2)
    implementation = copy.deepcopy(
        net
    )  # before a forward: a weight with a history cannot be copied
    net(x).sum().backward()
    with mt.no_grad():
        implementation[0].weight_g.zero_()
    assert np.array_equal(
        implementation(x).detach().numpy(),
        np.maximum(implementation[0].bias.detach().numpy(), 0).reshape(1, 2, 1, 1)
        * np.ones((1, 2, 2, 2)),
    )
    assert (net[0].weight_g.detach().numpy() > 0).all() and net[0].weight_g.grad is not None


def test_what_cannot_be_normed_is_refused():
    layer = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="weight_norm: name='kernel' is no parameter of Linear"):
        utils.weight_norm(layer, "kernel")
    with pytest.raises(ValueError, match="remove_weight_norm: name='weight' of Linear is not"):
        utils.remove_weight_norm(layer)
    with pytest.raises(ValueError, match="n_power_iterations=0 must be at least 1"):
        utils.spectral_norm(layer, n_power_iterations=0)
    utils.spectral_norm(layer)
    with pytest.raises(ValueError, match="spectral_norm: name='weight' is no parameter"):
        utils.spectral_norm(layer)
    with pytest.raises(ValueError, match="remove_weight_norm"):
        utils.remove_weight_norm(layer)

"""Fusion of a ReLU with the layer before it: it cannot be observed, and users' changes run."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import backward_rules
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.launch import Kernel
from minitorch_cnn.models.blocks import ConvBNReLU, Trunk
from minitorch_cnn.nn.fusion import relu_after, relu_of_sum

LAYERS = {
    "Conv2d": lambda: nn.Conv2d(2, 2, 1),
    "BatchNorm2d": lambda: nn.BatchNorm2d(2),
    "BatchNorm1d": lambda: nn.BatchNorm1d(2),
}


def made(name):
    """The layer, evaluating, and a batch for it."""
    shape = (4, 2, 3) if name == "BatchNorm1d" else (4, 2, 3, 3)
    return LAYERS[name]().eval(), mt.randn(*shape)


def rectified_array(y):
    return np.maximum(y.detach().numpy(), 0)


def tenfold(module, input):
    """A forward in the place of a layer's own."""
    return input * 10


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_relu_are_one_node_where_nobody_looks(name):
    layer, x = made(name)
    trunk = Trunk({"first": layer, "second": nn.ReLU()}, 2, 1)
    nets = [nn.Sequential(layer, nn.ReLU())] + [trunk] * (x.ndim == 4)
    for y in (relu_after(layer, x), *(net(x) for net in nets)):
        assert y.grad_fn.relu and np.array_equal(y.detach().numpy(), rectified_array(layer(x)))


@pytest.mark.parametrize("training", [False, True])
def test_a_relu6_after_a_batch_norm_is_one_node_of_the_same_numbers(training):
    x = mt.randn(8, 2, 5, 5) * 4
    norm = nn.BatchNorm2d(2).train(training)
    nn.init.constant_(norm.weight, 5)
    y = nn.Sequential(norm, nn.ReLU6())(x)
    assert y.grad_fn.relu and y.grad_fn.ceiling == 6
    expected = np.clip(norm(x).detach().numpy(), 0, 6)
    assert np.array_equal(y.detach().numpy(), expected)
    assert (expected == 0).any() and (expected == 6).any()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("how", ["instance", "class", "subclass", "assigned class"])
def test_a_forward_that_a_user_put_in_the_place_of_a_layer_s_runs(name, how, monkeypatch):
    layer, x = made(name)
    net = nn.Sequential(layer, nn.ReLU())
    net(x)
    kind = type("Own", (type(layer),), {"forward": tenfold})
    if how == "instance":
        layer.forward = lambda input: input * 10
    elif how == "class":
        monkeypatch.setattr(type(layer), "forward", tenfold)
    elif how == "subclass":
        net[0] = layer = kind(*((2, 2, 1) if name == "Conv2d" else (2,)))
    else:
        layer.__class__ = kind
    expected = rectified_array(x * 10)
    assert np.array_equal(net(x).detach().numpy(), expected)
    assert np.array_equal(relu_after(layer, x).detach().numpy(), expected)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("how", ["instance", "class", "subclass"])
def test_a_forward_that_a_user_put_in_the_place_of_the_relu_s_runs(name, how, monkeypatch):
    layer, x = made(name)
    net = nn.Sequential(layer, nn.ReLU())
    net(x)
    if how == "instance":
        net[1].forward = lambda input: input * 10
    elif how == "class":
        monkeypatch.setattr(nn.ReLU, "forward", tenfold)
    else:
        net[1] = type("Own", (nn.ReLU,), {"forward": tenfold})()
    assert np.array_equal(net(x).detach().numpy(), (layer(x) * 10).detach().numpy())


def test_a_call_patched_on_the_class_of_all_modules_sees_both_layers(monkeypatch):
    layer, x = made("Conv2d")
    net, seen, call = nn.Sequential(layer, nn.ReLU()), [], nn.Module.__call__

    def watched(self, *inputs, **settings):
        seen.append(type(self).__name__)
        return call(self, *inputs, **settings)

    monkeypatch.setattr(nn.Module, "__call__", watched)
    net(x)
    assert seen == ["Sequential", "Conv2d", "ReLU"]


def test_what_was_edited_after_the_first_call_is_what_runs():
    layer, x = made("Conv2d")
    net = nn.Sequential(layer, nn.ReLU())
    net(x)
    net[1] = nn.Tanh()
    assert np.allclose(net(x).detach().numpy(), np.tanh(layer(x).detach().numpy()), atol=1e-6)
    net.insert(1, nn.ReLU())
    net.append(nn.ReLU())
    assert np.allclose(net(x).detach().numpy(), np.tanh(rectified_array(layer(x))), atol=1e-6)
    net._modules["0"] = nn.Identity()
    del net[2]
    assert np.array_equal(net(x).detach().numpy(), rectified_array(x))


def test_a_hook_on_a_norm_of_a_model_s_block_sees_values_before_the_relu():
    block, x, seen = ConvBNReLU(2, 3, 1).eval(), mt.randn(2, 2, 3, 3), []
    block.bn.register_forward_hook(lambda module, inputs, y: seen.append(y))
    y = block(x)
    assert (seen[0] < 0).any() and np.array_equal(y.detach().numpy(), rectified_array(seen[0]))


def test_a_norm_of_a_model_s_block_may_be_any_module():
    block, x = ConvBNReLU(2, 3, 1), mt.randn(2, 2, 3, 3)
    block.bn = nn.Identity()
    assert np.array_equal(block(x).detach().numpy(), rectified_array(block.conv(x)))


def test_layers_take_pytorch_s_arguments_only():
    for name in LAYERS:
        layer, x = made(name)
        with pytest.raises(TypeError, match="relu"):
            layer(x, relu=True)


def test_a_container_without_a_module_in_a_place_says_so():
    net = nn.Sequential(nn.Identity(), nn.ReLU())
    net._modules["0"] = None
    with pytest.raises(TypeError):
        net(mt.ones(1))


@pytest.mark.parametrize("name", LAYERS)
def test_a_function_that_a_user_exchanges_is_what_the_layers_call(name, monkeypatch):
    assert nn.functional is mt.functional
    layer, x = made(name)
    net = nn.Sequential(layer, nn.ReLU())
    own = "conv2d" if name == "Conv2d" else "batch_norm"
    with monkeypatch.context() as patch:
        patch.setattr(nn.functional, "relu", lambda y, inplace=False: y * 100)
        expected = layer(x).detach().numpy() * 100
        assert np.array_equal(net(x).detach().numpy(), expected)
        assert np.array_equal(relu_after(layer, x).detach().numpy(), expected)
    with monkeypatch.context() as patch:
        patch.setattr(nn.functional, own, lambda y, *settings: y * 10)
        assert np.array_equal(net(x).detach().numpy(), rectified_array(x * 10))
        assert np.array_equal(relu_after(layer, x).detach().numpy(), rectified_array(x * 10))
    assert net(x).grad_fn.relu


def launched(monkeypatch):
    """The names of the kernels that are launched from now on."""
    names, run = [], Kernel.run
    monkeypatch.setattr(Kernel, "run", lambda self, *a: (names.append(self.name), run(self, *a))[1])
    return names


def on_device(*arrays):
    return [mt.tensor(x, device="emulator", requires_grad=True) for x in arrays]


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_the_relu_of_a_sum_on_a_device_is_one_launch_forward_and_one_backward(monkeypatch):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    x, z = on_device(a, b)
    names = launched(monkeypatch)
    y = relu_of_sum(x, z)
    (y * 2).sum().backward()
    assert names == ["relu_of_sum", "backward"]
    assert np.array_equal(y.detach().cpu().numpy(), np.maximum(a + b, 0))
    for leaf in (x, z):
        assert np.array_equal(leaf.grad.cpu().numpy(), np.where(a + b > 0, 2, 0))
    x.grad.zero_()  # the two gradients share no memory
    assert z.grad.sum().item() == 2 * (a + b > 0).sum()


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
@pytest.mark.parametrize("uses", [2, 3, 5])
@pytest.mark.parametrize("of_sum", [False, True])
def test_gradients_that_meet_at_a_relu_are_added_by_its_backward(uses, of_sum, monkeypatch):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
    x, z = on_device(a, b)
    y = relu_of_sum(x, z) if of_sum else mt.relu(x + z)
    total = sum((y * (i + 1)).sum() for i in range(uses))
    names = launched(monkeypatch)
    total.backward(retain_graph=True)
    assert names == ["relu_backward_of_sum"]
    expected = np.where(a + b > 0, sum(range(uses + 1)), 0)
    assert np.array_equal(x.grad.cpu().numpy(), expected)
    total.backward()  # nothing is left of the first pass
    assert np.array_equal(z.grad.cpu().numpy(), 2 * expected)


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_whoever_looks_at_the_gradient_of_a_relu_sees_the_sum():
    (x,) = on_device(np.ones((2, 2), np.float32))
    y = mt.relu(x)
    seen = []
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.retain_grad()
    ((y * 3).sum() + (y * 4).sum()).backward()
    assert seen == [[[7, 7], [7, 7]]] and y.grad.tolist() == seen[0]
    assert x.grad.tolist() == seen[0]
    y = mt.relu(x)
    (gy,) = mt.grad((y * 3).sum() + (y * 4).sum(), y)
    assert gy.tolist() == seen[0]
    y = mt.relu(x)
    (gx,) = mt.grad((y * y).sum() + (y * 4).sum(), x, create_graph=True)
    assert gx.tolist() == [[6, 6], [6, 6]]
    assert mt.grad(gx.sum(), x)[0].tolist() == [[2, 2], [2, 2]]


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_backward_that_failed_leaves_no_gradient_for_the_next():
    (x,) = on_device(np.ones((2, 2), np.float32))
    w = x * 1
    y = mt.relu(w)
    handle = y.register_hook(lambda g: 1 / 0)
    total = (y * 3).sum() + (y * 4).sum()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            total.backward(retain_graph=True)
    handle.remove()
    total.backward()
    assert x.grad.tolist() == [[7, 7], [7, 7]]


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_sum_is_computed_alone_where_relu_is_replaced_or_the_shapes_differ(monkeypatch):
    x, z = on_device(np.ones((2, 2), np.float32), np.ones(2, np.float32))
    assert type(relu_of_sum(x, z).grad_fn).__name__ == "ReLU"
    assert type(relu_of_sum(x, x).grad_fn).__name__ == "ReLUOfSum"
    monkeypatch.setattr(nn.functional, "relu", lambda x: x * 10)
    assert relu_of_sum(x, x).tolist() == [[20, 20], [20, 20]]


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_rules_for_the_gradient_of_a_relu_reach_that_of_a_sum():
    a, b = np.random.default_rng(1).standard_normal((2, 3, 4)).astype(np.float32)
    seed = np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32)
    results = {}
    for device in ("cpu", "emulator"):
        x, z = (mt.tensor(v, device=device, requires_grad=True) for v in (a, b))
        y, g = relu_of_sum(x, z), mt.tensor(seed, device=device)
        results[device] = []
        for rule in ("plain", "guided", "deconvolution"):
            with backward_rules.rectified(y, rule):
                (gx,) = mt.grad(y, x, [g], retain_graph=True)
            results[device].append(gx.cpu().numpy())
    assert np.array_equal(results["cpu"], results["emulator"])

"""Fusion of a ReLU with the layer before it: it cannot be observed, and users' changes run."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import backward_rules
from minitorch_cnn.kernels.activation import compiled
from minitorch_cnn.kernels.cuda import allow_tf32
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.launch import Kernel
from minitorch_cnn.models.blocks import ConvBNReLU, Trunk
from minitorch_cnn.models.residual import BasicBlock, Bottleneck, make_shortcut
from minitorch_cnn.nn.fusion import relu_after, relu_of_sum
from minitorch_cnn.utils.checkpoint import checkpoint

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


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
class TestNormsOfConvolutions:
    """What a convolution on a device sums for a batch norm, and the sum with a shortcut."""

    @pytest.fixture(autouse=True)
    def in_float32(self, monkeypatch):
        monkeypatch.setattr(allow_tf32, "convolution", False)

    def net(self, dtype=mt.float32):
        mt.manual_seed(3)
        net = nn.Sequential(
            nn.Conv2d(3, 20, 3, padding=1, bias=False),
            nn.BatchNorm2d(20),
            nn.ReLU6(),
            BasicBlock(20, 24, 2, make_shortcut("B", 20, 24, 2)),
            Bottleneck(24, (8, 8, 24)),
            nn.Conv2d(24, 4, 1, bias=False),
            nn.BatchNorm2d(4, momentum=None),
        )
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        return net.to(dtype)

    def trained(self, net, device):
        """The result, the gradients, those of a gradient's norm, and the state."""
        net.to(device)
        rng = np.random.default_rng(4)
        dtype = net[0].weight.array.dtype
        x, g = (rng.standard_normal(s).astype(dtype) for s in ((3, 3, 9, 8), (3, 4, 5, 4)))
        x = mt.tensor(x, device=device, requires_grad=True)
        y = net(x)
        parameters = x, *net.parameters()
        first = mt.grad((y * mt.tensor(g, device=device)).sum(), parameters, create_graph=True)
        second = mt.grad(sum(f.square().sum() for f in first), parameters, allow_unused=True)
        seconds = (s for s in second if s is not None)
        return [t.detach().cpu().numpy() for t in (y, *first, *seconds, *net.buffers())]

    @pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
    def test_they_equal_the_layers_one_by_one_in_all_derivatives(self, dtype, monkeypatch):
        want = self.trained(self.net(dtype), "cpu")
        names = launched(monkeypatch)
        got = self.trained(self.net(dtype), "emulator")
        # A 1 x 1 is the library's product of matrices, which sums nothing.
        assert names.count("merge_statistics") == 5 and names.count("statistics") == 3
        assert "relu_of_sum" not in names
        tolerance = 1e-5 if dtype == mt.float32 else 1e-13
        for a, b in zip(got, want, strict=True):
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())

    def test_a_step_repeats_bit_by_bit(self):
        first, again = (self.trained(self.net(), "emulator") for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))

    @pytest.mark.parametrize("which", [0, 1, "block convolution", "block norm", "branch"])
    def test_layers_that_are_watched_or_replaced_run_one_by_one(self, which, monkeypatch):
        net, seen = self.net().to("emulator"), []
        names = launched(monkeypatch)
        x = mt.randn(2, 3, 9, 8).to("emulator")
        if which == "branch":
            branch = net[3].branch
            net[3].branch = lambda x: seen.append(x) or branch(x)
        else:
            named = {"block convolution": net[3].conv2, "block norm": net[3].bn2}
            layer = net[which] if which in (0, 1) else named[which]
            layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
        net(x)
        assert len(seen) == 1
        summed = 5 if which == "branch" else 4
        assert names.count("merge_statistics") == summed
        assert names.count("relu_of_sum") == (which in ("block norm", "branch"))

    def test_norms_of_constant_statistics_and_of_sixteen_bits_sum_nothing(self, monkeypatch):
        names = launched(monkeypatch)
        x = mt.randn(2, 3, 9, 8).to("emulator")
        self.net().to("emulator").eval()(x)
        with mt.autocast("emulator", dtype=mt.bfloat16):
            self.net().to("emulator")(x)
        assert "merge_statistics" not in names and names.count("statistics") == 8

    def test_a_checkpoint_computes_them_again(self):
        results = []
        for recomputes in (False, True):
            net, draw = self.net().to("emulator"), np.random.default_rng(6).standard_normal
            x = mt.tensor(draw((2, 3, 9, 8), "f"), device="emulator", requires_grad=True)
            y = checkpoint(net, x * 1) if recomputes else net(x * 1)
            (y * y * y).sum().backward()
            results.append([t.cpu().numpy() for t in (x.grad, net[0].weight.grad, *net.buffers())])
        assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))

    def test_rules_for_the_gradient_of_a_relu_reach_that_of_a_normed_sum(self):
        results = []
        for device in ("cpu", "emulator"):
            net, rng = self.net().to(device), np.random.default_rng(5)
            x = mt.tensor(rng.standard_normal((2, 3, 9, 8), "f"), device=device, requires_grad=True)
            y = net[:4](x)
            g = mt.tensor(rng.standard_normal(y.shape, "f"), device=device)
            for rule in ("plain", "guided", "deconvolution"):
                with backward_rules.rectified(y, rule):
                    (gx,) = mt.grad(y, x, [g], retain_graph=True)
                results.append(gx.cpu().numpy())
        for want, got in zip(results[:3], results[3:], strict=True):
            assert np.allclose(got, want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


def test_the_relu_of_a_large_sum_is_one_node_on_the_host():
    a, b = np.random.default_rng(0).standard_normal((2, 4, 2**14)).astype(np.float32)
    x, z = (mt.tensor(v, requires_grad=True) for v in (a, b))
    y = relu_of_sum(x, z)
    assert type(y.grad_fn).__name__ == "ReLUOfSum"
    assert type(relu_of_sum(x[0, :9], z[0, :9]).grad_fn).__name__ == "ReLU"
    (y * 2).sum().backward()
    assert np.array_equal(y.detach().numpy(), np.maximum(a + b, 0))
    for leaf in (x, z):
        assert np.array_equal(leaf.grad.numpy(), np.where(a + b > 0, 2, 0))
    x.grad.zero_()  # the two gradients share no memory
    assert z.grad.sum().item() == 2 * (a + b > 0).sum()


@pytest.mark.parametrize("uses", [2, 3, 5])
@pytest.mark.parametrize("of_sum", [False, True])
def test_large_gradients_that_meet_at_a_relu_are_added_by_its_backward(uses, of_sum, monkeypatch):
    a, b = np.random.default_rng(0).standard_normal((2, 4, 2**14)).astype(np.float32)
    x, z = (mt.tensor(v, requires_grad=True) for v in (a, b))
    y = relu_of_sum(x, z) if of_sum else mt.relu(x + z)
    total = sum((y * (i + 1)).sum() for i in range(uses))
    calls, at_once = [], compiled.relu_backward_of_sum
    monkeypatch.setattr(
        compiled, "relu_backward_of_sum", lambda *g: (calls.append(g), at_once(*g))[1]
    )
    total.backward(retain_graph=True)
    assert len(calls) == 1
    expected = np.where(a + b > 0, sum(range(uses + 1)), 0)
    assert np.array_equal(x.grad.numpy(), expected)
    total.backward()  # nothing is left of the first pass
    assert np.array_equal(z.grad.numpy(), 2 * expected)
    y, seen = relu_of_sum(x, z), []
    y.register_hook(lambda g: seen.append(g.max().item()))
    sum((y * (i + 1)).sum() for i in range(uses)).backward()
    assert seen == [sum(range(uses + 1))] and len(calls) == 2

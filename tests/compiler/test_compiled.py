"""mt.compile: compiled models give the results of the models, and notice what changes."""

import threading
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("numba")

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.compiler.memory import Life, live_peak, planned
from minitorch_cnn.compiler.passes import (
    dense_as_convolutions,
    drop_identities,
    fold_affine,
    fold_batch_norm,
    fold_constants,
)
from minitorch_cnn.compiler.steps import fused
from minitorch_cnn.graph.capture import captured as captured_as
from minitorch_cnn.nn import functional as F
from tests.graph.random_nets import Random

SMALL = ("lenet5", "resnet20_cifar", "densenet40_k12_cifar", "preact_resnet110_cifar")


def prepared(model):
    """In evaluation mode, with statistics unlike those of a new batch norm."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            with mt.no_grad():
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return model.eval()


def agree(model, x, tolerance=1e-5):
    fast = mt.compile(model)
    with mt.no_grad():
        wanted, found = model(x), fast(x)
    wanted, found = (y if isinstance(y, tuple) else (y,) for y in (wanted, found))
    for y, z in zip(wanted, found, strict=True):
        y, z = y.detach().numpy(), z.detach().numpy()
        most = abs(y).max()
        np.testing.assert_allclose(z / most, y / most, atol=tolerance)
    return fast


def of_zoo(name, batch=2):
    from minitorch_cnn.models.registry import model_entry

    mt.manual_seed(0)
    model = prepared(mt.models.create_model(name))
    return model, mt.randn(batch, *model_entry(name).input_shape)


@pytest.mark.parametrize("name", SMALL)
def test_a_compiled_model_gives_the_results_of_the_model(name):
    agree(*of_zoo(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["resnet18", "resnext50_32x4d", "mobilenet_v1_025", "mobilenet_v2_035", "googlenet",
             "squeezenet1_1", "densenet121", "shufflenet_v1_g3", "shufflenet_v2_x0_5",
             "se_resnet50", "ghostnet_050", "inception_v3", "nasnet_a_mobile", "alexnet", "vgg11",
             "efficientnet_lite0"],
)  # fmt: skip
def test_architectures_of_every_kind_compile(name):
    agree(*of_zoo(name, 1), tolerance=1e-4)


class Mixed(nn.Module):
    """Layers in blocks beside layers that are not, odd channels, concatenation and gates."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32))
        self.wide, self.deep = nn.Conv2d(32, 16, 1), nn.Conv2d(32, 20, 3, padding=1)
        self.tall = nn.Conv2d(32, 36, (3, 1), padding=(1, 0), dilation=(1, 1))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(72, 72, 1), nn.Hardsigmoid())
        self.norm, self.pool = nn.BatchNorm2d(72), nn.MaxPool2d(3, 2, 1)
        self.drop, self.last = nn.Dropout(0.5), nn.Linear(72, 10)

    def forward(self, x):
        x = F.relu6(self.stem(x))
        x = mt.cat([self.wide(x), self.deep(x), F.hardswish(self.tall(x))], 1)
        x = x * self.gate(x)
        x = self.pool(F.relu(self.norm(x))) + F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        y = F.max_pool2d(F.leaky_relu(x, 0.1).sigmoid(), 2, ceil_mode=True)
        return self.last(self.drop(y).mean((2, 3))), x


@pytest.mark.parametrize("size", [(17, 23), (32, 32), (9, 8)])
@pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
def test_a_net_of_many_layers(size, dtype):
    mt.manual_seed(0)
    model = prepared(Mixed()).to(dtype)
    agree(model, mt.randn(2, 3, *size, dtype=dtype), 1e-5 if dtype == mt.float32 else 1e-12)


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 500), marks=pytest.mark.slow)],
                         ids=["few", "many"])  # fmt: skip
def test_random_nets(seeds):
    for seed in seeds:
        mt.manual_seed(seed)
        net = Random(seed).double().eval()
        x = mt.randn(3, 4, 12, 10, dtype=mt.float64)
        agree(net, x, 1e-9)
        with mt.no_grad():
            expected = net(x).numpy()
            found = mt.compile(net.float())(x.float()).numpy()
        error = np.abs(found - expected).max() / np.abs(expected).max()
        assert error < 3e-5, f"seed {seed}: {error}"


@pytest.mark.parametrize("channels", [3, 4, 8, 16])
def test_an_input_of_few_channels_is_also_a_residual(channels):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(channels, channels, 3, padding=1)
            self.last = nn.Conv2d(channels, channels, 1)

        def forward(self, x):
            return self.last(F.relu(self.first(x) + x)) + x

    agree(Net().eval(), mt.randn(2, channels, 12, 10))


@pytest.mark.parametrize("size", [5, 4])
def test_a_local_response_norm_stays_in_blocks(size):
    mt.manual_seed(0)
    layers = nn.Conv2d(3, 20, 3), nn.LocalResponseNorm(size, 1.0), nn.Conv2d(20, 8, 3, padding=1)
    fast = agree(nn.Sequential(*layers).eval(), mt.randn(2, 3, 9, 7))
    (program,) = fast._programs.values()
    own = [entry.step for entry in program.plan.entries if "pack" in entry.step.split()[0]]
    assert len(own) == (2 if size % 2 else 4)  # an even window is flipped outside the blocks


def test_a_parameter_is_an_image_like_any_other():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
            self.place = nn.Parameter(mt.randn(2, 4, 6, 6))

        def forward(self, x):
            return F.relu(self.conv(x) + self.place) + self.conv(self.place)

    agree(Net().eval(), mt.randn(2, 4, 6, 6))


def test_packed_weights_are_not_kept_twice_unless_they_are_read():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(16, 16, 3), nn.Conv2d(16, 16, 1)

        def forward(self, x):
            return self.two(F.relu(self.one(x))), self.one.weight, self.two.weight.flatten(1)

    fast = agree(Net().eval(), mt.randn(1, 16, 8, 8))
    (program,) = fast._programs.values()
    assert {t.ndim for t in program.graph.constants.values()} <= {1, 4}
    model, x = of_zoo("resnet20_cifar")
    (program,) = agree(model, x)._programs.values()
    own = {id(t) for t in (*model.parameters(), *model.buffers())}
    assert all(id(t) in own for t in program.graph.constants.values() if t.ndim == 4)


@pytest.mark.parametrize("name", ["resnet20_cifar", "densenet40_k12_cifar", "lenet5"])
def test_the_memory_planned_is_at_most_twice_what_lives_together(name):
    fast = agree(*of_zoo(name))
    (program,) = fast._programs.values()
    assert program.plan.live <= program.plan.size <= 2 * program.plan.live


def peak_of(function):
    """The result of a function, and the bytes that it had at most."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ordinary_arrays_live_no_longer_than_something_reads_them():
    chain = nn.Sequential(*[layer for _ in range(4) for layer in (nn.Softplus(), nn.Softmax(1))])
    fast, x = mt.compile(chain.eval()), mt.randn(1, 4, 64, 64)
    with mt.no_grad():
        wanted = fast(x)
        found, most = peak_of(lambda: fast(x))
    assert found.equal(wanted) and most < 6 * x.array.nbytes


def test_batch_norm_is_folded_in_float64_without_copies_in_float64():
    net = prepared(nn.Sequential(nn.Conv2d(64, 128, 3, bias=False), nn.BatchNorm2d(128)))
    graph = captured_as(net, (mt.zeros(1, 64, 8, 8),), "compile", free=False).graph
    folded, most = peak_of(lambda: fold_batch_norm(graph))
    (node,) = folded.nodes
    w, norm = net[0].weight.detach().numpy(), net[1]
    scale = norm.weight.detach().numpy().astype(np.float64)
    scale /= np.sqrt(norm.running_var.numpy().astype(np.float64) + norm.eps)
    wanted = (w * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
    np.testing.assert_array_equal(folded.array(node.inputs[1]), wanted)
    assert most < 2 * w.nbytes


def test_in_training_and_with_gradients_the_model_runs():
    model, x = of_zoo("lenet5")
    fast = mt.compile(model)
    assert fast(x).requires_grad  # gradient mode, and parameters that require it
    fast.train()
    assert model.training
    with mt.no_grad():
        fast(x)
    assert not fast._programs
    fast.eval()
    with mt.no_grad():
        assert not fast(x).requires_grad
    assert len(fast._programs) == 1


def test_weights_modules_and_hooks_that_change_are_noticed():
    mt.manual_seed(0)
    model = prepared(nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU()))
    x, fast = mt.randn(1, 3, 8, 8), mt.compile(model)

    def changes():
        yield lambda: model[0].weight.mul_(2)
        yield lambda: model[1].running_mean.add_(1)
        yield lambda: setattr(model[0], "bias", nn.Parameter(mt.ones(16)))
        yield lambda: model[0]._parameters.update(weight=nn.Parameter(mt.ones(16, 3, 3, 3)))
        yield lambda: setattr(model[0].weight, "array", model[0].weight.array * 2)
        yield lambda: setattr(model[1].weight, "data", mt.full((16,), 3.0))
        yield lambda: setattr(model[2], "forward", lambda x: x - 1)
        yield lambda: setattr(model, "2", nn.Tanh().eval())
        yield lambda: model.append(nn.Sigmoid().eval())
        yield lambda: model[2].register_forward_hook(lambda module, given, y: y + 1)

    with mt.no_grad():
        before = fast(x)
        for change in changes():
            change()
            wanted = model(x)
            assert not np.allclose(wanted.numpy(), before.numpy())
            np.testing.assert_allclose(fast(x).numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
            before = wanted


def test_a_view_of_a_weight_that_is_only_read_changes_nothing():
    model, x = of_zoo("lenet5")
    fast = mt.compile(model)
    with mt.no_grad():
        fast(x)
        (before,) = fast._programs.values()
        model.c1.weight.detach().numpy()
        model.train().eval()
        fast(x)
    assert list(fast._programs.values()) == [before]


def test_one_module_in_training_mode_makes_the_model_run_itself():
    model, x = of_zoo("resnet20_cifar")
    fast = mt.compile(model)
    with mt.no_grad():
        before = fast(x)
        model.layer1[0].bn1.train()
        assert not np.allclose(fast(x).numpy(), before.numpy())
        assert not fast._programs


def test_the_model_stays_as_it_is():
    model, x = of_zoo("resnet20_cifar")
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    agree(model, x)
    for name, t in model.state_dict().items():
        np.testing.assert_array_equal(t.numpy(), before[name])


def test_several_threads_run_one_compiled_model():
    model, _ = of_zoo("resnet20_cifar")
    fast = mt.compile(model)
    inputs = [mt.randn(1, 3, 32, 32) for _ in range(8)]
    with mt.no_grad():
        wanted = [model(x).numpy() for x in inputs]
    found = [None] * len(inputs)

    def work(k):
        with mt.no_grad():
            for _ in range(5):
                found[k] = fast(inputs[k]).numpy()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for y, z in zip(wanted, found, strict=True):
        np.testing.assert_allclose(z, y, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_captured_is_refused_by_its_module():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match="compile: Branch"), mt.no_grad():
        mt.compile(Branch().eval())(mt.zeros(1, 2))


def test_the_explanation_names_passes_layouts_and_memory(capsys):
    model, x = of_zoo("resnet20_cifar")
    agree(model, x).explain()
    text = capsys.readouterr().out
    assert "fold_batch_norm" in text and "blocked" in text and "bytes planned" in text


# --------------------------------------------------------------------------------- passes and plans


def graph_of(*layers, size=(1, 3, 8, 8)):
    return mt.graph.capture(prepared(nn.Sequential(*layers)), mt.zeros(*size))


def test_identities_and_dropout_are_dropped_unless_they_are_results():
    graph = graph_of(nn.Identity(), nn.Conv2d(3, 4, 3), nn.Dropout(), nn.ReLU())
    assert [node.operator for node in drop_identities(graph)] == ["Conv", "Relu"]


def test_batch_norm_is_folded_only_where_nothing_else_reads_the_convolution():
    graph = graph_of(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    folded = mt.graph.verify(mt.graph.infer(fold_batch_norm(graph)))
    assert [node.operator for node in folded] == ["Conv"]
    x = mt.randn(2, 3, 8, 8)
    np.testing.assert_allclose(
        mt.graph.run(folded, x).detach().numpy(),
        mt.graph.run(graph, x).detach().numpy(),
        rtol=1e-4,
        atol=1e-5,
    )

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    graph = mt.graph.capture(prepared(Both()), mt.zeros(1, 3, 8, 8))
    assert fold_batch_norm(graph).nodes == graph.nodes


def captured(model, *size):
    return captured_as(model.eval(), (mt.zeros(*size),), "compile", free=False).graph


def same_results(graph, other, *size):
    x = mt.randn(*size)
    with mt.no_grad():
        np.testing.assert_allclose(
            mt.graph.run(other, x).numpy(), mt.graph.run(graph, x).numpy(), rtol=1e-4, atol=1e-5
        )


def operators(graph):
    return [node.operator for node in graph]


class Weighted(nn.Module):
    """Weights that are made of others, a mean with a factor, and a linear layer on an image."""

    def __init__(self):
        super().__init__()
        self.conv, self.dense = nn.Conv2d(3, 4, 3), nn.Linear(4 * 2 * 3, 5)
        self.factor, self.shift = mt.randn(4), mt.randn(4, 1, 1)

    def forward(self, x):
        x = F.conv2d(x, self.conv.weight.abs() + 1, self.conv.bias)
        x = mt.tanh(x * 0.3) * 1.7
        x = F.avg_pool2d(x, 2) * self.factor.reshape(4, 1, 1) + self.shift
        return mt.tanh(self.dense(F.relu(x.flatten(1)))) - 0.5


def test_what_depends_on_constants_alone_is_computed_once():
    graph = mt.graph.capture(Weighted(), mt.zeros(1, 3, 6, 8))
    assert "Abs" in operators(graph)
    folded = mt.graph.verify(mt.graph.infer(fold_constants(graph)))
    assert "Abs" not in operators(folded)
    same_results(graph, folded, 2, 3, 6, 8)


def test_a_constant_that_is_a_result_is_still_computed():
    class Net(nn.Module):
        def forward(self, x):
            return x + 1, self.place.abs()

    net = Net()
    net.place = nn.Parameter(mt.randn(2))
    graph = mt.graph.capture(net, mt.zeros(1, 2))
    assert operators(fold_constants(graph)) == operators(graph)


def test_products_and_sums_with_constants_become_weights():
    graph = fold_constants(captured(Weighted(), 2, 3, 6, 8))
    folded = mt.graph.verify(fold_affine(dense_as_convolutions(graph)))
    assert operators(folded)[:5] == ["Conv", "Tanh", "Conv", "Relu", "Conv"]
    assert folded.producers()[folded.nodes[2].outputs[0]].get("group") == 4
    same_results(graph, folded, 2, 3, 6, 8)


def test_a_product_that_others_read_stays():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            y = self.conv(x)
            z = y * 2
            return self.conv(z) + z + F.avg_pool2d(y - 1, 3, 1, 1)

    graph = captured(Net(), 2, 3, 6, 8)
    folded = mt.graph.verify(fold_affine(graph))
    assert sorted(operators(folded)) == sorted(operators(graph))
    same_results(graph, folded, 2, 3, 6, 8)


def test_a_small_linear_layer_is_a_convolution_of_the_image_it_flattens():
    end = nn.Flatten(), nn.Linear(144, 6), nn.ReLU(), nn.Linear(6, 2)
    one = captured(nn.Sequential(nn.Conv2d(3, 4, 3), *end), 2, 3, 8, 8)
    changed = mt.graph.verify(dense_as_convolutions(one))
    assert operators(changed) == ["Conv", "Conv", "Relu", "Conv", "Flatten"]
    same_results(one, changed, 2, 3, 8, 8)
    large = captured(nn.Sequential(nn.Flatten(), nn.Linear(4096, 65)), 1, 4, 32, 32)
    assert operators(dense_as_convolutions(large)) == ["Flatten", "Gemm"]


def test_a_residual_and_a_relu_are_fused_with_their_convolution():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return F.relu6(self.one(F.relu(x)) + self.two(x)) * 2

    graph = mt.graph.capture(Block().eval(), mt.zeros(1, 4, 8, 8))
    steps = fused(graph)
    assert [step.node.operator for step in steps] == ["Relu", "Conv", "Conv", "Mul"]
    assert steps[2].residual == steps[1].output and (steps[2].low, steps[2].high) == (0, 6)


def test_arrays_that_live_together_do_not_overlap():
    rng = np.random.default_rng(0)
    for _ in range(50):
        lives = []
        for k in range(20):
            first = int(rng.integers(20))
            size, length = int(rng.integers(1, 900)), int(rng.integers(5))
            lives.append(Life(f"a{k}", size, first, first + length))
        offsets, size = planned(lives)
        for a in lives:
            assert offsets[a.name] + a.size <= size
            for b in lives:
                if a.name != b.name and a.first <= b.last and b.first <= a.last:
                    ends = offsets[a.name] + a.size, offsets[b.name] + b.size
                    assert ends[0] <= offsets[b.name] or ends[1] <= offsets[a.name]
        assert size <= 2 * live_peak(lives) + 16 * len(lives)

"""Nets as users write them are captured, and what a graph cannot hold is refused by the module."""

import threading

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.graph import CaptureError, Free, GraphModule, capture, run, verify
from minitorch_cnn.nn import functional as F

N = Free("N")


class Net(nn.Module):
    """forward is f(self, *inputs); the other arguments become attributes."""

    def __init__(self, f, **attributes):
        super().__init__()
        self.f = f
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *inputs, **named):
        return self.f(self, *inputs, **named)


def conv(i=3, o=4, k=3, **settings):
    return nn.Conv2d(i, o, k, **settings)


def images(n=2, c=3, h=8, w=8):
    rng = np.random.default_rng(n)
    return mt.tensor(rng.normal(size=(n, c, h, w)).astype("f4"))


def same(f, *inputs, more=True, **attributes):
    """Capture a net, and compare the graph with it on its inputs and on other numbers of images."""
    mt.manual_seed(0)
    net = Net(f, **attributes).eval()
    graph = verify(capture(net, inputs))
    trials = [inputs]
    if more:
        trials += [tuple(mt.cat([x, x[:1]]) if isinstance(x, mt.Tensor) else x for x in inputs)]
    with mt.no_grad():
        for trial in trials:
            check(run(graph, *trial), net(*trial))
    return graph


def check(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert type(found) is type(expected) and len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            check(a, b)
    elif isinstance(expected, mt.Tensor):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-5, atol=2e-5)
    else:
        assert found == expected


def operators(graph):
    return [node.operator for node in graph]


# ------------------------------------------------------------------- nets as users write them


def test_flattened_by_the_size_of_the_batch():
    graph = same(
        lambda s, x: s.l(F.max_pool2d(F.relu(s.c(x)), 2).view(x.size(0), -1)),
        images(), c=conv(padding=1), l=nn.Linear(64, 10),
    )  # fmt: skip
    assert operators(graph) == ["Conv", "Relu", "MaxPool", "Flatten", "Gemm"]
    assert graph.inputs[0].shape == (N, 3, 8, 8) and graph.outputs[0].shape == (N, 10)
    assert list(graph.constants) == ["c.weight", "c.bias", "l.weight", "l.bias"]


@pytest.mark.parametrize("f", [
    pytest.param(lambda s, x: x.reshape(x.shape[0], 3, -1).mean(-1), id="three-axes"),
    pytest.param(lambda s, x: x.reshape(x.shape[0] * 3, 1, 8, 8) + 1, id="batch-times-three"),
    pytest.param(lambda s, x: x.reshape(-1, 64).reshape(x.size(0), 3, 64), id="back-again"),
    pytest.param(lambda s, x: x / x.max(), id="scaled"),
    pytest.param(lambda s, x: x.mean((2, 3)) - x.mean(0, keepdim=True).mean(), id="mean-of-batch"),
    pytest.param(lambda s, x: (x > 0).float() * x.clamp(-1, 1), id="mask"),
    pytest.param(lambda s, x: x.masked_fill(x < 0, 0.5), id="masked-fill"),
    pytest.param(lambda s, x: mt.where((x > 1) | (x < -1), x, -x), id="where"),
    pytest.param(lambda s, x: mt.cat([x, mt.zeros_like(x)], 1), id="zeros-like"),
    pytest.param(lambda s, x: mt.ones(1, 3, 1, 1).expand(x.size(0), 3, 8, 8) * x, id="expand"),
    pytest.param(lambda s, x: mt.zeros(1, 5).expand(len(x), 5) + x.sum((1, 2, 3), keepdim=True)
                 [:, :, 0, 0], id="expand-a-constant"),
    pytest.param(lambda s, x: x.transpose(1, 3)[:, 1:-1, :, [0, 2]], id="index"),
    pytest.param(lambda s, x: x[..., ::2].flip(3).roll(1, 2), id="flip-roll"),
    pytest.param(lambda s, x: mt.stack(x.chunk(3, 1), 2).squeeze(1).unsqueeze(-1), id="chunk"),
    pytest.param(lambda s, x: x.argmax(1), id="argmax"),
    pytest.param(lambda s, x: x.max(1), id="max-with-indices"),
    pytest.param(lambda s, x: x.std(1) + x.var((2, 3), unbiased=False, keepdim=True)[:, 0],
                 id="std"),
    pytest.param(lambda s, x: F.softmax(x, 1).log() + x.log_softmax(1) + x.logsumexp(1, True),
                 id="softmax"),
    pytest.param(lambda s, x: (x @ x.transpose(2, 3)).cumsum(-1), id="matmul"),
    pytest.param(lambda s, x: x.pow(3) + x**2 + x.abs().sqrt() + 2**x + x % 2, id="powers"),
    pytest.param(lambda s, x: (x.floor() + x.round() + x.sign()) // 2, id="rounding"),
    pytest.param(lambda s, x: x.sigmoid().bool().all(1).float(), id="all"),
    pytest.param(lambda s, x: {"a": x + 1, "b": [x, (x * 2, None)], "c": 3}, id="dict"),
])  # fmt: skip
def test_operations_of_tensors(f):
    same(f, images())


def test_in_place_writes_reach_views_and_bases():
    def f(s, x):
        y = x.clone()
        part = y[:, 1]
        y += 1
        part *= 2
        y[:, 0, 2:4] = part[:, 2:4]
        y[y > 2] = 0.0
        flat = y.view(y.size(0), -1)
        flat[:, 0].add_(5)
        return y, part, flat

    same(f, images())


@pytest.mark.parametrize("f", [
    pytest.param(lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), id="avg"),
    pytest.param(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), id="avg-valid"),
    pytest.param(lambda x: F.avg_pool2d(x, 2, divisor_override=3), id="avg-divisor"),
    pytest.param(lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), id="max"),
    pytest.param(lambda x: F.max_pool2d(x, 2, return_indices=True), id="max-indices"),
    pytest.param(lambda x: F.adaptive_avg_pool2d(x, (3, 5)), id="adaptive-avg"),
    pytest.param(lambda x: F.adaptive_max_pool2d(x, (3, 5)), id="adaptive-max"),
    pytest.param(lambda x: F.adaptive_avg_pool2d(x, (4, 2)), id="adaptive-even"),
    pytest.param(lambda x: F.interpolate(x, scale_factor=2.0), id="nearest"),
    pytest.param(lambda x: F.interpolate(x, (5, 11), mode="nearest-exact"), id="nearest-exact"),
    pytest.param(lambda x: F.interpolate(x, (5, 11), mode="bilinear"), id="bilinear"),
    pytest.param(lambda x: F.interpolate(x, scale_factor=(1.5, 0.7), mode="bilinear"), id="scaled"),
    pytest.param(lambda x: F.interpolate(x, (5, 11), mode="bilinear", align_corners=True),
                 id="aligned"),
    pytest.param(lambda x: F.interpolate(x, (5, 11), mode="bicubic"), id="bicubic"),
    pytest.param(lambda x: F.interpolate(x, (5, 11), mode="area"), id="area"),
    pytest.param(lambda x: F.interpolate(x, (5, 4), mode="bilinear", antialias=True), id="anti"),
    pytest.param(lambda x: F.pixel_unshuffle(F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2), 2),
                 id="shuffle"),
    pytest.param(lambda x: F.channel_shuffle(x, 3), id="channel-shuffle"),
    pytest.param(lambda x: F.pad(x, (1, 2, 3, 0), value=2.0), id="pad"),
    pytest.param(lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"), id="reflect"),
    pytest.param(lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"), id="replicate"),
    pytest.param(lambda x: F.pad(x, (1, 2, 3, 0), mode="circular"), id="circular"),
    pytest.param(lambda x: F.pad(x, (-1, -2, 1, 0)), id="crop"),
    pytest.param(lambda x: F.fold(F.unfold(x, 3, padding=1), (8, 8), 3, padding=1), id="unfold"),
    pytest.param(lambda x: F.layer_norm(x, x.shape[1:]) + F.layer_norm(x, (8,)), id="layer-norm"),
    pytest.param(lambda x: F.instance_norm(x), id="instance-norm"),
    pytest.param(lambda x: F.group_norm(x.repeat(1, 2, 1, 1), 3), id="group-norm"),
    pytest.param(lambda x: F.local_response_norm(x, 3), id="lrn"),
    pytest.param(lambda x: F.local_response_norm(x, 2), id="lrn-even"),
    pytest.param(lambda x: F.rms_norm(x, (8,)), id="rms-norm"),
    pytest.param(lambda x: F.batch_norm(x, None, None, training=True), id="own-statistics"),
    pytest.param(lambda x: F.normalize(x), id="normalize"),
    pytest.param(lambda x: F.dropout(x, 0.5, training=False), id="dropout"),
])  # fmt: skip
def test_functions_of_layers(f):
    same(lambda s, x: f(x), images())


@pytest.mark.parametrize("name", [
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh",
    "softplus", "logsigmoid", "softsign", "tanhshrink", "hardtanh", "hardswish", "hardsigmoid",
    "hardshrink", "softshrink", "scaled_tanh",
])  # fmt: skip
def test_activations(name):
    same(lambda s, x: getattr(F, name)(3 * x), images())


def test_more_activations():
    same(lambda s, x: F.threshold(x, 0.1, 20) + F.glu(x, 2).repeat(1, 1, 2, 1), images())
    same(lambda s, x: F.gelu(x, approximate="tanh") + s.p(x), images(), p=nn.PReLU(3))


@pytest.mark.parametrize("layer", [
    nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1),
    nn.ConvTranspose2d(3, 6, (3, 2), stride=(1, 2), dilation=2, groups=3, bias=False),
    nn.Conv2d(3, 6, 3, padding="same", dilation=2, groups=3),
    nn.Conv2d(3, 6, (2, 3), stride=2, padding=1, padding_mode="reflect"),
    nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False), nn.GroupNorm(3, 3),
    nn.Upsample(scale_factor=2), nn.InstanceNorm2d(3, affine=True), nn.LayerNorm((3, 8, 8)),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(),
], ids=lambda layer: str(layer)[:40])  # fmt: skip
def test_layers(layer):
    same(lambda s, x: s.m(x), images(), m=layer)


def test_signals_and_images_without_a_batch():
    same(lambda s, x: F.max_pool1d(s.c(x), 2), images()[:, :, 0], c=nn.Conv1d(3, 4, 3, padding=1))
    same(lambda s, x: F.avg_pool2d(s.c(x), 2), images()[0], c=conv(), more=False)


def test_several_inputs_collections_and_numbers():
    net = Net(
        lambda s, x, pair, k, *, scale: {"y": s.c(x) * k + pair[0].sum() * scale["s"]}, c=conv()
    )
    example = (images(), [mt.ones(3), mt.ones(2)], 2), {"scale": {"s": mt.ones(1)}}
    graph = capture(net, {"x": example[0][0], "pair": example[0][1], "k": 2, **example[1]})
    given = {
        "x": images(3),
        "pair": [mt.ones(3) * 2, mt.ones(2)],
        "k": 2,
        "scale": {"s": mt.ones(1)},
    }
    found, expected = run(graph, **given), net(**given)
    np.testing.assert_allclose(
        found["y"].detach().numpy(), expected["y"].detach().numpy(), rtol=1e-5
    )
    assert [value.name for value in graph.inputs] == ["x", "pair", "pair_1", "scale"]
    with pytest.raises(TypeError, match=r"^Net: the arguments must be nested"):
        run(graph, **{**given, "k": 3})


def test_integers_and_an_lstm():
    words = mt.tensor(np.arange(10).reshape(2, 5) % 7)
    lstm = nn.LSTM(6, 4, num_layers=2, bidirectional=True, batch_first=True)
    net = {"e": nn.Embedding(7, 6), "r": lstm, "l": nn.Linear(8, 3)}
    graph = same(lambda s, x: s.l(s.r(s.e(x))[0].mean(1)), words, **net)
    assert graph.outputs[0].shape == (N, 3)
    same(lambda s, x: s.g(s.e(x))[1], words, e=nn.Embedding(7, 6), g=nn.GRU(6, 4, batch_first=True))


def test_attention():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    same(lambda s, x: s.a(x, x, x)[0], mt.randn(3, 5, 8), a=layer)
    same(lambda s, q: F.scaled_dot_product_attention(q, q, q), mt.randn(2, 2, 5, 4))


@pytest.mark.parametrize("layer", [
    nn.GroupNorm(1, 4), nn.GroupNorm(2, 4), nn.GroupNorm(4, 4), nn.InstanceNorm2d(4),
    nn.LayerNorm((4, 6, 5)), nn.LayerNorm((6, 5)), nn.LayerNorm(5),
])  # fmt: skip
@pytest.mark.parametrize("batch", [1, 2])
def test_norms_have_a_free_batch_whatever_the_example(layer, batch):
    graph = capture(layer, mt.randn(batch, 4, 6, 5))
    assert graph.inputs[0].shape == (N, 4, 6, 5)
    x = images(3, 4, 6, 5)
    np.testing.assert_allclose(
        run(graph, x).numpy(force=True), layer(x).numpy(force=True), rtol=1e-5, atol=1e-5
    )


def test_an_assertion_and_a_loop_over_the_batch():
    def checked(s, x):
        assert len(x) > 0 and x.shape[1] == 3
        return s.c(x)

    assert same(checked, images(), c=conv()).outputs[0].shape[0] == N
    looped = same(
        lambda s, x: mt.stack([s.c(image) for image in x]), images(), c=conv(), more=False
    )
    assert looped.inputs[0].shape == (2, 3, 8, 8)
    fixed = same(lambda s, x: x.reshape(x.size(0) // 2, -1), images(2), more=False)
    assert fixed.inputs[0].shape[0] == 2


def test_a_parameter_may_have_the_name_of_an_input_or_an_operator():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for k, name in enumerate(("x", "Clip", "clip", "clip_1", "add", "Add", "constant")):
                self.register_buffer(name, mt.full((3,), k + 2.0))
            self.mul = nn.Parameter(mt.tensor([0.5, 2.0, -1.0]))

        def forward(self, x):
            y = (x * self.mul).clamp(max=1) + self.clip + self.x + self.clip_1
            return (F.relu6(y) * 3 + self.Clip + self.add) * 7 - self.Add / self.constant

    net, x = Net().eval(), mt.randn(4, 3)
    graph = verify(capture(net, x))
    found = run(graph, x)
    np.testing.assert_allclose(found.numpy(force=True), net(x).numpy(force=True), rtol=1e-6)
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names) and not set(names) & set(dict(net.state_dict()))


def test_modules_called_by_keyword_shared_and_made_on_the_way():
    gate = Net(lambda s, g, x: x * s.c(g).sum(1, keepdim=True), c=conv(4, 2, 1))

    def f(s, x):
        y = s.c(x)
        return s.gate(g=y, x=nn.ReLU()(s.c(y[:, :3])))

    graph = same(f, images(), c=conv(3, 4, 3, padding=1), gate=gate)
    assert [n.name for n in graph][:4] == ["c/Conv", "Slice", "c/Conv_1", "ReLU/Relu"]
    assert {"c.weight", "c.bias", "gate.c.weight", "gate.c.bias"} < set(graph.constants)
    assert graph.nodes[4].module == "gate.c"


def test_tensors_of_a_module_that_are_computed_from_parameters_stay_trainable():
    net = Net(lambda s, x: F.conv2d(x, s.w * s.scale.exp()), w=nn.Parameter(mt.randn(4, 3, 3, 3)),
              scale=nn.Parameter(mt.zeros(4, 1, 1, 1)))  # fmt: skip
    module = GraphModule(capture(net, images()))
    module(images()).sum().backward()
    assert sorted(name for name, p in module.named_parameters() if p.grad is not None) == [
        "scale",
        "w",
    ]


# ----------------------------------------------------------------- what a capture leaves alone


def test_the_model_keeps_its_modes_weights_and_random_numbers():
    net = nn.Sequential(conv(), nn.BatchNorm2d(4), nn.Dropout(0.5))
    net[1].eval()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    mt.manual_seed(3)
    expected = mt.rand(3).numpy()
    mt.manual_seed(3)
    graph = capture(net, images())
    assert (mt.rand(3).numpy() == expected).all()
    assert [m.training for m in net.modules()] == [True, True, False, True]
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert graph.constants["0.weight"] is net[0].weight


def test_gradients_of_a_graph_are_those_of_the_model():
    mt.manual_seed(0)
    net = nn.Sequential(
        conv(padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 3)
    ).eval()
    graph, x = capture(net, images()), images()
    net(x).square().sum().backward()
    expected = [p.grad.numpy().copy() for p in net.parameters()]
    net.zero_grad()
    run(graph, x).square().sum().backward()
    for p, g in zip(net.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-4, atol=1e-5)


def test_other_threads_compute_while_a_model_is_captured():
    failures, found = [], []

    def f(s, x):
        def compute():
            try:
                found.append(float((mt.ones(2, 2) @ mt.ones(2, 2)).sum().item()))
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=compute)
        thread.start()
        thread.join()
        return x + 1

    capture(Net(f), images())
    assert not failures and set(found) == {8.0}


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("f, reason", [
    (lambda s, x: x if x.sum() > 0 else -x, "inner.*branches on the value of.*what Greater"),
    (lambda s, x: x * float(x.mean()), "inner.*branches on the value.*number of it"),
    (lambda s, x: x * x.mean().item(), "inner.*needs the numbers of what ReduceMean"),
    (lambda s, x: mt.tensor(x.numpy()), "inner"),
    (lambda s, x: x[x > 0], "inner.*mask that the graph computes"),
    (lambda s, x: mt.linalg.inv(x), "inner.*Inverse, an operation that has no rule"),
    (lambda s, x: x.sort(1).values, "inner"),
])  # fmt: skip
def test_what_needs_numbers_is_refused_by_module_and_operator(f, reason):
    net = Net(lambda s, x: s.inner(x), inner=Net(f))
    with pytest.raises(CaptureError, match=f"^capture: {reason}"):
        capture(net, images())
    assert (mt.ones(2) + 1).sum().item() == 4  # nothing is left replaced


def test_an_example_without_tensors_is_refused():
    with pytest.raises(TypeError, match=r"^capture: example holds no Tensor, got int"):
        capture(conv(), 3)
    with pytest.raises(CaptureError, match="weight has no shape"):
        capture(nn.LazyLinear(3), images())
    with pytest.raises(CaptureError, match="returns no Tensor"):
        capture(Net(lambda s, x: 1), images())


def test_the_quick_calls_of_an_op_are_recorded_by_its_name():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(mt.ones(3, 1, 1))

        def forward(self, x):
            return mt.relu(x) * (self.scale * self.scale)

    graph = mt.graph.capture(Net(), mt.zeros(2, 3, 4, 4))
    assert [node.operator for node in graph] == ["Relu", "Mul", "Mul"]
    assert list(graph.constants) == ["scale"]

"""Random nets give the same numbers by every implementation, on the emulator, in other libraries.

What relates two calls of convolutions holds, too.
"""

import contextlib
import io

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.kernels import dispatch
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.nn import functional as F
from tests.graph.random_nets import Random, written_for

few_and_many = pytest.mark.parametrize(
    "seeds",
    [range(500, 515), pytest.param(range(515, 1000), marks=pytest.mark.slow)],
    ids=["few", "many"],
)


def net_and_images(seed, dtype=mt.float64):
    mt.manual_seed(seed)
    return Random(seed).to(dtype).eval(), mt.randn(3, 4, 12, 10, dtype=dtype)


def assert_close(found, expected, share, seed):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * scale, err_msg=f"seed {seed}")


@few_and_many
@pytest.mark.parametrize("name", ["numpy", "numba", "winograd", "direct", "channels"])
def test_by_every_implementation(name, seeds):
    if name != "numpy":
        pytest.importorskip("numba")
    used = set()
    for seed in seeds:
        net, x = net_and_images(seed)
        with mt.no_grad():
            expected = net(x).numpy()
            with where_it_can(name) as asked:
                found = net(x).numpy()
        assert_close(found, expected, 1e-8 if name == "winograd" else 1e-9, seed)
        used |= asked
    assert used == {name}


@contextlib.contextmanager
def where_it_can(name):
    """Every operator computes by the implementation `name`, if that can do a case; yields the names
    of those that did compute.
    """
    choose, asked = dispatch.Operator.choose, set()

    def chosen(operator, case):
        own = operator.implementations.get(name)
        if own is None or not (own.runs_here() and own.can(case)):
            return choose(operator, case)
        asked.add(name)
        return operator.load(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch.Operator, "choose", chosen)
        yield asked


def test_by_the_definition():
    for seed in range(500, 503):
        net, x = net_and_images(seed)
        with mt.no_grad():
            expected = net(x[:1]).numpy()
            with mt.kernels.use("loops"):
                assert_close(net(x[:1]).numpy(), expected, 1e-9, seed)


@few_and_many
def test_on_the_emulator(seeds):
    if not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    for seed in seeds:
        net, x = net_and_images(seed, mt.float32)
        with mt.no_grad():
            expected = net(x).numpy()
            found = net.to("emulator")(x.to("emulator")).cpu().numpy()
        assert_close(found, expected, 1e-4, seed)


@few_and_many
def test_in_onnx_runtime(seeds):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = 1
    for seed in seeds:
        net, x = net_and_images(seed, mt.float32)
        file = io.BytesIO()
        mt.onnx.export(net, x, file, input_names=["x"])
        engine = runtime.InferenceSession(file.getvalue(), settings)
        with mt.no_grad():
            expected = net(x).numpy()
        assert_close(engine.run(None, {"x": x.numpy()})[0], expected, 2e-5, seed)


@few_and_many
def test_in_pytorch(seeds):
    torch = pytest.importorskip("torch")
    theirs = written_for(torch)
    for seed in seeds:
        net, x = net_and_images(seed)
        other = theirs(seed).double().eval()
        weights = {name: torch.from_numpy(v.numpy()) for name, v in net.state_dict().items()}
        other.load_state_dict(weights)
        with mt.no_grad(), torch.no_grad():
            assert_close(net(x).numpy(), other(torch.from_numpy(x.numpy())).numpy(), 1e-9, seed)


# ------------------------------------------------------------------------- calls that are related

SHAPES = [(2, 6, 9, 7), (1, 12, 8, 8), (3, 24, 5, 11)]


def compiled_too(function):
    """What a function of images gives, eager and compiled."""

    class Net(mt.nn.Module):
        def forward(self, x):
            return function(x)

    net = Net().eval()

    def both(x):
        with mt.no_grad():
            eager = net(x)
            np.testing.assert_allclose(mt.compile(net)(x).numpy(), eager.numpy(), atol=1e-12)
        return eager.numpy()

    return both


@pytest.mark.parametrize("shape", SHAPES)
def test_a_convolution_of_one_pixel_is_a_linear_layer(shape):
    x, w, b = (mt.randn(*s, dtype=mt.float64) for s in (shape, (5, shape[1]), (5,)))
    found = compiled_too(lambda x: F.conv2d(x, w[:, :, None, None], b))(x)
    expected = F.linear(x.permute(0, 2, 3, 1), w, b).permute(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("groups", [2, 3, 6])
@pytest.mark.parametrize("shape", SHAPES)
def test_groups_are_convolutions_side_by_side(shape, groups):
    c = shape[1]
    x = mt.randn(*shape, dtype=mt.float64)
    w = mt.randn(2 * groups, c // groups, 3, 3, dtype=mt.float64)
    found = compiled_too(lambda x: F.conv2d(x, w, padding=1, stride=2, groups=groups))(x)
    pairs = zip(x.chunk(groups, 1), w.chunk(groups, 0), strict=True)
    expected = mt.cat([F.conv2d(a, b, padding=1, stride=2) for a, b in pairs], 1)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_depthwise_convolution_convolves_each_channel(shape):
    c = shape[1]
    x, w = (mt.randn(*s, dtype=mt.float64) for s in (shape, (c, 1, 3, 3)))
    found = compiled_too(lambda x: F.conv2d(x, w, padding=2, dilation=2, groups=c))(x)
    each = [F.conv2d(x[:, k : k + 1], w[k : k + 1], padding=2, dilation=2) for k in range(c)]
    np.testing.assert_allclose(found, mt.cat(each, 1).numpy(), atol=1e-12)

"""Lazy layers become ordinary layers at their first input."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn

# lazy layer, its arguments, the shape of an input, the size that it decides
TABLE = [
    ("LazyLinear", (5,), {}, (2, 3, 7), 7),
    ("LazyLinear", (5, False), {}, (7,), 7),
    ("LazyConv1d", (4, 3), {"stride": 2}, (2, 6, 9), 6),
    ("LazyConv2d", (4, 3, 2, 1), {"groups": 2}, (2, 6, 9, 8), 6),
    ("LazyConv2d", (4, (3, 1)), {"bias": False, "padding_mode": "reflect", "padding": 1},
     (6, 9, 8), 6),
    ("LazyConvTranspose1d", (4, 3, 2), {}, (2, 6, 9), 6),
    ("LazyConvTranspose2d", (4, 3, 2), {"groups": 2, "output_padding": 1}, (2, 6, 9, 8), 6),
    ("LazyBatchNorm1d", (), {"momentum": 0.3}, (4, 6), 6),
    ("LazyBatchNorm2d", (1e-3,), {}, (2, 6, 9, 8), 6),
    ("LazyBatchNorm2d", (), {"affine": False}, (2, 6, 9, 8), 6),
]  # fmt: skip
every = pytest.mark.parametrize(("name", "args", "settings", "shape", "size"), TABLE)


def draw(shape):
    return mt.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@every
def test_the_first_input_makes_the_layer(name, args, settings, shape, size):
    mt.manual_seed(3)
    lazy = getattr(nn, name)(*args, **settings)
    before = list(lazy.parameters())
    kind = getattr(nn, name.removeprefix("Lazy"))
    assert isinstance(lazy, kind) and type(lazy) is not kind and lazy.has_uninitialized_params()
    y = lazy(draw(shape))
    assert type(lazy) is kind and getattr(lazy, type(lazy).__init__.__code__.co_varnames[1]) == size
    mt.manual_seed(3)
    layer = kind(size, *args, **settings)
    np.testing.assert_array_equal(y.detach(), layer(draw(shape)).detach())
    assert repr(lazy) == repr(layer) and not lazy.has_hooks()
    assert all(a is b for a, b in zip(before, lazy.parameters(), strict=True))
    for (key, a), b in zip(lazy.state_dict().items(), layer.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=key)
    np.testing.assert_array_equal(lazy(draw(shape)).detach(), layer(draw(shape)).detach())


@every
def test_a_state_makes_the_layer_as_well(name, args, settings, shape, size):
    layer = getattr(nn, name.removeprefix("Lazy"))(size, *args, **settings)
    lazy = nn.Sequential(getattr(nn, name)(*args, **settings))
    lazy.load_state_dict(nn.Sequential(layer).state_dict())
    if layer.state_dict():
        assert type(lazy[0]) is type(layer) and repr(lazy[0]) == repr(layer)
    np.testing.assert_array_equal(
        lazy.eval()(draw(shape)).detach(), layer.eval()(draw(shape)).detach()
    )


@every
def test_arguments_and_text_are_those_of_torch(name, args, settings, shape, size):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)

    def arguments(layer):
        found = inspect.signature(layer.__init__).parameters.values()
        return [(p.name, p.default) for p in found if p.name != "bias" or p.kind != p.KEYWORD_ONLY]

    assert arguments(ours) == arguments(theirs)
    assert repr(ours(*args, **settings)) == repr(theirs(*args, **settings))


def test_a_net_learns_by_an_optimizer_that_was_made_before():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(),
                        nn.LazyLinear(2))  # fmt: skip
    net.double()
    optimizer = mt.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = mt.tensor(np.random.default_rng(0).standard_normal((8, 3, 6, 6)))
    losses = []
    for _ in range(5):
        loss = nn.functional.cross_entropy(net(x), mt.arange(8) % 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and net[0].weight.dtype == mt.float64
    assert type(net[0]) is nn.Conv2d and type(net[1]) is nn.BatchNorm2d


def test_what_needs_the_weights_before_is_refused_by_name():
    lazy = nn.LazyLinear(4)
    assert isinstance(lazy.weight, nn.UninitializedParameter)
    assert repr(lazy.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match=r"^UninitializedParameter: a lazy layer's"):
        nn.init.xavier_uniform_(lazy.weight)
    with pytest.raises(RuntimeError, match=r"^UninitializedParameter: a lazy layer's"):
        sum(p.numel() for p in lazy.parameters())
    with pytest.raises(RuntimeError, match=r"^state_dict: LazyLinear has no parameters before its"):
        nn.Sequential(lazy).state_dict()
    with pytest.raises(ValueError, match=r"^LazyConv2d: input of shape \(3, 4\) must be \(N, C, H"):
        nn.LazyConv2d(4, 3)(mt.zeros(3, 4))
    with pytest.raises(TypeError, match=r"^LazyLinear: the first input must be a Tensor"):
        lazy(input=mt.zeros(3, 4))
    with pytest.raises(TypeError, match=r"^LazyConv2d: missing a required argument: 'kernel_size'"):
        nn.LazyConv2d(4)
    with pytest.raises(ValueError, match=r"^LazyConv2d: groups=3 must divide out_channels=4"):
        nn.LazyConv2d(4, 3, groups=3)
    with pytest.raises(ValueError, match=r"^Conv2d: groups=2 must divide in_channels=3"):
        nn.LazyConv2d(4, 3, groups=2)(mt.zeros(1, 3, 5, 5))


def test_copies_and_pickles_are_lazy_too():
    lazy = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d()).double()
    for other in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))):
        other(mt.zeros(3, 5, dtype=mt.float64))
        assert other[0].weight.shape == (4, 5)
        assert type(lazy[0]) is nn.LazyLinear and lazy[0].has_uninitialized_params()


def test_weights_are_initialised_after_the_first_call():
    net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(1))
    net(mt.zeros(2, 3))
    net.apply(lambda m: nn.init.ones_(m.weight) if type(m) is nn.Linear else None)
    assert net[0].weight.sum() == 12 and net[2].weight.sum() == 4

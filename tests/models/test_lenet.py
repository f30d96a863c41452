"""LeNet-5 is the network of the paper, in sizes, connections and arithmetic; and it learns."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import DataLoader
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.models import create_model
from minitorch_cnn.models.lenet import (
    CONNECTIONS,
    RBF,
    ConnectedConv2d,
    TrainableSubsampling,
    codes_of,
    digit_codes,
    map_loss,
)
from tests import oracle

# The S2 maps that C3's maps 0 to 15 see: three in a row, four in a row, four in two pairs, all.
SEEN = (
    *("012", "123", "234", "345", "045", "015"),
    *("0123", "1234", "2345", "0345", "0145", "0125"),
    *("0134", "1245", "0235"),
    "012345",
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def counts(model):
    return {
        name: sum(p.numel() for p in child.parameters())
        for name, child in model.named_children()
        if list(child.parameters())
    }


def float64(model, rng):
    """The model in float64, every parameter random: none of them zero or alike."""
    model.double()
    for p in model.parameters():
        p.array[...] = rng.uniform(-0.5, 0.5, p.shape)
    return model


def test_each_layer_has_the_parameters_of_the_paper():
    expected = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    assert counts(create_model("lenet5")) == expected
    assert sum(expected.values()) == 60_000


def test_the_linear_output_has_a_bias_and_a_weight_for_each_unit_of_f6():
    assert counts(create_model("lenet5", output="linear"))["output"] == 850


def test_the_connections_are_the_60_of_table_1():
    c3 = create_model("lenet5").c3
    links = [(o, int(i)) for o, maps in enumerate(SEEN) for i in maps]
    assert len(links) == 60
    assert list(zip(*(a.tolist() for a in c3.links), strict=True)) == links


def test_kernels_are_zero_where_there_is_no_link_and_in_their_place_elsewhere():
    c3 = ConnectedConv2d(CONNECTIONS, 5)
    kernels = c3.kernels().array
    assert kernels.shape == (16, 6, 5, 5)
    packed = iter(c3.weight.array)
    for o, i in np.ndindex(16, 6):
        expected = next(packed) if str(i) in SEEN[o] else np.zeros((5, 5))
        np.testing.assert_array_equal(kernels[o, i], expected)


def test_the_forward_pass_is_the_definition(rng):
    model = float64(create_model("lenet5"), rng)
    x = rng.uniform(-0.1, 1.175, (3, 1, 32, 32))
    state = {name: t.array for name, t in model.state_dict().items()}
    expected = oracle.lenet5(x, state, SEEN)
    np.testing.assert_allclose(model(mt.Tensor(x)).array, expected, rtol=1e-10)


BLOCKS = {
    "subsampling": (lambda: TrainableSubsampling(3), (2, 3, 4, 6)),
    "connected": (lambda: ConnectedConv2d(("X . X", ". X X"), 3), (2, 2, 5, 4)),
    "rbf": (lambda: RBF(codes_of(4)), (3, 84)),
}


@pytest.mark.parametrize("make, shape", BLOCKS.values(), ids=BLOCKS)
def test_blocks_have_the_gradients_that_differences_show(make, shape, rng):
    block = float64(make(), rng)
    names = [name for name, _ in block.named_parameters()]

    def function(x, *params):
        block._parameters.update(zip(names, params, strict=True))
        return block(x)

    x = mt.tensor(rng.standard_normal(shape), requires_grad=True)
    inputs = (x, *block.parameters())
    mt.gradcheck(function, inputs)
    mt.gradgradcheck(function, inputs)


def test_weights_start_within_the_bounds_of_appendix_a():
    mt.manual_seed(0)
    model = create_model("lenet5", output="linear")
    fans = {"c1": 25, "c5": 400, "f6": 120, "output": 84}
    for name, fan_in in fans.items():
        largest = np.abs(getattr(model, name).weight.array).max()
        assert 0.95 * 2.4 / fan_in < largest <= 2.4 / fan_in
    for map_, maps in enumerate(SEEN):
        own = model.c3.weight.array[model.c3.links[0] == map_]
        assert 0.9 * 2.4 / (25 * len(maps)) < np.abs(own).max() <= 2.4 / (25 * len(maps))


def test_the_nearest_code_is_the_class():
    codes = digit_codes()
    output = RBF(codes)
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (10, 84))
    x = mt.Tensor((codes + noise).astype(np.float32))
    np.testing.assert_array_equal(output(x).array.argmax(1), np.arange(10))
    np.testing.assert_allclose(np.diag(output(x).array), -(noise**2).sum(1), rtol=1e-5)


def test_the_bitmaps_of_the_digits_differ():
    codes = digit_codes()
    assert codes.shape == (10, 84) and set(codes.ravel()) == {-1.0, 1.0}
    different = (codes[:, None] != codes).sum(-1)
    assert different[~np.eye(10, dtype=bool)].min() >= 15


def test_a_bitmap_reads_row_by_row():
    seven = digit_codes()[7].reshape(12, 7)
    assert (seven[0] == 1).all() and seven[-1].tolist() == [-1, -1, 1, 1, -1, -1, -1]


def test_classes_beyond_the_digits_have_random_codes_that_are_always_the_same():
    codes = codes_of(26)
    np.testing.assert_array_equal(codes[:10], digit_codes())
    np.testing.assert_array_equal(codes, codes_of(30)[:26])
    different = (codes[:, None] != codes).sum(-1)
    assert different[~np.eye(26, dtype=bool)].min() >= 15


def test_map_loss_is_equation_9(rng):
    y, target, j = rng.uniform(0, 5, (4, 10)), np.array([3, 0, 9, 3]), 2.0
    expected = y[np.arange(4), target] + np.log(np.exp(-j) + np.exp(-y).sum(1))
    loss = map_loss(mt.Tensor(-y), mt.Tensor(target), j)
    np.testing.assert_allclose(loss.item(), expected.mean(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 1, 28, 28), (2, 3, 32, 32)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"^LeNet5: x of shape .* must be \(N, 1, 32, 32\)"):
        create_model("lenet5")(mt.zeros(shape))


def test_another_output_is_refused():
    with pytest.raises(ValueError, match=r"^LeNet5: output='softmax' must be 'rbf' or 'linear'"):
        create_model("lenet5", output="softmax")


@pytest.mark.parametrize(
    "name, settings", [("lenet5", {}), ("lenet5", {"output": "linear"}), ("lenet5_relu", {})]
)
def test_it_learns_digits(name, settings):
    mt.manual_seed(0)
    model = create_model(name, **settings)
    data = Digits(size=32)
    data.images, data.labels = data.images[:200], data.labels[:200]
    optimizer = mt.optim.Adam(model.parameters(), lr=0.004)
    for _ in range(15):
        for x, target in DataLoader(data, 25, shuffle=True):
            optimizer.zero_grad()
            mt.functional.cross_entropy(model(x), target).backward()
            optimizer.step()
    predicted = model(mt.Tensor(data.images)).array.argmax(1)
    assert (predicted == data.labels).mean() >= 0.95

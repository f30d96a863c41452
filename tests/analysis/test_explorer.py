"""The explorer's data describe the network."""

import base64

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.explorer import affordable, boxes, explore, passes
from minitorch_cnn.analysis.explorer.layout import layout
from minitorch_cnn.analysis.explorer.maps import (
    BUDGET,
    detail_within,
    packed,
    reduced,
    reduced_shape,
)
from minitorch_cnn.compiler.passes import drop_identities, fold_batch_norm
from minitorch_cnn.nn import functional as F
from tests import oracle

from .explorer_pages import Branches, data_of, maps_in

rng = np.random.default_rng(3)


def test_boxes_are_the_layers_and_where_branches_meet():
    found = boxes(Branches(), (1, 6, 6))
    assert [(box.name, box.kind, box.sources) for box in found] == [
        ("image", "image", []),
        ("left", "layer", [0]),
        ("right", "layer", [0]),
        ("idle", "layer", [2]),
        ("cat", "join", [1, 3]),
        ("last", "layer", [4]),
        ("add", "join", [5, 0]),
    ]
    assert [box.output_shape for box in found[4:]] == [(5, 6, 6), (1, 6, 6), (1, 6, 6)]
    assert found[1].parameters == 20 and found[1].multiply_adds == 18 * 36
    assert found[4].field.size == (3, 3) and found[4].field.start == (-1, -1)


class Functional(nn.Module):
    """As tutorials write nets: activation functions and pooling as functions."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.fc = nn.Linear(2 * 4 * 4, 3)

    def forward(self, x):
        y = F.relu(self.bn(self.conv(x)))
        y = F.max_pool2d(F.relu(y + x, inplace=True), 2).flatten(1)
        return F.log_softmax(self.fc(F.dropout(y, training=self.training)), dim=1)


def test_functions_are_boxes_and_what_only_moves_numbers_is_none():
    found = boxes(Functional(), (1, 8, 8))
    assert [(box.name, box.type, box.role, box.sources) for box in found[3:]] == [
        ("relu", "ReLU", "activation", [2]),
        ("add", "Add", "join", [3, 0]),
        ("relu_1", "ReLU", "activation", [4]),
        ("max_pool2d", "MaxPool2d", "pool", [5]),
        ("fc", "Linear", "conv", [6]),
        ("log_softmax", "LogSoftmax", "activation", [7]),
    ]
    assert found[6].input_shape == (2, 8, 8) and found[6].output_shape == (2, 4, 4)
    assert found[6].field.size == (4, 4)  # two pixels of a 3 x 3 window each


@pytest.mark.parametrize("name, count", [("resnet50", 49), ("googlenet", 57), ("vgg11_bn", 10)])
def test_every_relu_of_a_net_is_a_box(name, count):
    with nn.shapes_only():
        model = mt.models.create_model(name)
    found = boxes(model, (3, 224, 224))
    assert sum(box.type == "ReLU" for box in found) == count
    assert all(box.role == "activation" for box in found if box.type == "ReLU")


def test_boxes_know_the_modules_around_them():
    four = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 1), nn.ReLU())
    deep = nn.Sequential(nn.Sequential(four[:2], Functional()))
    model = nn.Sequential(nn.Sequential(four, four, deep), nn.Linear(3, 2))
    around = [box.blocks for box in boxes(model, (1, 8, 8))[1:]]
    assert around[0] == around[3] == ("0: Sequential", "0.0: Sequential")
    assert around[4] == around[7] == ("0: Sequential", "0.0: Sequential (2)")
    # 0.2.0 is around the same boxes, 0.2.0.0 around two only
    assert around[8] == around[9] == ("0: Sequential", "0.2: Sequential")
    assert around[10] == ("0: Sequential", "0.2: Sequential", "0.2.0.1: Functional")
    assert around[-1] == ()


def test_a_batch_norm_shows_its_values_before_the_relu_and_the_relu_those_after(tmp_path):
    mt.manual_seed(1)
    block = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())
    for model in (
        Functional().eval(),
        nn.Sequential(block, nn.Flatten(), nn.Linear(128, 2)).eval(),
    ):
        images = rng.standard_normal((2, 1, 8, 8)).astype(np.float32)
        told = data_of(explore(model, images, tmp_path / "x.html"))[1]["boxes"]
        conv, bn = next(model.children()), told[2]
        conv = conv if isinstance(conv, nn.Conv2d) else conv[0]
        w, b = conv.weight.numpy(force=True), conv.bias.numpy(force=True)
        expected = oracle.conv2d(images, w, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
        expected = (expected + b[:, None, None]) / np.sqrt(1 + 1e-5)
        assert (bn["type"], told[3]["type"]) == ("BatchNorm2d", "ReLU") and expected.min() < -0.1
        np.testing.assert_allclose(maps_in(bn), expected, atol=0.01)
        np.testing.assert_allclose(maps_in(told[3]), np.maximum(expected, 0), atol=0.01)


class Composed(nn.Module):
    """Functions of several operations, of which one does otherwise where there are no images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        y = F.layer_norm(self.conv(x), (2, 6, 6))
        return F.hardsigmoid(y).mean((2, 3)) - 1


def test_a_function_of_several_operations_is_one_box_with_its_result(tmp_path):
    images = rng.standard_normal((2, 1, 8, 8)).astype(np.float32)
    told = data_of(explore(Composed(), images, tmp_path / "x.html"))[1]["boxes"]
    expected = [("conv", "conv"), ("layer_norm", "norm"), ("hardsigmoid", "activation"),
                ("mean", "plain"), ("sub", "plain")]  # fmt: skip
    assert [(box["name"], box["role"]) for box in told[1:]] == expected
    conv, normed, gate, mean, last = (maps_in(box) for box in told[1:])
    flat = conv.reshape(2, -1)
    wanted = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(normed.reshape(2, -1), wanted, atol=0.05)
    np.testing.assert_allclose(gate, np.clip(normed / 6 + 0.5, 0, 1), atol=0.02)
    np.testing.assert_allclose(mean, gate.mean((2, 3)), atol=0.02)
    np.testing.assert_allclose(last, mean - 1, atol=0.02)


class Late(nn.Module):
    """Its last layer hands on what the first made, after another has run."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 1)
        self.late = nn.Identity()

    def forward(self, x):
        a = self.a(x)
        b = self.b(x)
        return mt.cat([self.late(a), b], dim=1).mean((2, 3))


def test_maps_belong_to_their_boxes_where_layers_hand_on_what_is_older(tmp_path):
    told = data_of(explore(Late(), np.ones((1, 8, 8)), tmp_path / "x.html"))[1]["boxes"]
    assert all(box["maps"]["shape"][0] == box["output_shape"][0] for box in told[1:])
    assert [box["name"] for box in told[1:5]] == ["a", "b", "late", "cat"]
    assert told[4]["sources"] == [3, 2] and told[3]["sources"] == [1]


@pytest.mark.parametrize("name", ["lenet5", "resnet20_cifar", "densenet_bc100_k12_cifar"])
def test_boxes_cost_what_the_summary_says(name):
    model, shape = mt.models.create_model(name), mt.models.model_entry(name).input_shape
    found, rows = boxes(model, shape), mt.analysis.summary(model, shape).rows
    layers = [box for box in found if box.kind == "layer"]
    assert sorted((b.name, b.multiply_adds) for b in layers) == sorted(
        (r.name, r.macs) for r in rows
    )
    assert all(source < k for k, box in enumerate(found) for source in box.sources)
    unread = set(range(len(found))) - {source for box in found for source in box.sources}
    assert unread == {len(found) - 1}  # only the last one's output goes nowhere


def test_boxes_of_a_row_stand_apart_below_the_middle_of_their_sources():
    places = layout([[], [0], [0], [0], [1, 2, 3], [4, 0]])
    assert [row for _, row in places] == [0, 1, 1, 1, 2, 3]
    assert [column for column, _ in places] == [0, -1, 0, 1, 0, 0]


def test_maps_are_averaged_and_vectors_kept():
    y = rng.standard_normal((2, 20, 8, 6)).astype(np.float32)
    small = reduced(y, 16, 3)
    assert small.shape == (2, 16, 3, 3)
    np.testing.assert_allclose(small[:, :, :, 0].mean(), y[:, :16, :, :2].mean(), atol=0.1)
    np.testing.assert_array_equal(reduced(y, 20, 8), y)
    assert reduced(y[:, :, 0, 0], 4, 4).shape == (2, 20)


def test_large_networks_are_shown_in_less_detail():
    shapes = [(64, 56, 56)] * 100 + [(1000,)]
    channels, side = detail_within(BUDGET // 10, shapes)
    sizes = [np.prod(reduced_shape(shape, channels, side)) for shape in shapes]
    assert sum(sizes) <= BUDGET // 10 < 100 * 16 * 32 * 32
    assert detail_within(BUDGET, shapes[:1]) == (16, 32)
    y = np.zeros((1, 64, 56, 56), np.float32)
    assert reduced(y, channels, side).shape[1:] == reduced_shape(y.shape[1:], channels, side)


def test_a_net_that_takes_long_for_an_image_is_shown_with_fewer():
    assert affordable(4_000_000_000) > 10 and affordable(0) > 10
    assert 1 < affordable(136_000_000_000) < 4 and affordable(10**15) == 1


def test_numbers_become_levels_between_the_least_and_the_largest():
    y = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    told = packed(y)
    assert told["low"] == [1, 5] and told["high"] == [3, 5] and told["shape"] == [3]
    levels = np.frombuffer(base64.b64decode(told["bytes"]), np.uint8)
    assert levels.tolist() == [0, 128, 255, 0, 0, 0]


class Fusable(nn.Module):
    """A convolution with batch norm, addition and ReLU behind it, and one whose sum is clipped."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.drop = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Identity()
        self.last = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        y = F.relu(x + self.bn(self.conv(x)))
        return F.relu6(self.last(self.drop(y) * 2))


def test_the_operators_are_told_before_and_after_each_pass(monkeypatch):
    monkeypatch.setattr(passes, "PASSES", (drop_identities, fold_batch_norm))
    found = passes.stages(Fusable(), (1, 4, 5))
    told = {stage["name"]: [line["operator"] for line in stage["lines"]] for stage in found}
    after = ["Conv", "Add", "Relu", "Mul", "Conv", "Clip"]
    assert told["captured"] == ["Conv", "BatchNormalization", *after[1:]]
    assert told["fold batch norm"] == after
    assert list(told.values())[-1] == ["Conv + Add + Relu", "Mul", "Conv + Clip"]
    last = found[-1]["lines"]
    assert [line["name"] for line in last] == ["conv", "Mul", "last"]
    assert [line["role"] for line in last] == ["conv", "join", "conv"]
    assert [line["shape"] for line in last] == [[1, 4, 5], [1, 4, 5], [2, 2, 3]]
    made = [line["output"] for line in found[0]["lines"]]
    assert [line["output"] for line in last] == [made[3], made[4], made[6]]
    # 20 numbers in each map but those of the last convolution and its clip, which have 12.
    assert found[0]["bytes"] == 4 * (4 * 40 + 60 + 20 + 12 + 12 + 12)
    assert found[-1]["bytes"] == 4 * (60 + 40 + 20 + 12)


def test_every_pass_of_the_compiler_is_told():
    mt.manual_seed(0)
    found = passes.stages(mt.models.create_model("resnet20_cifar"), (3, 32, 32))
    names = [change.__name__.replace("_", " ") for change in passes.PASSES]
    assert [stage["name"] for stage in found] == ["captured", *names, "fuse epilogues"]
    assert len(found[-1]["lines"]) < len(found[0]["lines"]) / 2
    assert found[-1]["bytes"] < found[0]["bytes"] / 2


def test_as_many_labels_as_images_are_asked_for(tmp_path):
    with pytest.raises(ValueError, match="explore: there are 2 images, 1 labels"):
        images = np.zeros((2, 1, 8, 8), np.float32)
        explore(Branches(), images, tmp_path / "x.html", labels=["3"])
    assert not list(tmp_path.iterdir())


class Flat(nn.Module):
    """As tutorials flatten: by the batch, which must not be empty."""

    def __init__(self, channels=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 5)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(2 * 24 * 24, 3)

    def forward(self, x):
        x = self.conv(x)
        return self.fc(self.drop(x.view(x.size(0), -1)))


def test_a_net_alone_is_explored_with_digits_of_its_size_and_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = Flat()
    net.conv.eval()
    mt.manual_seed(3)
    drawn = mt.rand(3).numpy()
    mt.manual_seed(3)
    path = mt.analysis.explore(net)
    assert str(path) == "explore.html"
    assert net.training and not net.conv.training and net.drop.training
    np.testing.assert_array_equal(mt.rand(3).numpy(), drawn)  # nothing was drawn meanwhile
    text, data = data_of(path)
    assert data["name"] == "Flat" and data["note"] == "" and "untrained" not in text
    assert data["boxes"][0]["output_shape"] == [1, 28, 28]
    assert data["images"]["labels"] == list("0123456789")


def test_an_image_of_ones_own_is_explored(tmp_path):
    image = np.linspace(0, 1, 3 * 28 * 28).reshape(3, 28, 28)
    for given in (image, mt.tensor(image), image[None].astype(np.float32)):
        _, data = data_of(mt.analysis.explore(Flat(3), given, tmp_path / "x.html"))
        assert data["images"]["labels"] == ["image 1"] and data["kind"] == "image"
        small = np.array(data["digits"])
        assert small.shape == (1, 8, 8) and small.min() == 0 and small.max() == 16
    with pytest.raises(ValueError, match=r"explore: image of shape \(28, 28\) must be \(C, H, W\)"):
        mt.analysis.explore(Flat(3), image[0], tmp_path / "y.html")
    with pytest.raises(TypeError, match="explore: model must be a Module or a name"):
        mt.analysis.explore(3)
    assert [p.name for p in tmp_path.iterdir()] == ["x.html"]


def test_a_model_by_name_is_said_to_be_untrained(tmp_path):
    text, data = data_of(mt.analysis.explore("lenet5", out=tmp_path / "x.html"))
    assert data["name"] == "lenet5" and '<p id="note">untrained weights</p>' in text

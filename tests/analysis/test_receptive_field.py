"""receptive_field against figures that were published, and against its gradient."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import (
    ReceptiveField,
    receptive_field,
    receptive_field_by_gradient,
)
from minitorch_cnn.models import create_model, model_entry


class Residual(nn.Module):
    """relu(body(x) + shortcut(x))"""

    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, nn.ReLU()

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def resnet50(stride_in_3x3: bool) -> nn.Sequential:
    """The geometry of ResNet-50 up to its last map, one channel wide."""
    layers = [nn.Conv2d(1, 1, 7, 2, 3), nn.BatchNorm2d(1), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            a, b = (1, stride) if stride_in_3x3 else (stride, 1)
            body = nn.Sequential(
                nn.Conv2d(1, 1, 1, a), nn.ReLU(), nn.Conv2d(1, 1, 3, b, 1), nn.Conv2d(1, 1, 1)
            )
            layers.append(
                Residual(body, nn.Conv2d(1, 1, 1, stride) if stride > 1 else nn.Identity())
            )
    return nn.Sequential(*layers)


def vgg16() -> nn.Sequential:
    """The geometry of VGG-16 up to its last map, one channel wide."""
    layers = []
    for convs in (2, 2, 3, 3, 3):
        layers += [nn.Conv2d(1, 1, 3, padding=1) for _ in range(convs)] + [nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def alexnet() -> nn.Sequential:
    """The geometry of AlexNet up to its last map, one channel wide."""
    window = (11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)
    convs = [nn.Conv2d(1, 1, *w) for w in window]
    pools = [nn.MaxPool2d(3, 2) for _ in range(3)]
    return nn.Sequential(convs[0], pools[0], convs[1], pools[1], *convs[2:], pools[2])


@pytest.mark.parametrize(
    "net, size, jump",
    [  # Araujo, Norris, Sim (2019), whose ResNet has the stride in the first convolution
        (alexnet(), 195, 32),
        (vgg16(), 212, 32),
        (resnet50(stride_in_3x3=False), 483, 32),
        (resnet50(stride_in_3x3=True), 427, 32),
    ],
)
def test_known_networks_have_the_published_receptive_fields(net, size, jump):
    field = receptive_field(net, (1, 224, 224))
    assert field.size == (size, size)
    assert field.jump == (jump, jump)


@pytest.mark.parametrize(
    "name, size, map_size",
    [  # the same table; of its last map, over all of which ours goes on to average or connect
        ("vgg16", 212, 7),
        ("inception_v2_slim", 699, 7),
        ("inception_v3", 1311, 8),
        ("inception_resnet_v2", 3039, 8),
    ],
)
def test_models_have_the_published_receptive_fields(name, size, map_size):
    with nn.shapes_only():
        model = create_model(name)
    whole = size + (map_size - 1) * 32
    assert receptive_field(model, model_entry(name).input_shape).size == (whole, whole)


@pytest.mark.parametrize("depth", [1, 2, 3, 7])
def test_stacked_convolutions_see_1_plus_depth_times_kernel_minus_1(depth):
    net = nn.Sequential(*[nn.Conv2d(1, 1, (3, 5)) for _ in range(depth)])
    assert receptive_field(net, (1, 40, 40)) == ReceptiveField(
        (1 + 2 * depth, 1 + 4 * depth), (1, 1), (0, 0)
    )


@pytest.mark.parametrize("shape", [(1, 224, 224), (1, 200, 239)])
def test_the_field_starts_where_the_gradient_starts(shape):
    net = alexnet()[:6]
    size, jump, start = receptive_field(net, shape)
    for at in ((5, 6), (6, 5)):
        rows, columns = receptive_field_by_gradient(net, shape, at=at)
        assert (rows[0], columns[0]) == tuple(
            s + o * j for s, o, j in zip(start, at, jump, strict=True)
        )
        assert (len(rows), len(columns)) == size


def test_the_gradient_is_cut_off_at_the_edges_of_the_image():
    net = nn.Conv2d(1, 1, 5, padding=2)
    assert receptive_field_by_gradient(net, (1, 9, 9), at=(0, 8)) == (range(3), range(6, 9))


def test_any_module_inside_can_be_asked_for_and_the_last_run_of_a_shared_one_counts():
    conv = nn.Conv2d(1, 1, 3)
    net = nn.Sequential({"stem": nn.Sequential(conv, nn.ReLU()), "again": conv})
    assert receptive_field(net, (1, 9, 9), "stem").size == (3, 3)
    assert receptive_field(net, (1, 9, 9), "stem.1").size == (3, 3)
    assert receptive_field(net, (1, 9, 9), "stem.0").size == (5, 5)
    assert receptive_field_by_gradient(net, (1, 9, 9), "stem") == (range(3, 6), range(3, 6))
    for function in (receptive_field, receptive_field_by_gradient):
        with pytest.raises(KeyError, match=f"{function.__name__}: layer='head' names no"):
            function(net, (1, 9, 9), "head")


def test_a_classifier_sees_all_that_its_last_map_sees():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(2 * 4 * 4, 3))
    assert receptive_field(net, (1, 9, 9)).size == (9, 9)
    assert receptive_field_by_gradient(net, (1, 9, 9)) == (range(9), range(9))


def test_a_map_finer_than_the_image_has_a_jump_below_1():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Upsample(scale_factor=2))
    assert receptive_field(net, (1, 8, 8)) == ReceptiveField((3, 3), (0.5, 0.5), (-1, -1))


def test_behind_a_gate_the_field_is_the_image():
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Sigmoid())

    class Gated(nn.Module):
        def forward(self, x):
            return x * gate(x)

    net = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), Gated())
    assert receptive_field(net, (1, 24, 20)) == ReceptiveField((24, 20), (2, 2), (0, 0))
    assert receptive_field_by_gradient(net, (1, 24, 20)) == (range(24), range(20))


def test_neither_way_changes_the_model():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.Dropout()).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    receptive_field(net, (1, 9, 9))
    receptive_field_by_gradient(net, (1, 9, 9))
    assert all(module.training for module in net.modules())
    for name, value in net.state_dict().items():
        assert value.dtype == before[name].dtype
        assert (value == before[name]).all()
    assert not any(module._forward_hooks for module in net.modules())


def test_the_formula_needs_no_weights():
    with nn.shapes_only():
        net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))
    assert receptive_field(net, (1, 9, 9)).size == (5, 5)
    assert receptive_field_by_gradient(net, (1, 9, 9)) == (range(2, 7), range(2, 7))


def test_an_output_that_does_not_look_at_the_image_has_none():
    class Blind(nn.Module):
        def forward(self, x):
            return mt.zeros(x.shape)

    assert receptive_field(Blind(), (1, 9, 9)) is None


class Gated(nn.Module):
    """Maps times their own means, then a convolution with a stride."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, (3, 1)), nn.Conv2d(4, 4, 3, stride=2)

    def forward(self, x):
        y = self.first(x)
        return self.last(y * y.mean((2, 3), keepdim=True))


def test_behind_a_gate_of_means_every_position_sees_the_image_and_none_more():
    field = receptive_field(Gated(), (3, 24, 32))
    assert field.size == (24, 32)
    assert field.jump == (2, 2)

"""FCN: the crops as published, what VGG-16 and the coarser nets hand on, scores for every pixel."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.fcn import FCN, BilinearUpsampling, named, overlap, start_from
from tests.models.compare import agrees_with_torch, gradients_are_slopes
from tests.models.stages import stages

NETS = ("fcn32s", "fcn16s", "fcn8s")


def small(name, **settings):
    """The net in a sixteenth of its width, for five classes."""
    return create_model(name, width=1 / 16, num_classes=5, **settings)


def with_scores(net):
    """The net with weights in the layers that start at zero."""
    for name, layer in named(net).items():
        if name.startswith("score"):
            nn.init.normal_(layer.weight, 0, 0.1)
    return net


@pytest.mark.parametrize(
    "name, offsets", [("fcn32s", [19]), ("fcn16s", [5, 27]), ("fcn8s", [5, 9, 31])]
)
def test_the_crops_are_where_the_authors_have_them(name, offsets):
    with nn.shapes_only():
        assert create_model(name).offsets == offsets


def test_every_stage_has_its_size():
    found = stages("fcn8s", 3, 500, 500)
    sides = (698, 349, 175, 88, 44, 22)  # 500 + 2 * 100 - 2, then halved and rounded up
    assert found["conv1_1"] == (64, 698, 698)
    assert [found[f"pool{i}"][1] for i in range(1, 6)] == list(sides[1:])
    assert found["fc6"] == found["fc7"] == (4096, 16, 16) and found["score_fr"] == (21, 16, 16)
    assert found["upscore2"] == (21, 34, 34) and found["score_pool4"] == (21, 44, 44)
    assert found["upscore_pool4"] == (21, 70, 70) and found["score_pool3"] == (21, 88, 88)
    assert found["upscore8"] == (21, 568, 568) and found[""] == (21, 500, 500)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("padding", [1, 2, 33, 64, 100])
def test_images_of_any_size_get_scores_of_their_size(name, padding):
    with nn.shapes_only():
        net = small(name, padding=padding)
    for size in ((1, 1), (1, 70), (33, 32), (64, 65), (97, 31)):
        assert net(mt.zeros(0, 3, *size)).shape == (0, 5, *size)


@pytest.mark.parametrize(
    "name, scored",
    [
        ("fcn32s", "score_fr"),
        ("fcn16s", "score_fr"),
        ("fcn16s", "score_pool4"),
        ("fcn8s", "score_fr"),
        ("fcn8s", "score_pool4"),
        ("fcn8s", "score_pool3"),
    ],
)
@pytest.mark.parametrize("padding", [1, 64, 100])
def test_each_score_lies_where_it_was_taken(name, scored, padding):
    """Where all filters hand on what is in their middle, an image that rises by 1 from pixel to
    pixel comes out as it is, but for poolings: of their windows the mean of largest and smallest.
    """
    net = create_model(name, width=1 / 512, num_classes=1, in_channels=1, padding=padding).eval()
    for layer_name, layer in named(net).items():
        nn.init.zeros_(layer.weight)
        if not layer_name.startswith("score") or layer_name == scored:
            with mt.no_grad():
                middle = layer.kernel_size[0] // 2
                layer.weight[:, :, middle, middle] = 1 / layer.in_channels
    rising = np.broadcast_to(np.arange(224, dtype=np.float32), (1, 1, 224, 224))
    for ramp in (rising, rising.swapaxes(2, 3)):
        y, z = (net(mt.Tensor(x)).detach().numpy() for x in (ramp, 223 - ramp))
        inner = (..., slice(96, 128), slice(96, 128))  # what sees no zeros around the image
        np.testing.assert_allclose((y + 223 - z)[inner] / 2, ramp[inner], rtol=1e-5)


def test_the_overlap_of_two_maps_begins_at_the_offset():
    a, b = mt.arange(30).reshape(1, 1, 5, 6), mt.arange(12).reshape(1, 1, 3, 4)
    x, y = overlap(a, b, 2)
    assert mt.equal(x, a[:, :, 2:5, 2:6]) and mt.equal(y, b)
    x, y = overlap(b, a, -2)
    assert mt.equal(x, b) and mt.equal(y, a[:, :, 2:5, 2:6])
    x, y = overlap(a, b, 4)
    assert mt.equal(x, a[:, :, 4:, 4:]) and mt.equal(y, b[:, :, :1, :2])


def test_upsampling_is_stored_and_not_learned():
    layer = BilinearUpsampling(2, 4)
    assert list(layer.state_dict()) == ["weight"] and not list(layer.parameters())
    y = layer(mt.ones(1, 2, 3, 5))
    assert y.shape == (1, 2, 16, 24)
    np.testing.assert_allclose(y.array[:, :, 4:-4, 4:-4], 1, atol=1e-6)
    with nn.shapes_only():
        weight = BilinearUpsampling(21, 32).weight
    assert weight.shape == (21, 21, 64, 64) and set(weight.array.strides) == {0}


def test_only_fc6_and_fc7_are_dropped_and_only_in_training():
    net = with_scores(small("fcn32s", padding=1, dropout=1.0))
    x = mt.randn(1, 3, 8, 8)
    assert not net(x).array.any() and net.eval()(x).array.any()
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [1.0, 1.0]
    assert [m.p for m in small("fcn8s").modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


def test_scores_start_at_zero():
    net = small("fcn8s", padding=1)
    assert not net(mt.randn(1, 3, 40, 40)).array.any()
    zero = {name for name, layer in named(net).items() if not layer.weight.array.any()}
    assert zero == {"score_fr", "score_pool4", "score_pool3"}


def test_vgg16_hands_its_layers_on_and_the_net_says_the_same_of_its_window():
    vgg, net = small("vgg16").eval(), small("fcn32s", padding=1).eval()
    for layer in (*vgg.features, *vgg.classifier):
        if hasattr(layer, "bias"):
            nn.init.normal_(layer.bias, 0, 0.1)
    start_from(net, vgg)
    found = {}
    net.fc7.register_forward_hook(lambda module, inputs, output: found.update(fc7=output))
    x = mt.randn(2, 3, 224, 224)
    net(x)
    assert found["fc7"].shape == (2, 256, 7, 7)  # pool5 has 7 x 7 places; 3 zeros are around them
    expected = vgg.classifier[:4](vgg.features(x).flatten(1)).detach().numpy()
    # Another layer, or processor, adds the thousands of terms of a sum in another order.
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(found["fc7"].array[:, :, 3, 3], expected, rtol=1e-4, atol=atol)
    assert not np.shares_memory(net.fc6.weight.array, vgg.classifier[0].weight.array)
    assert not net.score_fr.weight.array.any()


@pytest.mark.parametrize("coarse, fine", [("fcn32s", "fcn16s"), ("fcn16s", "fcn8s")])
def test_a_finer_net_starts_with_what_the_coarser_one_says(coarse, fine):
    trained, net = (with_scores(small(name, padding=1)).eval() for name in (coarse, fine))
    for layer in named(trained).values():
        nn.init.normal_(layer.bias, 0, 0.1)
    fresh = small(fine, padding=1).eval()
    start_from(fresh, trained)
    for name, layer in named(trained).items():
        assert mt.equal(named(fresh)[name].weight, layer.weight), name
        assert mt.equal(named(fresh)[name].bias, layer.bias), name
    x = mt.randn(1, 3, 96, 96)
    y, z = (net(x).detach().numpy() for net in (trained, fresh))
    inner = (0, slice(None), slice(24, 72), slice(24, 72))
    assert abs(y - z)[inner].mean() < 0.1 * y[inner].std()  # bilinear twice is nearly once
    assert net.score_pool4.weight.array.any()


@pytest.mark.parametrize(
    "trained, misfits",
    [
        ("vgg19", "conv3_4, conv4_4, conv5_4"),
        ("vgg13", "conv3_3, conv4_3, conv5_3"),
        ("fcn8s", "score_pool3"),
    ],
)
def test_a_net_with_other_layers_is_refused_as_a_start(trained, misfits):
    net = small("fcn16s")
    before = {name: value.array.copy() for name, value in net.state_dict().items()}
    with pytest.raises(RuntimeError, match=f"^start_from: {misfits} are not in both nets"):
        start_from(net, small(trained))
    assert all(np.array_equal(before[name], t.array) for name, t in net.state_dict().items())


def test_a_net_of_another_width_is_refused_as_a_start():
    with pytest.raises(RuntimeError, match=r"^start_from: conv1_1, conv1_2, .*, fc6, fc7 are not"):
        start_from(small("fcn32s"), create_model("vgg16", width=1 / 8))


def test_at_once_scales_the_poolings_before_they_are_scored():
    plain, scaled = (with_scores(small("fcn8s", padding=1, at_once=on)).eval() for on in (0, 1))
    plain.load_state_dict(scaled.state_dict())
    with mt.no_grad():
        plain.score_pool4.weight.mul_(0.01)
        plain.score_pool3.weight.mul_(0.0001)
    x = mt.randn(1, 3, 32, 32)
    np.testing.assert_allclose(plain(x).detach(), scaled(x).detach(), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^FCN: stride=4 must be one of 32, 16, 8"):
        FCN(4)
    with pytest.raises(ValueError, match=r"^FCN: padding=0 must be at least 1"):
        FCN(8, padding=0)
    with pytest.raises(ValueError, match=r"^FCN: x of shape \(0, 3, 0, 9\) must be"):
        small("fcn32s")(mt.zeros(0, 3, 0, 9))


def test_the_gradients_of_the_upsampling_are_slopes():
    gradients_are_slopes(BilinearUpsampling(2, 2), 1, 2, 2, 3)


def test_outputs_and_gradients_are_those_of_pytorchs_layers():
    torch = pytest.importorskip("torch")
    from torch.nn import functional as T

    ours = with_scores(create_model("fcn8s", width=1 / 64, num_classes=3, dropout=0.0))
    for name, p in ours.named_parameters():
        if name.endswith("bias"):  # no sum over padding is 0: rounding would decide its ReLU
            nn.init.normal_(p, 0, 0.1)
    widths = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)

    class Net(torch.nn.Module):
        """The authors' FCN-8s, its crops written out."""

        def __init__(self):
            super().__init__()
            inputs, self.trunk = 3, torch.nn.ModuleList()
            for i, width in enumerate(widths):
                padding = 1 if i else 100
                self.trunk.append(torch.nn.Conv2d(inputs, width, 3, padding=padding))
                inputs = width
            self.trunk += [torch.nn.Conv2d(8, 64, 7), torch.nn.Conv2d(64, 64, 1)]
            self.scores = torch.nn.ModuleList(torch.nn.Conv2d(c, 3, 1) for c in (64, 8, 4))

        def forward(self, x):
            pools, y = [], x
            for i, conv in enumerate(self.trunk):
                y = T.relu(conv(y))
                if i in (1, 3, 6, 9, 12):
                    y = T.max_pool2d(y, 2, ceil_mode=True)
                    pools.append(y)
            score, pool4, pool3 = self.scores
            y = self.up(score(y), 2)
            y = y + pool4(pools[3])[:, :, 5 : 5 + y.shape[2], 5 : 5 + y.shape[3]]
            y = self.up(y, 2)
            y = y + pool3(pools[2])[:, :, 9 : 9 + y.shape[2], 9 : 9 + y.shape[3]]
            return self.up(y, 8)[:, :, 31 : 31 + x.shape[2], 31 : 31 + x.shape[3]]

        def up(self, x, factor):
            t = 1 - (torch.arange(2 * factor, dtype=x.dtype) - factor + 0.5).abs() / factor
            w = torch.outer(t, t).expand(3, 1, -1, -1)
            return T.conv_transpose2d(x, w, stride=factor, groups=3)

    agrees_with_torch(torch, ours, Net(), 2, 3, 40, 53)

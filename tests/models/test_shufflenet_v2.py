"""ShuffleNets v2 have the paper's table, and units that convolve half and keep half."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models.shufflenet_v2 import SplitUnit
from tests.models.compare import agrees_with_torch, gradients_are_slopes
from tests.models.stages import stages

CHANNELS = {
    "x0_5": [48, 96, 192, 1024],
    "x1_0": [116, 232, 464, 1024],
    "x1_5": [176, 352, 704, 1024],
    "x2_0": [244, 488, 976, 2048],
}


@pytest.mark.parametrize(("net", "channels"), CHANNELS.items())
def test_every_stage_has_the_size_of_table_5(net, channels):
    found = stages(f"shufflenet_v2_{net}", 3, 224, 224)
    names = ["conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"]
    sizes = [112, 56, 28, 14, 7, 7]
    expected = [(c, n, n) for c, n in zip([24, 24, *channels], sizes, strict=True)]
    assert [found[name] for name in names] == expected
    assert [f"stage{s}.{n}" in found for s in (2, 3, 4) for n in (3, 4)] == [
        *(True, False),
        *(True, True),
        *(True, False),
    ]


def test_a_unit_keeps_every_second_channel_and_convolves_the_others():
    unit, x = SplitUnit(6, 6, 1), mt.randn(2, 6, 4, 5)
    y = unit(x).detach().numpy()
    np.testing.assert_array_equal(y[:, ::2], x.numpy()[:, :3])
    np.testing.assert_array_equal(y[:, 1::2], unit.branch2(x[:, 3:]).detach().numpy())


def test_a_unit_that_halves_the_image_convolves_all_of_it_twice():
    unit, x = SplitUnit(4, 6, 2), mt.randn(2, 4, 5, 6)
    y = unit(x)
    assert y.shape == (2, 6, 3, 3)
    assert mt.equal(y[:, ::2], unit.branch1(x)) and mt.equal(y[:, 1::2], unit.branch2(x))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_unit_agrees_with_torchs_layers(stride):
    torch = pytest.importorskip("torch")
    t = torch.nn

    def plain(a, b, k, s=1, groups=1):
        conv = t.Conv2d(a, b, k, s, k // 2, groups=groups, bias=False)
        return [conv, t.BatchNorm2d(b)]

    class Unit(t.Module):
        def __init__(self):
            super().__init__()
            relu, n = t.ReLU(), 4 if stride == 2 else 2
            if stride == 2:
                self.branch1 = t.Sequential(*plain(4, 4, 3, 2, 4), *plain(4, 2, 1), relu)
            tail = [*plain(2, 2, 3, stride, 2), *plain(2, 2, 1), relu]
            self.branch2 = t.Sequential(*plain(n, 2, 1), relu, *tail)

        def forward(self, x):
            kept, x = (self.branch1(x), x) if stride == 2 else (x[:, :2], x[:, 2:])
            return t.ChannelShuffle(2)(torch.cat([kept, self.branch2(x)], 1))

    agrees_with_torch(torch, SplitUnit(4, 4, stride), Unit(), 2, 4, 5, 6)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_of_a_unit_are_slopes(stride):
    gradients_are_slopes(SplitUnit(4, 4, stride), 2, 4, 3, 4)

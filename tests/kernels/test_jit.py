"""Kernels with and without Numba."""

import pytest

from tests.interpreter import ROOT, python

STEP = """if True:
    import sys
    {before}
    import minitorch_cnn as mt
    from minitorch_cnn import nn
    from minitorch_cnn.nn import functional as F

    mt.manual_seed(0)
    {after}
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.LocalResponseNorm(3),
        nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.Upsample(scale_factor=2,
        mode="bilinear"), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    )
    optimizer = mt.optim.Adam(net.parameters())
    x, target = mt.randn(4, 3, 64, 64), mt.tensor([1, 2, 3, 4])
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
    print(loss.item())
"""


def test_without_numba_a_net_learns_on_numpy_and_says_once_that_it_is_slow(tmp_path):
    # An entry of None makes Python take the module for one that is not there.
    absent = STEP.format(before='sys.modules["numba"] = None', after="")
    asked = STEP.format(before="", after='mt.kernels.use("numpy").__enter__()')
    without, numpy = (python(code, tmp_path, ROOT).split("\n") for code in (absent, asked))
    assert float(without[0]) == pytest.approx(float(numpy[0]), rel=1e-4)
    assert without[1:] == [
        "minitorch_cnn: Numba is not installed, so this runs more slowly "
        "(pip install 'minitorch_cnn[fast]')",
        "",
    ]

"""Whole models on the emulated GPU: they compute and learn what they do on the CPU."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, training
from minitorch_cnn.analysis import summary
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.models import create_model

pytestmark = pytest.mark.skipif(not has_compiler(), reason="the emulator needs g++ on Linux")


def small_residual_net():
    """A convolution, a residual block over a strided shortcut, a depthwise pair, a classifier."""

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(8, 16, 3, 2, 1, bias=False),
                nn.BatchNorm2d(16),
                nn.ReLU(),
                nn.Conv2d(16, 16, 3, 1, 1, bias=False),
                nn.BatchNorm2d(16),
            )
            self.shortcut = nn.Conv2d(8, 16, 1, 2, bias=False)

        def forward(self, x):
            return (self.branch(x) + self.shortcut(x)).relu()

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Residual(),
        nn.Conv2d(16, 16, 3, 1, 1, groups=16),
        nn.ReLU6(),
        nn.Conv2d(16, 16, 3, 1, 1, groups=4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


def steps(device, dtype=mt.float64, count=2):
    """Loss, gradients, weights and statistics after some steps on random images."""
    mt.manual_seed(3)
    net = small_residual_net().to(device, dtype)
    optimizer = mt.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(count):
        x = mt.randn(3, 3, 12, 12, dtype=dtype, device=device)
        loss = nn.functional.cross_entropy(net(x), mt.tensor([0, 4, 2], device=device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = {"loss": loss} | {f"gradient of {k}": p.grad for k, p in net.named_parameters()}
    return found | net.state_dict()


def test_steps_of_a_residual_net_are_those_on_the_cpu_within_rounding():
    here, there = steps("cpu"), steps("emulator")
    for name, want in here.items():
        assert there[name].device == "emulator", name
        got, want = there[name].detach().cpu().numpy(), want.detach().numpy()
        scale = max(np.abs(want).max(), 1e-3)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-10 * scale, err_msg=name)


def test_a_model_is_summarised_where_it_lies():
    shape = (3, 16, 16)
    here = summary(small_residual_net(), shape)
    there = summary(small_residual_net().to("emulator"), shape)
    assert str(there) == str(here)


def test_lenet_learns_on_the_emulator(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 16)
    images = rng.normal(0, 0.3, (16, 1, 32, 32)) + np.where(labels, 1, -1)[:, None, None, None]
    data = TensorDataset(mt.tensor(images, dtype=mt.float32), mt.tensor(labels))
    mt.manual_seed(0)
    net = create_model("lenet5_relu", num_classes=2).to("emulator")
    history = training.fit(
        net,
        DataLoader(data, 8, shuffle=True),
        DataLoader(data, 16),
        epochs=4,
        optimizer=mt.optim.SGD(net.parameters(), lr=0.05, momentum=0.9),
        progress="none",
    )
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert history[-1]["test_top1"] == 1


def test_the_command_line_trains_evaluates_and_predicts_there(tmp_path, capsys):
    pytest.importorskip("PIL")
    from PIL import Image

    from minitorch_cnn.cli import main

    photos = tmp_path / "photos"
    for k, name in enumerate(("dark", "light")):
        (photos / name).mkdir(parents=True)
        for i in range(6):
            pixels = np.full((32, 32), 40 + 150 * k + i, np.uint8)
            Image.fromarray(pixels).save(photos / name / f"{i}.png")
    there = ["--device", "emulator"]
    run, image = str(tmp_path / "run"), str(photos / "light" / "0.png")
    train = ["train", "lenet5_relu", "--data", "folder", str(photos), "--epochs", "1", "--plain"]
    assert main([*train, "--out", run, *there]) == 0
    assert main(["evaluate", run, *there]) == 0
    assert main(["predict", run, image, *there]) == 0
    assert "Held out: accuracy" in capsys.readouterr().out

"""minitorch-cnn explore."""

import pytest

NET = """
from minitorch_cnn import nn
def net(width=2, num_classes=10, in_channels=1):
    return nn.Sequential(nn.Conv2d(in_channels, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(width, num_classes))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_untrained_net_is_said_to_be_one(command, folder):
    said = command("explore", "net.py:net", "--set", "width=3")
    assert said.code == 0 and "net.html" in said.out
    assert said.out.endswith(", of net.py:net with untrained weights\n")
    assert "untrained weights" in (folder / "net.html").read_text(encoding="utf-8")


def test_a_run_is_explored_with_images_of_ones_own(command, refused, trained, photos, folder):
    image = next(photos.rglob("*.png"))
    said = command("explore", trained, "--image", image, "--out", "page.html")
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert said.code == 0 and "untrained" not in said.out + text and image.name in text
    weights = trained / "weights.safetensors"
    words = ["explore", "lenet5_relu", "--weights", weights, "--set", "in_channels=3"]
    words += ["num_classes=2", "--image", image, "--out", "weights.html"]
    assert command(*words).code == 0
    assert "untrained" not in (folder / "weights.html").read_text(encoding="utf-8")
    assert "has its own" in refused("explore", trained, "--weights", weights)
    assert "--mean needs --weights" in refused("explore", "lenet5", "--mean", 0.5)
    assert "is neither a folder of a run nor a model" in refused("explore", "lenet6")
    assert "no such file" in refused("explore", "lenet5", "--image", "none.png").lower()

"""Nets in users' files, FILE.py:NAME instead of a model's name."""

import json
import re
import shutil

import numpy as np
import pytest

from minitorch_cnn import load
from minitorch_cnn.cli.main import command_parser
from minitorch_cnn.training import history, run
from minitorch_cnn.training.recipes import OWN

NETS = '''
import minitorch_cnn.functional as F
from minitorch_cnn import nn
from beside import hidden


class LeNet5(nn.Module):
    """As tutorials have it."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def small(width=4, num_classes=10, in_channels=1):
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3), hidden(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.1), nn.Linear(width, num_classes),
    )


def needs(width, depth):
    return small(width)


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


made = linear()


def nothing():
    return [1, 2]


def eleven():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 11))


class Answers(nn.Module):
    def __init__(self, kind="dict", aux=False):
        super().__init__()
        self.kind, self.aux = kind, aux
        self.net = linear()

    def forward(self, x):
        y = self.net(x)
        if self.aux and self.training:
            return y, y + 1
        return {"dict": {"out": y}, "tuple": (y, y), "image": x, "logits": y}[self.kind]


def frozen():
    return linear().requires_grad_(False)


class Broken(nn.Module):
    def forward(self, x):
        return x + undefined
'''


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """A folder with nets.py and what it imports, in which the commands run."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "beside.py").write_text("from minitorch_cnn.nn import ReLU as hidden\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "plot_run", lambda *_: None)  # which would take most of the time
    return tmp_path


def test_the_help_and_the_first_line_of_a_run_say_the_recipe(command, nets, capsys):
    with pytest.raises(SystemExit):
        command_parser().parse_args(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert OWN.optimizer == "AdamW" and OWN.schedule == {"name": "cosine"}
    assert (
        f"trained for {OWN.epochs} epochs in batches of {OWN.batch_size} by AdamW, with a weight "
        f"decay of {OWN.settings['weight_decay']} and a learning rate of {OWN.settings['lr']} that "
        "falls along a cosine"
    ) in text
    said = command("train", "nets.py:linear", "--epochs", 1, "--plain")
    assert said.out.startswith(
        "Training nets.py:linear on digits: 1 epoch in batches of 32, AdamW with a learning rate "
        "up to 0.001 on a cosine schedule, images of 8 x 8, seed 0\n"
    )
    assert {"model.py", "modules"} <= {p.name for p in (nets / "runs" / "linear-digits").iterdir()}


def test_a_run_is_whole_without_the_files_it_began_with(command, refused, photos, nets, tmp_path):
    data = ["--data", "folder", photos, "--epochs", 2, "--size", 8, "--set", "width=3"]
    assert command("train", "nets.py:small", *data, "--out", "run", "--plain").code == 0
    config = json.loads((nets / "run" / "config.json").read_text())
    assert config["net"].keys() == {"file", "name", "sha256"}
    assert (config["net"]["file"], config["net"]["name"]) == ("nets.py", "small")
    assert config["net"]["sha256"].keys() == {"model.py", "modules/beside.py"}
    assert load("run/weights.safetensors")["0.weight"].shape == (3, 3, 3, 3)  # in colour
    assert load("run/weights.safetensors")["5.weight"].shape == (2, 3)
    (nets / "nets.py").unlink()
    (nets / "beside.py").write_text("1 / 0")
    shutil.move("run", "moved")
    again = command("train", "moved/model.py:small", "--epochs", 1, "--out", "again", "--plain")
    assert again.code == 0 and (nets / "again" / "modules" / "beside.py").is_file()
    assert "nets.py:small on the held-out part" in command("evaluate", "moved").out
    image = next(photos.rglob("*.png"))
    assert command("predict", "moved", image).code == 0
    for place in ("model.py", "modules/beside.py"):
        path, kept = nets / "moved" / place, (nets / "moved" / place).read_bytes()
        path.write_bytes(kept.replace(b"\n", b"\r\n"))  # as some copying does
        assert command("evaluate", "moved").code == 0
        path.write_bytes(kept + b"# edited\n")
        for words in (["evaluate", "moved"], ["predict", "moved", image], ["train", "--resume"]):
            words = [*words, "moved"] if words[-1] == "--resume" else words
            assert f"{place} has been changed since the run began" in refused(*words).replace(
                "\\", "/"
            )
        path.unlink()
        assert "is gone" in refused("evaluate", "moved")
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["small", "made"])
def test_a_stopped_run_goes_on_from_its_copy_to_the_same_weights(
    name, command, photos, nets, monkeypatch
):
    data = ["--data", "folder", photos, "--epochs", 3, "--size", 8, "--plain"]
    if name == "made":
        (nets / "nets.py").write_text(
            NETS.replace("made = linear()", "made = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))")
        )
    assert command("train", f"nets.py:{name}", *data, "--out", "whole").code == 0
    save, saves = history.History.save_csv, []

    def stop(self, path):
        save(self, path)
        saves.append(path)
        if len(saves) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(history.History, "save_csv", stop)
    said = command("train", f"nets.py:{name}", *data, "--out", "stopped")
    assert said.code == 130 and "train --resume stopped" in said.err
    (nets / "nets.py").write_text("1 / 0")
    assert command("train", "--resume", "stopped", "--plain").code == 0
    whole, stopped = (load(f"{run}/weights.safetensors") for run in ("whole", "stopped"))
    for key in whole:
        np.testing.assert_array_equal(whole[key].numpy(), stopped[key].numpy())


@pytest.mark.parametrize(
    "net, words",
    [
        ("nets.py:LeNet5", r"images \(N, 1, 8, 8\): nets.py, line 20: ValueError: .*--size 32 "),
        ("nets.py:LeNet5 --size 28", r"nets.py, line 22: ValueError: linear.*; .*--size 32 "),
        ("nets.py:lenet5", "nets.py has no 'lenet5'; it has .*; the nearest is 'LeNet5'"),
        ("nets.py", "needs a name, nets.py:NAME; it has LeNet5, Answers, Broken, small, "),
        ("nets.py:", "needs a name, nets.py:NAME; it has LeNet5"),
        ("net.py:LeNet5", "there is no file net.py; the nearest is 'nets.py'"),
        ("needs", "needs width and depth, which must be given: --set width=... depth=..."),
        ("small --set widht=2", "no setting 'widht'; it has width, .*; the nearest is 'width'"),
        ("small --set num_classes=2", "num_classes follows from the data"),
        ("small --set width=many", r"nets.py, line \d+: TypeError: Conv2d: out_channels='many'"),
        ("made --set width=2", "nets.py:made has no setting 'width'; it has none"),
        ("nothing", "must give a Module, got a list"),
        ("F", "must be a class or function that makes a net, or a net, got a module"),
        ("linear --data shapes", r"cannot take images \(N, 3, 32, 32\): ValueError: linear"),
        ("eleven", r"\(2, 11\) for two of them, it must be \(2, 10\).* num_classes"),
        ("Answers", "in training .* with a dict of 'out', it must be one tensor of logits"),
        ("Answers --set kind=tuple", "with a tuple of 2, it must be one tensor .*--set aux=true"),
        ("Answers --set kind=image", r"\(2, 1, 8, 8\) for two of them, it must be a tensor of log"),
        ("frozen", "in training .* with logits that depend on no trainable parameter"),
        ("Broken", r"nets.py, line \d+: NameError: name 'undefined' is not defined"),
    ],
)
def test_what_is_no_net_for_the_data_is_refused_and_leaves_nothing(net, words, nets, refused):
    name, *options = net.split()
    name = name if name.startswith("net") and ".py" in name else f"nets.py:{name}"
    assert re.search(words, refused("train", name, *options))
    assert sorted(path.name for path in nets.iterdir()) == ["beside.py", "nets.py"]


@pytest.mark.parametrize(
    "source, words",
    [
        ("x = 1\nclass N(:\n", "own.py, line 2: this is not valid Python: invalid syntax"),
        ("x = 1\0\n", "own.py(:| is) .*not valid Python: source code .*null bytes"),
        ("x = 1\n1 / 0\n", "own.py, line 2: ZeroDivisionError: division by zero"),
        ("import bad\n", "bad.py, line 2: NameError: name 'missing' is not defined"),
        ("import lacking_package\n", "own.py, line 1: ModuleNotFoundError: No module named 'lack"),
        ("from .bad import N\n", "own.py, line 1: ImportError: .* without the dot"),
        ("raise SystemExit(3)\n", "own.py, line 1: SystemExit: 3"),
        ("é = 'latin'\n", "own.py, line [01]: this is not valid Python"),
        ("import torch\nclass N(torch.nn.Module): pass\n", "import minitorch_cnn as torch"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(source, words, nets, refused):
    (nets / "own.py").write_bytes(source.encode("latin-1"))
    (nets / "bad.py").write_text("\nmissing\n")
    assert re.search(words, refused("train", "own.py:N"))


def test_heads_of_a_net_are_learned_where_it_has_an_argument_for_them(command, nets):
    words = ["train", "nets.py:Answers", "--set", "kind=logits", "aux=true", "--epochs", 1]
    assert command(*words, "--plain", "--out", "run").code == 0
    assert json.loads((nets / "run" / "config.json").read_text())["recipe"]["auxiliary"] == 0.3


def test_options_come_before_the_recipe(command, nets):
    words = ["--epochs", 1, "--lr", 0.01, "--batch-size", 64, "--optimizer", "SGD"]
    assert command("train", "nets.py:linear", *words, "--plain", "--out", "run").code == 0
    recipe = json.loads((nets / "run" / "config.json").read_text())["recipe"]
    assert (recipe["epochs"], recipe["batch_size"]) == (1, 64)
    assert (recipe["optimizer"], recipe["settings"]) == ("SGD", {"lr": 0.01})


def test_weights_in_a_file_are_measured_in_a_net_of_ones_own(command, photos, nets):
    words = ["--data", "folder", photos, "--epochs", 1, "--size", 32, "--plain", "--out", "run"]
    assert command("train", "nets.py:small", *words).code == 0
    weights = ["--weights", "run/weights.safetensors", "--set", "in_channels=3", "num_classes=2"]
    parted = nets / "photos"
    for part in ("train", "val"):
        shutil.copytree(photos, parted / part)
    whole = command("evaluate", "nets.py:small", *weights, "--data", "folder", parted)
    assert whole.code == 0 and whole.out.startswith("nets.py:small on ")
    images = sorted(photos.rglob("*.png"))[:3]
    by_run = command("predict", "run", *images).out
    by_file = command("predict", "nets.py:small", *images, *weights).out
    shares = [sorted(re.findall(r"[\d.]+%", out)) for out in (by_run, by_file)]
    assert shares[0] == shares[1] != []


def test_a_registered_net_is_found_by_the_commands(command, refused, nets, monkeypatch):
    from minitorch_cnn import models, nn
    from minitorch_cnn.models import registry

    monkeypatch.setattr(registry, "_entries", dict(registry._entries))

    @models.register(name="my_net")
    def net(num_classes, width=2):
        """Mine alone."""
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, num_classes))

    models.register(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), name="my_other")
    rows = command("models", "my_*").out.splitlines()
    assert [row.split() for row in rows[1:]] == [
        ["my_net", "?", "any", "Mine", "alone."],
        ["my_other", "130", "any"],
    ]
    assert command("train", "my_net", "--epochs", 1, "--plain", "--out", "run").code == 0
    assert command("evaluate", "run").out.startswith("my_net on the held-out part of digits")
    assert "(2, 2) for two of them, it must be (2, 10)" in refused("train", "my_other")
    assert command("summary", "my_other").out.endswith(" for one sample\n")
    assert command("compare", "my_other", "nets.py:small", "--set", "width=2").code == 2
    assert command("compare", "my_other", "nets.py:linear").code == 0
    del registry._entries["my_net"]
    assert "there is no model 'my_net'" in refused("evaluate", "run")


def test_costs_of_nets_in_files_are_told(command, refused, nets):
    said = command("summary", "nets.py:LeNet5")
    assert "61,706 parameters, 61,706 of them trainable, 416,520 multiply-adds" in said.out
    wrong = refused("summary", "nets.py:LeNet5", "--input-shape", "1x28x28")
    assert "cannot take images of 1x28x28: nets.py, line " in wrong
    assert "needs width and depth" in refused("summary", "nets.py:needs")
    assert "takes no images of a usual size" in refused("summary", "nets.py:Broken")
    assert "61,706" in command("compare", "nets.py:LeNet5", "lenet5").out


@pytest.mark.slow
def test_costs_of_nets_in_files_are_drawn(command, nets):
    pytest.importorskip("matplotlib")
    assert command("compare", "nets.py:LeNet5", "lenet5", "--plot", "costs.png").code == 0
    assert (nets / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_listing_runs_runs_nothing(command, nets):
    from minitorch_cnn.training.run_config import read_config

    assert command("train", "nets.py:linear", "--epochs", 1, "--plain", "--out", "run").code == 0
    (nets / "run" / "model.py").write_text("raise SystemExit(3)")
    config = read_config(nets / "run")
    assert config.model == "nets.py:linear" and not config.of_pixels

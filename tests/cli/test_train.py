"""minitorch-cnn train."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from minitorch_cnn import load
from minitorch_cnn.cli.train import FILES
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.training.progress import Plain
from tests.interpreter import ROOT, interruptible


@pytest.fixture
def train(command, photos, tmp_path):
    """Train on the few images of `photos`, in a moment, into tmp_path/run."""

    def run(*options):
        data = ["--data", "folder", photos, "--out", tmp_path / "run"]
        return command("train", "lenet5_relu", *data, *options)

    return run


def test_a_run_says_what_it_does_how_good_it_is_and_where_its_files_are(train, tmp_path):
    pytest.importorskip("matplotlib")
    said = train("--epochs", 2, "--plain")
    assert said.code == 0
    head, place, parts, *rest = said.out.splitlines()
    assert head.startswith("Training lenet5_relu on folder in ")
    assert "2 epochs in batches of 16, SGD with a learning rate up to 0.02, seed 0" in head
    assert place == f"The folder of the run: {tmp_path / 'run'}"
    assert parts == "Training images: 16; held out: 4, every fifth of each class"
    assert [line.split()[:2] for line in rest[:2]] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert any(line.startswith("Held out: accuracy ") and "of 4 images" in line for line in rest)
    assert {line.split()[0] for line in rest[-len(FILES) :]} == set(FILES)
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(FILES)


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_run_on_a_device_may_repeat_its_steps_as_a_graph(train, tmp_path):
    pytest.importorskip("matplotlib")
    weights = []
    for graph in ((), ("--graph",)):
        on = "--device", "emulator", "--batch-size", 4
        assert train("--epochs", 2, "--plain", *on, *graph).code == 0
        weights.append(load(tmp_path / "run" / "weights.safetensors"))
        shutil.rmtree(tmp_path / "run")
    for name, weight in weights[0].items():
        np.testing.assert_array_equal(weights[1][name].numpy(), weight.numpy())


def test_a_graph_without_a_device_is_refused_and_leaves_nothing(train, tmp_path):
    said = train("--graph")
    assert said.code != 0 and "graphed=True needs device='cuda'" in said.err
    assert not (tmp_path / "run").exists()


def test_a_bar_is_shown_at_a_terminal_unless_the_log_is_plain(train, tmp_path, monkeypatch):
    plain = train("--epochs", 1, "--plain")
    assert plain.err == "" and "epoch 1/1" in plain.out
    (tmp_path / "run").rename(tmp_path / "other")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    bar = train("--epochs", 1)
    assert "images/s" in bar.err and "100 %" in bar.err and "epoch 1/1" in bar.out


def test_the_digits_are_learned_when_no_data_are_named(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = command("train", "lenet5_relu", "--epochs", 1, "--plain")
    assert said.code == 0
    (line,) = (line for line in said.out.splitlines() if line.startswith("Held out: accuracy "))
    assert "of 355 images" in line
    assert float(line.split()[3].rstrip("%")) > 30  # a tenth would be chance
    assert (tmp_path / "runs" / "lenet5_relu-digits" / "weights.safetensors").is_file()


def test_every_option_arrives_in_the_description_of_the_run(train, tmp_path):
    options = {"--epochs": 1, "--batch-size": 8, "--optimizer": "AdamW", "--lr": 1e-3, "--seed": 7}
    assert train(*[word for pair in options.items() for word in pair], "--plain").code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["recipe"]["epochs"], config["recipe"]["batch_size"]) == (1, 8)
    assert (config["recipe"]["optimizer"], config["recipe"]["settings"]) == ("AdamW", {"lr": 1e-3})
    assert config["seed"] == 7


def test_a_rate_alone_keeps_the_other_settings_of_the_optimizer(train, tmp_path):
    assert train("--epochs", 1, "--lr", 0.001, "--plain").code == 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["settings"]
    assert settings == {"lr": 0.001, "momentum": 0.9, "weight_decay": 5e-4}


def test_the_path_of_the_data_holds_in_every_folder(command, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(photos.parent)
    data = ["--data", "folder", photos.name, "--epochs", 1, "--plain"]
    assert command("train", "lenet5_relu", *data, "--out", tmp_path / "run").code == 0
    monkeypatch.chdir(tmp_path)
    assert command("evaluate", "run").code == 0


def test_a_folder_without_a_name_gets_the_first_number_that_is_free(
    command, photos, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("lenet5_relu-folder", "lenet5_relu-folder-2"):
        said = command("train", "lenet5_relu", "--data", "folder", photos, "--epochs", 1, "--plain")
        assert said.code == 0 and f"In {os.path.join('runs', name)}\n" in said.out


def test_a_stopped_run_says_how_to_go_on_and_ends_as_if_never_stopped(
    train, command, tmp_path, monkeypatch
):
    assert train("--epochs", 3, "--plain").code == 0
    whole = (tmp_path / "run").rename(tmp_path / "whole")

    def interrupted(self, text):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Plain, "line", interrupted)
        said = train("--epochs", 3, "--plain")
    assert said.code == 130
    assert said.err.count("\n") == 1
    words = said.err.split("minitorch-cnn: stopped; resume the run with: minitorch-cnn ")[1]
    said = command(*words.split(), "--plain")
    assert said.code == 0 and "Held out: accuracy " in said.out
    parts = [load(folder / "weights.safetensors") for folder in (whole, tmp_path / "run")]
    assert parts[0].keys() == parts[1].keys()
    for name in parts[0]:
        np.testing.assert_array_equal(parts[0][name].array, parts[1][name].array)


def test_a_run_stopped_before_it_began_has_nothing_to_go_on_with(train, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("minitorch_cnn.training.train_run", interrupted)
    assert train().err == "minitorch-cnn: stopped before the run began\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_at_the_terminal_ends_in_one_sentence(photos, tmp_path):
    arguments = ["train", "lenet5_relu", "--data", "folder", photos, "--epochs", "100000"]
    command = [sys.executable, "-m", "minitorch_cnn", *arguments, "--out", tmp_path / "run"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--plain"],
        cwd=ROOT,
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=interruptible,
    ) as process:
        try:
            while "epoch" not in process.stdout.readline().split("  ")[0].split(" ")[:1]:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err == (
        "minitorch-cnn: stopped; resume the run with: "
        f"minitorch-cnn train --resume {tmp_path / 'run'}\n"
    )


@pytest.mark.parametrize(
    "options, rule",
    [
        ([], "train needs a MODEL"),
        (["lenet"], "the nearest is 'lenet5'"),
        (["--data", "digits", "lenet5"], "MODEL goes before --data"),
        (["lenet5", "--data", "digit"], "must be one of digits, shapes, mnist"),
        (["lenet5", "--data", "mnist"], "needs one path to its files: --data mnist PATH"),
        (["lenet5", "--data", "mnist", "a", "b"], "needs one path"),
        (["lenet5", "--data", "mnist", "nowhere"], "get train-images-idx3-ubyte"),
        (["lenet5", "--data", "folder", "nowhere"], "there is no folder nowhere"),
        (["lenet5", "--epochs", "0"], "--epochs: '0' must be an integer of at least 1"),
        (["lenet5", "--epochs", "1.5"], "'1.5' must be an integer"),
        (["lenet5", "--lr", "0"], "'0' must be a number above 0"),
        (["lenet5", "--lr", "nan"], "'nan' must be a number above 0"),
        (["lenet5", "--lr", "inf"], "'inf' must be a number above 0"),
        (["lenet5", "--seed", "-1"], "'-1' must be an integer of at least 0"),
        (["lenet5", "--optimizer", "Adam"], "must be one of SGD, AdamW, RMSprop"),
        (["lenet5", "--optimizer", "AdamW"], "needs --lr"),
        (["--resume", "nowhere"], "holds no run"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(refused, tmp_path, monkeypatch, options, rule):
    monkeypatch.chdir(tmp_path)
    assert rule in refused("train", *options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, value",
    [
        ("MODEL", "lenet5"),
        ("--data", "digits"),
        ("--epochs", "2"),
        ("--batch-size", "2"),
        ("--optimizer", "SGD"),
        ("--lr", "1"),
        ("--seed", "1"),
        ("--out", "new"),
    ],
)
def test_a_run_goes_on_with_no_settings_but_its_own(refused, trained, name, value):
    given = [value] if name == "MODEL" else [name, value]
    message = refused("train", *given, "--resume", trained)
    assert f"{name} cannot be given with --resume" in message


def test_a_folder_that_is_not_empty_is_refused(refused, trained, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    assert "must be a new or empty folder" in refused("train", "lenet5", "--out", tmp_path)
    assert "resume its run with --resume" in refused("train", "lenet5", "--out", trained)
    message = refused("train", "lenet5", "--out", tmp_path / "letter.txt")
    assert "must be a new or empty folder" in message
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_corrupt_image_among_the_data_is_named(refused, photos, tmp_path):
    for label in "01":
        (tmp_path / "data" / label).mkdir(parents=True)
        for path in (photos / label).iterdir():
            (tmp_path / "data" / label / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "data" / "1" / "broken.png"
    broken.write_bytes(b"\x89PNG")
    data = ["--data", "folder", tmp_path / "data", "--out", tmp_path / "run", "--plain"]
    assert f"{broken} cannot be decoded" in refused("train", "lenet5", *data)


def test_a_loss_that_is_not_finite_is_told_with_the_last_good_checkpoint(refused, photos, tmp_path):
    data = ["--data", "folder", photos, "--out", tmp_path / "run", "--plain"]
    message = refused("train", "lenet5_relu", *data, "--lr", "1e30")
    assert "is not finite" in message
    assert f"the last good checkpoint is {tmp_path / 'run' / 'checkpoint.safetensors'}" in message


def test_a_full_disk_is_told_with_the_file(refused, photos, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    data = ["--data", "folder", photos, "--out", tmp_path / "run", "--plain"]
    message = refused("train", "lenet5_relu", *data)
    assert f"cannot write {tmp_path / 'run'}" in message and "No space left" in message


def test_a_damaged_checkpoint_is_refused_before_training_is_announced(command, trained, tmp_path):
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    content = (trained / "checkpoint.safetensors").read_bytes()
    for damaged in (content[:-1], b""):
        (tmp_path / "checkpoint.safetensors").write_bytes(damaged)
        said = command("train", "--resume", tmp_path)
        assert (said.code, said.out) == (2, "") and "checkpoint.safetensors" in said.err


def test_a_narrow_net_for_small_images_is_asked_for_on_the_command_line(command, tmp_path):
    options = ["--size", 32, "--set", "width=0.0625", "dropout=0.0", "--epochs", 1, "--plain"]
    said = command("train", "vgg11", "--data", "digits", *options, "--out", tmp_path / "run")
    assert said.code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["model_settings"] == {"width": 0.0625, "dropout": 0.0} and config["size"] == 32


def test_a_setting_without_a_value_is_refused(refused):
    assert "'width' must be NAME=VALUE" in refused("train", "vgg11", "--set", "width")


def test_images_of_another_folder_are_tested_with(command, refused, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "test")
    data = ["--data", "folder", photos, "--test-data", tmp_path / "test", "--epochs", 1, "--plain"]
    said = command("train", "lenet5_relu", *data, "--out", tmp_path / "run")
    assert said.code == 0 and "of 20 images)" in said.out
    assert f"Training images: 20; held out: 20, in {tmp_path / 'test'}\n" in said.out
    assert "of 20 images)" in command("evaluate", tmp_path / "run").out
    message = refused("train", "lenet5_relu", "--test-data", photos, "--out", tmp_path / "no")
    assert "data 'digits' takes no test_path" in message


def test_a_run_whose_classes_have_changed_is_refused(command, refused, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "data")
    data = ["--data", "folder", tmp_path / "data", "--epochs", 1, "--plain"]
    assert command("train", "lenet5_relu", *data, "--out", tmp_path / "run").code == 0
    shutil.copytree(photos / "0", tmp_path / "data" / "new")
    for arguments in (["evaluate", tmp_path / "run"], ["train", "--resume", tmp_path / "run"]):
        assert "no longer has the classes of the run: 'new' new" in refused(*arguments)
    assert command("predict", tmp_path / "run", next((photos / "0").iterdir())).code == 0
    shutil.rmtree(tmp_path / "data" / "new")
    held_out = sorted((tmp_path / "data" / "0").iterdir())[4]
    held_out.unlink()
    said = command("evaluate", tmp_path / "run")
    assert "1 of the 4 images that were held out is gone" in said.err and "of 3 images" in said.out
    sorted((tmp_path / "data" / "0").iterdir())[0].unlink()
    message = refused("train", "--resume", tmp_path / "run", "--plain")
    assert "1 of the 16 images that the run learns from are gone" in message


def test_two_runs_without_a_folder_get_one_each(photos, tmp_path):
    data = ["--data", "folder", photos, "--epochs", "1", "--plain"]
    command = [sys.executable, "-m", "minitorch_cnn", "train", "lenet5_relu", *data]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = {"cwd": tmp_path, "env": environment, "stdout": subprocess.DEVNULL}
    both = [subprocess.Popen(command, **quiet) for _ in range(2)]
    assert [process.wait(100) for process in both] == [0, 0]
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert names == {"lenet5_relu-folder", "lenet5_relu-folder-2"}


def test_a_folder_in_which_a_run_was_killed_before_it_began_is_taken(command, photos, tmp_path):
    for name in ("lock", "config.json.tmp"):
        (tmp_path / name).touch()
    data = ["--data", "folder", photos, "--epochs", 1, "--plain"]
    assert command("train", "lenet5_relu", *data, "--out", tmp_path).code == 0


def test_the_home_folder_is_meant_by_a_tilde(command, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    data = ["--data", "folder", photos, "--epochs", 1, "--plain"]
    assert command("train", "lenet5_relu", *data, "--out=~/r").code == 0
    assert (tmp_path / "home" / "r" / "config.json").exists()
    assert command("evaluate", "~/r").code == 0
    assert command("compare", "lenet5", "--plot=~/costs.png").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"home"}

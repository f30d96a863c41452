"""The examples run unchanged, with small settings, and print what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import minitorch_cnn as mt
from minitorch_cnn.kernels.cuda.array import has_compiler
from tests.interpreter import ROOT

EXAMPLES = ROOT / "examples"


def run(folder, name: str, *arguments: str) -> list[str]:
    """The lines that an example prints, run in a folder with warnings as errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_example_is_short_and_run_here():
    here = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    assert [name for name, text in here.items() if len(text.splitlines()) >= 80] == []
    tested = Path(__file__).read_text(encoding="utf-8")
    assert here and [name for name in here if f'"{name}"' not in tested] == []


def test_digits_are_learned_and_the_weights_kept(tmp_path):
    lines = run(tmp_path, "train_digits.py", "--epochs", "2", "--lr", "0.05")
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert mt.load(tmp_path / "digits.safetensors")["9.weight"].shape == (10, 32)


def test_a_network_is_fine_tuned_from_a_file_of_pytorchs(tmp_path):
    model = mt.models.create_model("resnet20_cifar")
    mt.save({"state_dict": model.state_dict()}, tmp_path / "weights.pth")
    settings = ["--images", "60", "--epochs", "1"]
    new, *trained = run(tmp_path, "fine_tune.py", "weights.pth", *settings)
    assert new == "new: fc.weight fc.bias" and len(trained) == 2
    weights = mt.load(tmp_path / "fine_tuned.safetensors")
    assert weights.keys() == model.state_dict().keys()


def test_shapes_are_found_by_box_regression(tmp_path):
    settings = ["--images", "64", "--epochs", "1", "--width", "0.03"]
    classes, one, each = run(tmp_path, "localise_shapes.py", *settings)
    assert classes.startswith("classes: ") and one.startswith("one box for all classes: ")
    assert each.startswith("one box for each class: ")


def test_a_function_of_ones_own_passes_gradcheck_and_a_wrong_one_does_not(tmp_path):
    lines = run(tmp_path, "custom_function.py")
    assert lines[:3] == ["gradcheck: True", "gradgradcheck: True", "of the wrong one: False"]


@pytest.mark.skipif(not has_compiler(), reason="needs g++ on Linux")
def test_a_kernel_runs_without_a_gpu_and_its_mistake_is_found(tmp_path):
    right, found = run(tmp_path, "cuda_kernel.py", "--numbers", "600")
    assert right == "3 blocks are correct"
    assert found.startswith("found: ") and "__syncthreads" in found


def test_a_search_tells_the_best_network(tmp_path):
    settings = ["--budget", "4", "--batch", "2", "--images", "40", "--method", "random"]
    lines = run(tmp_path, "search.py", *settings)
    assert lines[0].startswith("4 proposals")
    assert (tmp_path / "runs" / "search-example" / "best.json").is_file()

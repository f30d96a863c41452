"""`mpiexec -n N minitorch-cnn train ...`: the run of one process, whatever happens to the ranks."""

import os
import random
import re
import signal
import subprocess
import time

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import make_config, train_run
from minitorch_cnn.training.recipes import Recipe
from tests.distributed.launch import command, launch, needs_mpi
from tests.interpreter import ROOT

NET = """
from minitorch_cnn import nn

def net(num_classes, in_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(144, num_classes),
    )
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return f"{tmp_path / 'net.py'}:net"


def train(ranks, *arguments):
    return launch(ranks, "-m", "minitorch_cnn", "train", *map(str, arguments), "--plain")


def weights(folder):
    return {name: t.array for name, t in mt.load(folder / "weights.safetensors").items()}


def compare(folder, wanted, near=1e-4):
    for name, array in weights(folder).items():
        np.testing.assert_allclose(array, wanted[name], rtol=0, atol=near, err_msg=name)


@needs_mpi
def test_a_run_on_three_ranks_is_that_of_one_process(net, tmp_path):
    done = train(3, net, "--epochs", 2, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    for text in ("3 ranks share each batch: rank 0 is process", "Held out: accuracy", "epoch 2/2 "):
        assert done.stdout.count(text) == 1
    config = make_config(net, epochs=2)
    result = train_run(config, tmp_path / "alone", progress="none")
    compare(tmp_path / "run", weights(tmp_path / "alone"))
    said = re.search(r"^epoch 2/2 .* top-1 ([\d.]+)%  top-5", done.stdout, re.MULTILINE)
    assert abs(float(said[1]) / 100 - result.history[-1]["test_top1"]) < 0.004
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {path.name for path in (tmp_path / "alone").iterdir()}
    refused = train(2, net, "--out", tmp_path / "run")
    assert refused.returncode == 2
    assert refused.stderr.count("must be a new or empty folder") == 1


def test_the_scaled_recipe_is_goyals():
    recipe = Recipe(epochs=90, schedule={"name": "milestones", "at": [30, 60, 80], "factor": 0.1})
    scaled = recipe.scaled(8)
    assert scaled.batch_size == 8 * recipe.batch_size
    model = mt.nn.Linear(2, 2)
    optimizer, schedule = scaled.make_optimizer(model, 10)
    rates = []
    for _ in range(900):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    old = recipe.settings["lr"]
    assert rates[0] == pytest.approx(old) and rates[50] == pytest.approx(8 * old)
    assert rates[25] == pytest.approx(4.5 * old)
    changes = [i // 10 for i in range(51, 900) if rates[i] < 0.5 * rates[i - 1]]
    assert changes == [30, 60, 80]
    assert recipe.scaled(1) is recipe
    cycle = Recipe().scaled(4)
    assert cycle.warm_up is None and cycle.settings["lr"] == 4 * Recipe().settings["lr"]


@needs_mpi
def test_scale_lr_multiplies_the_batch_and_the_rate(net, tmp_path):
    done = train(2, net, "--epochs", 1, "--scale-lr", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "in batches of 64, AdamW with a learning rate up to 0.002" in done.stdout


def killed(folder, net, seconds, epochs):
    """Start a run on three ranks and kill one of them after some seconds; False if it has ended."""
    where = ["--resume", str(folder)] if (folder / "config.json").exists() else [
        net, "--epochs", str(epochs), "--out", str(folder)
    ]  # fmt: skip
    program, environment = command(3, "-m", "minitorch_cnn", "train", *where, "--plain")
    process = subprocess.Popen(
        program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd=ROOT,
    )  # fmt: skip
    text, ranks = "", []
    for line in process.stdout:
        text += line
        ranks = re.findall(r"rank \d is process (\d+)", line)
        if ranks:
            break
    time.sleep(seconds)
    if process.poll() is not None or not ranks:
        return False
    victim = random.choice(ranks)
    os.kill(int(victim), signal.SIGKILL)
    began = time.monotonic()
    rest, _ = process.communicate(timeout=30)
    if process.returncode == 0:  # it had ended in the meantime
        return False
    assert time.monotonic() - began < 30 and f"(process {victim} on " in rest
    return True


@needs_mpi
def test_a_killed_rank_ends_all_and_any_number_of_ranks_resumes(net, tmp_path):
    assert killed(tmp_path / "run", net, 0.3, 8)
    assert train(2, "--resume", tmp_path / "run").returncode == 0
    train_run(make_config(net, epochs=8), tmp_path / "alone", progress="none")
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 9
    compare(tmp_path / "run", weights(tmp_path / "alone"), near=1e-2)


@needs_mpi
@pytest.mark.slow
def test_kills_at_ten_random_moments_leave_a_run_that_resumes(net, tmp_path):
    random.seed(0)
    kills = 0
    while kills < 10:
        if not killed(tmp_path / "run", net, random.uniform(0, 1.5), 50):
            break
        kills += 1
    assert kills > 5
    assert train(3, "--resume", tmp_path / "run").returncode == 0
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 51
    assert train(3, net, "--epochs", 50, "--out", tmp_path / "whole").returncode == 0
    compare(tmp_path / "run", weights(tmp_path / "whole"), near=1e-6)

"""minitorch-cnn search: what it finds, keeps and says, alone and under MPI."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import minitorch_cnn as mt
from minitorch_cnn.cli.search import how_to_train
from minitorch_cnn.nas import LayerSpace, Plan, Training, read_log, read_plan
from tests.interpreter import ROOT

CELLS = ["--space", "cells", "--space-set", "nodes=1", "filters=2"]
CELLS += ["operations=" + json.dumps(["identity", "conv_1x1", "max_pool_3x3"])]
SHORT = ["--images", 60, "--epochs", 1, "--batch-size", 16, "--plain"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The folder of a search with two workers, and what it printed."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("search") / "cells"
    arguments = ["search", *CELLS, *SHORT, "--budget", 6, "--method-set", "batch=3"]
    command = [sys.executable, "-m", "minitorch_cnn", *arguments, "--workers", 2, "--out", folder]
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.slow
def test_it_fills_its_folder_and_says_what_is_in_it(searched):
    folder, said = searched
    names = {path.name for path in folder.iterdir()}
    assert names >= {"plan.json", "log.jsonl", "best.json", "rewards.png", "rewards.svg"}
    assert names >= {"normal.svg", "reduction.svg"}
    assert all(name in said for name in names)
    samples = read_log(folder / "log.jsonl")
    assert [sample.number for sample in samples] == list(range(6))
    assert not any(sample.score.failed for sample in samples)
    assert said.count("samples    ") == 2
    plan = read_plan(folder)
    assert plan.method == "reinforce" and plan.settings == {"batch": 3}
    assert plan.training == Training(images=60, epochs=1, batch_size=16)


def test_the_best_is_a_genotype_that_can_be_built_and_trained(searched, command, tmp_path):
    folder, said = searched
    genotype = json.loads((folder / "best.json").read_text())
    model = mt.models.create_model("nasnet", genotype=genotype, cells=1, filters=2, in_channels=1)
    assert model(mt.zeros(1, 1, 8, 8)).shape == (1, 10)
    (line,) = [line for line in said.splitlines() if "minitorch-cnn train" in line]
    program, *arguments = shlex.split(line)
    assert program == "minitorch-cnn"
    asked = f"genotype=$(cat {folder / 'best.json'})"  # which the shell puts in
    arguments[arguments.index(asked)] = f"genotype={json.dumps(genotype)}"
    done = command(*arguments, "--epochs", 1, "--plain", "--out", tmp_path / "run")
    assert done.code == 0 and "Held out" in done.out


def test_the_best_network_without_a_model_of_its_own_is_trained_from_a_file(command, tmp_path):
    space, folder = LayerSpace(layers=2, filters=(4, 8)), tmp_path / "a search"
    folder.mkdir()
    line = how_to_train(Plan(space), space.decode([0, 1, 1, 0, 1, 0, 0, 1]), folder)
    program, *arguments = shlex.split(line)
    assert program == "minitorch-cnn"
    done = command(*arguments, "--epochs", 1, "--plain", "--out", tmp_path / "run")
    assert done.code == 0 and "Held out" in done.out
    model = mt.training.load_run(tmp_path / "run").model
    assert [tuple(p.shape) for p in model.parameters() if p.ndim == 4] == [
        (8, 1, 1, 3),
        (4, 8, 3, 1),
    ]


def test_a_stopped_search_goes_on(searched, command, tmp_path):
    folder, half = searched[0], tmp_path / "half"
    half.mkdir()
    shutil.copy(folder / "plan.json", half)
    lines = (folder / "log.jsonl").read_text().splitlines(keepends=True)
    (half / "log.jsonl").write_text("".join(lines[:4]) + lines[4][:20])
    assert command("search", "--resume", half, "--plain", "--workers", 1).code == 0
    for one, other in zip(
        read_log(folder / "log.jsonl"), read_log(half / "log.jsonl"), strict=True
    ):
        assert one[:5] == other[:5] and one.score[:3] == other.score[:3]


@pytest.mark.slow
def test_it_runs_unchanged_under_mpi(searched, tmp_path):
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    arguments = ["search", *CELLS, *SHORT, "--budget", 6, "--method-set", "batch=3"]
    python = [sys.executable, "-m", "minitorch_cnn"]
    command = [mpiexec, "-n", 3, *python, *arguments, "--out", tmp_path / "mpi"]
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1"}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    ours = read_log(searched[0] / "log.jsonl")
    for one, other in zip(ours, read_log(tmp_path / "mpi" / "log.jsonl"), strict=True):
        assert one[:5] == other[:5] and one.score[:3] == other.score[:3]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--space", "operators"], "--space operators must be one of cells, layers, genetic"),
        (["--method", "ppo"], "--method ppo must be one of reinforce, random, evolution"),
        (["--budget", "0"], "'0' must be an integer of at least 1"),
        (["--space-set", "colour=1"], "the space cells has no setting 'colour'; it has nodes, "),
        (["--space-set", "nodes=0"], "nodes=0 must be integers from 1"),
        (["--space-set", "nodes=[3]"], "nodes=[3] of the space cells must be an integer"),
        (
            ["--space", "layers", "--space-set", "heights=3"],
            "heights=3 of the space layers must be",
        ),
        (
            ["--method-set", "speed=1"],
            "the method reinforce has no setting 'speed'; it has batch, ",
        ),
        (["--method-set", "seed=1"], "the method reinforce has no setting 'seed'; it has batch, "),
        (["--method-set", "batch=x"], "batch='x' of the method reinforce must be an integer"),
        (["--method-set", "lr=Infinity"], "lr=inf of the method reinforce must be a finite number"),
        (["--method-set", "hidden_size=0"], "hidden_size=0 must be at least 1"),
        (["--images", "9999"], "images=9999 must be from 5 to 1442"),
        (["--images", "40", "--batch-size", "33"], "batch_size=33 must be at most 32, the images"),
        (["--data", "mnist"], "--data mnist needs one path"),
        (["--data", "cifar10", "nowhere"], "nowhere"),
        (["--resume", "nowhere"], "nowhere holds no search"),
        (["--resume", "nowhere", "--budget", "9"], "--budget cannot be given with --resume"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    command, monkeypatch, tmp_path, arguments, message
):
    monkeypatch.chdir(tmp_path)
    said = command("search", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert message in said.err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_refused(refused, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    message = f"must be a new or empty folder; resume its search with --resume {tmp_path}"
    assert message in refused("search", "--out", tmp_path)


def test_weights_are_shared_and_the_best_network_is_trained_alone(command, refused, tmp_path):
    space = ["--space", "layers", "--space-set", "layers=1", "filters=[2,3]"]
    said = command("search", *space, *SHORT, "--share", 1, "--out", tmp_path / "found")
    assert said.code == 0, said.err
    assert "steps of the shared weights" in said.out and "trained alone" in said.out
    assert (tmp_path / "found" / "best.py").exists()
    for more, message in (
        (["--method", "random"], "--share needs --method reinforce"),
        (["--budget", 3], "--budget has no meaning with --share"),
        (["--target-macs", 3], "--target-macs has no meaning with --share"),
    ):
        assert message in refused("search", *space, "--share", 1, *more)

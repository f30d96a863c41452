"""A run that is killed repeatedly ends bit by bit like an uninterrupted one."""

import os
import random
import subprocess
import sys
import time

import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import load_checkpoint
from tests.interpreter import ROOT

# Everything that has a state: dropout, running statistics, augmentation, loading ahead in threads,
# momentum, a schedule, an average of the weights. A checkpoint after every step, so that many a
# kill meets one being written.
CHILD = """
import sys
import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.data import DataLoader, Subset, datasets, transforms

mt.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
    nn.Linear(4 * 36, 10),
)
digits = datasets.Digits(transform=transforms.RandomCrop(8, padding=1))
train = DataLoader(Subset(digits, range(100, 400)), 10, shuffle=True, num_workers=2)
test = DataLoader(datasets.Digits(False), 355)
optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
schedule = mt.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=120)
print("ready", flush=True)
mt.training.fit(
    model, train, test, epochs=4, optimizer=optimizer, scheduler=schedule, scheduler_every="step",
    average=0.95, checkpoint=sys.argv[1], checkpoint_every=1, resume=True, progress="none",
)
mt.save(model.state_dict(), sys.argv[2])
"""


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed(process, seconds) -> bool:
    """Whether `process` was still at work so many seconds after it was ready; it is dead now."""
    with process:
        assert process.stdout.readline() == "ready\n"
        try:
            assert process.wait(timeout=seconds) == 0
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            return True


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bits(tmp_path):
    started = time.perf_counter()
    assert not killed(start(tmp_path / "whole", tmp_path / "expected"), 60)
    whole = time.perf_counter() - started
    chance, kills = random.Random(0), 0
    longest = whole / 3
    while killed(start(tmp_path / "often", tmp_path / "weights"), chance.uniform(0, longest)):
        kills += 1
        longest *= 1.05  # other programs may have slowed the machine down since
        assert kills < 100
    assert kills >= 3
    expected, weights = mt.load(tmp_path / "expected"), mt.load(tmp_path / "weights")
    assert expected.keys() == weights.keys()
    for name in expected:
        assert expected[name].array.tobytes() == weights[name].array.tobytes(), name


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_disk_that_fills_up_stops_the_run_and_leaves_its_last_checkpoint(tmp_path):
    limited = "import resource as r\nr.setrlimit(r.RLIMIT_FSIZE, (18_000, r.RLIM_INFINITY))\n"
    command = [sys.executable, "-c", limited + CHILD, tmp_path / "checkpoint", tmp_path / "weights"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"cannot write {tmp_path / 'checkpoint'}: File too large"
    )
    assert load_checkpoint(tmp_path / "checkpoint")["step"] == 0

"""A search gives the same result for all executors and after any interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from minitorch_cnn.nas import (
    METHODS,
    CellSpace,
    LayerSpace,
    Plan,
    Score,
    Training,
    read_log,
    read_plan,
    resume_search,
    run_search,
    search,
)
from minitorch_cnn.training import load_checkpoint, save_checkpoint
from minitorch_cnn.training.lock import locked
from tests.interpreter import ROOT
from tests.nas.children import SPACE, InProcess, arithmetic

PLANS = {
    "reinforce": Plan(SPACE, budget=17, settings={"batch": 5, "lr": 0.1}),
    "random": Plan(SPACE, "random", 17, settings={"batch": 5}),
    "evolution": Plan(SPACE, "evolution", 17, settings={"population": 5, "change": 0.3}),
}
QUIET = {"workers": 1, "executor": InProcess, "progress": "none"}


def found(samples):
    """All of the samples but how long they took."""
    return [s._replace(score=s.score._replace(seconds=0)) for s in samples]


def test_operations_count_in_the_reward_as_in_mnasnet():
    """reward * (macs / T)^w, by hand."""
    plan = Plan(SPACE, target_macs=1000, power=-0.5)
    assert plan.value(Score(0.8, macs=4000)) == pytest.approx(0.4)
    assert plan.value(Score(0.4, macs=250)) == pytest.approx(0.8)
    assert plan.value(Score(0.0, failed="no")) == 0
    assert Plan(SPACE).value(Score(0.8, macs=4000)) == 0.8
    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(ValueError, match=r"Plan: power=0.1 must be at most 0"):
        Plan(SPACE, target_macs=1000, power=0.1)
    with pytest.raises(ValueError, match="Plan: target_macs=0 must be above 0"):
        Plan(SPACE, target_macs=0)


def test_a_search_with_a_target_finds_a_cheaper_network(tmp_path):
    """Of `arithmetic` a larger network is the better one; with the target the smallest wins."""
    costs = []
    for name, settings in (("without", {}), ("with", {"target_macs": 1000, "power": -2.0})):
        plan = Plan(SPACE, "random", 40, **settings)
        samples = run_search(plan, tmp_path / name, train=arithmetic, **QUIET)
        chosen = json.loads((tmp_path / name / "best.json").read_text())
        costs.append(next(s.score.macs for s in samples if s.architecture == chosen))
    assert costs[1] < costs[0]
    assert costs[0] == max(s.score.macs for s in samples)
    assert costs[1] == min(s.score.macs for s in samples)


class Killed(BaseException):
    """What no part of a search may catch."""


class MortalTrain:
    """Trains so many children, then the process ends."""

    def __init__(self, lives: int):
        self.lives, self.trained = lives, []

    def __call__(self, child):
        if len(self.trained) == self.lives:
            raise Killed
        self.trained.append(child.key())
        return arithmetic(child)


@pytest.mark.parametrize("method", METHODS)
def test_killed_after_any_child_it_goes_on_with_nothing_lost_or_done_twice(tmp_path, method):
    plan, whole = PLANS[method], MortalTrain(-1)
    samples = run_search(plan, tmp_path / "whole", train=whole, **QUIET)
    assert [s.number for s in samples] == list(range(17))
    assert len(whole.trained) == len(set(whole.trained)) == len({s.key for s in samples})
    for lives in range(len(whole.trained)):
        folder, train, rest = tmp_path / str(lives), MortalTrain(lives), MortalTrain(-1)
        with pytest.raises(Killed):
            run_search(plan, folder, train=train, **QUIET)
        assert found(resume_search(folder, train=rest, **QUIET)) == found(samples)
        assert sorted(train.trained + rest.trained) == sorted(whole.trained)
        assert found(read_log(folder / "log.jsonl")) == found(samples)


@pytest.mark.parametrize("before", [True, False])
def test_killed_while_it_saves_its_state_it_goes_on_alike(tmp_path, monkeypatch, before):
    plan = PLANS["reinforce"]
    samples = run_search(plan, tmp_path / "whole", train=arithmetic, **QUIET)
    save, saved = search.save_checkpoint, []

    def dying_save(path, state):
        if not before:
            save(path, state)
        saved.append(state["told"])
        raise Killed

    monkeypatch.setattr(search, "save_checkpoint", dying_save)
    with pytest.raises(Killed):
        run_search(plan, tmp_path / "half", train=arithmetic, **QUIET)
    monkeypatch.undo()
    assert saved == [5] and len(read_log(tmp_path / "half" / "log.jsonl")) == 5
    rest = MortalTrain(-1)
    assert found(resume_search(tmp_path / "half", train=rest, **QUIET)) == found(samples)
    assert not set(rest.trained) & {sample.key for sample in samples[:5]}


def test_a_search_that_is_over_stays_as_it_is(tmp_path):
    samples = run_search(PLANS["random"], tmp_path, train=arithmetic, **QUIET)
    content = (tmp_path / "log.jsonl").read_bytes()
    assert resume_search(tmp_path, train=MortalTrain(0), **QUIET) == samples
    assert (tmp_path / "log.jsonl").read_bytes() == content


def test_what_is_known_trains_nothing(tmp_path):
    plan = Plan(LayerSpace(1, (1, 3), (1, 3), (2, 3), (1, 2)), "random", 60)
    train = MortalTrain(-1)
    samples = run_search(plan, tmp_path, train=train, **QUIET)
    assert len(train.trained) == len(set(train.trained)) <= 16
    assert sum(not s.known for s in samples) == len(train.trained)
    scores = {s.key: s.score.reward for s in samples if not s.known}
    assert all(s.score.reward == scores[s.key] for s in samples)


def fails_now_and_then(child):
    if sum(layer["filters"] for layer in child.architecture) == 5:
        raise RuntimeError("it does not fit")
    return arithmetic(child)


def test_a_child_that_fails_costs_its_reward_and_the_search_learns_from_it(tmp_path):
    samples = run_search(PLANS["reinforce"], tmp_path, train=fails_now_and_then, **QUIET)
    failed = [s for s in samples if s.score.failed]
    assert 0 < len(failed) < 17
    assert {s.score[:1] + s.score[4:] for s in failed} == {(0, "RuntimeError: it does not fit")}


def fails(child):
    raise RuntimeError("no disk")


def test_a_search_whose_children_all_fail_at_first_stops_and_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="every child failed: RuntimeError: no disk"):
        run_search(PLANS["random"], tmp_path, train=fails, **QUIET)


def test_two_workers_find_what_one_finds(tmp_path):
    plan = Plan(CellSpace(1, ("identity", "conv_1x1"), filters=2), budget=6)
    plan = replace(plan, training=Training(images=100, epochs=1), settings={"batch": 3})
    one = run_search(plan, tmp_path / "one", **QUIET)
    two = run_search(plan, tmp_path / "two", workers=2, progress="none")
    assert found(one) == found(two)
    assert all(s.score.reward > 0 and s.score.macs > 0 for s in two)
    best = max(s.score.reward for s in two)
    architecture = json.loads((tmp_path / "two" / "best.json").read_text())
    assert best == max(s.score.reward for s in two if s.architecture == architecture)


SCRIPT = """if True:
    import sys
    from minitorch_cnn.nas import run_search
    from tests.nas.children import slowly
    from tests.nas.test_search import PLANS

    if __name__ == "__main__":
        run_search(PLANS["reinforce"], sys.argv[1], workers=2, progress="none", train=slowly)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_killed_with_a_real_signal_it_leaves_no_workers_and_goes_on_alike(tmp_path):
    script, folder = tmp_path / "script.py", tmp_path / "search"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, script, folder], env=environment)
    log, until = folder / "log.jsonl", time.monotonic() + 60
    while not log.exists() or log.read_bytes().count(b"\n") < 7:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    tasks = Path(f"/proc/{process.pid}/task")  # its threads: one of them has the workers
    workers = {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(workers) >= 2
    assert 7 <= len(read_log(log)) < 17
    samples = resume_search(folder, train=arithmetic, **QUIET)
    whole = run_search(PLANS["reinforce"], tmp_path / "whole", train=arithmetic, **QUIET)
    assert found(samples) == found(whole)
    while any(map(running, workers)):
        assert time.monotonic() < until
        time.sleep(0.01)


def running(pid: str) -> bool:
    """Whether a process is there and does not wait to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_json_holds_a_plan(plan):
    assert Plan.from_json(plan.to_json()) == plan


def test_a_folder_with_a_search_is_not_searched_again(tmp_path):
    run_search(PLANS["random"], tmp_path, train=arithmetic, **QUIET)
    with pytest.raises(ValueError, match=r"^run_search: .* holds a search"):
        run_search(PLANS["random"], tmp_path, train=arithmetic, **QUIET)


def test_a_folder_without_a_search_cannot_be_resumed(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^resume_search: .* holds no search"):
        resume_search(tmp_path)
    (tmp_path / "plan.json").write_text('{"space": {"name": "cells"}')
    with pytest.raises(ValueError, match=r"^Plan\.from_json: not the plan"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff\xfe{}", b"[" * 100_000]
    + [
        PLANS["random"].to_json().replace(*change).encode()
        for change in (
            ('"budget": 17', '"budget": "many"'),
            ('"budget": 17', '"budget": 1.5'),
            ('"epochs": 2', '"epochs": "two"'),
            ('"timeout": 600.0', '"timeout": null'),
            ('"seed": 0', '"seed": "a"'),
            ('"layers": 2', '"layers": [2]'),
            ('"name": "layers"', '"name": ["layers"]'),
            ('"settings": {', '"settings": 3, "x": {'),
        )
    ],
)
def test_a_file_that_is_no_plan_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"in .*plan\.json$"):
        read_plan(tmp_path)


def test_a_plan_may_begin_with_the_mark_of_utf_8(tmp_path):
    plan = PLANS["random"]
    (tmp_path / "plan.json").write_text(plan.to_json(), encoding="utf-8-sig")
    assert read_plan(tmp_path) == plan


@pytest.mark.parametrize("change", [{"told": "x"}, {"told": -1}, {"method": 3}, {"method": {}}])
def test_a_state_that_was_edited_is_refused(tmp_path, change):
    run_search(PLANS["evolution"], tmp_path, train=arithmetic, **QUIET)
    state = tmp_path / "state.safetensors"
    save_checkpoint(state, {**load_checkpoint(state), **change})
    with pytest.raises(ValueError, match=r"^resume_search: .*state\.safetensors is not the state"):
        resume_search(tmp_path, train=arithmetic, **QUIET)


def test_a_log_of_another_search_is_refused(tmp_path):
    run_search(PLANS["random"], tmp_path / "one", train=arithmetic, **QUIET)
    run_search(PLANS["reinforce"], tmp_path / "other", train=arithmetic, **QUIET)
    (tmp_path / "one" / "log.jsonl").replace(tmp_path / "other" / "log.jsonl")
    (tmp_path / "other" / "state.safetensors").unlink()
    with pytest.raises(ValueError, match=r"^resume_search: sample 0 of"):
        resume_search(tmp_path / "other", train=arithmetic, **QUIET)


def test_a_log_that_was_lost_is_missed(tmp_path):
    run_search(PLANS["random"], tmp_path, train=arithmetic, **QUIET)
    (tmp_path / "log.jsonl").unlink()
    with pytest.raises(ValueError, match=r"^resume_search: .* all 17 samples"):
        resume_search(tmp_path, train=arithmetic, **QUIET)


def test_data_that_are_not_there_leave_no_folder_behind(tmp_path):
    plan = replace(PLANS["random"], training=Training(data="cifar10", path=str(tmp_path / "no")))
    with pytest.raises((OSError, ValueError)):
        run_search(plan, tmp_path / "search", **QUIET)
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"space": "cells"}, TypeError, "Plan: space='cells'"),
        ({"method": "ppo"}, ValueError, "Plan: method='ppo'"),
        ({"budget": 0}, ValueError, "Plan: budget=0"),
        ({"timeout": 0}, ValueError, "Plan: timeout=0"),
        (
            {"settings": {"bach": 1}},
            ValueError,
            "Plan: the method random has no setting 'bach'; it",
        ),
        (
            {"settings": {"batch": 1.5}},
            ValueError,
            r"Plan: batch=1\.5 of the method random must be",
        ),
        ({"settings": {"batch": True}}, ValueError, "Plan: batch=True of the method random must"),
        ({"settings": {"batch": 0}}, ValueError, "RandomSearch: batch=0"),
    ],
)
def test_a_plan_that_is_none_is_refused(change, error, message):
    with pytest.raises(error, match=f"^{message}"):
        replace(PLANS["random"], **change)


def test_an_unknown_progress_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^run_search: progress='loud'"):
        run_search(PLANS["random"], tmp_path, progress="loud")


def test_a_folder_in_which_another_process_searches_is_left_alone(tmp_path):
    with (
        locked(tmp_path, "other"),
        pytest.raises(RuntimeError, match=r"^run_search: .* is being written by another process"),
    ):
        run_search(Plan(SPACE, budget=1), tmp_path, progress="none")
    assert not list(tmp_path.iterdir())


def test_a_search_does_not_go_on_with_other_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for i in range(14):
        (tmp_path / "data" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        image.new("L", (8, 8)).save(tmp_path / "data" / "ab"[i % 2] / f"{i:02}.png")
    training = Training(data="folder", path=str(tmp_path / "data"), batch_size=4)
    plan = replace(PLANS["random"], training=training)
    run_search(plan, tmp_path / "search", train=arithmetic, **QUIET)
    resume_search(tmp_path / "search", train=arithmetic, **QUIET)
    (tmp_path / "data" / "a" / "00.png").unlink()
    with pytest.raises(ValueError, match=r"^resume_search: the images of .*data are no longer"):
        resume_search(tmp_path / "search", train=arithmetic, **QUIET)

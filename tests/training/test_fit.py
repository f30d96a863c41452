"""fit trains, evaluates, averages, stops early, resumes, and locates the first NaN."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR
from minitorch_cnn.training import (
    NonFiniteError,
    evaluate,
    fit,
    load_checkpoint,
    pixel_scores,
    save_checkpoint,
)


def data(samples=40, seed=0, **settings):
    """Points of three classes, which a small net can tell apart."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=samples)
    centres = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2]], np.float32)
    x = centres[labels] + rng.standard_normal((samples, 3), np.float32) * np.float32(0.3)
    return DataLoader(TensorDataset(x, labels), 8, shuffle=True, **settings)


def setup(lr=0.1, seed=0):
    """A net whose training draws random numbers and has running statistics, and its optimizer."""
    mt.manual_seed(seed)
    layers = (nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    model = nn.Sequential(*layers)
    return model, optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def bits(model):
    return {name: t.array.tobytes() for name, t in model.state_dict().items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


def quiet_fit(model, optimizer, *loaders, **settings):
    return fit(model, *loaders, optimizer=optimizer, **{"progress": "none", **settings})


def test_it_learns_and_measures():
    model, optimizer = setup()
    test = data(50, seed=1)
    history = quiet_fit(model, optimizer, data(), test, epochs=15)
    assert [row["epoch"] for row in history] == list(range(1, 16))
    assert history[-1]["step"] == 15 * 5
    assert history[-1]["test_top1"] > 0.95 and history[-1]["train_loss"] < history[0]["train_loss"]
    result = evaluate(model, test)
    assert history[-1]["test_top1"] == result.top1
    assert history[-1]["test_loss"] == pytest.approx(result.loss)
    assert history[-1]["images_per_s"] == pytest.approx(40 / history[-1]["seconds"])


def test_labels_of_pixels_are_learned_and_their_overlaps_measured(capsys):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((24, 2, 4, 5), np.float32)
    masks = x.argmax(1)
    masks[:, 0] = 255  # a row of each image that nobody labelled
    loader = DataLoader(TensorDataset(x, masks), 8, shuffle=True)
    mt.manual_seed(0)
    model = nn.Conv2d(2, 3, 1)
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)

    def loss(logits, target):
        return nn.functional.cross_entropy(logits, target, ignore_index=255)

    settings = {"loss": loss, "optimizer": optimizer, "epochs": 8, "progress": "plain"}
    row = fit(model, loader, loader, **settings)[-1]
    assert 0.9 < row["train_top1"] <= 1 and 0.9 < row["test_iou"] <= row["test_top1"] <= 1
    result = evaluate(model, loader, loss)
    assert result.confusion.sum() == 24 * 3 * 5
    assert row["test_iou"] == pixel_scores(result.confusion).mean_iou
    assert f"mean IoU {row['test_iou']:.3f}" in capsys.readouterr().out


def test_a_step_is_what_one_writes_by_hand():
    model, optimizer = setup()
    by_hand, own = setup()
    loader = data(generator=np.random.default_rng(3))
    mt.manual_seed(1)
    history = quiet_fit(model, optimizer, loader, epochs=1, clip_norm=0.5)
    mt.manual_seed(1)
    loss_sum = right = 0
    for x, target in data(generator=np.random.default_rng(3)):
        y = by_hand(x)
        loss = mt.functional.cross_entropy(y, target)
        own.zero_grad()
        loss.backward()
        assert nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5).item() > 0.5
        own.step()
        loss_sum += loss.item() * 8
        right += (y.array.argmax(1) == target.array).sum()
    assert bits(model) == bits(by_hand)
    assert (history[0]["train_loss"], history[0]["train_top1"]) == (loss_sum / 40, right / 40)


def test_the_schedule_is_stepped_after_each_epoch_or_each_step():
    for every, rates in (
        ("epoch", [0.1, 0.05, 0.025]),
        ("step", [0.1 / 2**4, 0.1 / 2**9, 0.1 / 2**14]),
    ):
        model, optimizer = setup()
        schedule = StepLR(optimizer, 1, gamma=0.5)
        settings = {"epochs": 3, "scheduler": schedule, "scheduler_every": every}
        history = quiet_fit(model, optimizer, data(), **settings)
        assert [row["lr"] for row in history] == pytest.approx(rates)


class Told(nn.Linear):
    """A model that notes what it is told of the progress of its training."""

    def __init__(self):
        super().__init__(3, 3)
        self.shares = []

    def set_progress(self, share):
        self.shares.append(share)


def test_a_model_is_told_how_much_of_its_training_lies_behind(path):
    told = Told()
    quiet_fit(told, optim.SGD(told.parameters(), 0.1), data(), epochs=2)
    assert told.shares == [step / 10 for step in range(10)]
    stopped = Told()
    settings = {"optimizer": optim.SGD(stopped.parameters(), 0.1), "progress": "none"}
    batches = itertools.count()

    def interrupted(logits, target):
        if next(batches) == 7:
            raise KeyboardInterrupt
        return mt.functional.cross_entropy(logits, target)

    with pytest.raises(KeyboardInterrupt):
        fit(stopped, data(), epochs=2, loss=interrupted, checkpoint=path, **settings)
    stopped.shares.clear()
    fit(stopped, data(), epochs=2, checkpoint=path, resume=True, **settings)
    assert stopped.shares == [step / 10 for step in range(5, 10)]


def test_a_plateau_is_told_the_test_loss():
    model, optimizer = setup()
    schedule = ReduceLROnPlateau(optimizer)
    history = quiet_fit(model, optimizer, data(), data(seed=1), epochs=3, scheduler=schedule)
    assert schedule.best == min(row["test_loss"] for row in history)


def test_the_average_is_what_is_tested_and_what_remains():
    model, optimizer = setup()
    test, weights = data(50, seed=1), []
    by_hand = None
    step = optimizer.step

    def watched_step():
        nonlocal by_hand
        before = model[0].weight.array.copy() if by_hand is None else by_hand
        step()
        by_hand = 0.9 * before + 0.1 * model[0].weight.array
        weights.append(model[0].weight.array.copy())

    optimizer.step = watched_step
    history = quiet_fit(model, optimizer, data(), test, epochs=3, average=0.9)
    np.testing.assert_allclose(model[0].weight.array, by_hand, rtol=1e-5)
    assert np.abs(weights[-1] - by_hand).max() > 1e-3
    assert evaluate(model, test).loss == pytest.approx(history[-1]["test_loss"])


def test_without_a_better_epoch_it_stops_and_goes_back_to_the_best():
    model, optimizer = setup()
    test = data(50, seed=1)
    unlearn = LambdaLR(optimizer, lambda epoch: 1 if epoch < 2 else -1)
    settings = {"epochs": 20, "patience": 3, "scheduler": unlearn}
    history = quiet_fit(model, optimizer, data(), test, **settings)
    best = history.best()
    assert best["epoch"] <= 2 and len(history) == best["epoch"] + 3
    assert history[-1]["test_top1"] < best["test_top1"] == evaluate(model, test).top1


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("stop", [0, 1, 7, 10, 13])
def test_a_run_that_is_stopped_goes_on_with_the_same_bits(path, stop, average):
    def run(stop_at=None, **settings):
        model, optimizer = setup()
        schedule = OneCycleLR(optimizer, 0.1, total_steps=20)
        settings |= {"epochs": 4, "scheduler": schedule, "scheduler_every": "step"}
        settings |= {"average": average, "patience": 4}
        steps, step = itertools.count(), optimizer.step

        def stopping_step():
            if next(steps) == stop_at:
                raise KeyboardInterrupt
            step()

        optimizer.step = stopping_step
        history = quiet_fit(model, optimizer, data(), data(seed=1), **settings)
        return model, history

    whole, expected = run()
    kept = {"checkpoint": path, "checkpoint_every": 2}
    with pytest.raises(KeyboardInterrupt):
        run(stop, **kept)
    assert load_checkpoint(path)["step"] in (stop, stop - 1)
    mt.manual_seed(99)
    model, history = run(resume=True, **kept)
    assert bits(model) == bits(whole)
    for row in (*history, *expected):
        del row["images_per_s"], row["seconds"]
    assert history == expected


def test_a_run_that_is_stopped_after_the_last_batch_of_an_epoch_ends_the_epoch(path):
    def stop(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    whole, optimizer = setup()
    expected = quiet_fit(whole, optimizer, data(), epochs=3)
    kept = {"epochs": 3, "checkpoint": path, "checkpoint_every": 5}
    model, optimizer = setup()
    with pytest.raises(KeyboardInterrupt):
        quiet_fit(model, optimizer, data(), on_epoch=stop, **kept)
    model, optimizer = setup()
    history = quiet_fit(model, optimizer, data(), resume=True, **kept)
    assert bits(model) == bits(whole)
    names = ("epoch", "step", "lr", "train_loss", "train_top1")
    assert [[row[n] for n in names] for row in history] == [
        [row[n] for n in names] for row in expected
    ]


def test_a_finished_run_that_is_resumed_is_finished(path):
    model, optimizer = setup()
    history = quiet_fit(model, optimizer, data(), epochs=2, checkpoint=path, average=0.5)
    again, optimizer = setup(seed=1)
    settings = {"epochs": 2, "checkpoint": path, "average": 0.5, "resume": True}
    assert quiet_fit(again, optimizer, data(), **settings) == history
    assert bits(again) == bits(model)


def test_a_checkpoint_of_a_run_with_other_parts_is_refused_before_the_run_starts(path):
    started = []
    model, optimizer = setup()
    quiet_fit(model, optimizer, data(), epochs=1, checkpoint=path)
    settings = {"epochs": 2, "checkpoint": path, "resume": True}
    settings["on_start"] = lambda: started.append(bits(model))
    with pytest.raises(ValueError, match=r"^fit: cannot resume from .*: its average has none"):
        quiet_fit(model, optimizer, data(), average=0.5, **settings)
    assert started == []
    before = bits(model)
    quiet_fit(model, optimizer, data(), **settings)
    assert started == [before] and bits(model) != before


def test_a_loss_that_is_not_finite_names_the_step_the_layer_and_the_checkpoint(path):
    class Trap(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x if self.calls <= 8 else x * float("nan")

    model, _ = setup()
    model = nn.Sequential(*model.children(), Trap())
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    settings = {"epochs": 3, "checkpoint": path, "checkpoint_every": 3}
    message = (
        r"^fit: step 9 \(epoch 2, loss nan\) is not finite, first in the output of layer '5' "
        r"\(Trap\); the last good checkpoint is .*checkpoint\.safetensors, of step 6$"
    )
    with pytest.raises(NonFiniteError, match=message):
        quiet_fit(model, optimizer, data(), **settings)
    assert all(np.isfinite(a).all() for a in load_checkpoint(path)["model"].values())


def test_the_second_look_at_a_batch_draws_the_same_random_numbers():
    class Rarely(nn.Module):
        def forward(self, x):
            return x / 0 if mt.rand(1).item() < 0.05 else x

    model, _ = setup()
    model = nn.Sequential(*model.children(), Rarely())
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(NonFiniteError, match=r"first in the output of layer '5' \(Rarely\)"):
        quiet_fit(model, optimizer, data(), epochs=50)


def test_a_gradient_that_is_not_finite_stops_before_it_reaches_the_weights():
    model, optimizer = setup()
    before = bits(model)["0.weight"]
    with pytest.raises(NonFiniteError, match=r"gradient at layer '4' .*; no checkpoint was kept$"):
        quiet_fit(model, optimizer, data(), epochs=1, loss=lambda y, _: (y * 0).sum().sqrt())
    assert bits(model)["0.weight"] == before


def test_lines_and_the_bar_tell_loss_accuracy_speed_and_what_is_left(capsys):
    for progress in ("plain", "bar"):
        model, optimizer = setup()
        fit(model, data(), data(seed=1), epochs=2, optimizer=optimizer, progress=progress)
        out, err = capsys.readouterr()
        assert out.count("epoch ") == 2 and "epoch 2/2  loss 0." in out
        assert "test top-1" in out and "images/s" in out
        bar = [text in err for text in ("epoch 2/2", "loss 0.", "top-1", "images/s", "00:00<00:00")]
        assert all(bar) if progress == "bar" else err == ""


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"epochs": -1}, "epochs=-1 must not be negative"),
        ({"patience": 0}, "patience=0 must be at least 1"),
        ({"patience": 3}, "patience=3 needs test data"),
        ({"scheduler_every": "batch"}, "scheduler_every='batch' must be 'epoch' or 'step'"),
        ({"progress": "loud"}, "progress='loud' must be one of bar, plain, none"),
        ({"checkpoint_every": 3}, "resume and checkpoint_every need checkpoint"),
        ({"resume": True}, "resume and checkpoint_every need checkpoint"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    model, optimizer = setup()
    with pytest.raises(ValueError, match=f"^fit: {message}"):
        quiet_fit(model, optimizer, data(), **{"epochs": 1, **settings})


def test_loaders_that_do_not_fit_are_refused():
    model, optimizer = setup()
    with pytest.raises(TypeError, match=r"^fit: test must be a DataLoader, got TensorDataset"):
        quiet_fit(model, optimizer, data(), data().dataset, epochs=1)
    with pytest.raises(ValueError, match=r"^fit: train has no batch"):
        quiet_fit(model, optimizer, data(5, drop_last=True), epochs=1)


class WithHeads(nn.Module):
    """A net with two auxiliary heads, which answer in training only."""

    def __init__(self):
        super().__init__()
        self.fc, self.aux1, self.aux2 = (nn.Linear(3, 3) for _ in range(3))

    def forward(self, x):
        heads = (self.aux1(x), self.aux2(x)) if self.training else ()
        return (self.fc(x), *heads) if heads else self.fc(x)


def test_auxiliary_heads_add_their_losses_and_the_main_output_is_judged():
    mt.manual_seed(0)
    model, loader = WithHeads(), data(samples=8)
    (x, labels) = next(iter(loader))
    outputs = model(x)
    losses = [mt.nn.functional.cross_entropy(y, labels).item() for y in outputs]
    right = (outputs[0].array.argmax(1) == labels.array).mean()
    optimizer = optim.SGD(model.parameters(), lr=1e-12)
    history = fit(
        model, loader, loader, epochs=1, optimizer=optimizer, auxiliary=0.3, progress="none"
    )
    assert history[0]["train_loss"] == pytest.approx(losses[0] + 0.3 * sum(losses[1:]), rel=1e-5)
    assert history[0]["train_top1"] == right
    assert history[0]["test_loss"] == pytest.approx(losses[0], rel=1e-5)
    assert model.aux2.weight.grad is not None


@pytest.mark.parametrize("answer, epochs", [(True, 2), (np.True_, 2), (False, 4), ("path", 4)])
def test_a_callback_that_returns_true_ends_the_training(path, answer, epochs):
    model, optimizer = setup()

    def stop(history):
        return answer if len(history) == 2 else None

    settings = {"epochs": 4, "on_epoch": stop, "checkpoint": path}
    assert len(quiet_fit(model, optimizer, data(), **settings)) == epochs
    assert len(quiet_fit(model, optimizer, data(), resume=True, **settings)) == epochs
    del settings["on_epoch"]
    assert len(quiet_fit(model, optimizer, data(), resume=True, **settings)) == 4


def test_a_checkpoint_from_before_losses_had_weights_is_gone_on_with(path):
    whole, optimizer = setup()
    expected = quiet_fit(whole, optimizer, data(), epochs=3)
    model, optimizer = setup()
    quiet_fit(model, optimizer, data(), epochs=1, checkpoint=path)
    state = load_checkpoint(path)
    for name in ("loss_weight", "metrics", "loss_part", "stopped"):
        del state[name]
    save_checkpoint(path, state)
    model, optimizer = setup()
    history = quiet_fit(model, optimizer, data(), epochs=3, checkpoint=path, resume=True)
    assert bits(model) == bits(whole)
    assert [row["train_loss"] for row in history] == [row["train_loss"] for row in expected]

"""Every schedule against PyTorch's, step by step."""

import inspect
import json

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.optim import lr_scheduler

STEPS = 50
COMPOSED = ("SequentialLR", "ChainedScheduler", "ReduceLROnPlateau")  # without last_epoch


def sequence(library, optimizer, milestones, *rows):
    parts = [getattr(library, name)(optimizer, **settings) for name, settings in rows]
    return library.SequentialLR(optimizer, parts, milestones)


def build(library, optimizer, name, settings):
    if name == "ChainedScheduler":
        parts = [getattr(library, part)(optimizer, **s) for part, s in settings]
        return library.ChainedScheduler(parts)
    if name == "SequentialLR":
        return sequence(library, optimizer, *settings)
    return getattr(library, name)(optimizer, **settings)


WARM_UP = ("LinearLR", {"start_factor": 0.1, "total_iters": 5})

TABLE = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [12, 3, 12, 40], "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [0, 10]}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 20}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 30, "power": 2.5}),
    ("CosineAnnealingLR", {"T_max": 50}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (t + 1), lambda t: 2.0 + t]}),
    ("SequentialLR", ([5], WARM_UP, ("CosineAnnealingLR", {"T_max": 45}))),
    ("SequentialLR", ([4, 20], WARM_UP, ("StepLR", {"step_size": 3}), ("PolynomialLR", {}))),
    ("SequentialLR", ([10], ("MultiStepLR", {"milestones": [0, 4]}), WARM_UP)),
    ("SequentialLR", ([6], WARM_UP, ("OneCycleLR", {"max_lr": 1.0, "total_steps": 44}))),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.7, "total_iters": 1}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 1 - t / 100}),
    ("MultiplicativeLR", {"lr_lambda": [lambda t: 0.9, lambda t: 1.1]}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.02}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4}),
    (
        "CyclicLR",
        {
            "base_lr": [0.01, 0.02],
            "max_lr": [0.1, 0.3],
            "step_size_up": 4,
            "step_size_down": 7,
            "mode": "triangular2",
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 3,
            "mode": "exp_range",
            "gamma": 0.95,
            "cycle_momentum": False,
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 4,
            "base_momentum": 0.7,
            "scale_fn": lambda t: 1 / (1 + t),
            "scale_mode": "iterations",
        },
    ),
    ("ChainedScheduler", [WARM_UP, ("ExponentialLR", {"gamma": 0.9})]),
    (
        "ChainedScheduler",
        [
            ("ConstantLR", {"factor": 0.1}),
            ("StepLR", {"step_size": 3}),
            ("MultiplicativeLR", {"lr_lambda": lambda t: 1.1}),
        ],
    ),
    ("SequentialLR", ([5], ("ConstantLR", {}), ("ExponentialLR", {"gamma": 0.9}))),
    (
        "SequentialLR",
        (
            [5, 20],
            ("ExponentialLR", {"gamma": 0.9}),
            ("ConstantLR", {}),
            ("MultiplicativeLR", {"lr_lambda": lambda t: 0.8 + t / 50}),
        ),
    ),
    ("SequentialLR", ([6], WARM_UP, ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2}))),
    ("SequentialLR", ([6], ("CosineAnnealingWarmRestarts", {"T_0": 4}), WARM_UP)),
    (
        "SequentialLR",
        ([6], WARM_UP, ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4})),
    ),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": STEPS}),
    ("OneCycleLR", {"max_lr": [1.0, 2.0], "epochs": 10, "steps_per_epoch": 5}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": STEPS, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 60, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 55, "pct_start": 0.0, "div_factor": 5.0}),
    ("ReduceLROnPlateau", {"patience": 2}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 1, "cooldown": 3, "factor": 0.5}),
    ("ReduceLROnPlateau", {"patience": 0, "threshold": 0.3, "min_lr": [0.01, 0.0]}),
    ("ReduceLROnPlateau", {"patience": 0, "threshold": 0.3, "threshold_mode": "abs"}),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 0, "threshold_mode": "abs", "eps": 1e-2}),
]
METRICS = np.random.default_rng(3).uniform(0.5, 2, STEPS).round(1).tolist()
METRICS[20] = float("nan")


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def optimizers(torch, name="SGD", **settings):
    """Ours and PyTorch's, with two groups of different rates."""
    for make, library in (
        (lambda: nn.Parameter(mt.ones(1)), optim),
        (lambda: torch.nn.Parameter(torch.ones(1)), torch.optim),
    ):
        groups = [{"params": [make()]}, {"params": [make()], "lr": 0.03}]
        yield getattr(library, name)(groups, **{"lr": 0.1, "momentum": 0.9, **settings})


def both(torch):
    """Our schedulers with an optimizer of ours, and PyTorch's with the same of PyTorch."""
    return zip((lr_scheduler, torch.optim.lr_scheduler), optimizers(torch), strict=True)


def advance(optimizer, scheduler, steps):
    """What the groups' rates and momenta are at each step, and what the schedule says they are."""
    rows = []
    for step in steps:
        optimizer.step()
        takes_metrics = type(scheduler).__name__ == "ReduceLROnPlateau"
        scheduler.step(METRICS[step]) if takes_metrics else scheduler.step()
        rows.append(state_of(optimizer) + list(scheduler.get_last_lr()))
    return rows


def state_of(optimizer):
    groups = optimizer.param_groups
    return [g["lr"] for g in groups] + [g.get("momentum", g.get("betas")) for g in groups]


@pytest.mark.parametrize("name, settings", TABLE)
def test_fifty_steps_are_pytorchs(torch, name, settings):
    ours, theirs = optimizers(torch)
    scheduler = build(lr_scheduler, ours, name, settings)
    expected = build(torch.optim.lr_scheduler, theirs, name, settings)
    np.testing.assert_allclose(state_of(ours), state_of(theirs), rtol=1e-12)
    np.testing.assert_allclose(scheduler.get_last_lr(), expected.get_last_lr(), rtol=1e-12)
    np.testing.assert_allclose(
        advance(ours, scheduler, range(STEPS)),
        advance(theirs, expected, range(STEPS)),
        rtol=1e-9,
        atol=1e-15,
    )


@pytest.mark.parametrize("name, settings", TABLE)
def test_a_schedule_goes_on_from_its_state_in_json(torch, name, settings):
    straight, _ = optimizers(torch)
    expected = advance(straight, build(lr_scheduler, straight, name, settings), range(40))
    first, _ = optimizers(torch)
    scheduler = build(lr_scheduler, first, name, settings)
    rows = advance(first, scheduler, range(17))
    saved = json.loads(json.dumps([scheduler.state_dict(), first.state_dict()["param_groups"]]))

    second, _ = optimizers(torch)
    resumed = build(lr_scheduler, second, name, settings)
    second.load_state_dict({"state": {}, "param_groups": saved[1]})
    resumed.load_state_dict(saved[0])
    np.testing.assert_array_equal(rows + advance(second, resumed, range(17, 40)), expected)


@pytest.mark.parametrize("name, settings", [row for row in TABLE if row[0] not in COMPOSED])
def test_last_epoch_goes_on_behind_a_step(torch, name, settings):
    pairs = []
    for library, optimizer in both(torch):
        first = build(library, optimizer, name, settings)
        advance(optimizer, first, range(6))
        second = build(library, optimizer, name, {**settings, "last_epoch": 6})
        pairs.append(
            [state_of(optimizer), *(r[:4] for r in advance(optimizer, second, range(7, 20)))]
        )
    np.testing.assert_allclose(*pairs, rtol=1e-9, atol=1e-15)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name, settings", [row for row in TABLE if row[0] not in COMPOSED])
def test_a_step_to_an_epoch_has_the_rates_of_pytorchs(torch, name, settings):
    rows = []
    for library, optimizer in both(torch):
        scheduler = build(library, optimizer, name, settings)
        rows.append([])
        for epoch in (1, 2, None, 7, 3, None, 0, 12, 30, None):
            optimizer.step()
            scheduler.step(epoch)
            rows[-1].append([*state_of(optimizer), scheduler.last_epoch])
    np.testing.assert_allclose(*rows, rtol=1e-9, atol=1e-15)


def test_schedules_multiply(torch):
    results = []
    for library, optimizer in both(torch):
        warm_up = library.LinearLR(optimizer, 0.1, total_iters=10)
        decay = library.StepLR(optimizer, 4)
        rates = []
        for _ in range(20):
            optimizer.step()
            warm_up.step()
            decay.step()
            rates.append(state_of(optimizer))
        results.append(rates)
    np.testing.assert_allclose(*results, rtol=1e-12)


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_warm_restarts_go_to_fractions_of_epochs_as_pytorchs_do(torch, T_mult):
    rows = []
    for library, optimizer in both(torch):
        scheduler = library.CosineAnnealingWarmRestarts(optimizer, 3, T_mult)
        rows.append([])
        for i in range(160):
            optimizer.step()
            scheduler.step(i / 8 if i % 11 else None)
            rows[-1].append([*scheduler.get_last_lr(), scheduler.last_epoch, scheduler.T_i])
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    "name, settings",
    [row for row in TABLE if row[0] not in ("OneCycleLR", "SequentialLR", "ReduceLROnPlateau")],
)
def test_a_group_added_later_joins_where_it_does_in_pytorch(torch, name, settings):
    results = []
    for library, optimizer, tensors in zip(
        (lr_scheduler, torch.optim.lr_scheduler), optimizers(torch), (mt, torch), strict=True
    ):
        scheduler = build(library, optimizer, name, settings)
        advance(optimizer, scheduler, range(3))
        weight = tensors.nn.Parameter(tensors.ones(1))
        optimizer.add_param_group({"params": [weight], "lr": 0.5, "name": "late"})
        try:
            results.append(
                np.array(
                    [
                        [v for v in r if isinstance(v, float)]
                        for r in advance(optimizer, scheduler, range(3, 9))
                    ]
                )
            )
        except ValueError as error:
            results.append(str(error))
    ours, theirs = results
    if isinstance(theirs, str):
        assert "make it after add_param_group" in ours
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_a_schedule_of_one_s_own_goes_as_it_does_in_pytorch(torch):
    results = []
    for library, optimizer in both(torch):

        class WarmUp(library.LRScheduler):
            def get_lr(self):
                return [base * min(1, (self.last_epoch + 1) / 4) for base in self.base_lrs]

        class Halved(library.LRScheduler):
            def get_lr(self):
                return [group["lr"] / 2 for group in self.optimizer.param_groups]

        parts = [WarmUp(optimizer), Halved(optimizer), WarmUp(optimizer)]
        rows = [state_of(optimizer)]
        rows += [r[:4] for r in advance(optimizer, Halved(optimizer), range(4))]
        scheduler = library.SequentialLR(optimizer, parts, [6, 9])
        rows.append(state_of(optimizer))
        results.append(rows + [r[:4] for r in advance(optimizer, scheduler, range(14))])
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_one_cycle_moves_the_first_beta_of_adam(torch):
    settings = {"max_lr": 1.0, "total_steps": 20}
    ours = optim.Adam([nn.Parameter(mt.ones(1))])
    theirs = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    pair = [
        (ours, lr_scheduler.OneCycleLR(ours, **settings)),
        (theirs, torch.optim.lr_scheduler.OneCycleLR(theirs, **settings)),
    ]
    for _ in range(20):
        rows = [
            np.ravel([g["lr"] for g in o.param_groups] + list(o.param_groups[0]["betas"]))
            for o, _ in pair
        ]
        np.testing.assert_allclose(*rows, rtol=1e-12)
        for optimizer, scheduler in pair:
            optimizer.step()
            scheduler.step()


@pytest.mark.parametrize("name", sorted({name for name, _ in TABLE}))
def test_a_schedule_takes_pytorchs_arguments(torch, name):
    def arguments(library):
        found = inspect.signature(getattr(library, name)).parameters.values()
        return [(p.name, p.default) for p in found]

    expected = arguments(torch.optim.lr_scheduler)
    if name == "SequentialLR":
        expected.remove(("last_epoch", -1))
    assert arguments(lr_scheduler) == expected


WITH_OTHER_FIELDS = ("OneCycleLR", "CyclicLR", "ChainedScheduler")


@pytest.mark.parametrize(
    "name, settings", [r for r in TABLE if not any(k in str(r) for k in WITH_OTHER_FIELDS)]
)
def test_a_schedule_goes_on_from_pytorchs_state(torch, name, settings):
    ours, theirs = optimizers(torch)
    expected = build(torch.optim.lr_scheduler, theirs, name, settings)
    scheduler = build(lr_scheduler, ours, name, settings)
    advance(theirs, expected, range(17))
    ours.load_state_dict({"state": {}, "param_groups": theirs.state_dict()["param_groups"]})
    scheduler.load_state_dict(expected.state_dict())
    np.testing.assert_allclose(
        advance(ours, scheduler, range(17, 40)),
        advance(theirs, expected, range(17, 40)),
        rtol=1e-9,
        atol=1e-15,
    )

"""Schedules by hand, nested, and what they refuse."""

import math

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.optim import lr_scheduler as schedules


def sgd(lr=1.0, **settings):
    return optim.SGD([nn.Parameter(mt.ones(1))], lr=lr, **settings)


def rates(optimizer, scheduler, steps):
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    return pytest.approx(found)


def test_rates_by_hand():
    o = sgd()
    assert rates(o, schedules.StepLR(o, 2), 4) == [1, 1, 0.1, 0.1, 0.01]
    o = sgd()
    assert rates(o, schedules.MultiStepLR(o, [1, 3]), 4) == [1, 0.1, 0.1, 0.01, 0.01]
    o = sgd()
    assert rates(o, schedules.LinearLR(o, 0.2, total_iters=4), 5) == [0.2, 0.4, 0.6, 0.8, 1, 1]
    o = sgd()
    assert rates(o, schedules.PolynomialLR(o, 4, power=2), 5) == [1, 9 / 16, 1 / 4, 1 / 16, 0, 0]
    o = sgd()
    expected = [(1 + math.cos(math.pi * t / 4)) / 2 for t in range(7)]
    assert rates(o, schedules.CosineAnnealingLR(o, 4), 6) == expected
    o = sgd()
    warm_up, decay = schedules.LinearLR(o, 0.5, total_iters=2), schedules.StepLR(o, 1, gamma=0.5)
    sequence = schedules.SequentialLR(o, [warm_up, decay], [2])
    assert rates(o, sequence, 5) == [0.5, 0.75, 1, 0.5, 0.25, 0.125]
    o = sgd(momentum=0.9)
    cycle = schedules.OneCycleLR(o, 1.0, 5, pct_start=0.6, anneal_strategy="linear")
    assert rates(o, cycle, 4) == [0.04, 0.52, 1, 0.500002, 0.000004]


def test_a_plateau_lowers_the_rate_after_patience_and_again_after_the_cooldown():
    o = sgd()
    scheduler = schedules.ReduceLROnPlateau(o, patience=1, cooldown=1)
    found = []
    for metric in (5, 4, 4, mt.tensor(4.0), 4, 4, 4, 3):
        scheduler.step(metric)
        found.append(o.param_groups[0]["lr"])
    assert found == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_sequences_nest():
    o = sgd()
    inner = schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.5, total_iters=2), schedules.StepLR(o, 1, gamma=0.5)], [2]
    )
    outer = schedules.SequentialLR(o, [inner, schedules.StepLR(o, 2)], [4])
    assert rates(o, outer, 7) == [0.5, 0.75, 1, 0.5, 1, 1, 0.1, 0.1]
    o = sgd()
    inner = schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.5, total_iters=2), schedules.StepLR(o, 1, gamma=0.5)], [2]
    )
    outer = schedules.SequentialLR(o, [schedules.StepLR(o, 1), inner], [2])
    assert rates(o, outer, 5) == [1, 0.1, 0.5, 0.75, 1, 0.5]


def test_a_group_added_later_gets_a_plateaus_reductions():
    o = sgd()
    scheduler = schedules.ReduceLROnPlateau(o, patience=0)
    o.add_param_group({"params": [nn.Parameter(mt.ones(1))], "lr": 0.5})
    scheduler.step(1)
    scheduler.step(1)
    assert scheduler.get_last_lr() == pytest.approx([0.1, 0.05])


def finished():
    scheduler = schedules.OneCycleLR(sgd(), 1.0, 3, cycle_momentum=False)
    for _ in range(4):
        scheduler.step()


@pytest.mark.parametrize(
    "act, error, words",
    [
        (
            lambda: schedules.StepLR(nn.ReLU(), 3),
            TypeError,
            "StepLR: optimizer must be an Optimizer",
        ),
        (
            lambda: schedules.StepLR(sgd(), 3, last_epoch=4),
            KeyError,
            "last_epoch=4 needs initial_lr",
        ),
        (lambda: schedules.StepLR(sgd(), 0), ValueError, "StepLR: step_size=0 must be at least 1"),
        (
            lambda: schedules.LinearLR(sgd(), 0.0),
            ValueError,
            r"start_factor=0.0 must be in \(0, 1\]",
        ),
        (lambda: schedules.LinearLR(sgd(), end_factor=2), ValueError, "end_factor=2"),
        (lambda: schedules.LinearLR(sgd(), total_iters=0), ValueError, "total_iters=0"),
        (lambda: schedules.PolynomialLR(sgd(), 0), ValueError, "PolynomialLR: total_iters=0"),
        (lambda: schedules.CosineAnnealingLR(sgd(), 0), ValueError, "T_max=0"),
        (
            lambda: schedules.LambdaLR(sgd(), [len, len]),
            ValueError,
            "one entry for each of 1 groups",
        ),
        (lambda: schedules.LambdaLR(sgd(), 0.5), TypeError, "must be a function, got float"),
        (lambda: schedules.MultiplicativeLR(sgd(), [1]), TypeError, "MultiplicativeLR: lr_lambda"),
        (lambda: schedules.StepLR(sgd(), 3).step(-1), ValueError, "StepLR.step: epoch=-1 must not"),
        (lambda: schedules.ConstantLR(sgd(), 1.5), ValueError, r"factor=1.5 must be in \[0, 1\]"),
        (lambda: schedules.ConstantLR(sgd(), total_iters=0), ValueError, "total_iters=0"),
        (lambda: schedules.ChainedScheduler([]), ValueError, "schedulers is empty"),
        (
            lambda: schedules.ChainedScheduler([schedules.StepLR(sgd(), 1)], sgd()),
            ValueError,
            r"ChainedScheduler: schedulers\[0\] belongs to another",
        ),
        (
            lambda: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(sgd())]),
            ValueError,
            r"schedulers\[0\] must not be a ReduceLROnPlateau",
        ),
        (lambda: schedules.CosineAnnealingWarmRestarts(sgd(), 0), ValueError, "T_0=0 must be"),
        (lambda: schedules.CosineAnnealingWarmRestarts(sgd(), 2, 1.5), ValueError, "T_mult=1.5"),
        (
            lambda: schedules.CosineAnnealingWarmRestarts(sgd(), 2).step(-1),
            ValueError,
            "epoch=-1 must not be negative",
        ),
        (lambda: schedules.CyclicLR(sgd(), 0.1, 1.0, 0), ValueError, "step_size_up=0"),
        (lambda: schedules.CyclicLR(sgd(), 0.1, 1.0, mode="sine"), ValueError, "mode='sine'"),
        (lambda: schedules.CyclicLR(sgd(), 0.1, 1.0, scale_mode="x"), ValueError, "scale_mode='x'"),
        (lambda: schedules.CyclicLR(sgd(), [0.1, 0.2], 1.0), ValueError, "base_lr"),
        (lambda: schedules.OneCycleLR(sgd(), 1.0), ValueError, "total_steps, or epochs"),
        (lambda: schedules.OneCycleLR(sgd(), 1.0, 0), ValueError, "total_steps=0"),
        (
            lambda: schedules.OneCycleLR(sgd(), 1.0, epochs=0, steps_per_epoch=5),
            ValueError,
            "epochs=0",
        ),
        (lambda: schedules.OneCycleLR(sgd(), 1.0, 9, pct_start=2), ValueError, "pct_start=2"),
        (lambda: schedules.OneCycleLR(sgd(), 1.0, 9, anneal_strategy="sin"), ValueError, "'sin'"),
        (lambda: schedules.OneCycleLR(sgd(), [1.0, 2.0], 9), ValueError, "max_lr"),
        (finished, ValueError, "OneCycleLR: step 4 is beyond total_steps=3"),
        (lambda: schedules.ReduceLROnPlateau(sgd(), "low"), ValueError, "mode='low'"),
        (
            lambda: schedules.ReduceLROnPlateau(sgd(), factor=1),
            ValueError,
            "factor=1 must be below 1",
        ),
        (
            lambda: schedules.ReduceLROnPlateau(sgd(), threshold_mode="x"),
            ValueError,
            "threshold_mode='x'",
        ),
        (lambda: schedules.ReduceLROnPlateau(sgd(), min_lr=[0, 0]), ValueError, "min_lr"),
        (
            lambda: schedules.SequentialLR(sgd(), [], []),
            ValueError,
            "0 milestones do not match 0",
        ),
    ],
)
def test_settings_out_of_range_are_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize(
    "make",
    [
        lambda o: schedules.LambdaLR(o, lambda t: 0.5),
        lambda o: schedules.OneCycleLR(o, 1.0, 9),
        lambda o: schedules.CyclicLR(o, 0.1, 1.0),
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 3),
    ],
)
def test_schedules_made_of_the_first_rates_refuse_a_group_added_later_and_stay_where_they_were(
    make,
):
    o = sgd()
    scheduler = make(o)
    before = o.param_groups[0]["lr"]
    o.add_param_group({"params": [nn.Parameter(mt.ones(1))]})
    words = "the optimizer has 2 param groups, and had 1 when the schedule was made"
    with pytest.raises(ValueError, match=words):
        scheduler.step()
    assert scheduler.last_epoch == 0 and o.param_groups[0]["lr"] == before


def test_a_rate_of_zero_comes_back_when_it_is_constant_no_more():
    o = sgd()
    assert rates(o, schedules.ConstantLR(o, 0.0, 2), 4) == [0, 0, 1, 1, 1]


def test_chained_schedules_may_be_a_part_of_a_sequence():
    o = sgd()
    chain = schedules.ChainedScheduler(
        [schedules.ConstantLR(o, 0.5, 2), schedules.ExponentialLR(o, 0.5)]
    )
    outer = schedules.SequentialLR(o, [schedules.StepLR(o, 9), chain], [2])
    assert rates(o, outer, 5) == [1, 1, 0.5, 0.25, 0.25, 0.125]


def test_one_cycle_needs_a_momentum_to_cycle():
    class Plain(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        def check_settings(self, group):
            pass

    with pytest.raises(ValueError, match="needs an optimizer with momentum"):
        schedules.OneCycleLR(Plain([nn.Parameter(mt.ones(1))]), 1.0, 9)


def test_a_sequence_refuses_strangers():
    o, other = sgd(), sgd()
    mine, plateau = schedules.StepLR(o, 1), schedules.ReduceLROnPlateau(o)
    with pytest.raises(ValueError, match=r"schedulers\[1\] belongs to another optimizer"):
        schedules.SequentialLR(o, [mine, schedules.StepLR(other, 1)], [3])
    with pytest.raises(ValueError, match=r"schedulers\[1\] must not be a ReduceLROnPlateau"):
        schedules.SequentialLR(o, [mine, plateau], [3])
    with pytest.raises(ValueError, match="2 milestones do not match 2 schedulers"):
        schedules.SequentialLR(o, [mine, schedules.StepLR(o, 1)], [3, 4])


def test_a_state_of_another_kind_is_refused():
    state = schedules.StepLR(sgd(), 1).state_dict()
    scheduler = schedules.PolynomialLR(sgd())
    with pytest.raises(
        ValueError, match=r"PolynomialLR.load_state_dict: missing or unexpected gamma"
    ):
        scheduler.load_state_dict(state)
    o = sgd()
    two = schedules.SequentialLR(o, [schedules.StepLR(o, 1) for _ in range(2)], [3])
    one = schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [])
    with pytest.raises(ValueError, match=r"SequentialLR.load_state_dict: 1 schedulers, expected 2"):
        two.load_state_dict(one.state_dict())


def test_a_schedule_of_ones_own_is_written_as_with_pytorch():
    class WarmUp(optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer, steps, last_epoch=-1):
            self.steps = steps
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            assert self._get_lr_called_within_step
            return [base * min(1, self._step_count / self.steps) for base in self.base_lrs]

    class Halved(optim.lr_scheduler.LRScheduler):
        """With a step of its own, which making it calls."""

        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

        def step(self, epoch=None):
            self.last_epoch += 1
            for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
                group["lr"] = lr / 4

    for schedule, expected in (
        (lambda o: WarmUp(o, 4), [0.25, 0.5, 0.75, 1, 1]),
        (Halved, [1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64]),
    ):
        optimizer = optim.SGD([nn.Parameter(mt.ones(1))], lr=1.0)
        schedule, rates = schedule(optimizer), []
        for _ in range(5):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        assert rates == expected

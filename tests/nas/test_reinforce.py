"""REINFORCE's gradient is that of the expected reward, and ascending it raises the reward."""

import itertools

import numpy as np
import pytest

from minitorch_cnn.nas import Controller, Reinforce, policy_gradient_loss

REWARDS = np.array([0.1, 0.7, 0.4, 0.2])


def expected_gradient(controller, sequences, rewards, baseline):
    """The sum over all sequences of P(a) times the gradient that a alone would give."""
    total = {}
    for sequence, reward in zip(sequences, rewards, strict=True):
        controller.zero_grad()
        policy_gradient_loss(controller, sequence[None], [reward - baseline]).backward()
        p = np.exp(controller.score(sequence[None])[0].item())
        for name, param in controller.named_parameters():
            if param.grad is not None:
                total[name] = total.get(name, 0) - p * param.grad.array
    return total


@pytest.mark.parametrize("baseline", [0.0, 0.3, -2.0])
def test_the_gradient_on_a_bandit_is_the_analytic_one_whatever_the_baseline(baseline):
    controller = Controller((4,), 8, generator=np.random.default_rng(0))
    arms = np.arange(4)[:, None]
    p = np.exp(controller(arms)[0].array[0].astype(float))
    found = expected_gradient(controller, arms, REWARDS, baseline)
    # E[R] = sum_i p_i R_i, p = softmax(z): dE[R]/dz_i = p_i (R_i - E[R]), z the head's output
    np.testing.assert_allclose(found["heads.0.bias"], p * (REWARDS - p @ REWARDS), atol=1e-6)


def test_the_gradient_on_sequences_is_the_slope_of_the_expected_reward():
    sizes, rng = (2, 3), np.random.default_rng(1)
    controller = Controller(sizes, 4, generator=rng)
    sequences = np.array(list(itertools.product(*map(range, sizes))))
    rewards = rng.random(6)
    log_p, _ = controller.score(sequences)
    controller.zero_grad()
    (log_p.exp() * rewards.astype(np.float32)).sum().backward()
    slopes = {name: p.grad.array.copy() for name, p in controller.named_parameters()}
    found = expected_gradient(controller, sequences, rewards, 0.5)
    for name, slope in slopes.items():
        np.testing.assert_allclose(found[name], slope, atol=1e-6, err_msg=name)


def test_the_mean_over_many_draws_is_near_the_expectation():
    controller = Controller((4,), 8, generator=np.random.default_rng(0))
    drawn = controller.sample(20000, np.random.default_rng(2))
    controller.zero_grad()
    policy_gradient_loss(controller, drawn, REWARDS[drawn[:, 0]] - REWARDS.mean()).backward()
    p = np.exp(controller(drawn[:1])[0].array[0])
    slope = p * (REWARDS - p @ REWARDS)
    np.testing.assert_allclose(-controller.heads[0].bias.grad.array, slope, atol=0.006)


def test_without_rewards_the_bonus_leads_to_all_answers_alike():
    controller = Controller((3,), 8, generator=np.random.default_rng(0))
    controller.heads[0].bias.array[:] = [2.0, 0.0, -1.0]
    arms = np.zeros((1, 1), int)
    before = controller.score(arms)[1].item()
    loss = policy_gradient_loss(controller, arms, [0.0], entropy=1.0)
    assert loss.item() == pytest.approx(-before)
    loss.backward()
    bias = controller.heads[0].bias
    bias.array -= 0.1 * bias.grad.array
    assert controller.score(arms)[1].item() > before


def test_it_learns_a_bandit():
    method = Reinforce((4,), seed=0, lr=0.03)
    for _ in range(60):
        arms = method.ask(10)
        method.tell(arms, [REWARDS[arm] for (arm,) in arms])
    assert np.exp(method.controller([[0]])[0].array[0, 1]) > 0.9
    assert method.baseline == pytest.approx(0.7, abs=0.1)


def test_it_learns_which_answers_go_together():
    method = Reinforce((2, 2, 2), seed=1, lr=0.03)  # all alike pay, and no answer pays by itself
    for _ in range(120):
        sequences = method.ask(10)
        method.tell(sequences, [float(len(set(s)) == 1) for s in sequences])
    drawn = method.ask(100)
    assert sum(len(set(s)) == 1 for s in drawn) > 90


def test_the_baseline_is_a_moving_average_of_earlier_rewards():
    method = Reinforce((2,), decay=0.5)
    method.tell([(0,), (1,)], [0.2, 0.4])
    assert method.baseline == pytest.approx(0.5 * (0.5 * 0.3 + 0.5 * 0.2) + 0.5 * 0.4)


def test_rewards_that_are_all_alike_teach_nothing():
    method = Reinforce((3, 2), entropy=0.0)
    before = [p.array.copy() for p in method.controller.parameters()]
    method.tell(method.ask(5), [0.5] * 5)
    for p, old in zip(method.controller.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.array, old)


def test_one_that_takes_over_a_state_goes_on_alike():
    one, other = Reinforce((3, 4), seed=0), Reinforce((3, 4), seed=9)
    one.tell(one.ask(4), [0.1, 0.2, 0.3, 0.4])
    other.load_state_dict(one.state_dict())
    for _ in range(3):
        sequences = one.ask(4)
        assert other.ask(4) == sequences
        rewards = [sum(s) / 10 for s in sequences]
        one.tell(sequences, rewards)
        other.tell(sequences, rewards)


@pytest.mark.parametrize("bad", [{"batch": 0}, {"entropy": -1}, {"decay": 1.0}, {"decay": -0.1}])
def test_settings_out_of_range_are_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"^Reinforce: {name}="):
        Reinforce((2,), **bad)

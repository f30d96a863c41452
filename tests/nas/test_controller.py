"""The controller is a probability distribution over sequences, and draws from it."""

import itertools

import numpy as np
import pytest

from minitorch_cnn.nas import Controller
from minitorch_cnn.nn import init

SIZES = (2, 3, 1, 4)
ALL = np.array(list(itertools.product(*map(range, SIZES))))


@pytest.fixture
def controller():
    """One whose answers are far from equally likely."""
    made = Controller(SIZES, 8, num_layers=2, generator=np.random.default_rng(0))
    for param in made.parameters():
        init.uniform_(param, -1.5, 1.5, np.random.default_rng(param.size(0)))
    return made


def test_the_probabilities_of_all_sequences_sum_to_one(controller):
    log_p, _ = controller.score(ALL)
    assert log_p.shape == (24,)
    assert np.exp(log_p.array.astype(float)).sum() == pytest.approx(1, abs=1e-5)
    for log_probs, size in zip(controller(ALL), SIZES, strict=True):
        assert log_probs.shape == (24, size)


def test_an_answer_depends_on_all_answers_before_it_and_on_none_after(controller):
    last = controller(ALL)[3].array
    assert len(np.unique(last.round(5), axis=0)) == 6
    for t in range(4):
        same = [(ALL[i, :t] == ALL[0, :t]).all() for i in range(24)]
        rows = controller(ALL)[t].array[same]
        np.testing.assert_allclose(rows, rows[:1].repeat(len(rows), 0), atol=1e-6)


def test_it_draws_each_sequence_as_often_as_it_says(controller):
    n = 20000
    drawn = controller.sample(n, np.random.default_rng(1))
    assert drawn.shape == (n, 4)
    numbers = np.ravel_multi_index(drawn.T, SIZES)
    found = np.bincount(numbers, minlength=24) / n
    p = np.exp(controller.score(ALL)[0].array)
    assert np.abs(found - p).max() < 5 * np.sqrt(p * (1 - p) / n).max()


def test_the_mean_of_the_entropies_is_the_entropy(controller):
    log_p, entropies = (t.array.astype(float) for t in controller.score(ALL))
    p = np.exp(log_p)
    assert (p * entropies).sum() == pytest.approx(-(p * log_p).sum(), rel=1e-4)


def test_a_new_controller_finds_all_sequences_nearly_equally_likely():
    log_p, _ = Controller(SIZES, generator=np.random.default_rng(0)).score(ALL)
    assert np.abs(np.exp(log_p.array) * 24 - 1).max() < 0.6


def test_the_generator_decides_all():
    drawn = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        drawn.append(Controller(SIZES, 8, generator=rng).sample(50, rng))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("sizes", [(), (0, 2), (2.0, 3)])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match=r"^Controller: sizes="):
        Controller(sizes)


@pytest.mark.parametrize(
    "sequences", [[0, 0, 0, 0], [[0, 0, 0]], [[0, 0, 0, 4]], [[-1, 0, 0, 0]], np.zeros((0, 4), int)]
)
def test_what_is_no_sequence_is_refused(controller, sequences):
    with pytest.raises(ValueError, match=r"^Controller: sequences"):
        controller.score(sequences)

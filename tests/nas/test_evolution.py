"""The genetic operators keep what they cross and mutate valid, and the fittest survive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.models.genetic_cnn import read_code
from minitorch_cnn.nas import SPACES, Evolution, GeneticSpace
from minitorch_cnn.nas.evolution import cross, mutate, select

SPACE = GeneticSpace()


@pytest.mark.parametrize("name", SPACES)
@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_every_generation_is_of_sequences_of_the_space(name, seed):
    space = SPACES[name]()
    method = Evolution(space.sizes, space.parts, seed, 6, 0.5, 0.5, 0.9, 0.3)
    rng = np.random.default_rng(seed)
    for _ in range(4):
        generation = method.ask(6)
        for individual in generation:
            architecture = space.decode(individual)
            if name == "genetic":
                assert [len(read_code(code)) for code in architecture.split()] == [1, 1, 1]
        method.tell(generation, rng.random(6).tolist())


@given(seed=st.integers(0, 1000), rate=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_cross_exchanges_whole_parts(seed, rate):
    parts, rng = (1, 3, 2), np.random.default_rng(seed)
    one, other = (0,) * 6, (1,) * 6
    first, second = cross(one, other, parts, rate, rng)
    assert [a + b for a, b in zip(first, second, strict=True)] == [1] * 6
    assert len(set(first[1:4])) == len(set(first[4:])) == 1


def test_each_part_is_exchanged_as_often_as_said():
    rng = np.random.default_rng(0)
    moved = np.mean([cross((0, 0), (1, 1), (1, 1), 0.2, rng)[0] for _ in range(4000)], axis=0)
    np.testing.assert_allclose(moved, 0.2, atol=0.03)


def test_each_answer_mutates_as_often_as_said_and_to_all_others_alike():
    rng, n = np.random.default_rng(0), 6000
    answers = np.array([mutate((2, 0, 0), (4, 2, 1), 0.3, rng) for _ in range(n)])
    found = np.bincount(answers[:, 0], minlength=4) / n
    np.testing.assert_allclose(found, [0.1, 0.1, 0.7, 0.1], atol=0.025)
    assert answers[:, 1].mean() == pytest.approx(0.3, abs=0.025)
    assert not answers[:, 2].any()


def test_survivors_are_drawn_by_their_rewards_above_the_smallest():
    drawn = select([0.5, 0.6, 0.8], 8000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(drawn) / 8000, [0, 0.25, 0.75], atol=0.03)
    alike = select([0.5, 0.5], 8000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(alike) / 8000, [0.5, 0.5], atol=0.03)


def test_it_finds_the_sequence_that_pays_most():
    method = Evolution((2,) * 12, (3,) * 4, seed=0)
    for _ in range(40):
        generation = method.ask(20)
        method.tell(generation, [sum(individual) for individual in generation])
    assert np.mean(method.rewards) > 8  # 6 at random


def test_a_last_generation_may_be_smaller():
    method = Evolution(SPACE.sizes, SPACE.parts, population=4)
    method.tell(method.ask(4), [0.1, 0.2, 0.3, 0.4])
    assert len(method.ask(3)) == 3


@pytest.mark.parametrize(
    "bad", [{"population": 1}, {"crossover": -0.1}, {"change": 1.1}, {"parts": (3, 6)}]
)
def test_settings_out_of_range_are_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"^Evolution: {name}="):
        Evolution(**{"sizes": SPACE.sizes, "parts": SPACE.parts, **bad})

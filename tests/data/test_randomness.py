"""One random stream per sample."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import sample_generator
from minitorch_cnn.data.randomness import SampleStreams, stream
from minitorch_cnn.random import drawing_from


class Draws:
    """Sample i is i and two draws, made by two calls as two transforms would make them."""

    def __getitem__(self, index):
        return index, sample_generator().random(), sample_generator().random()


def load_sample(dataset, index, seed, position):
    streams = SampleStreams(seed)
    with drawing_from(streams):
        streams.go_to(position)
        return dataset[index]


def test_the_stream_of_a_sample_depends_on_seed_and_position_alone():
    assert load_sample(Draws(), 3, seed=1, position=5)[1:] == load_sample(Draws(), 8, 1, 5)[1:]
    assert load_sample(Draws(), 3, seed=1, position=5) != load_sample(Draws(), 3, 1, 6)
    assert load_sample(Draws(), 3, seed=1, position=5) != load_sample(Draws(), 3, 2, 5)


def test_two_draws_of_one_sample_differ():
    _, first, second = load_sample(Draws(), 0, seed=1, position=0)
    assert first != second


def test_streams_of_different_places_differ_even_where_the_numbers_run_together():
    places = [(0,), (0, 0), (0, 0, 0), (5, 0), (5,), (0, 5), (5 + (7 << 32),), (5, 7)]
    draws = {stream(*place).integers(2**62) for place in places}
    assert len(draws) == len(places)


def test_outside_a_loader_the_generator_is_that_of_manual_seed():
    mt.manual_seed(9)
    first = sample_generator().random()
    assert first == mt.manual_seed(9).random()


def test_an_error_in_a_sample_leaves_no_stream_behind():
    with pytest.raises(IndexError):
        load_sample([], 0, seed=0, position=0)
    assert sample_generator() is mt.default_generator()


def test_the_stream_of_a_place_never_changes():
    """Written out once more, so that a seed means the same data in the next version."""
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(3, spawn_key=(4,))))
    assert stream(3, 4).integers(0, 1000, 5).tolist() == expected.integers(0, 1000, 5).tolist()

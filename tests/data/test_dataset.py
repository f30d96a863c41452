"""Data sets and their parts."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)


def test_a_tensor_dataset_pairs_the_items_of_tensors_and_arrays():
    x, y = mt.tensor(np.arange(6.0).reshape(3, 2)), np.array([7, 8, 9])
    dataset = TensorDataset(x, y)
    assert len(dataset) == 3
    first, second = dataset[-1]
    assert first.tolist() == [4.0, 5.0] and second == 9


@pytest.mark.parametrize("shapes", [[], [()], [(3, 2), (4,)]])
def test_a_tensor_dataset_refuses_tensors_of_different_lengths(shapes):
    with pytest.raises(ValueError, match=r"^TensorDataset: "):
        TensorDataset(*(np.zeros(shape) for shape in shapes))


def test_a_subset_has_the_chosen_samples_in_the_chosen_order():
    assert Subset(np.arange(10, 14), [3, 1, 1])[[0, 2]].tolist() == [13, 11]
    subset = Subset([10, 11, 12, 13], [3, 1, 1])
    assert list(subset) == [13, 11, 11]
    assert len(subset) == 3


def test_a_dataset_without_items_says_so():
    with pytest.raises(NotImplementedError, match="Dataset: __getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="Dataset: __len__"):
        len(Dataset())


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([7, 3], [7, 3]),
        ([0.5, 0.5], [5, 5]),
        ([0.25, 0.25, 0.5], [3, 2, 5]),  # floors 2, 2, 5; the one left over goes to the first
        ([10], [10]),
        ([0, 10], [0, 10]),
    ],
)
def test_random_split_divides_every_sample_among_the_parts(lengths, expected):
    parts = random_split(range(10), lengths)
    assert [len(part) for part in parts] == expected
    assert sorted(sample for part in parts for sample in part) == list(range(10))


def test_random_split_repeats_for_the_same_generator_and_shuffles():
    first, second = (
        random_split(range(100), [50, 50], generator=np.random.default_rng(4)) for _ in range(2)
    )
    assert list(first[0]) == list(second[0]) != sorted(first[0])
    mt.manual_seed(4)
    assert list(random_split(range(100), [50, 50])[0]) == list(first[0])


@pytest.mark.parametrize("lengths", [[3, 3], [11, -1], [0.5, 0.4], [1.5, 8.5], []])
def test_random_split_refuses_lengths_that_do_not_add_up(lengths):
    with pytest.raises(ValueError, match=r"^random_split: lengths=.* 10 samples"):
        random_split(range(10), lengths)


@pytest.mark.filterwarnings("ignore:Length of split")
def test_random_split_gives_the_part_sizes_of_torch():
    torch_data = pytest.importorskip("torch.utils.data")
    rng = np.random.default_rng(0)
    for _ in range(20):
        size = int(rng.integers(1, 60))
        shares = rng.dirichlet(np.ones(4)).round(2)
        shares[-1] = 1 - shares[:-1].sum()
        shares = abs(shares).tolist()
        if sum(shares) > 1:
            continue
        ours, theirs = (
            random_split(range(size), shares),
            torch_data.random_split(range(size), shares),
        )
        assert [len(part) for part in ours] == [len(part) for part in theirs]


def test_concatenated_data_sets_follow_each_other():
    parts = ["ab", "", "cde", [1]]
    dataset = ConcatDataset(iter(parts))
    assert list(dataset) == ["a", "b", "c", "d", "e", 1] and len(dataset) == 6
    assert [dataset[-i] for i in range(1, 7)] == list(dataset)[::-1]
    assert dataset.cumulative_sizes == [2, 2, 5, 6] and dataset.datasets == parts
    assert dataset[np.int64(3)] == "d"
    for index in (6, -7):
        with pytest.raises(IndexError, match=rf"^ConcatDataset: index {index} of 6 samples"):
            dataset[index]


def test_data_sets_are_added():
    first, second = TensorDataset(np.arange(2)), TensorDataset(np.arange(3))
    both = first + second
    assert isinstance(both, ConcatDataset) and [item for (item,) in both] == [0, 1, 0, 1, 2]


def test_nothing_and_what_has_no_index_are_not_concatenated():
    with pytest.raises(ValueError, match=r"^ConcatDataset: at least one"):
        ConcatDataset([])
    with pytest.raises(TypeError, match=r"^ConcatDataset: IterableDataset is .* ChainDataset"):
        ConcatDataset([[1], IterableDataset()])

"""A list of samples becomes one batch."""

from collections import OrderedDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import default_collate, default_convert

Pair = namedtuple("Pair", ["image", "label"])


def test_images_and_labels_become_a_float32_and_an_int64_tensor():
    samples = [(np.full((3, 2, 2), i, dtype=np.float32), i) for i in range(4)]
    images, labels = default_collate(samples)
    assert isinstance(images, mt.Tensor) and images.shape == (4, 3, 2, 2)
    assert images.dtype == np.float32 and labels.dtype == np.int64
    assert labels.tolist() == [0, 1, 2, 3]
    assert images.array[2].max() == 2


@pytest.mark.parametrize(
    ("sample", "dtype"),
    [
        (True, np.bool_),
        (3, np.int64),
        (0.5, np.float64),
        (np.float32(0.5), np.float32),
        (np.uint8(3), np.uint8),
        (np.zeros(2, dtype=np.int32), np.int32),
    ],
)
def test_numbers_keep_the_type_they_have_in_torch(sample, dtype):
    assert default_collate([sample, sample]).dtype == dtype
    torch_data = pytest.importorskip("torch.utils.data")
    theirs = torch_data.default_collate([sample, sample])
    assert theirs.numpy().dtype == dtype


def test_tensors_are_stacked_without_their_graph():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    batch = default_collate([x * 2, x * 3])
    assert batch.tolist() == [[2.0, 4.0], [3.0, 6.0]]
    assert not batch.requires_grad


def test_nested_samples_keep_their_form():
    batch = default_collate([{"a": [1, (2.0, "x")]}, {"a": [3, (4.0, "y")]}])
    assert list(batch) == ["a"]
    numbers, (floats, texts) = batch["a"]
    assert numbers.tolist() == [1, 3] and floats.tolist() == [2.0, 4.0] and texts == ["x", "y"]
    named = default_collate([Pair(np.zeros(2), 1), Pair(np.ones(2), 2)])
    assert isinstance(named, Pair) and named.label.tolist() == [1, 2]


def test_mirrored_views_are_stacked_as_they_read():
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    batch = default_collate([image[:, ::-1, ::-1], image])
    assert batch.tolist()[0] == [[[5, 4, 3], [2, 1, 0]]]
    assert batch.array.flags.c_contiguous


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([np.zeros((1, 2)), np.zeros((2, 1))], r"shapes \[\(1, 2\), \(2, 1\)\]"),
        ([(1, 2), (1, 2, 3)], r"lengths \[2, 3\]"),
        ([{"a": 1}, {"b": 1}], "different keys"),
    ],
)
def test_samples_that_do_not_fit_together_are_refused(samples, message):
    with pytest.raises(ValueError, match=f"^default_collate: .*{message}"):
        default_collate(samples)


def test_a_sample_of_another_type_is_refused_by_its_name():
    with pytest.raises(TypeError, match=r"^default_collate: a sample holds a set"):
        default_collate([{1, 2}])


@pytest.mark.parametrize(
    "samples", [[1, 2.5], [2.5, 1], [True, 2], [1, True], [2, 3], [np.int32(1), np.int32(2)]]
)
def test_numbers_of_two_kinds_are_those_of_torch(samples):
    ours = default_collate(samples)
    torch_data = pytest.importorskip("torch.utils.data")
    theirs = torch_data.default_collate(samples).numpy()
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours.numpy(), theirs)


def test_tensors_and_arrays_in_one_batch_are_stacked():
    samples = [mt.tensor([1.0, 2.0]), np.array([3, 4], np.float32)]
    for order in (samples, samples[::-1]):
        assert sorted(default_collate(order).tolist()) == [[1.0, 2.0], [3.0, 4.0]]


def test_mappings_keep_their_type():
    ordered = default_collate([OrderedDict(b=1, a="x"), OrderedDict(b=2, a="y")])
    assert (
        type(ordered) is OrderedDict and list(ordered) == ["b", "a"] and ordered["a"] == ["x", "y"]
    )
    counted = defaultdict(int, a=1)
    batch = default_collate([counted, counted])
    assert type(batch) is defaultdict and batch["a"].tolist() == [1, 1] and counted["a"] == 1
    assert type(default_collate([MappingProxyType({"a": 1})])) is dict


@pytest.mark.parametrize("array", [np.array("ab"), np.array([None]), np.array(["2020"], "M8[Y]")])
def test_arrays_of_no_numbers_are_refused(array):
    with pytest.raises(TypeError, match=r"^default_collate: a sample holds an array of "):
        default_collate([array, array])


def test_a_single_sample_has_its_arrays_made_tensors():
    sample = {"a": np.ones(2, np.float32), "b": (np.int64(3), 4, "x"), "c": Pair(np.zeros(1), None)}
    found = default_convert(sample)
    assert isinstance(found["a"], mt.Tensor) and found["a"].dtype == np.float32
    assert (
        found["b"][0].item() == 3 and found["b"][0].dtype == np.int64 and found["b"][1:] == [4, "x"]
    )
    assert (
        isinstance(found["c"], Pair)
        and found["c"].image.tolist() == [0]
        and found["c"].label is None
    )
    text = np.array(["a"])
    assert default_convert(text) is text


def test_no_samples_make_no_batch():
    with pytest.raises(ValueError, match=r"^default_collate: samples is empty"):
        default_collate([])

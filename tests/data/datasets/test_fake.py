"""Images of noise."""

import numpy as np
import pytest

from minitorch_cnn.data import DataLoader, transforms
from minitorch_cnn.data.datasets import FakeData


def test_a_sample_is_the_same_however_often_it_is_asked_for():
    data = FakeData(5, (3, 8, 9), 4)
    first = [data[i] for i in range(5)]
    for i in (3, 0, 4):
        np.testing.assert_array_equal(data[i][0], first[i][0])
        assert data[i][1] == first[i][1] and type(data[i][1]) is int
    assert first[0][0].shape == (3, 8, 9) and first[0][0].dtype == np.float32
    assert not np.array_equal(first[0][0], first[1][0])
    np.testing.assert_array_equal(FakeData(5, (3, 8, 9), 4, random_offset=1)[0][0], first[1][0])
    assert {FakeData(200, (1, 1, 1), 4)[i][1] for i in range(200)} == {0, 1, 2, 3}


def test_it_goes_through_transforms_and_a_loader():
    data = FakeData(5, transform=transforms.ToTensor(), target_transform=lambda label: label + 100)
    images, labels = next(iter(DataLoader(data, batch_size=5)))
    assert images.shape == (5, 3, 224, 224) and labels.min() >= 100
    with pytest.raises(IndexError, match=r"^FakeData: index 5 of 5"):
        data[5]
    assert len(list(data)) == len(data) == 5


@pytest.mark.parametrize(
    "settings", [{"size": 0}, {"image_size": (3, 0, 2)}, {"image_size": (3, 2)}, {"num_classes": 0}]
)
def test_other_settings_are_refused(settings):
    with pytest.raises(ValueError, match=f"^FakeData: {next(iter(settings))}="):
        FakeData(**settings)

"""The base of users' data sets."""

import pytest

from minitorch_cnn.data.datasets import VisionDataset


class Three(VisionDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        sample = index, -index
        return sample if self.transforms is None else self.transforms(*sample)


def test_functions_of_image_and_target_are_one():
    assert Three("here")[2] == (2, -2)
    assert Three(transform=lambda i: i + 1)[2] == (3, -2)
    assert Three(target_transform=abs)[2] == (2, 2)
    assert Three(transforms=lambda i, t: (t, i))[2] == (-2, 2)
    with pytest.raises(ValueError, match=r"^Three: transforms excludes transform"):
        Three(transforms=max, transform=abs)


def test_it_shows_where_it_is_from():
    assert repr(Three("here")) == (
        "Dataset Three\n    Number of datapoints: 3\n    Root location: here"
    )

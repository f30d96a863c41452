"""torch.utils.data's names."""

import importlib

from minitorch_cnn.utils.data.dataloader import default_collate
from minitorch_cnn.utils.data.dataset import Dataset, random_split
from minitorch_cnn.utils.data.sampler import SubsetRandomSampler

import minitorch_cnn as mt
from minitorch_cnn.utils.data import DataLoader, TensorDataset


def test_every_name_is_that_of_mt_data():
    place = mt.utils.data
    for name in set(place.__all__) - {"dataset", "dataloader", "sampler"}:
        assert getattr(place, name) is getattr(mt.data, name)
    assert (Dataset, random_split) == (mt.data.Dataset, mt.data.random_split)
    assert (SubsetRandomSampler, default_collate) == (
        place.SubsetRandomSampler,
        place.default_collate,
    )
    assert mt.utils.data.sampler.WeightedRandomSampler is mt.data.WeightedRandomSampler


def test_the_files_are_not_imported_a_second_time():
    assert importlib.import_module("minitorch_cnn.utils.data.dataset") is mt.data.dataset
    assert isinstance(TensorDataset(mt.zeros(2)), Dataset)


def test_a_loader_runs_from_there():
    (x,) = next(iter(DataLoader(TensorDataset(mt.arange(4)), batch_size=3)))
    assert x.tolist() == [0, 1, 2]


def test_the_bases_take_a_type_of_samples():
    class Numbers(Dataset[int]):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return index

    class Backwards(mt.utils.data.Sampler[int]):
        def __iter__(self):
            return iter([1, 0])

        def __len__(self):
            return 2

    loader = DataLoader(Numbers(), batch_size=2, sampler=Backwards())
    assert [batch.tolist() for batch in loader] == [[1, 0]]

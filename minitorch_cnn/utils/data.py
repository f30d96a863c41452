"""minitorch_cnn.data where PyTorch users look for it: torch.utils.data and its files' names."""

import sys

from ..data import dataset
from ..data import loader as dataloader
from ..data import samplers as sampler
from ..data.collate import default_collate, default_convert
from ..data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from ..data.fetching import get_worker_info
from ..data.loader import DataLoader
from ..data.samplers import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "dataloader",
    "dataset",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
    "sampler",
]

__path__: list[str] = []  # a package, so that `from minitorch_cnn.utils.data.sampler import ...`
distributed = sampler  # has DistributedSampler
for _name, _file in (
    ("dataset", dataset),
    ("dataloader", dataloader),
    ("sampler", sampler),
    ("distributed", distributed),
):
    sys.modules[f"{__name__}.{_name}"] = _file

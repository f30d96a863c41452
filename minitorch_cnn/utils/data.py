"""minitorch_cnn.data under PyTorch's names: torch.utils.data and its files."""

import sys

from .. import data as _data
from ..data import *  # noqa: F403  (the same names, from one list)
from ..data import dataset
from ..data import loader as dataloader
from ..data import samplers as sampler

__all__ = ["dataloader", "dataset", "sampler"]
__all__ += _data.__all__

__path__: list[str] = []  # a package, so that `from minitorch_cnn.utils.data.sampler import ...`
distributed = sampler  # for DistributedSampler
for _name, _file in (
    ("dataset", dataset),
    ("dataloader", dataloader),
    ("sampler", sampler),
    ("distributed", distributed),
):
    sys.modules[f"{__name__}.{_name}"] = _file

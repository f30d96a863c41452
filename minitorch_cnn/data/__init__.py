"""Data: data sets, transforms of images, and the DataLoader that makes batches of them."""

from . import datasets, transforms
from .collate import default_collate
from .dataset import Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader
from .randomness import sample_generator

__all__ = [
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "datasets",
    "default_collate",
    "random_split",
    "sample_generator",
    "transforms",
]

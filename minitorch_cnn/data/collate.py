"""Collation: turning a list of samples into one batch."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from copy import copy
from typing import Any

import numpy as np

from ..dtypes import get_default_dtype
from ..tensor.tensor import Tensor


def default_collate(samples: list[Any]) -> Any:
    """Stack samples: N samples (C, H, W) -> a Tensor (N, C, H, W).

    Arrays, NumPy numbers and Tensors keep their dtype. Python's numbers become bool, int64 or
    float64; a mixture of ints and floats gets the default float dtype. str and bytes stay a list.
    Pairs and lists become a list of batches, named tuples a named tuple of batches, mappings a
    mapping of the same type. The results equal those of PyTorch's `default_collate`.

    Raises: TypeError for samples of another type; ValueError for no samples, or if shapes, lengths
    or keys differ.
    """
    if not samples:
        raise ValueError("default_collate: samples is empty; a batch needs at least one")
    first = samples[0]
    if isinstance(first, Tensor):
        return _stack([s.array if isinstance(s, Tensor) else s for s in samples])
    if isinstance(first, np.ndarray) and first.dtype.kind not in "biufc":
        raise TypeError(f"default_collate: a sample holds an array of {first.dtype}")
    if isinstance(first, (np.ndarray, np.number, np.bool_, bool)):
        return _stack(samples)
    if isinstance(first, float):
        return Tensor(np.array(samples, dtype=np.float64))
    if isinstance(first, int):
        whole = all(isinstance(sample, int | np.integer) for sample in samples)
        return Tensor(np.array(samples, dtype=np.int64 if whole else get_default_dtype()))
    if isinstance(first, (str, bytes)):
        return samples
    if isinstance(first, Mapping):
        if any(sample.keys() != first.keys() for sample in samples):
            raise ValueError("default_collate: the samples of a batch have different keys")
        parts = {key: default_collate([sample[key] for sample in samples]) for key in first}
        return _like(first, parts)
    if isinstance(first, (tuple, list)):
        if any(len(sample) != len(first) for sample in samples):
            lengths = sorted({len(sample) for sample in samples})
            raise ValueError(f"default_collate: samples of lengths {lengths} do not make a batch")
        parts = [default_collate(list(part)) for part in zip(*samples, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        f"default_collate: a sample holds a {type(first).__name__}; it must hold Tensors, arrays, "
        "numbers, text, or tuples, lists and mappings of these (otherwise pass collate_fn)"
    )


def default_convert(sample: Any) -> Any:
    """Convert the arrays and NumPy numbers of a sample to Tensors, and keep everything else.

    A `DataLoader` without batches applies it to samples. Tuples become lists, as in PyTorch.
    """
    if isinstance(sample, (np.ndarray, np.number, np.bool_)) and sample.dtype.kind in "biuf":
        return Tensor(np.asarray(sample))
    if isinstance(sample, Mapping):
        return _like(sample, {key: default_convert(value) for key, value in sample.items()})
    if isinstance(sample, (tuple, list)):
        parts = [default_convert(part) for part in sample]
        return type(sample)(*parts) if hasattr(sample, "_fields") else parts
    return sample


def _like(mapping: Mapping, content: dict[str, Any]) -> Mapping:
    """`content` as a mapping of the same type as the sample, or as a dict if that fails."""
    if type(mapping) is dict or not isinstance(mapping, MutableMapping):
        return content
    copied = copy(mapping)
    copied.update(content)
    return copied


def _stack(arrays: list) -> Tensor:
    shapes = {array.shape if isinstance(array, np.ndarray) else np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"default_collate: shapes {sorted(shapes)} do not make a batch; all must be the same"
        )
    return Tensor(np.stack(arrays))

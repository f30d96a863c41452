"""A list of samples becomes one batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..tensor.tensor import Tensor


def default_collate(samples: list):
    """Stack what the samples hold: N samples (C, H, W) -> a Tensor (N, C, H, W).

    Arrays, NumPy numbers and Tensors keep their dtype; Python's numbers become bool, int64 and
    float64; str and bytes stay a list. Samples that are pairs or lists become a list of batches,
    named tuples a named tuple of batches, mappings a mapping of batches. The same as PyTorch's
    `default_collate`.

    Raises TypeError for samples of any other type, ValueError if shapes, lengths or keys differ.
    """
    first = samples[0]
    if isinstance(first, Tensor):
        return _stack([sample.data for sample in samples])
    if isinstance(first, (np.ndarray, np.number, np.bool_, bool, float)):
        return _stack(samples)
    if isinstance(first, int):
        return Tensor(np.array(samples, dtype=np.int64))
    if isinstance(first, (str, bytes)):
        return samples
    if isinstance(first, Mapping):
        if any(sample.keys() != first.keys() for sample in samples):
            raise ValueError("default_collate: the samples of a batch have different keys")
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        if any(len(sample) != len(first) for sample in samples):
            lengths = sorted({len(sample) for sample in samples})
            raise ValueError(f"default_collate: samples of lengths {lengths} do not make a batch")
        parts = [default_collate(list(part)) for part in zip(*samples, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        f"default_collate: a sample holds a {type(first).__name__}; it must hold Tensors, arrays, "
        "numbers, text, or tuples, lists and mappings of these (or pass collate_fn)"
    )


def _stack(arrays: list) -> Tensor:
    shapes = {np.shape(array) for array in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"default_collate: shapes {sorted(shapes)} do not make a batch; all must be the same"
        )
    return Tensor(np.stack(arrays))

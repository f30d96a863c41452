"""Sequences of different lengths in one Tensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ...functional import pad
from ...tensor import stack
from ...tensor.tensor import Tensor


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: Literal["left", "right"] = "right",
) -> Tensor:
    """Pad sequences (L_i, *) to the longest, T = max L_i.    -> (T, N, *), or (N, T, *)

    Raises: ValueError for no sequences, different other axes, or an unknown padding_side.
    """
    name = "pad_sequence"
    if padding_side not in ("left", "right"):
        raise ValueError(f"{name}: padding_side={padding_side!r} must be 'left' or 'right'")
    sequences = list(sequences)
    if not sequences:
        raise ValueError(f"{name}: sequences is empty")
    for s in sequences:
        if not s.ndim or s.shape[1:] != sequences[0].shape[1:]:
            raise ValueError(
                f"{name}: a sequence of shape {s.shape} must be (L, *) with the other axes of the "
                f"first, {sequences[0].shape[1:]}"
            )
    longest = max(map(len, sequences))
    filled: list[Tensor] = []
    for s in sequences:
        missing = longest - len(s)
        ends = (missing, 0) if padding_side == "left" else (0, missing)
        filled.append(pad(s, (*(0, 0) * (s.ndim - 1), *ends), value=padding_value))
    return stack(filled, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of the given lengths, without the padding on their right.

    Raises: ValueError unless there is one length for each sequence.
    """
    padded = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    ends = [int(n) for n in lengths]
    if len(ends) != len(padded):
        raise ValueError(
            f"unpad_sequence: {len(ends)} lengths do not match {len(padded)} sequences"
        )
    return [s[:n] for s, n in zip(padded.unbind(0), ends, strict=True)]

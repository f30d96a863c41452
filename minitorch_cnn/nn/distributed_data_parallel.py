"""DistributedDataParallel: one copy of a model on each rank, with averaged gradients."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import distributed, dtypes
from ..autograd.modes import is_grad_enabled
from ..distributed.group import current
from ..distributed.reducer import Reducer
from ..tensor.tensor import Tensor
from .module import Module

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike


class DistributedDataParallel(Module):
    """Train one model on all ranks: each computes its part of a batch, and gradients are averaged.

        distributed.init_process_group()
        model = nn.parallel.DistributedDataParallel(model)

    The parameters and buffers of rank 0 are sent to the others first. In every backward pass,
    `.grad` becomes the mean over the ranks of the gradients, reduced in buckets while backward goes
    on. The buffers of rank 0, such as batch norm's running statistics, replace the others' before
    each forward pass in training mode. The model without this wrapper is `.module`; parameters
    frozen before wrapping are left out.

    bucket_cap_mb: megabytes per bucket. find_unused_parameters: whether a pass may leave out
    parameters; one that no rank used keeps its gradient. broadcast_buffers: whether to send
    buffers. gradient_dtype: float16 or bfloat16 halves what is sent; sums are then rounded to 16
    bits. device_ids, output_device, dim, gradient_as_bucket_view, static_graph, check_reduction:
    accepted as in PyTorch, without effect: the model stays on its device. process_group, init_sync:
    only their defaults.

    Raises: RuntimeError without a process group, or if the ranks' models differ in a name, shape or
    dtype; at the end of backward, on all ranks, if one lacked a gradient or made another call;
    ValueError for settings that do not fit, or a model without trainable parameters.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[DeviceLike] | None = None,
        output_device: DeviceLike | None = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: Any = None,
        bucket_cap_mb: float | None = 25,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
        *,
        gradient_dtype: DTypeLike | None = None,
    ):
        super().__init__()
        name = "DistributedDataParallel"
        if not isinstance(module, Module):
            raise TypeError(f"{name}: module must be a Module, got {type(module).__name__}")
        if process_group is not None or not init_sync:
            raise ValueError(f"{name}: process_group must be None and init_sync True")
        cap = 25 if bucket_cap_mb is None else bucket_cap_mb
        if not cap > 0:
            raise ValueError(f"{name}: bucket_cap_mb={bucket_cap_mb} must be above 0")
        dtype = None if gradient_dtype is None else np.dtype(gradient_dtype)
        if dtype is not None and not dtypes.is_half(dtype):
            raise ValueError(
                f"{name}: gradient_dtype={gradient_dtype} must be float16, bfloat16 or None"
            )
        group = current(name)
        named = [(key, p) for key, p in module.named_parameters() if p.requires_grad]
        if not named:
            raise ValueError(f"{name}: module has no parameter that requires grad")
        self.module, self.broadcast_buffers = module, broadcast_buffers
        self._group = group
        compare_models(name, group, module)
        with_buffers = [*module.parameters(), *module.buffers()]
        broadcast_tensors(with_buffers)
        names, parameters = zip(*named, strict=True)
        self.reducer = Reducer(
            group, names, parameters, int(cap * 2**20), find_unused_parameters, dtype
        )

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        synced = self.training and self.reducer.enabled and is_grad_enabled()
        if synced and self.broadcast_buffers:
            broadcast_tensors(list(self.module.buffers()))
        return self.module(*inputs, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let gradients add up on each rank in the block; the next pass averages the sums."""
        before, self.reducer.enabled = self.reducer.enabled, False
        try:
            yield
        finally:
            self.reducer.enabled = before


def compare_models(function: str, group: Any, module: Module) -> None:
    """Raises: RuntimeError on all ranks, naming the first difference from rank 0's model."""
    facts = [
        f"{kind} {name} of {t.array.dtype} {tuple(t.array.shape)}"
        + ("" if kind == "buffer" or t.requires_grad else ", frozen")
        for kind, tensors in (
            ("parameter", module.named_parameters()),
            ("buffer", module.named_buffers()),
        )
        for name, t in tensors
    ]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()
    said = group.exchange(f"{function}() of a model {digest}")
    if not all(text.startswith(f"{function}(") for text in said):
        others = next(r for r, text in enumerate(said) if text != said[group.rank])
        raise RuntimeError(
            f"{function}: the ranks make different calls: rank {others} {said[others]}"
        )
    if len(set(said)) == 1:
        return
    everyone: list[Any] = [None] * group.size
    distributed.all_gather_object(everyone, facts)
    for rank, other in enumerate(everyone):
        for mine, theirs in zip([*everyone[0], "nothing"], [*other, "nothing"], strict=False):
            if mine != theirs:
                raise RuntimeError(
                    f"{function}: the ranks have different models: rank 0 has {mine}, "
                    f"rank {rank} has {theirs}"
                )


def broadcast_tensors(tensors: Sequence[Tensor]) -> None:
    """Overwrite tensors by those of rank 0, all of one dtype and device in one message."""
    kinds: dict[Any, list[Tensor]] = {}
    for t in tensors:
        kinds.setdefault((t.array.dtype.str, t.device), []).append(t)
    for members in kinds.values():
        flat = np.concatenate([t.array.reshape(-1) for t in members])
        distributed.broadcast(Tensor(flat), 0)
        start = 0
        for t in members:
            part = flat[start : start + t.array.size]
            start += t.array.size
            t.array[...] = part.reshape(t.array.shape)
            t.bump_version()

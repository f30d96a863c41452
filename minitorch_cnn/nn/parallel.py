"""torch.nn.parallel: DataParallel for several GPUs, DistributedDataParallel for processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .distributed_data_parallel import DistributedDataParallel as DistributedDataParallel
from .module import Module

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike


class DataParallel(Module):
    """A wrapper that holds a module under the name "module" and passes all arguments to it.

    PyTorch splits the batch over the GPUs in device_ids; with one GPU or none it just calls the
    module. So does this: the whole batch runs on the module's device.

    Raises: ValueError for more than one device, TypeError unless module is a Module.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[DeviceLike] | None = None,
        output_device: DeviceLike | None = None,
        dim: int = 0,
    ):
        super().__init__()
        if not isinstance(module, Module):
            raise TypeError(f"DataParallel: module must be a Module, got {type(module).__name__}")
        self.device_ids = list(device_ids or ())
        if len(self.device_ids) > 1:
            raise ValueError(
                f"DataParallel: device_ids={device_ids} must name one device: a batch is not split"
            )
        self.module, self.dim, self.output_device = module, dim, output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[DeviceLike] | None = None,
    output_device: DeviceLike | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call `DataParallel` once: module(*inputs), or module(inputs) if inputs is not a tuple."""
    wrapped = DataParallel(module, device_ids, output_device, dim)
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return wrapped(*given, **(module_kwargs or {}))

"""Which libraries a benchmark times beside ours, and in which of their formats.

PyTorch runs as its users run it, contiguous and channels last, in place where its users are; ratios
are to the faster of the two formats.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from .timing import ratio_to_fastest

FORMATS = {  # the columns of each
    "torch": ("torch", "torch nhwc"),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
}


class Library:
    """A library that creates tensors on a device; with nhwc, 4-d tensors are channels last."""

    def __init__(self, library: Any, device: str = "cpu", nhwc: bool = False):
        self.library, self.device, self.nhwc = library, device, nhwc

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def tensor(self, data: Any, requires_grad: bool = False) -> Any:
        """The library's tensor of an array."""
        t = self.library.tensor(data, device=self.device)
        if self.nhwc and t.ndim == 4:
            t = t.contiguous(memory_format=self.library.channels_last)
        return t.requires_grad_(requires_grad)

    def module(self, net: Any) -> Any:
        """A module of the library, on the device, its weights in the format."""
        net = net.to(self.device)
        return net.to(memory_format=self.library.channels_last) if self.nhwc else net


def libraries(vs: Iterable[str], device: str = "cpu") -> dict[str, Library]:
    """Ours, and PyTorch in its two formats if `vs` names it."""
    import minitorch_cnn as mt

    found = {"ours": Library(mt, device)}
    if "torch" in vs:
        import torch

        for name in FORMATS["torch"]:
            found[name] = Library(torch, device, nhwc=name.endswith("nhwc"))
    return found


def chosen(text: str) -> list[str]:
    """The libraries of --vs, as argparse reads it."""
    names = text.split(",")
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} must be one of {', '.join(FORMATS)}")
        if find_spec(name) is None:
            raise argparse.ArgumentTypeError(f"{name} is not installed")
    return names


def ratios(times: dict[str, list[float]], ours: str) -> dict[str, float]:
    """The median ratio of our times to the fastest format of each library that was timed."""
    columns = {lib: [name for name in names if name in times] for lib, names in FORMATS.items()}
    return {lib: ratio_to_fastest(times, ours, names) for lib, names in columns.items() if names}


def use_threads(count: int | None, vs: Iterable[str] = ()) -> int:
    """Let each library use `count` threads, by default one per core; return the number.

    An engine receives the number when it is created.
    """
    import minitorch_cnn as mt

    if count is None:
        count = mt.get_num_threads()
    mt.set_num_threads(count)
    if "torch" in vs:
        import torch

        torch.set_num_threads(count)
    return count

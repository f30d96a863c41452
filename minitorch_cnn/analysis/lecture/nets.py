"""The trained networks of the lecture page: which they are, training them, and loading them.

Their weights are stored as 16-bit numbers, one file for each network. They learned the package's
digits, each shifted at random by up to two pixels of its 16 (or four of 32).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import functional as F
from ...autograd import enable_grad
from ...data.datasets import Digits
from ...models import create_model
from ...nn import Module
from ...optim import SGD
from ...random import manual_seed
from ...tensor import Tensor


class LectureNet(NamedTuple):
    """A network of the page, for images of `size` pixels a side.

    Pixels from 0 (paper) to 1 (ink) are given to it as scale * pixel + shift.
    """

    title: str
    model: str
    size: int
    scale: float
    shift: float
    epochs: int
    lr: float

    def make(self) -> Module:
        """The network with new weights."""
        return create_model(self.model, in_channels=1)

    def images(self, digits: np.ndarray) -> Tensor:
        """The input (N, 1, size, size) for pixels (N, 1, size, size) from 0 to 1."""
        return Tensor((self.scale * digits + self.shift).astype(np.float32))


NETS = {
    "lenet5": LectureNet("LeNet-5", "lenet5", 32, 1.275, -0.1, 60, 0.004),
    "resnet20": LectureNet("ResNet-20", "resnet20_cifar", 16, 2.0, -0.6, 20, 0.1),
    "plain20": LectureNet("plain-20", "plain20_cifar", 16, 2.0, -0.6, 20, 0.1),
    "resnet56": LectureNet("ResNet-56", "resnet56_cifar", 16, 2.0, -0.6, 24, 0.05),
}
STORED = ("lenet5", "resnet20", "plain20")  # ResNet-56 is only measured: its weights take 1.7 MB
BATCH = 64


def digits_for(net: LectureNet, train: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The digits (N, 1, size, size) from 0 to 1 in the size that a network takes, and labels."""
    found = Digits(train=train, size=net.size)
    return found.images, found.labels


@enable_grad()
def trained(net: LectureNet, seed: int = 0) -> Module:
    """A network trained on the digits, in evaluation mode.

    SGD with momentum 0.9 and weight decay 1e-4; the rate grows during the first epoch and falls
    like a cosine afterwards.
    """
    manual_seed(seed)
    model, rng = net.make(), np.random.default_rng(seed)
    digits, labels = digits_for(net, train=True)
    optimizer = SGD(model.parameters(), lr=net.lr, momentum=0.9, weight_decay=1e-4)
    steps = len(digits) // BATCH
    for step in range(net.epochs * steps):
        if step % steps == 0:
            order = rng.permutation(len(digits))
        warm = min((step + 1) / steps, 1)
        optimizer.param_groups[0]["lr"] = (
            net.lr * warm * (0.5 + 0.5 * np.cos(np.pi * step / (net.epochs * steps)))
        )
        rows = order[step % steps * BATCH :][:BATCH]
        x = net.images(shifted(digits[rows], rng, net.size // 8))
        loss = F.cross_entropy(model(x), Tensor(labels[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def shifted(images: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """Images (N, C, H, W) moved by up to `most` pixels each way, with zeros behind them."""
    n, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)))
    moves = rng.integers(0, 2 * most + 1, (n, 2))
    return np.stack([
        image[:, i : i + height, j : j + width]
        for image, (i, j) in zip(padded, moves, strict=True)
    ])  # fmt: skip


def stored(model: Module, path: Path) -> None:
    """Write a network's parameters and buffers as 16-bit numbers."""
    arrays = {name: t.detach().cpu().numpy() for name, t in model.state_dict().items()}
    half = {k: a.astype(np.float16) if a.dtype.kind == "f" else a for k, a in arrays.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **half)


def rounded_to_half(model: Module) -> Module:
    """The network with weights as `stored` keeps them."""
    for t in model.state_dict().values():
        if t.array.dtype.kind == "f":
            t.array[...] = t.array.astype(np.float16)
    return model


def load(name: str) -> Module:
    """One of the `STORED` networks, in evaluation mode."""
    net = NETS[name]
    model = net.make()
    file = resources.files("minitorch_cnn.analysis.lecture").joinpath("data", f"{name}.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
        model.load_state_dict({k: Tensor(_wide(a)) for k, a in found.items()})
    return model.eval()


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array

"""Short trainings for the notebooks, in which only the net varies."""

import numpy as np

from .. import functional as F
from ..autograd import no_grad
from ..data.datasets import Digits
from ..nn import Module
from ..nn.evaluation import evaluation
from ..optim import SGD
from ..tensor import Tensor


def digits(train: bool = True, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """The bundled digits, roughly standardised: (N, 1, size, size) float32, (N,)."""
    data = Digits(train, size)
    return (data.images - np.float32(0.3)) / np.float32(0.37), data.labels


def train(
    net: Module,
    images: np.ndarray,
    labels: np.ndarray,
    epochs: int,
    lr: float = 0.05,
    batch: int = 64,
    seed: int = 0,
) -> list[float]:
    """Train the net in place; return the training error of each epoch in %.

    images (N, C, H, W), labels (N,). SGD with momentum 0.9 and a rate that falls to zero along half
    a cosine; the seed sets the order of the batches, and the last incomplete batch is dropped.
    """
    optimizer = SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    order, steps, step, errors = np.random.default_rng(seed), len(labels) // batch, 0, []
    net.train()
    for _ in range(epochs):
        wrong = 0
        for chosen in order.permutation(len(labels))[: steps * batch].reshape(steps, batch):
            optimizer.param_groups[0]["lr"] = lr * (1 + np.cos(np.pi * step / steps / epochs)) / 2
            logits = net(Tensor(images[chosen]))
            loss = F.cross_entropy(logits, Tensor(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            wrong += int((logits.array.argmax(1) != labels[chosen]).sum())
            step += 1
        errors.append(100 * wrong / (steps * batch))
    return errors


def error(net: Module, images: np.ndarray, labels: np.ndarray) -> float:
    """The error in % of the net in evaluation mode."""
    with evaluation(net), no_grad():
        parts = [net(Tensor(part)).array for part in np.array_split(images, -(-len(images) // 256))]
    return 100 * float((np.concatenate(parts).argmax(1) != labels).mean())

"""Efficient search: all children share one set of weights, the supernet.

H. Pham, M. Guan, B. Zoph, Q. Le, J. Dean (2018), "Efficient neural architecture search via
parameter sharing", ICML 2018, arXiv 1802.03268, section 2.2. Two steps alternate:

- the shared weights take steps of SGD, each on a batch and a child drawn from the controller;
- the controller takes steps of REINFORCE, with the accuracies of children on held-out images as
  rewards. The children are not trained for it: they take the shared weights as they are.

At the end, a few children are drawn; that with the highest accuracy by shared weights is trained
alone. Thus a reward costs an evaluation instead of a training.

Deviations from the paper
- A node's operation has the same weights whichever state it is applied to; the paper has weights
  for each pair of states. Windows and numbers of channels share, too: a smaller one is a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import no_grad
from ..data import DataLoader
from ..nn import Module, Parameter
from ..optim import SGD
from ..random import manual_seed
from ..tensor import Tensor, full, randn
from .child import TEST_BATCH, Training, data_of
from .reinforce import Reinforce
from .spaces import Space


class Supernet:
    """The weights that all children of a space share.

    A weight is as large as the largest of its name among the children; a child takes the first of
    its channels and the middle of its window.

    space, num_classes, in_channels: of the children; lr, momentum, weight_decay: of the SGD that
    trains the shared weights.
    """

    def __init__(
        self,
        space: Space,
        num_classes: int,
        in_channels: int,
        lr: float = 0.05,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
    ):
        self.space, self.shape = space, (num_classes, in_channels)
        self.weights: dict[str, Parameter] = {}
        found: dict[str, list[Parameter]] = {}
        for architecture in _covering(space):
            for name, parameter in space.build(architecture, *self.shape).named_parameters():
                found.setdefault(f"{name}/{parameter.ndim}", []).append(parameter)
        for key, parameters in found.items():
            largest = tuple(map(max, zip(*(p.shape for p in parameters), strict=True)))
            self.weights[key] = _like(max(parameters, key=lambda p: p.numel()), largest)
        every = list(self.weights.values())
        self.optimizer = SGD(every, lr=lr, momentum=momentum, weight_decay=weight_decay)

    def child(self, architecture: Any) -> Module:
        """A child whose weights are parts of the shared ones, to which gradients lead."""
        model = self.space.build(architecture, *self.shape)
        for path, module in model.named_modules():
            parameters: Any = module._parameters
            for name, parameter in list(parameters.items()):
                if parameter is not None:
                    parameters[name] = self._shared(f"{path}.{name}", parameter)
        return model

    def _shared(self, name: str, parameter: Parameter) -> Tensor:
        """The part of the shared weight that takes the place of a child's own."""
        for key in (f"{name}/{parameter.ndim}", f"{name}/{parameter.shape}"):
            shared = self.weights.get(key)
            if shared is not None and all(map(int.__ge__, shared.shape, parameter.shape)):
                return shared[_part(shared.shape, parameter.shape)]
        self.weights[f"{name}/{parameter.shape}"] = parameter  # larger than all before
        self.optimizer.add_param_group({"params": [parameter]})
        return parameter

    @no_grad()
    def accuracy(self, architecture: Any, batches: Iterable[Any]) -> float:
        """The accuracy of a child with the shared weights, and statistics of the batches.

        Running statistics would be those of other children, on other inputs.
        """
        model = self.child(architecture).train()
        right = count = 0
        for x, labels in batches:
            right += int((model(x).argmax(1) == labels).sum())
            count += len(labels)
        return right / count

    def step(self, architecture: Any, x: Tensor, labels: Tensor) -> float:
        """A step of SGD of one child's weights on a batch. -> the loss before it"""
        model = self.child(architecture).train()
        loss = F.cross_entropy(model(x), labels)
        self.optimizer.zero_grad()  # weights of other children have no gradient and do not move
        loss.backward()
        self.optimizer.step()
        return float(loss)


class SharedSample(NamedTuple):
    """A child by the shared weights: reward, its accuracy on held-out images."""

    sequence: tuple[int, ...]
    architecture: Any
    reward: float


class SharedSearch(NamedTuple):
    """samples: the children drawn at the end, best first; steps: of SGD on a batch; evaluations: of
    children on the held-out images; rewards: their mean in each round.
    """

    samples: list[SharedSample]
    steps: int
    evaluations: int
    rewards: list[float]


def search_shared(
    space: Space,
    training: Training | None = None,
    rounds: int = 10,
    steps: int = 30,
    batch: int = 10,
    drawn: int = 10,
    seed: int = 0,
    **settings: Any,
) -> SharedSearch:
    """Search by weight sharing; the result's first sample is to be trained by `train_child`.

    rounds: each has `steps` steps of the shared weights, and a step of the controller with `batch`
    rewards; drawn: the children compared at the end. training: the images, their batch size and
    the rate; its epochs count for the final training only. seed: of the controller; settings: of
    `Reinforce`.

    Raises: ValueError for numbers below 1, and as `Reinforce`.

        found = mt.nas.search_shared(mt.nas.LayerSpace())
        score = mt.nas.train_child(mt.nas.Child(space, found.samples[0].architecture, Training()))
    """
    numbers = {"rounds": rounds, "steps": steps, "batch": batch, "drawn": drawn}
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"search_shared: {name}={value} must be at least 1")
    training = Training() if training is None else training
    learned_from, held_out, classes = data_of(training)
    manual_seed(training.seed)
    supernet = Supernet(space, classes, learned_from[0][0].shape[0], lr=training.lr)
    method = Reinforce(space.sizes, seed, batch, **settings)
    batches = _endless(DataLoader(learned_from, training.batch_size, shuffle=True, drop_last=True))
    held = DataLoader(held_out, TEST_BATCH)

    def reward(sequence: Sequence[int]) -> float:
        return supernet.accuracy(space.decode(sequence), held)

    means = []
    for _ in range(rounds):
        for sequence in method.ask(steps):
            supernet.step(space.decode(sequence), *next(batches))
        sequences = method.ask(batch)
        rewards = [reward(sequence) for sequence in sequences]
        method.tell(sequences, rewards)
        means.append(sum(rewards) / batch)
    sequences = list(dict.fromkeys(method.ask(drawn)))
    found = [SharedSample(s, space.decode(s), reward(s)) for s in sequences]
    found.sort(key=lambda sample: -sample.reward)
    return SharedSearch(found, rounds * steps, rounds * batch + len(found), means)


def _covering(space: Space) -> Iterator[Any]:
    """Architectures that have each answer to each question."""
    for answer in range(max(space.sizes)):
        yield space.decode([min(answer, size - 1) for size in space.sizes])


def _like(parameter: Parameter, shape: tuple[int, ...]) -> Parameter:
    """A parameter of another shape with the deviation, or the constant, of a given one."""
    values = parameter.detach().numpy()
    if np.ptp(values) == 0:
        return Parameter(full(shape, float(values.flat[0])))
    return Parameter(randn(*shape) * float(values.std()))


def _part(whole: tuple[int, ...], part: tuple[int, ...]) -> tuple[slice, ...]:
    """The first channels and the middle of the window of a weight."""
    starts = [
        0 if axis < 2 else (n - k) // 2 for axis, (n, k) in enumerate(zip(whole, part, strict=True))
    ]
    return tuple(slice(start, start + k) for start, k in zip(starts, part, strict=True))


def _endless(loader: DataLoader) -> Iterator[Any]:
    while True:
        yield from loader

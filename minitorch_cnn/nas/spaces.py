"""Search spaces: how a sequence of choices describes a network.

A space asks a fixed number of questions, each with a fixed number of answers; a sequence holds the
index of each answer. A search method such as `Reinforce` knows only the number of answers to each
question. Every sequence is a network that can be built.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..models import create_model
from ..models.blocks import ConvBNReLU
from ..models.genetic_cnn import code_of
from ..models.genotype import CellGenotype, Genotype
from ..models.operations import OPERATIONS
from ..nn import AdaptiveAvgPool2d, Flatten, Linear, Module, Sequential
from ..spelling import one_of
from .settings import check_settings


class Space:
    """The base class of all spaces.

    sizes: the number of answers to each question.
    parts: the numbers of consecutive questions that belong together (a node, a layer, a stage),
    which two parents exchange as a unit.
    model, argument, settings: the registered model of the networks, its argument that takes the
    architecture, and its other arguments. A space without a registered model has no `model`.
    """

    model: ClassVar[str | None] = None
    argument: ClassVar[str | None] = None

    @property
    def sizes(self) -> tuple[int, ...]:
        raise NotImplementedError(f"{type(self).__name__} defines no sizes")

    @property
    def parts(self) -> tuple[int, ...]:
        raise NotImplementedError(f"{type(self).__name__} defines no parts")

    def decode(self, sequence: Sequence[int]) -> Any:
        """Translate a sequence into the architecture it describes, as JSON values.

        Raises: ValueError for a sequence of another length, or an answer out of range.
        """
        sequence = [int(choice) for choice in sequence]
        fits = len(sequence) == len(self.sizes)
        if not fits or not all(0 <= c < n for c, n in zip(sequence, self.sizes, strict=True)):
            raise ValueError(
                f"decode: sequence={sequence} must have {len(self.sizes)} numbers from 0, each "
                f"below its number of answers in {list(self.sizes)}"
            )
        return self._describe(iter(sequence))

    def _describe(self, choices: Iterator[int]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no _describe")

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def build(self, architecture: Any, num_classes: int, in_channels: int) -> Module:
        """Build a network of that architecture. x (N, in_channels, H, W) -> (N, num_classes)"""
        settings = {**self.settings, self.argument: architecture}
        model: Any = self.model
        return create_model(model, **settings, num_classes=num_classes, in_channels=in_channels)

    def source(self, architecture: Any) -> str:
        """The text of a Python file that builds a network of that architecture, as `best`."""
        name, sizes = type(self).__name__, "num_classes: int = 10, in_channels: int = 1"
        return (
            f"from minitorch_cnn.nas import {name}\n\nSPACE = {self!r}\n"
            f"ARCHITECTURE = {architecture!r}\n\n\n"
            f"def best({sizes}):\n"
            "    return SPACE.build(ARCHITECTURE, num_classes, in_channels)\n"
        )


@dataclass(frozen=True)
class CellSpace(Space):
    """The cells of NASNet: a normal and a reduction cell with the same number of nodes.

    For each node the space asks for two earlier states and the operations on them (Zoph et al.
    2018, arXiv 1707.07012, section 3, which also asks how the two are combined). An architecture is
    a genotype in the form of `Genotype.from_dict`.

    nodes: in each cell, 5 in the paper; operations: names in `models.operations.OPERATIONS`;
    cells, filters: of the network, see `NASNet`.

    Raises: ValueError for numbers below 1, fewer than 2 operations, or unknown ones.
    """

    model, argument = "nasnet", "genotype"

    nodes: int = 5
    operations: tuple[str, ...] = tuple(OPERATIONS)
    cells: int = 1
    filters: int = 8

    def __post_init__(self) -> None:
        _at_least_one("CellSpace", nodes=self.nodes, cells=self.cells, filters=self.filters)
        _options("CellSpace", operations=self.operations)
        for name in self.operations:
            if name not in OPERATIONS:
                rule = one_of(name, OPERATIONS)
                raise ValueError(f"CellSpace: operations has {name!r}, it {rule}")
        object.__setattr__(self, "operations", tuple(self.operations))

    @property
    def sizes(self) -> tuple[int, ...]:
        kinds = len(self.operations)
        cell = [n for i in range(self.nodes) for n in (2 + i, kinds, 2 + i, kinds)]
        return tuple(2 * cell)

    @property
    def parts(self) -> tuple[int, ...]:
        return (4,) * 2 * self.nodes

    def _describe(self, choices: Iterator[int]) -> dict:
        return json.loads(Genotype(self._cell(choices), self._cell(choices)).to_json())

    def _cell(self, choices: Iterator[int]) -> CellGenotype:
        nodes = []
        for _ in range(self.nodes):
            first, a, second, b = (next(choices) for _ in range(4))
            nodes.append((first, self.operations[a], second, self.operations[b]))
        return CellGenotype(nodes)

    @property
    def settings(self) -> dict[str, Any]:
        return {"cells": self.cells, "filters": self.filters, "drop_path": 0.0}


@dataclass(frozen=True)
class LayerSpace(Space):
    """A chain of convolutions, each with its own height, width, filters and stride.

    By default the answers are those of B. Zoph, Q. V. Le (2017), "Neural architecture search with
    reinforcement learning", ICLR 2017, arXiv 1611.01578, section 4.1. Each convolution is followed
    by batch norm and ReLU, the last one by global average pooling and a linear layer. The space has
    no shortcuts between layers. An architecture is a list of
    {"kernel": [height, width], "filters": number, "stride": number}.

    Raises: ValueError for numbers below 1, even kernels, or lists without two different answers.
    """

    layers: int = 4
    heights: tuple[int, ...] = (1, 3, 5, 7)
    widths: tuple[int, ...] = (1, 3, 5, 7)
    filters: tuple[int, ...] = (24, 36, 48, 64)
    strides: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        _at_least_one("LayerSpace", layers=self.layers)
        for name, answers in self._answers().items():
            _options("LayerSpace", **{name: answers})
            _at_least_one("LayerSpace", **dict.fromkeys([name], min(answers)))
            if name in ("heights", "widths") and any(size % 2 == 0 for size in answers):
                raise ValueError(f"LayerSpace: {name}={tuple(answers)} must be odd")
            object.__setattr__(self, name, tuple(answers))

    def _answers(self) -> dict[str, tuple[int, ...]]:
        names = ("heights", "widths", "filters", "strides")
        return {name: getattr(self, name) for name in names}

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(answers) for answers in self._answers().values()) * self.layers

    @property
    def parts(self) -> tuple[int, ...]:
        return (4,) * self.layers

    def _describe(self, choices: Iterator[int]) -> list[dict]:
        layers = []
        for _ in range(self.layers):
            height, width, filters, stride = (
                answers[next(choices)] for answers in self._answers().values()
            )
            layers.append({"kernel": [height, width], "filters": filters, "stride": stride})
        return layers

    def build(self, architecture: list[dict], num_classes: int, in_channels: int) -> Module:
        layers: dict[str, Module] = {}
        channels = in_channels
        for number, layer in enumerate(architecture, 1):
            kernel, stride = tuple(layer["kernel"]), layer["stride"]
            padding = (kernel[0] // 2, kernel[1] // 2)
            layers[f"conv{number}"] = ConvBNReLU(
                channels, layer["filters"], kernel, stride, padding
            )
            channels = layer["filters"]
        layers |= {"avgpool": AdaptiveAvgPool2d(1), "flatten": Flatten()}
        return Sequential({**layers, "fc": Linear(channels, num_classes)})


@dataclass(frozen=True)
class GeneticSpace(Space):
    """The bit strings of Genetic CNN: whether a node of a stage feeds a later one.

    An architecture is a code, see `models.genetic_cnn.read_code`.

    nodes: of each stage, by default the paper's (Xie and Yuille 2017, arXiv 1703.01513); filters:
    of the stages; units: of the linear layer after them.

    Raises: ValueError for fewer than 2 nodes, or if `filters` and `nodes` differ in length.
    """

    model, argument = "genetic_cnn", "code"

    nodes: tuple[int, ...] = (3, 4, 5)
    filters: tuple[int, ...] = (8, 16, 32)
    units: int = 64

    def __post_init__(self) -> None:
        if not self.nodes or min(self.nodes) < 2:
            raise ValueError(f"GeneticSpace: nodes={self.nodes} must be numbers from 2")
        if len(self.filters) != len(self.nodes):
            raise ValueError(
                f"GeneticSpace: filters={self.filters} must be {len(self.nodes)} numbers, one for "
                f"each stage of nodes={self.nodes}"
            )
        _at_least_one("GeneticSpace", filters=min(self.filters), units=self.units)
        for name in ("nodes", "filters"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def sizes(self) -> tuple[int, ...]:
        return (2,) * sum(self.parts)

    @property
    def parts(self) -> tuple[int, ...]:
        return tuple(k * (k - 1) // 2 for k in self.nodes)

    def _describe(self, choices: Iterator[int]) -> str:
        return code_of(list(choices), self.nodes)

    @property
    def settings(self) -> dict[str, Any]:
        """A small net of the stages only, without the layers of VGG-16 before them."""
        small = {"stem": (), "norm": "batch", "pooled": 1, "dropout": 0.0}
        return {"filters": self.filters, "units": (self.units,), **small}


SPACES = {"cells": CellSpace, "layers": LayerSpace, "genetic": GeneticSpace}


def make_space(name: str, settings: Mapping[str, Any]) -> Space:
    """Make the space with the given name in SPACES and settings.

    Raises: ValueError for an unknown name or setting, with the nearest, or a value out of range.
    """
    if name not in SPACES:
        raise ValueError(f"make_space: name={name!r} {one_of(name, SPACES)}")
    check_settings("make_space", f"the space {name}", SPACES[name], settings)
    return SPACES[name](**settings)


def _at_least_one(space: str, **numbers: int) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{space}: {name}={value!r} must be integers from 1")


def _options(space: str, **lists: Sequence) -> None:
    for name, answers in lists.items():
        if isinstance(answers, str) or len(set(answers)) < max(2, len(answers)):
            raise ValueError(f"{space}: {name}={answers!r} must be two or more different answers")

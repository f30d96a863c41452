"""Notebook 13: checks of passes over graphs, of a memory plan and of a layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from .. import nn
from ..compiler.memory import Life, planned
from ..compiler.passes import fold_batch_norm
from ..functional import batch_norm, relu
from ..graph import Graph, capture
from ..tensor import Tensor, tensor
from .answer import borrowing, check
from .compare import No, array, compare
from .graphs import FUSED, results, trained

SEED = 13
# The first and the last step that read what each node of `Sums` makes; 17 for a result's last.
READ = [
    (1, 1), (2, 3), (3, 3), (4, 4), (5, 7), (6, 6), (7, 7), (8, 16), (9, 9), (10, 11), (12, 17),
    (15, 15), (13, 13), (14, 14), (15, 15), (15, 17), (16, 17),
]  # fmt: skip
TWICE = 8  # the node whose reader reads it twice


def _double(module: nn.Module, seed: int) -> tuple[Graph, Tensor]:
    """The graph of a net in float64, with batch norms that do something, and an input for it."""
    model = trained(module, seed).double()
    x = tensor(np.random.default_rng(seed).standard_normal((2, 4, 5, 6)))
    return capture(model, x), x


def _conv(bias: bool = False, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, padding=1, bias=bias, groups=groups)


class Norms(nn.Module):
    """Batch norms that can be folded, and four that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.plain, self.biased = _conv(), _conv(bias=True, groups=2)
        self.shared, self.shown = _conv(), _conv(bias=True)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4, eps=0.1) for _ in range(5))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        first, second, third, fourth, fifth = self.norms
        y = relu(first(self.plain(x)))
        y = second(self.biased(y))
        shared = self.shared(y)
        y = third(shared) * shared  # others read it, too
        shown = self.shown(y)  # a result
        return fourth(shown), shown, fifth(relu(y))


class Sums(nn.Module):
    """Convolutions with additions and ReLUs behind them, after `before` other nodes.

    mistake: what a wrong fusion computes.
    """

    def __init__(self, before: int) -> None:
        super().__init__()
        self.before = before
        self.convs = nn.ModuleList(_conv(bias=i % 2 == 0) for i in range(8))
        self.mistake = ""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        one, two, three, four, five, six, seven, eight = self.convs
        for _ in range(self.before):
            x = x.tanh()
        a = one(x) if self.mistake == "linear" else relu(one(x))
        b = a + two(a)
        if self.mistake == "lost":
            b = two(a)
        b = b if self.mistake == "linear" else relu(b)
        c = three(b) if self.mistake in ("linear", "late") else relu(three(b))
        c = relu(c + b) if self.mistake == "late" else c + b
        twice = four(c)
        d = twice + twice
        shown = five(d)
        first, later = six(d), seven(relu(shown)).tanh()
        last = first if self.mistake == "lost" else first + later
        return last, shown, eight(c)


def _sums(seed: int) -> tuple[Sums, Graph, Tensor]:
    """A net of sums, its graph, and an input for it."""
    model = Sums(int(np.random.default_rng(seed).integers(1, 5)))
    return model, *_double(model, seed)


def _alone(model: Sums, graph: Graph) -> set[str]:
    """The values of this graph that one node reads once, and nobody outside."""
    once = [True] * model.before + [first == last for first, last in READ]
    once[model.before + TWICE] = False
    return {node.outputs[0] for node, alone in zip(graph.nodes, once, strict=True) if alone}


@check
def reading(alone, *, seed: int = SEED) -> str:
    """alone(graph, name) -> whether a value is read once, by one node, and is no result."""
    model, graph, _ = _sums(seed)
    results = {value.name for value in graph.outputs}
    for number, node in enumerate(graph.nodes):
        (name,) = node.outputs
        mine, right = alone(graph, name), name in _alone(model, graph)
        if mine is None:
            raise No("it returns None: is there no return?")
        if bool(mine) == right:
            continue
        readers = graph.consumers().get(name, [])
        if name in results and readers:
            raise No(f"{name!r} is a result: whoever called the net reads it, too")
        if name in results:
            raise No(f"{name!r} is a result, which no node reads")
        twice = number == model.before + TWICE
        how = "twice by one node" if twice else f"{len(readers)} times"
        raise No(f"{name!r} is read {how}: the answer is {right}")
    return "read once, by one node, and by nobody outside"


def _graph(found: Any) -> Graph:
    if found is None:
        raise No("it returns None: is there no return?")
    if not isinstance(found, Graph):
        raise No(f"it returns a {type(found).__name__}, not a graph: graph.but(nodes=...)")
    return found


def _passed(make: Callable[[Graph], Any], graph: Graph) -> Graph:
    """The graph that a student's pass makes; No if it changes the one that it was given."""
    nodes, constants = list(graph.nodes), dict(graph.constants)
    arrays = {name: t.detach().numpy().copy() for name, t in constants.items()}
    found = _graph(make(graph))
    same = graph.nodes == nodes and graph.constants == constants
    if not same or any((t.detach().numpy() != arrays[name]).any() for name, t in constants.items()):
        raise No("it changes the graph or the weights that it was given: a pass makes others")
    return found


def _numbers(values: list[Tensor]) -> np.ndarray:
    return np.concatenate([y.detach().numpy().ravel() for y in values])


def _count(graph: Graph, operator: str) -> int:
    return sum(node.operator == operator for node in graph.nodes)


def refolded(graph: Graph, change: Callable[[dict[str, np.ndarray]], None]) -> Graph:
    """A correct folding of other numbers in the batch norms and the convolutions before them.

    change: receives their arrays, gamma, beta, mean, var and the convolution's bias, and writes
    into them. What is not folded keeps its numbers.
    """
    constants, makers = dict(graph.constants), graph.producers()
    for node in graph.nodes:
        conv = makers.get(node.inputs[0])
        if node.operator == "BatchNormalization" and conv is not None and conv.operator == "Conv":
            norm = zip(("gamma", "beta", "mean", "var"), node.inputs[1:], strict=True)
            names: dict[str, str] = {what: name for what, name in norm}
            if len(conv.inputs) > 2:
                names["bias"] = conv.inputs[2]
            arrays = {what: constants[name].detach().numpy().copy() for what, name in names.items()}
            change(arrays)
            constants.update((names[what], tensor(array)) for what, array in arrays.items())
    folded = fold_batch_norm(graph.but(constants=constants))
    return folded.but(constants={**folded.constants, **graph.constants})


def _wrong_folds(graph: Graph, x: Tensor) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """What usual mistakes compute."""
    eps = 0.1

    def scaled_once(a: dict[str, np.ndarray]) -> None:
        if "bias" in a:
            gamma, bias, var = (tensor(a[what]) for what in ("gamma", "bias", "var"))
            scaled = batch_norm(bias[None], 0 * var, var, gamma, eps=eps)
            a["beta"] += a["bias"] - array(scaled)[0]

    changes: list[tuple[str, Callable[[dict[str, np.ndarray]], Any]]] = [
        ("the mean is left out of the bias", lambda a: a["mean"].fill(0)),
        ("the mean is added: look at its sign", lambda a: np.negative(a["mean"], a["mean"])),
        ("the bias lacks that of the batch norm", lambda a: a["beta"].fill(0)),
        ("the scale lacks the batch norm's weight", lambda a: a["gamma"].fill(1)),
        ("eps is left out", lambda a: np.subtract(a["var"], eps, a["var"])),
        ("divided by the variance, not by its root",
         lambda a: a["var"].__setitem__(..., (a["var"] + eps) ** 2 - eps)),
        ("the convolution's own bias is lost", lambda a: a.get("bias", a["mean"][:0]).fill(0)),
        ("the convolution's own bias is not scaled", scaled_once),
    ]  # fmt: skip
    for reason, change in changes:
        yield reason, lambda change=change: _numbers(results(refolded(graph, change), x))


@check
def folding(fold, *, seed: int = SEED) -> str:
    """fold(graph) -> a graph without the batch norms that only follow a convolution."""
    graph, x = _double(Norms(), seed)
    with borrowing(fold, alone=lambda _, name: name in ("plain/Conv", "biased/Conv")):
        found = _passed(fold, graph)
    try:
        mine = _numbers(results(found, x))
    except No as no:
        kept = {name for node in found.nodes for name in node.outputs}
        lost = [n.name for n in graph.nodes if n.operator == "Conv" and n.outputs[0] not in kept]
        read = {name for node in found.nodes for name in node.inputs}
        read |= {value.name for value in graph.outputs}
        if any(name in read for name in lost):
            raise No(f"{no}: a convolution that others read, too, cannot be folded") from None
        raise
    right = _numbers(results(graph, x))
    compare(mine, right, "what the graph computes", mistakes=_wrong_folds(graph, x))
    norms, least = (_count(g, "BatchNormalization") for g in (found, fold_batch_norm(graph)))
    if norms > least:
        raise No(f"{norms} batch norms are left of {least} that must be")
    if len(found.nodes) > len(fold_batch_norm(graph).nodes):
        raise No("the convolutions without their batch norms are still there: nobody reads them")
    return "two norms are folded, and three that cannot be are not"


@check
def fusing(fuse, *, seed: int = SEED) -> str:
    """fuse(graph) -> a graph whose convolutions took over the additions and ReLUs behind them."""
    model, graph, x = _sums(seed)
    once = _alone(model, graph)
    with borrowing(fuse, alone=lambda _, name: name in once):
        found = _passed(fuse, graph)
    try:
        mine = _numbers(results(found, x))
    except No as no:
        if _count(found, FUSED):
            why = "a fused convolution stands where the last node that it took over stood"
            raise No(f"{no}: {why}") from None
        raise

    def wrong(mistake: str) -> np.ndarray:
        model.mistake = mistake
        try:
            return _numbers(results(capture(model, x), x))
        finally:
            model.mistake = ""

    compare(mine, _numbers(results(graph, x)), "what the graph computes", mistakes=[
        ("what was added is lost: it is the fourth input", lambda: wrong("lost")),
        ("the ReLUs are lost: activation is \"Relu\"", lambda: wrong("linear")),
        ("an addition behind a ReLU was taken over: the ReLU comes first there",
         lambda: wrong("late")),
    ])  # fmt: skip
    left = [_count(found, operator) for operator in ("Add", "Relu")]
    if left != [2, 1]:
        raise No(f"{left[0]} additions and {left[1]} ReLUs are left: 2 and 1 must be")
    return "4 ReLUs and sums are epilogues, and 3 that cannot be are not"


@check
def living(lives, *, seed: int = SEED) -> str:
    """lives(graph) -> {value: (step that makes it, last step that reads it)}."""
    model, graph, _ = _sums(seed)
    k, names = model.before, [node.outputs[0] for node in graph.nodes]
    makers = range(len(names))
    first = [*range(1, k + 1), *(first + k for first, _ in READ)]
    last = [*range(1, k + 1), *(last + k for _, last in READ)]
    inside = [end if end < len(names) else begin for begin, end in zip(first, last, strict=True)]
    mine, right = lives(graph), dict(zip(names, zip(makers, last, strict=True), strict=True))
    if not isinstance(mine, dict):
        raise No(f"it returns {mine!r:.40}, it should return a dict")
    outside = set(mine) - set(right)
    if outside:
        raise No(f"{min(outside)!r} is no value that a node makes: inputs and weights have others")
    if set(right) - set(mine):
        raise No(f"{min(set(right) - set(mine))!r} is missing")
    found = np.array([tuple(mine[name]) for name in right])
    compare(found, list(right.values()), "the table of steps", mistakes=[
        ("the last step is that of the first reader",
         np.where(np.array(last) < len(names), [makers, first], [makers, last]).T),
        ("the results die early: they are read after the last step, len(graph.nodes)",
         np.array([makers, inside]).T),
    ])  # fmt: skip
    return "every array lives from its maker to its last reader"


@check
def planning(plan, *, seed: int = SEED) -> str:
    """plan(sizes, lives) -> {value: offset}, arrays of a time apart, in as little as greedily."""
    rng = np.random.default_rng(seed)
    for count in (1, 3, 12, 40):
        names = [f"v{k}" for k in range(count)]
        sizes = {name: 16 * int(rng.integers(1, 20)) for name in names}
        lives = {name: (k, k + int(rng.integers(1, 6))) for k, name in enumerate(names)}
        offsets = plan(dict(sizes), dict(lives))
        if not isinstance(offsets, dict) or set(offsets) != set(names):
            raise No("it should return a dict with an offset for every array")
        for a, b in combinations(names, 2):
            step = max(lives[a][0], lives[b][0])
            if step > min(lives[a][1], lives[b][1]):
                continue
            if offsets[a] < offsets[b] + sizes[b] and offsets[b] < offsets[a] + sizes[a]:
                edge = step == min(lives[a][1], lives[b][1])
                why = ": what a step reads must not be where it writes" if edge else ""
                raise No(f"{a} and {b} overlap, but both live at step {step}{why}")
        if min(offsets.values()) < 0:
            raise No("an offset is negative")
        needs = max(offsets[name] + sizes[name] for name in names)
        least = planned([Life(name, sizes[name], *lives[name]) for name in names])[1]
        if needs > least:
            raise No(f"{count} arrays need {needs} numbers, {least} suffice: "
                     "the largest first, each as low as it fits")  # fmt: skip
    return "no two arrays of a time overlap, and the greedy plan is no smaller"


@check
def blocks(to_blocks, *, seed: int = SEED) -> str:
    """to_blocks(x, lanes) -> (N, ceil(C / lanes), H, W, lanes), channels that lack are zeros."""
    rng = np.random.default_rng(seed)
    for channels, lanes, count in ((8, 4, 2), (6, 4, 2), (3, 8, 1)):
        x = rng.standard_normal((2, channels, 3, 5))
        what, left = f"{channels} channels in blocks of {lanes}", channels % lanes
        mine = array(to_blocks(x.copy(), lanes))
        if left and mine.shape == (2, channels // lanes, 3, 5, lanes):
            raise No(f"{what}: the last {left} channels are lost: round up")
        if mine.shape == (2, count, lanes, 3, 5):
            raise No(f"{what}: the channels of a block come before its pixels: they come last")
        if mine.shape == (2, count, 5, 3, lanes):
            raise No(f"{what}: rows and columns are exchanged")
        if mine.shape != (2, count, 3, 5, lanes):
            compare(mine, np.zeros((2, count, 3, 5, lanes)), what)

        def read(*axes: int, mine: np.ndarray = mine, channels: int = channels) -> np.ndarray:
            """x as it is read from these blocks, which have their axes in this order."""
            return mine.transpose(axes).reshape(2, -1, 3, 5)[:, :channels]

        back = read(0, 1, 4, 2, 3)
        for why, axes in [
            ("the shape is right, but the axes were not moved: transpose", (0, 1, 2, 3, 4)),
            (f"a block holds every {count}th channel, not neighbours", (0, 4, 1, 2, 3)),
        ]:
            if np.array_equal(read(*axes), x) and not np.array_equal(back, x):
                raise No(f"{what}: {why}")
        compare(back, x, what)
        if not np.array_equal(np.sort(mine[mine != 0]), np.sort(x.ravel())):
            raise No(f"{what}: the channels that lack should be zeros")
    return "channels in blocks, the channels of a block side by side"

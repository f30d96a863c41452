"""Notebook 13: graphs run node by node, what they cost, and checks of passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from .. import nn
from ..autograd import no_grad
from ..compiler.memory import Life, planned
from ..compiler.passes import fold_batch_norm
from ..compiler.steps import Step
from ..functional import relu
from ..graph import Free, Graph, Node, capture, infer
from ..graph.implementations import IMPLEMENTATIONS
from ..tensor import Tensor, tensor
from .answer import check
from .compare import No, compare

SEED = 13
FUSED = "FusedConv"  # ONNX Runtime's name; inputs x, w, bias, what is added; activation="Relu"


# ------------------------------------------------------------------------------ graphs that run


def trained(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, its batch norms as after some training: random numbers."""
    rng = np.random.default_rng(SEED)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            spans: list[tuple[Any, float, float]] = [
                (module.weight, 0.5, 1.5), (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0),
            ]  # fmt: skip
            for value, low, high in spans:
                value.array[...] = rng.uniform(low, high, value.shape)
    return model.eval()


def run(graph: Graph, x: Tensor) -> Tensor:
    """The first result of a graph, node by node; FusedConv is known."""
    return results(graph, x)[0]


@no_grad()
def results(graph: Graph, x: Tensor) -> list[Tensor]:
    """All results of a graph of one input.

    Raises: No for a node that reads what no node before it makes.
    """
    known: dict[str, Any] = {**graph.constants, graph.inputs[0].name: x, "": None}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing:
            raise No(f"{node.name} reads {missing[0]!r}, which no node before it makes")
        made = _called(node, [known[name] for name in node.inputs])
        known.update(zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=False))
    lost = [value.name for value in graph.outputs if value.name not in known]
    if lost:
        raise No(f"no node makes the result {lost[0]!r} any more")
    return [known[value.name] for value in graph.outputs]


def _called(node: Node, inputs: list[Any]) -> Any:
    if node.operator != FUSED:
        return IMPLEMENTATIONS[node.operator](node, *inputs)
    settings = {k: v for k, v in node.attributes.items() if k != "activation"}
    y = IMPLEMENTATIONS["Conv"](node.but(operator="Conv", attributes=settings), *inputs[:3])
    array: Any = y.array  # the epilogue, in place
    if len(inputs) > 3 and inputs[3] is not None:
        np.add(array, inputs[3].array, out=array)
    if node.attributes.get("activation") == "Relu":
        np.maximum(array, 0, out=array)
    return y


def compiled(graph: Graph, fuse: bool = False) -> Callable[[Tensor], Tensor]:
    """A graph as mt.compile runs it, for one image. Each node is a kernel; fuse: or an epilogue."""
    from ..compiler.plan import plan  # with Numba's kernels
    from ..compiler.program import Program

    (x,) = graph.inputs
    sizes: Any = x.shape
    fixed = infer(graph.but(inputs=[x._replace(shape=(1, *sizes[1:]))], values={}))
    steps = None if fuse else [Step(node, node.outputs[0]) for node in graph.nodes]
    program = Program(fixed, plan(fixed, steps), x.dtype, [])
    return lambda image: program([image])


def size(graph: Graph, name: str) -> int:
    """The numbers in a value, for one image."""
    shape = graph.values[name].shape or ()
    return prod(n.times + n.plus if isinstance(n, Free) else n for n in shape)


def traffic(graph: Graph) -> int:
    """The bytes that the nodes of a graph read and write, weights left out, for one image."""
    values = (
        name
        for node in graph.nodes
        for name in (*node.inputs, *node.outputs)
        if name and name not in graph.constants
    )
    return sum(size(graph, name) * np.dtype(np.float32).itemsize for name in values)


# ---------------------------------------------------------------------------- nets of the checks


def _double(module: nn.Module, channels: int = 4) -> tuple[Graph, Tensor]:
    """The graph of a net in float64, with batch norms that do something, and an input for it."""
    model = trained(module).double()
    x = tensor(np.random.default_rng(SEED).standard_normal((2, channels, 5, 6)))
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
    """Convolutions with additions and ReLUs behind them. mistake: what a wrong fusion computes."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(bias=i % 2 == 0) for i in range(8))
        self.mistake = ""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        one, two, three, four, five, six, seven, eight = self.convs
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


# ------------------------------------------------------------------------------------- the checks


@check
def reading(alone) -> str:
    """alone(graph, name) -> whether a value is read once, by one node, and is no result."""
    graph, _ = _double(Sums())
    results = {value.name for value in graph.outputs}
    for node in graph.nodes:
        (name,) = node.outputs
        count = sum(other.inputs.count(name) for other in graph.nodes)
        mine, right = alone(graph, name), count == 1 and name not in results
        if mine is None:
            raise No("it returns None: is there no return?")
        if bool(mine) == right:
            continue
        if name in results and count:
            raise No(f"{name!r} is a result: whoever called the net reads it, too")
        if name in results:
            raise No(f"{name!r} is a result, which no node reads")
        twice = max(other.inputs.count(name) for other in graph.nodes) > 1
        how = "twice by one node" if twice else f"{count} times"
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


def _changed(graph: Graph, change: Callable[[dict[str, np.ndarray]], None]) -> Graph:
    """The graph with other numbers in the batch norms and the convolutions before them.

    change: receives their arrays, gamma, beta, mean, var and the convolution's bias, and writes
    into them.
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
    return graph.but(constants=constants)


def _wrong_folds(graph: Graph, x: Tensor) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """What usual mistakes compute: a correct folding of other numbers."""
    eps = 0.1

    def scaled_once(a: dict[str, np.ndarray]) -> None:
        if "bias" in a:
            scale = a["gamma"] / np.sqrt(a["var"] + eps)
            a["beta"] += a["bias"] - scale * a["bias"]

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
        yield reason, lambda change=change: _only_folded(graph, x, change)


def _only_folded(graph: Graph, x: Tensor, change: Any) -> np.ndarray:
    """The results if those batch norms that can be folded have other numbers."""
    folded = {node.name for node in fold_batch_norm(graph).nodes if node.operator == "Conv"}
    wrong = _changed(graph, change)
    names = {
        name
        for node in graph.nodes
        if node.operator == "BatchNormalization" and node.name in folded
        for name in (*node.inputs[1:], *graph.producers()[node.inputs[0]].inputs[2:])
    }
    constants = {k: wrong.constants[k] if k in names else t for k, t in graph.constants.items()}
    return _numbers(results(graph.but(constants=constants), x))


@check
def folding(fold) -> str:
    """fold(graph) -> a graph without the batch norms that only follow a convolution."""
    graph, x = _double(Norms())
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
def fusing(fuse) -> str:
    """fuse(graph) -> a graph whose convolutions took over the additions and ReLUs behind them."""
    model = Sums()
    graph, x = _double(model)
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


def _right_lives(graph: Graph, reader: Any = max, results_stay: bool = True) -> dict:
    """The steps of every value: its maker's, and its last reader's or that of another `reader`."""
    results = {value.name for value in graph.outputs} if results_stay else set()
    found = {}
    for step, node in enumerate(graph.nodes):
        for name in node.outputs:
            readers = [k for k, other in enumerate(graph.nodes) if name in other.inputs]
            last = len(graph.nodes) if name in results else reader(readers, default=step)
            found[name] = step, last
    return found


@check
def living(lives) -> str:
    """lives(graph) -> {value: (step that makes it, last step that reads it)}."""
    graph, _ = _double(Sums())
    mine, right = lives(graph), _right_lives(graph)
    if not isinstance(mine, dict):
        raise No(f"it returns {mine!r:.40}, it should return a dict")
    outside = set(mine) - set(right)
    if outside:
        raise No(f"{min(outside)!r} is no value that a node makes: inputs and weights have others")
    if set(right) - set(mine):
        raise No(f"{min(set(right) - set(mine))!r} is missing")
    found = np.array([tuple(mine[name]) for name in right])
    compare(found, list(right.values()), "the table of steps", mistakes=[
        ("the last step is that of the first reader", list(_right_lives(graph, min).values())),
        ("the results die early: they are read after the last step, len(graph.nodes)",
         list(_right_lives(graph, results_stay=False).values())),
    ])  # fmt: skip
    return "every array lives from its maker to its last reader"


@check
def planning(plan) -> str:
    """plan(sizes, lives) -> {value: offset}, arrays of a time apart, in as little as greedily."""
    rng = np.random.default_rng(SEED)
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
def blocks(to_blocks) -> str:
    """to_blocks(x, lanes) -> (N, ceil(C / lanes), H, W, lanes), channels that lack are zeros."""
    rng = np.random.default_rng(SEED)
    for channels, lanes in ((8, 4), (6, 4), (3, 8)):
        x = rng.standard_normal((2, channels, 3, 5))
        count = -(-channels // lanes)
        padded = np.zeros((2, count * lanes, 3, 5))
        padded[:, :channels] = x
        parts = padded.reshape(2, count, lanes, 3, 5)
        right = parts.transpose(0, 1, 3, 4, 2)
        what = f"{channels} channels in blocks of {lanes}"
        mine = to_blocks(x.copy(), lanes)
        left = channels % lanes
        if left and mine is not None and np.shape(mine) == (2, channels // lanes, 3, 5, lanes):
            raise No(f"{what}: the last {left} channels are lost: round up")
        compare(mine, right, what, mistakes=[
            (f"{what}: the shape is right, but the axes were not moved: transpose",
             padded.reshape(right.shape)),
            (f"{what}: a block holds every {count}th channel, not neighbours",
             padded.reshape(2, lanes, count, 3, 5).transpose(0, 2, 3, 4, 1)),
            (f"{what}: the channels of a block come before its pixels: they come last", parts),
            (f"{what}: rows and columns are exchanged", right.swapaxes(2, 3)),
        ])  # fmt: skip
    return "channels in blocks, the channels of a block side by side"

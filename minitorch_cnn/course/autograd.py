"""Notebook 1: checks of a small autograd."""

import numpy as np

from ..autograd import Function, grad
from ..tensor import Tensor, tensor
from .answer import borrowing, check
from .compare import No, array, compare

SEED = 1


def through(Node, function, *parents):
    """A Node of a library's function of its parents' values, with the library's gradients."""
    leaves = [tensor(parent.value, requires_grad=True) for parent in parents]
    y = function(*leaves)

    def pull(leaf):
        return lambda g: array(grad(y, leaf, tensor(np.asarray(g)), retain_graph=True)[0])

    ways = [pull(leaf) for leaf in leaves]
    return Node(array(y), list(zip(parents, ways, strict=True)))


def collapsed(g, shape):
    """The library's gradient of an array of `shape` that was broadcast to the shape of g."""
    x = tensor(np.zeros(shape), requires_grad=True)
    return array(grad(x.expand(g.shape), x, tensor(g))[0])


def order_of_four(topological, Node, turned: bool):
    """The root of a graph of four nodes. Raises: No unless topological(root) is in order."""
    a = Node(2.0)
    b = Node(3.0, [(a, None)])
    c = Node(4.0, [(a, None), (b, None)])
    parents = [(b, None), (c, None)] if turned else [(c, None), (b, None)]
    root = Node(5.0, parents)
    names = {id(a): "a", id(b): "b", id(c): "c", id(root): "root"}
    of = f"root of {'b and c' if turned else 'c and b'}"
    graph = f"(the graph: b is made of a; c of a and b; {of})"
    found = list(topological(root))
    for node in found:
        if id(node) not in names:
            raise No(f"the list holds {type(node).__name__}, not only the nodes of the graph")
    missing = [name for key, name in names.items() if key not in {id(node) for node in found}]
    if missing:
        raise No(f"{', '.join(missing)} of four nodes are not in the list {graph}")
    listed = ", ".join(names[id(node)] for node in found)
    if len(found) != 4:
        raise No(f"a node that two others use is listed more than once: {listed} {graph}")
    if found[0] is a and found[-1] is root:
        raise No("the list is reversed: root comes first, then its parents")
    place = {id(node): i for i, node in enumerate(found)}
    for node in found:
        if any(place[id(parent)] < place[id(node)] for parent, _ in node.edges):
            raise No(f"a node is listed before one of its children: {listed} {graph}")
    return root


def order_of_many(topological, Node, seed) -> None:
    """Raises: No unless topological lists a random graph of 30 nodes in order."""
    rng, nodes = np.random.default_rng(seed), [Node(0.0)]
    for k in range(1, 30):
        used = {k - 1, *rng.integers(0, k, 2).tolist()}
        nodes.append(Node(float(k), [(nodes[i], None) for i in rng.permutation(sorted(used))]))
    place = {id(node): i for i, node in enumerate(topological(nodes[-1]))}
    if set(place) != {id(node) for node in nodes}:
        raise No(f"{len(place)} of 30 nodes of a random graph are in the list")
    late = sum(place[id(p)] < place[id(node)] for node in nodes for p, _ in node.edges)
    if late:
        raise No(f"in a random graph of 30 nodes {late} edges lead to a node listed earlier")


@check
def order(topological, Node, *, seed=SEED) -> str:
    """topological(root) -> a list of nodes, each before its parents."""
    order_of_four(topological, Node, turned=False)
    root = order_of_four(topological, Node, turned=True)
    order_of_many(topological, Node, seed)
    for _ in range(5000):
        root = Node(0.0, [(root, None)])
    try:
        found = list(topological(root))
    except RecursionError:
        raise No("a chain of 5,000 nodes is deeper than Python's stack: use a list") from None
    if len(found) != 5004:
        raise No(f"a third call lists {len(found):,} of 5,004 nodes: does the first leave state?")
    return "every node comes before what it was made of, in a chain of 5,000 too"


@check
def unbroadcast(function, *, seed=SEED) -> str:
    """unbroadcast(g, shape) -> an array of that shape, the gradient before broadcasting."""
    rng = np.random.default_rng(seed)
    for shape, into in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (4,)), ((1, 3), (5, 4, 3))]:
        g = rng.standard_normal(into)
        mine, right = np.asarray(function(g, shape)), collapsed(g, shape)
        which = f"from {into} to {shape}"
        if mine.shape == into != shape:
            raise No(f"{which} the result still has the shape {into}: nothing is summed")
        if mine.shape != shape and mine.shape == tuple(n for n in shape if n != 1):
            raise No(f"{which} an axis of length 1 is lost: it has to stay (keepdims)")
        if mine.shape != shape:
            raise No(f"{which} the result has the shape {mine.shape}")
        places = np.broadcast_to(np.arange(right.size).reshape(shape), into)
        first = g.ravel()[np.unique(places, return_index=True)[1]].reshape(shape)
        mistakes = [
            (
                f"{which} it is the mean of the gradients, not their sum",
                right * right.size / g.size,
            ),
            (f"{which} it takes the gradient of one copy: sum those of all", first),
        ]
        compare(mine, right, f"{which} the result", mistakes=mistakes)
    return "<g, broadcast(x)> = <unbroadcast(g), x> for four pairs of shapes"


@check
def product(mul, Node, *, seed=SEED) -> str:
    """mul(a, b) -> a Node of a * b, with an edge to a and one to b."""
    rng = np.random.default_rng(seed)
    for shapes in (((4, 3), (4, 3)), ((4, 3), (3,)), ((), (4, 1))):
        a, b = (Node(rng.standard_normal(shape)) for shape in shapes)
        with borrowing(mul, unbroadcast=collapsed):
            y = mul(a, b)
            if not isinstance(y, Node):
                raise No(f"it returns {type(y).__name__}, not a Node")
            compare(y.value, a.value * b.value, "the value")
            ways = {id(node): pull for node, pull in y.edges}
            if len(y.edges) != 2 or set(ways) != {id(a), id(b)}:
                raise No(f"its {len(y.edges)} edges do not lead to a and to b, one to each")
            g = rng.standard_normal(y.value.shape)
            mine = [array(ways[id(node)](g)) for node in (a, b)]
        right = [pull(g) for _, pull in through(Node, Tensor.__mul__, a, b).edges]
        for name, node, other, found, wanted in zip("ab", (a, b), (b, a), mine, right, strict=True):
            if found.shape == y.value.shape != node.value.shape:
                raise No(f"the gradient of {name} has the shape of a * b: {name} was broadcast")
            mistakes = [
                (f"is made with {name} itself: what is d(ab)/d{name}?", g * node.value),
                ("leaves g out: the chain rule multiplies by it", other.value + 0 * g),
                ("is g itself, which is that of a sum", g),
            ]
            mistakes = [
                (f"the gradient of {name} {reason}", collapsed(wrong, node.value.shape))
                for reason, wrong in mistakes
            ]
            compare(found, wanted, f"the gradient of {name}", mistakes=mistakes)
    return "the value, and the gradients of a and b, broadcast or not"


def expression(Node, seed) -> list:
    """x, w, b, u = x w, e = e^u, u e, u + b and y = u e + (u + b), by the library's operations."""
    rng = np.random.default_rng(seed)
    x, w, b = (Node(rng.standard_normal(s)) for s in ((4, 3), (3,), (4, 1)))
    u = through(Node, Tensor.__mul__, x, w)
    e = through(Node, Tensor.exp, u)
    ue, ub = through(Node, Tensor.__mul__, u, e), through(Node, Tensor.__add__, u, b)
    return [x, w, b, u, e, ue, ub, through(Node, Tensor.__add__, ue, ub)]


@check
def backward(function, Node, *, seed=SEED) -> str:
    """backward(root, cotangent) sets .grad; a diamond, arrays and broadcasting."""
    nodes = expression(Node, seed)
    x, w, b, u, y = *nodes[:4], nodes[-1]
    g = np.random.default_rng(seed + 1).standard_normal((4, 3))
    with borrowing(function, topological=lambda root: nodes[::-1]):
        function(y, g)
    if any(node.grad is None for node in (y, u, x, w, b)):
        raise No("a node has no .grad afterwards")
    ones = ("the gradient of the root is 1, not the cotangent", np.ones_like(g))
    compare(y.grad, g, "the gradient of the root", mistakes=[ones])
    v = u.value
    parts = [g * np.exp(v), g * v * np.exp(v), g]  # by u e^u as a factor, by e^u, by u + b
    gu = sum(parts)
    once = "has the gradient of one use only: sum them all (= instead of +=?)"
    used = "the gradient of a node that is used three times"
    compare(u.grad, gu, used, mistakes=[(f"{used} {once}", part) for part in parts])
    late = "the gradient of u was passed on before it was complete: in which order?"
    some = [*parts, parts[0] + parts[1], parts[0] + parts[2], parts[1] + parts[2]]
    wrong = [(late, part * w.value) for part in some]
    compare(x.grad, gu * w.value, "the gradient of x", mistakes=wrong)
    compare(w.grad, (gu * x.value).sum(0), "the gradient of w, which was broadcast over rows")
    compare(b.grad, g.sum(1, keepdims=True), "the gradient of b, which was broadcast over columns")
    with borrowing(function, topological=lambda root: nodes[::-1]):
        function(y, g)
    if not np.allclose(u.grad, gu) or not np.allclose(x.grad, gu * w.value):
        raise No("a second backward adds to the gradients of the first: grads start at None")
    return "a diamond, and two inputs that were broadcast"


class Edges(Function):
    """A Node among the library's tensors: its gradients are those of its edges."""

    @staticmethod
    def forward(ctx, node, *parents):
        ctx.node = node
        return tensor(node.value)

    @staticmethod
    def backward(ctx, g):
        return (None, *[tensor(pull(array(g))) for _, pull in ctx.node.edges])


def one_use_of_each(root, cotangent) -> None:
    """Set .grad by the library, in a graph in which every node is used once: the rest is cut."""
    made: dict = {}

    def copy(node):
        used = [made[id(p)][1].detach() if id(p) in made else copy(p) for p, _ in node.edges]
        cut = not any(parent.requires_grad for parent in used)
        y = tensor(node.value, requires_grad=True) if cut else Edges.apply(node, *used)
        y.retain_grad()
        made[id(node)] = node, y
        return y

    copy(root).backward(tensor(np.asarray(cotangent, float)))
    for node, y in made.values():
        node.grad = array(y.grad)


@check
def numeric(function, *, seed=SEED) -> str:
    """numeric_gradient(f, x, h) -> the derivative of a scalar f by each element of an array x."""
    rng = np.random.default_rng(seed)
    x, a, b = (rng.standard_normal((2, 3)) for _ in range(3))
    before, h = x.copy(), 1e-3
    s = (b * x).sum()

    def f(z):
        return float((a * z**3).sum() + (b * z).sum() ** 2)

    mine = function(f, x, h)
    if not np.array_equal(x, before):
        raise No("x has changed")
    right = 3 * a * x**2 + a * h**2 + 2 * b * s  # exact for this f and this h
    bent = h * (3 * a * x + b**2)
    ahead = right.ravel().cumsum().reshape(x.shape)
    moved = h * (np.cumsum(b).reshape(x.shape) - b)
    one_sided = "the error is of order h, not h^2: take both sides"
    stays = "an element is not restored before the next one moves"
    mistakes = [
        (one_sided, right + bent),
        (one_sided, right - bent),
        ("the difference is not divided by the distance, 2h", 2 * h * right),
        ("the difference is divided by 2 and not by h", h * right),
        ("it is twice the slope: x - h and x + h are two steps apart", 2 * right),
        (stays, ahead),
        (stays, right - 2 * b * moved),
        (stays, right + 2 * b * moved),
    ]
    compare(mine, right, "the slope of f", tolerance=1e-5, mistakes=mistakes)
    return "second order in h, and x is unchanged"


def slope_of_backward(forward, backward, cotangent, what, seed) -> str:
    """Compare <v, dy/dx u> with differences along a random direction u."""
    rng = np.random.default_rng(seed)
    x, u = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    v = cotangent(rng, x.shape)
    h = 1e-5
    slope = ((array(forward(x + h * u)) - array(forward(x - h * u))) * v).sum() / (2 * h)
    mine = (array(backward(v, x)) * u).sum()
    if abs(mine - slope) > 1e-5 * max(1.0, abs(slope)):
        raise No(f"with {what} the gradient says {mine:.4f}, the slope is {slope:.4f}")
    return f"with {what} gradient and slope agree: {mine:.4f} and {slope:.4f}"


@check
def with_ones(forward, backward, *, seed=SEED) -> str:
    """The gradient of the sum of all outputs."""
    what = "a cotangent of ones"
    return slope_of_backward(forward, backward, lambda rng, s: np.ones(s), what, seed)


@check
def with_random(forward, backward, *, seed=SEED) -> str:
    """The gradient of a random weighted sum of the outputs."""
    draw = np.random.Generator.standard_normal
    return slope_of_backward(forward, backward, draw, "a random cotangent", seed)

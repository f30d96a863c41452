"""Notebook 1: checks of a small autograd."""

import numpy as np

from .answer import check
from .compare import No, array, compare

SEED = 1


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


@check
def order(topological, Node) -> str:
    """topological(root) -> a list of nodes, each before its parents."""
    order_of_four(topological, Node, turned=False)
    root = order_of_four(topological, Node, turned=True)
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
def unbroadcast(function) -> str:
    """unbroadcast(g, shape) -> an array of that shape, the gradient before broadcasting."""
    rng = np.random.default_rng(SEED)
    for shape, into in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (4,)), ((1, 3), (5, 4, 3))]:
        g, x = rng.standard_normal(into), rng.standard_normal(shape)
        mine, front = np.asarray(function(g, shape)), len(into) - len(shape)
        stretched = tuple(front + i for i, n in enumerate(shape) if n == 1 != into[front + i])
        axes = (*range(front), *stretched)
        which = f"from {into} to {shape}"
        if mine.shape == into != shape:
            raise No(f"{which} the result still has the shape {into}: nothing is summed")
        if mine.shape != shape and mine.shape == g.sum(axes).shape:
            raise No(f"{which} an axis of length 1 is lost: it has to stay (keepdims)")
        if mine.shape != shape:
            raise No(f"{which} the result has the shape {mine.shape}")
        right = g.sum(axes).reshape(shape)
        first = g[tuple(0 if i in axes else slice(None) for i in range(g.ndim))].reshape(shape)
        mistakes = [
            (f"{which} it is the mean of the gradients, not their sum", g.mean(axes)),
            (f"{which} it takes the gradient of one copy: sum those of all", first),
        ]
        mistakes = [(reason, wrong.reshape(shape)) for reason, wrong in mistakes]
        compare(mine, right, f"{which} the result", mistakes=mistakes)
        if not np.isclose((mine * x).sum(), (g * np.broadcast_to(x, into)).sum()):
            raise No(f"{which} it is not the adjoint: <g, Bx> != <B'g, x>")
    return "<g, broadcast(x)> = <unbroadcast(g), x> for four pairs of shapes"


@check
def product(mul, Node) -> str:
    """mul(a, b) -> a Node of a * b, with an edge to a and one to b."""
    rng = np.random.default_rng(SEED)
    for shapes in (((4, 3), (4, 3)), ((4, 3), (3,)), ((), (4, 1))):
        a, b = (Node(rng.standard_normal(shape)) for shape in shapes)
        y = mul(a, b)
        if not isinstance(y, Node):
            raise No(f"it returns {type(y).__name__}, not a Node")
        compare(y.value, a.value * b.value, "the value")
        pulls = {id(node): pull for node, pull in y.edges}
        if len(y.edges) != 2 or set(pulls) != {id(a), id(b)}:
            raise No(f"its {len(y.edges)} edges do not lead to a and to b, one to each")
        g = rng.standard_normal(y.value.shape)
        for node, other, name in ((a, b, "a"), (b, a, "b")):
            full, mine = g * other.value, array(pulls[id(node)](g))
            spread = tuple(range(full.ndim - node.value.ndim)) + tuple(
                full.ndim - node.value.ndim + i for i, n in enumerate(node.value.shape) if n == 1
            )
            if mine.shape == full.shape != node.value.shape:
                raise No(f"the gradient of {name} has the shape of a * b: {name} was broadcast")
            right = full.sum(spread).reshape(node.value.shape)
            mistakes = [
                (f"is made with {name} itself: what is d(ab)/d{name}?", g * node.value),
                ("leaves g out: the chain rule multiplies by it", other.value + 0 * g),
                ("is g itself, which is that of a sum", g),
            ]
            mistakes = [
                (f"the gradient of {name} {reason}", wrong.sum(spread).reshape(node.value.shape))
                for reason, wrong in mistakes
            ]
            compare(mine, right, f"the gradient of {name}", mistakes=mistakes)
    return "the value, and the gradients of a and b, broadcast or not"


def expression(Node) -> tuple:
    """x, w, b, u and y = u e^u + (u + b) with u = x w, from the check's own operations."""

    def adjoint(g, shape):
        g = g.sum(tuple(range(g.ndim - len(shape))))
        return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)

    def times(p, q):
        pairs = [(p, q), (q, p)]
        return Node(
            p.value * q.value,
            [(a, lambda g, a=a, b=b: adjoint(g * b.value, a.value.shape)) for a, b in pairs],
        )

    def plus(p, q):
        edges = [(a, lambda g, a=a: adjoint(g, a.value.shape)) for a in (p, q)]
        return Node(p.value + q.value, edges)

    rng = np.random.default_rng(SEED)
    x, w, b = (Node(rng.standard_normal(s)) for s in ((4, 3), (3,), (4, 1)))
    u = times(x, w)
    e = np.exp(u.value)
    return x, w, b, u, plus(times(u, Node(e, [(u, lambda g: g * e)])), plus(u, b))


@check
def backward(function, Node) -> str:
    """backward(root, cotangent) sets .grad; a diamond, arrays and broadcasting."""
    x, w, b, u, y = expression(Node)
    g = np.random.default_rng(SEED + 1).standard_normal((4, 3))
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
    function(y, g)
    if not np.allclose(u.grad, gu) or not np.allclose(x.grad, gu * w.value):
        raise No("a second backward adds to the gradients of the first: grads start at None")
    return "a diamond, and two inputs that were broadcast"


@check
def numeric(function) -> str:
    """numeric_gradient(f, x, h) -> the derivative of a scalar f by each element of an array x."""
    rng = np.random.default_rng(SEED)
    x, a, b = (rng.standard_normal((2, 3)) for _ in range(3))
    before, h = x.copy(), 1e-3

    def f(z):
        return float((a * z**3).sum() + (b * z).sum() ** 2)

    def slopes(up, down, back=True, one=False):
        """(f(x + up h) - f(x - down h)) / (up + down) h, or without restoring elements."""
        found, above, below = np.zeros_like(x), x.copy(), x.copy()
        for i in np.ndindex(x.shape):
            old = x[i]
            above[i] = old + up * h
            first = f(above)
            if one:
                above[i] = old - down * h
            below[i] = old - down * h
            found[i] = (first - f(above if one else below)) / ((up + down) * h)
            if back:
                above[i] = below[i] = old
        return found

    mine = function(f, x, h)
    if not np.array_equal(x, before):
        raise No("x has changed")
    right = 3 * a * x**2 + a * h**2 + 2 * b * (b * x).sum()
    one_sided = "the error is of order h, not h^2: take both sides"
    stays = "an element is not restored before the next one moves"
    mistakes = [
        (one_sided, slopes(1, 0)),
        (one_sided, slopes(0, 1)),
        ("the difference is not divided by the distance, 2h", 2 * h * right),
        ("the difference is divided by 2 and not by h", h * right),
        ("it is twice the slope: x - h and x + h are two steps apart", 2 * right),
        (stays, slopes(1, 1, back=False)),
        (stays, slopes(1, 1, back=False, one=True)),
    ]
    compare(mine, right, "the slope of f", tolerance=1e-5, mistakes=mistakes)
    return "second order in h, and x is unchanged"


def slope_of_backward(forward, backward, cotangent, what) -> str:
    """Compare <v, dy/dx u> with differences along a random direction u."""
    rng = np.random.default_rng(SEED)
    x, u = rng.standard_normal((8, 3)), rng.standard_normal((8, 3))
    v = cotangent(rng, x.shape)
    h = 1e-5
    slope = ((array(forward(x + h * u)) - array(forward(x - h * u))) * v).sum() / (2 * h)
    mine = (array(backward(v, x)) * u).sum()
    if abs(mine - slope) > 1e-5 * max(1.0, abs(slope)):
        raise No(f"with {what} the gradient says {mine:.4f}, the slope is {slope:.4f}")
    return f"with {what} gradient and slope agree: {mine:.4f} and {slope:.4f}"


@check
def with_ones(forward, backward) -> str:
    """The gradient of the sum of all outputs."""
    return slope_of_backward(forward, backward, lambda rng, s: np.ones(s), "a cotangent of ones")


@check
def with_random(forward, backward) -> str:
    """The gradient of a random weighted sum of the outputs."""
    draw = np.random.Generator.standard_normal
    return slope_of_backward(forward, backward, draw, "a random cotangent")

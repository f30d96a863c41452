"""Notebook 1: checks of a small automatic differentiation."""

import numpy as np

from .answer import No, array, check, compare

SEED = 1


@check
def order(topological, Node) -> str:
    """topological(root) lists nodes, each before those it was made of."""
    a = Node(2.0)
    b = Node(3.0, [(a, None)])
    c = Node(4.0, [(a, None), (b, None)])
    root = Node(5.0, [(c, None), (b, None)])
    found = list(topological(root))
    if {id(node) for node in found} != {id(node) for node in (a, b, c, root)}:
        raise No("the list does not hold the four nodes of a graph of four nodes")
    if len(found) != 4:
        raise No("a node that two others use is listed more than once")
    place = {id(node): i for i, node in enumerate(found)}
    for node in found:
        for parent, _ in node.edges:
            if place[id(parent)] < place[id(node)]:
                raise No("a node is listed before one that was made of it")
    for _ in range(5000):
        root = Node(0.0, [(root, None)])
    try:
        found = list(topological(root))
    except RecursionError:
        raise No("a chain of 5,000 nodes is deeper than Python's stack: use a list") from None
    return "every node comes before what it was made of, in a chain of 5,000 too"


@check
def unbroadcast(function) -> str:
    """function(g, shape) is the adjoint of broadcasting from shape to g's."""
    rng = np.random.default_rng(SEED)
    for shape, into in [((3,), (2, 3)), ((2, 1), (2, 3)), ((), (4,)), ((1, 3), (5, 4, 3))]:
        g, x = rng.standard_normal(into), rng.standard_normal(shape)
        mine = np.asarray(function(g, shape))
        if mine.shape != shape:
            raise No(f"from {into} to {shape} the result has the shape {mine.shape}")
        if not np.isclose((mine * x).sum(), (g * np.broadcast_to(x, into)).sum()):
            raise No(f"from {into} to {shape} it is not the adjoint: <g, Bx> != <B'g, x>")
    return "<g, broadcast(x)> = <unbroadcast(g), x> for four pairs of shapes"


@check
def gradients(backward, mul, add, exp, Node) -> str:
    """backward(root, cotangent) fills in .grad; a diamond, arrays and broadcasting."""
    rng = np.random.default_rng(SEED)
    x, w, b = (Node(rng.standard_normal(s)) for s in ((4, 3), (3,), (4, 1)))
    u = mul(x, w)
    y = add(mul(u, exp(u)), add(u, b))
    g = rng.standard_normal((4, 3))
    backward(y, g)
    v = x.value * w.value
    gu = g * (np.exp(v) * (1 + v) + 1)
    compare(u.grad, gu, "the gradient of a node that is used three times")
    compare(x.grad, gu * w.value, "the gradient of x")
    compare(w.grad, (gu * x.value).sum(0), "the gradient of w, which was broadcast over rows")
    compare(b.grad, g.sum(1, keepdims=True), "the gradient of b, which was broadcast over columns")
    return "a diamond, and two inputs that were broadcast"


@check
def numeric(function) -> str:
    """function(f, x, h): central differences of a scalar f at an array x."""
    rng = np.random.default_rng(SEED)
    x, a = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    before = x.copy()
    mine = function(lambda z: float((a * z**3).sum()), x, 1e-3)
    if not np.array_equal(x, before):
        raise No("x is not what it was before")
    compare(mine, 3 * a * x**2, "the slope of sum(a x^3)", tolerance=1e-2)
    error = np.abs(np.asarray(mine) - 3 * a * x**2)
    if np.any(error > 1e-5):
        raise No("the error is of the order of h, not of h^2: look to both sides")
    return "second order in h, and x is left as it was"


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

"""The answers of notebook 1's checks to common mistakes, and to correct variants."""

import numpy as np
import pytest

from minitorch_cnn.course import autograd as check
from minitorch_cnn.course.broken import autograd as broken


class Node:
    def __init__(self, value, edges=()):
        self.value = np.asarray(value, dtype=float)
        self.edges = list(edges)
        self.grad = None


def walk(root):
    """By counting how many children of a node are still to come."""
    waiting, found = {}, [root]
    stack, seen = [root], {id(root)}
    while stack:
        for parent, _ in stack.pop().edges:
            waiting[id(parent)] = waiting.get(id(parent), 0) + 1
            if id(parent) not in seen:
                seen.add(id(parent))
                stack.append(parent)
    for node in found:
        for parent, _ in node.edges:
            waiting[id(parent)] -= 1
            if not waiting[id(parent)]:
                found.append(parent)
    return found


def recursive(root):
    done, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent, _ in node.edges:
                visit(parent)
            done.append(node)

    visit(root)
    return done[::-1]


def breadth_first(root):
    found = [root]
    for node in found:
        found += [parent for parent, _ in node.edges if parent not in found]
    return found


def repeating(root):
    found = [root]
    for node in found:
        found += [parent for parent, _ in node.edges]
    return found[:50]


LEFT = []


def keeping(root):
    if len(LEFT) > 4:
        return LEFT + walk(root)
    LEFT.extend(walk(root))
    return LEFT


@pytest.mark.parametrize(
    "mistake, said",
    [
        (recursive, "a chain of 5,000 nodes is deeper than Python's stack"),
        (lambda root: walk(root)[::-1], "the list is reversed"),
        (breadth_first, "a node is listed before one of its children: root, b, c, a"),
        (repeating, "is listed more than once: root, c, b, a, b"),
        (lambda root: walk(root)[1:], "root of four nodes are not in the list"),
        (lambda root: walk(root)[:-1], "a of four nodes are not in the list"),
        (lambda root: [node.value for node in walk(root)], "the list holds"),
    ],
)
def test_topological(answer, mistake, said):
    assert said in answer(check.order, mistake, Node)
    assert answer(check.order, walk, Node).startswith("yes")


def test_a_recursion_is_answered_in_a_line_whatever_the_graph(answer):
    assert len(answer(check.order, recursive, Node)) < 200


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for i, n in enumerate(shape):
        if n == 1:
            g = g.sum(i, keepdims=True)
    return g


@pytest.mark.parametrize(
    "mistake, said",
    [
        (lambda g, shape: g, "nothing is summed"),
        (lambda g, shape: np.broadcast_to(unbroadcast(g, shape) / g.size, shape), "from (2, 3)"),
        (lambda g, shape: g.mean(0).reshape(3) if shape == (3,) else g, "the mean of the"),
        (lambda g, shape: unbroadcast(g, shape).squeeze(), "an axis of length 1 is lost"),
        (lambda g, shape: g[0], "takes the gradient of one copy"),
        (lambda g, shape: -unbroadcast(g, shape), "has the wrong sign"),
        (lambda g, shape: g.sum(), "has the shape ()"),
    ],
)
def test_unbroadcast(answer, mistake, said):
    assert said in answer(check.unbroadcast, mistake)
    assert answer(check.unbroadcast, unbroadcast).startswith("yes")


def of_pulls(a_pull, b_pull, value=np.multiply):
    """A product with other ways back; each pull(g, own, other)."""

    def mul(a, b):
        def way(pull, own, other):
            return lambda g: unbroadcast(pull(g, own.value, other.value), own.value.shape)

        edges = [(a, way(a_pull, a, b)), (b, way(b_pull, b, a))]
        return Node(value(a.value, b.value), edges)

    return mul


def right(g, own, other):
    return g * other


@pytest.mark.parametrize(
    "mistake, said",
    [
        (broken.swapped_product, "is made with a itself"),
        (of_pulls(right, lambda g, own, other: g * own), "of b is made with b itself"),
        (of_pulls(lambda g, own, other: other + 0 * g, right), "leaves g out"),
        (of_pulls(right, lambda g, own, other: g), "is g itself, which is that of a sum"),
        (of_pulls(lambda g, own, other: -g * other, right), "of a has the wrong sign"),
        (of_pulls(right, right, np.add), "the value is wrong"),
        (lambda a, b: a.value * b.value, "not a Node"),
        (lambda a, b: Node(a.value * b.value), "its 0 edges do not lead to a and to b"),
        (
            lambda a, b: Node(
                a.value * b.value, [(a, lambda g: g * b.value), (b, lambda g: g * a.value)]
            ),
            "of b has the shape of a * b: b was broadcast",
        ),
    ],
)
def test_product(answer, mistake, said):
    assert said in answer(check.product, mistake, Node)
    mul = of_pulls(right, right)
    assert answer(check.product, mul, Node).startswith("yes")

    def turned(a, b):
        y = mul(a, b)
        return Node(y.value, y.edges[::-1])

    assert answer(check.product, turned, Node).startswith("yes")


def backward(root, cotangent, order=walk, reset=True, start=None, add=True):
    nodes = order(root)
    if reset:
        for node in nodes:
            node.grad = None
    root.grad = np.array(cotangent, float) if start is None else start(cotangent)
    for node in nodes:
        for parent, pull in node.edges:
            g = pull(node.grad)
            parent.grad = parent.grad + g if add and parent.grad is not None else g


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"add": False}, "has the gradient of one use only: sum them all (= instead of +="),
        ({"reset": False}, "a second backward adds to the gradients of the first"),
        ({"start": np.ones_like}, "the gradient of the root is 1, not the cotangent"),
        ({"start": np.negative}, "the gradient of the root has the wrong sign"),
        ({"order": breadth_first}, "was passed on before it was complete: in which order"),
        ({"order": lambda root: walk(root)[:2]}, "a node has no .grad afterwards"),
    ],
)
def test_backward(answer, settings, said):
    def mistake(root, cotangent):
        backward(root, cotangent, **settings)

    assert said in answer(check.backward, mistake, Node)
    assert answer(check.backward, backward, Node).startswith("yes")


def test_a_planted_walk_needs_nothing_that_students_write(answer):
    assert "one use only" in answer(check.backward, broken.forgetful_backward, Node)


def numeric(f, x, h, up=1, down=1, over=lambda h: 2 * h, back=True):
    slope, moved = np.zeros_like(x), x.copy()
    for i in range(x.size):
        old = moved.flat[i]
        moved.flat[i] = old + up * h
        above = f(moved)
        moved.flat[i] = old - down * h
        slope.flat[i] = (above - f(moved)) / over(h)
        if back:
            moved.flat[i] = old
    return slope


def in_place(f, x, h):
    for i in np.ndindex(x.shape):
        x[i] += h
    return numeric(f, x, h)


@pytest.mark.parametrize(
    "mistake, said",
    [
        (lambda f, x, h: numeric(f, x, h, down=0, over=lambda h: h), "the error is of order h"),
        (lambda f, x, h: numeric(f, x, h, up=0, over=lambda h: h), "the error is of order h"),
        (lambda f, x, h: numeric(f, x, h, over=lambda h: h), "it is twice the slope"),
        (lambda f, x, h: numeric(f, x, h, over=lambda h: 1), "is not divided by the distance"),
        (lambda f, x, h: numeric(f, x, h, over=lambda h: 2), "is divided by 2 and not by h"),
        (lambda f, x, h: -numeric(f, x, h), "has the wrong sign"),
        (lambda f, x, h: numeric(f, x, h).T, "the axes are in another order"),
        (lambda f, x, h: numeric(f, x, h).ravel(), "has shape (6,)"),
        (in_place, "x has changed"),
        (lambda f, x, h: numeric(f, x, h, back=False), "an element is not restored before the"),
    ],
)
def test_numeric_gradient(answer, mistake, said):
    assert said in answer(check.numeric, mistake)
    assert answer(check.numeric, numeric).startswith("yes")


def test_an_element_that_stays_moved_is_told(answer):
    def mistake(f, x, h):
        up, down, slope = x.copy(), x.copy(), np.zeros_like(x)
        for i in np.ndindex(x.shape):
            up[i] += h
            down[i] -= h
            slope[i] = (f(up) - f(down)) / 2 / h
        return slope

    assert "an element is not restored before the next one moves" in answer(check.numeric, mistake)


def test_a_cotangent_of_ones_sees_less_than_a_random_one(answer):
    def normalise(x):
        return (x - x.mean(0)) / x.std(0)

    def half(gy, x):
        return (gy - gy.mean(0)) / x.std(0)

    assert answer(check.with_ones, normalise, half).startswith("yes")
    assert answer(check.with_random, normalise, half).startswith("no: with a random cotangent")

"""Notebook 1: a backward and a product with bugs."""

import numpy as np


def forgetful_backward(root, cotangent) -> None:
    """The gradient of a second use replaces that of the first."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.edges)
    root.grad = np.asarray(cotangent, dtype=float)
    for node in order[::-1]:
        for parent, pull in node.edges:
            parent.grad = pull(node.grad)


def swapped_product(a, b):
    """A product that multiplies a's gradient by a instead of b."""
    node = type(a)
    return node(a.value * b.value, [(a, lambda g: g * a.value), (b, lambda g: g * b.value)])

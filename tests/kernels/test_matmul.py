"""Matrix products: results do not depend on threads, and BLAS gets its threads back."""

import ast
import math
import os
import sys
import threading

import numpy as np
import pytest
import threadpoolctl

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.kernels import set_num_threads
from minitorch_cnn.kernels.matmul import _libraries, matmul, one_blas_thread
from tests.interpreter import ROOT

matmul_module = sys.modules[matmul.__module__]

rng = np.random.default_rng(5)
SHAPES = [(3, 4, 5), (64, 400, 120), (300, 200, 500), (700, 300, 11), (4, 3000, 900), (0, 5, 900)]


def matrices(m, k, n, dtype):
    return (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_and_views_are_multiplied(shape, dtype):
    a, b = matrices(*shape, dtype)
    turned = np.asfortranarray(b)
    expected = np.einsum("mk,kn->mn", a.astype(np.float64), b.astype(np.float64))
    atol = (1e-4 if dtype == np.float32 else 1e-11) * max(1.0, np.abs(expected).max(initial=0))
    for right in (b, turned, np.repeat(b, 2, axis=1)[:, ::2]):
        y = matmul(a, right)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=0, atol=atol)


STACKS = [  # of many small products, of a few large ones, of one; broadcast on either side
    ((3, 1, 2, 4), (5, 4, 6)),
    ((2, 300, 20, 30), (300, 30, 40)),
    ((64, 72), (40, 1, 72, 100)),
    ((3, 150, 160), (160, 200)),
    ((1, 200, 100), (1, 100, 300)),
    ((0, 200, 100), (1, 100, 300)),
    ((0, 2, 300, 100), (2, 100, 300)),
    ((2, 3, 0), (2, 0, 4)),
    ((70, 1, 100), (70, 100, 400)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shapes", STACKS, ids=str)
def test_leading_axes_are_broadcast_and_out_receives_the_result(shapes, dtype):
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64))
    y, out = matmul(a, b), np.full(expected.shape, np.nan, dtype)
    assert y.dtype == dtype and y.shape == expected.shape
    assert matmul(a, b, out=out) is out
    turned = matmul(a.swapaxes(-1, -2).copy().swapaxes(-1, -2), b)
    atol = (1e-5 if dtype == np.float32 else 1e-13) * max(1.0, np.abs(expected).max(initial=0))
    for found in (y, out, turned):
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("shapes", [((300, 200), (200, 500)), ((4, 3000), (3000, 900)), *STACKS])
def test_results_are_bitwise_independent_of_the_number_of_threads(shapes):
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    found = []
    for count in (1, 2, 5):
        set_num_threads(count)
        found.append(matmul(a, b))
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


@pytest.fixture
def products(monkeypatch):
    """(multiply-adds, threads of BLAS) of every product that NumPy computes, with three threads.

    Products that BLAS computes on one thread by itself are excluded.
    """
    seen = []

    product = np.matmul

    def watched(a, b, **settings):
        macs = math.prod(a.shape[-2:]) * b.shape[-1]
        if macs > (2**13 if 1 in (a.shape[-2], b.shape[-1]) else 2**18):
            seen.append((macs, {library.num_threads for library in _libraries()}))
        return product(a, b, **settings)

    monkeypatch.setattr(np, "matmul", watched)
    with threadpoolctl.threadpool_limits(3, "blas"):
        yield seen
        assert {library.num_threads for library in _libraries()} == {3}


def assert_held(products):
    assert products and all(counts == {1} for _, counts in products), products


@pytest.mark.parametrize(
    "shapes",
    [
        ((300, 200), (200, 300)),
        ((1, 400), (400, 90)),
        ((400, 90), (90, 1)),
        ((5, 200, 90), (90, 100)),
        ((2, 1, 600), (2, 600, 30)),
    ],
    ids=str,
)
def test_blas_has_one_thread_within_and_its_previous_number_after(products, shapes):
    matmul(*(rng.standard_normal(shape) for shape in shapes))
    assert_held(products)


def test_any_thread_can_limit_blas(products):
    done = threading.Event()

    def first():
        matmul(np.ones((300, 200)), np.ones((200, 300)))
        begun.set()
        done.wait(10)  # lives on, as the thread of a data loader does

    begun = threading.Event()
    other = threading.Thread(target=first)
    other.start()
    assert begun.wait(10)
    matmul(np.ones((300, 200)), np.ones((200, 300)))
    done.set()
    other.join()
    assert_held(products)


def test_blas_has_its_previous_number_of_threads_after_an_error(products):
    with pytest.raises(ValueError, match="matmul"):
        matmul(np.ones((300, 200)), np.ones((201, 300)))


def test_a_net_in_numpy_leaves_blas_one_thread(products):
    mt.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 1), nn.Conv2d(32, 32, 3, groups=2), nn.Flatten(),
        nn.Linear(32 * 12 * 12, 10),
    )  # fmt: skip
    optimizer = mt.optim.LARS(net.parameters(), lr=0.1)
    with mt.kernels.use("numpy"):
        for batch in (1, 5):
            net(mt.randn(batch, 3, 16, 16)).sum().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
    (mt.randn(3, 100, 80) @ mt.randn(3, 80, 90)).sum()
    assert_held(products)


def test_only_matmul_calls_the_products_of_numpy():
    names = {f"np.{name}" for name in ("matmul", "dot", "vdot", "inner", "tensordot")}
    found = set()
    for tree in (ROOT / "kernels", ROOT / "minitorch_cnn"):
        for path in tree.rglob("*.py"):
            if "course" in path.parts:
                continue  # what students write there is NumPy's
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called in names:
                    found.add(path.relative_to(ROOT).as_posix())
    assert found == {"kernels/matmul.py", "minitorch_cnn/analysis/roofline.py"}  # measures BLAS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_within_a_product_has_the_previous_number_of_threads():
    with threadpoolctl.threadpool_limits(3, "blas"), one_blas_thread(), matmul_module._lock:
        child = os.fork()
        if child == 0:
            os._exit(7 if {library.num_threads for library in _libraries()} == {3} else 8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

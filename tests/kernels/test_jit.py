"""Kernels with and without Numba."""

import os
import shutil
import sys
import warnings
from types import ModuleType

import pytest

from minitorch_cnn.kernels import jit
from tests.interpreter import ROOT, python

STEP = """if True:
    import sys
    {before}
    import minitorch_cnn as mt
    from minitorch_cnn import nn
    from minitorch_cnn.nn import functional as F

    mt.manual_seed(0)
    {after}
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.LocalResponseNorm(3),
        nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=8), nn.ReLU(), nn.Upsample(scale_factor=2,
        mode="bilinear"), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    )
    optimizer = mt.optim.Adam(net.parameters())
    x, target = mt.randn(4, 3, 64, 64), mt.tensor([1, 2, 3, 4])
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
    print(loss.item())
"""


def test_without_numba_a_net_learns_on_numpy_and_says_once_that_it_is_slow(tmp_path):
    # An entry of None makes Python take the module for one that is not there.
    absent = STEP.format(
        before='sys.modules["numba"] = None',
        after="mt.kernels.dispatch.PATIENCE = 0",
    )
    asked = STEP.format(before="", after='(kept := mt.kernels.use("numpy")).__enter__()')
    without, numpy = (python(code, tmp_path, ROOT).split("\n") for code in (absent, asked))
    assert float(without[0]) == pytest.approx(float(numpy[0]), rel=1e-4)
    assert without[1:] == [
        "minitorch_cnn: Numba is not installed, so this runs more slowly "
        "(pip install numba)",
        "",
    ]


SLOPE = """if True:
    import numpy as np
    from minitorch_cnn.kernels import prelu, use
    x = -np.ones((1, 1, 3), np.float32)
    with use("numba"):
        print(prelu.prelu_backward(x, x, x[0, 0, :1]).gw[0])
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the package with one kernel compiled, and where the tests make others."""
    pytest.importorskip("numba")
    folder = tmp_path_factory.mktemp("checkout")
    for tree in ("kernels", "minitorch_cnn"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / tree, folder / tree, symlinks=True, ignore=ignored)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NUMBA_CACHE_DIR", raising=False)  # compiled kernels lie beside the sources
        assert python(SLOPE, folder, folder).split("\n")[0] == "3.0"
        yield folder


def copied(checkout, tmp_path):
    """Another checkout with the same contents, written at another time."""
    for tree in ("kernels", "minitorch_cnn"):
        copy = shutil.copyfile
        shutil.copytree(checkout / tree, tmp_path / tree, symlinks=True, copy_function=copy)
    return tmp_path


def test_a_checkout_can_take_over_the_compiled_kernels_of_another(checkout, tmp_path):
    other = copied(checkout, tmp_path)
    hits = "print(sum(prelu.compiled._backward.stats.cache_hits.values()))"
    assert python(f"{SLOPE}    {hits}", other, other).split() == ["3.0", "1"]


def test_a_kernel_is_recompiled_after_an_edit_of_a_kernel_that_it_calls(checkout, tmp_path):
    other = copied(checkout, tmp_path)
    called = other / "kernels" / "sums.py"
    source = called.read_text()
    called.write_text(source.replace("return total + term", "return total + 2 * term"))
    assert python(SLOPE, other, other).split("\n")[0] == "6.0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_while_another_thread_compiles_can_compile(tmp_path):
    pytest.importorskip("numba")
    code = """if True:
        import os, signal, threading
        from numba.core.compiler_lock import global_compiler_lock
        from minitorch_cnn.kernels.jit import kernel

        double = kernel(lambda x: 2 * x)
        begun = threading.Event()

        def compile():
            with global_compiler_lock:
                begun.set()
                threading.Event().wait(0.3)

        threading.Thread(target=compile).start()
        begun.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(7 if double(2.5) == 5 else 8)
        assert double(1.5) == 3
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert python(code, tmp_path).split() == ["7"]


@pytest.mark.parametrize("limited", [True, False])
def test_with_limited_memory_the_gradients_kernels_are_loaded_with_the_forward(tmp_path, limited):
    pytest.importorskip("numba")
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "RLIMIT_AS"):
        pytest.skip("needs RLIMIT_AS")
    limit = 2**43 if limited else resource.RLIM_INFINITY
    run = """if True:
        import resource
        import numpy as np
        from minitorch_cnn.kernels import prelu, use
        resource.setrlimit(resource.RLIMIT_AS, ({limit}, -1))
        x = np.ones((1, 1, 3), np.float32)
        with use("numba"):
            prelu.prelu_forward(x, x[0, 0, :1])
            {backward}
        from minitorch_cnn.kernels.prelu.compiled import _backward
        print(sum(_backward.stats.cache_hits.values()))
    """
    grad = "prelu.prelu_backward(x, x, x[0, 0, :1])"
    python(run.format(limit=-1, backward=grad), tmp_path)  # compiles them, or finds them
    found = python(run.format(limit=limit, backward=""), tmp_path)
    assert found.split() == ["1" if limited else "0"]


@pytest.mark.parametrize("error", [None, AttributeError("numpy has no row_stack"), OSError("nvvm")])
def test_numba_cuda_counts_as_available_only_if_it_compiles_a_kernel(error, monkeypatch):
    def compiling(signature):
        def compiled(function):
            warnings.warn("row_stack is deprecated", DeprecationWarning, stacklevel=1)
            if error is not None:
                raise error

        return compiled

    cuda = ModuleType("numba.cuda")
    cuda.jit = compiling
    monkeypatch.setattr(jit, "is_installed", lambda name: name == "numba_cuda")
    monkeypatch.setitem(sys.modules, "numba.cuda", cuda)
    monkeypatch.setattr("numba.cuda", cuda, raising=False)
    assert jit.has_numba_cuda.__wrapped__() == (error is None)

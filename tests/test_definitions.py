"""Editors follow the calls of the README's journey: "go to definition" leads to the arithmetic."""

import importlib

import pytest

from tests.interpreter import ROOT

JOURNEY = [  # a file, a text in it, the name to ask for, where its definition is
    ("minitorch_cnn/functional/conv.py", "Conv2d.apply", "Conv2d",
     "minitorch_cnn/functional/conv.py"),
    ("minitorch_cnn/functional/conv.py", "y = conv2d_forward(", "conv2d_forward",
     "kernels/conv2d/__init__.py"),
    ("minitorch_cnn/functional/conv.py", "Conv2dWeightGrad.apply", "Conv2dWeightGrad",
     "minitorch_cnn/functional/conv.py"),
    ("minitorch_cnn/functional/conv.py", "return conv2d_weight_grad(", "conv2d_weight_grad",
     "kernels/conv2d/__init__.py"),
    ("minitorch_cnn/autograd/grad.py", "run_backward(tensors", "run_backward",
     "minitorch_cnn/autograd/engine.py"),
    ("kernels/conv2d/__init__.py", "OPERATOR.choose(", "choose", "kernels/dispatch.py"),
    ("kernels/conv2d/im2col.py", "matmul(", "matmul", "kernels/matmul.py"),
]  # fmt: skip


@pytest.fixture(scope="module")
def project():
    jedi = pytest.importorskip("jedi")
    return jedi.Project(ROOT)


def definition(project, code: str, path, at: int) -> str:
    """The file that defines the name which stands at a character of the code."""
    import jedi

    line, column = code.count("\n", 0, at) + 1, at - (code.rfind("\n", 0, at) + 1)
    script = jedi.Script(code, path=path, project=project)
    (found,) = script.goto(line, column, follow_imports=True)
    return found.module_path.resolve().relative_to(ROOT).as_posix()


@pytest.mark.parametrize("file, text, name, expected", JOURNEY)
def test_each_call_of_the_journey_leads_to_its_definition(project, file, text, name, expected):
    code = (ROOT / file).read_text(encoding="utf-8")
    at = code.index(text) + text.index(name)
    assert definition(project, code, ROOT / file, at) == expected


@pytest.mark.parametrize(
    "operator, call",
    [
        ("conv2d", "conv2d_forward"),
        ("conv2d", "conv2d_weight_grad"),
        ("pool2d", "max_pool2d_forward"),
        ("batch_norm", "batch_norm_statistics"),
        ("optimizer", "sgd_step"),
    ],
)
def test_a_call_of_the_chosen_implementation_leads_to_all_of_them(project, operator, call):
    jedi = pytest.importorskip("jedi")
    path = ROOT / "kernels" / operator / "__init__.py"
    code = path.read_text(encoding="utf-8")
    at = code.rindex(f".{call}(") + 1
    line, column = code.count("\n", 0, at) + 1, at - (code.rfind("\n", 0, at) + 1)
    found = jedi.Script(code, path=path, project=project).goto(line, column, follow_imports=True)
    stems = {d.module_path.relative_to(path.parent).parts[0].removesuffix(".py") for d in found}
    module = importlib.import_module(f"minitorch_cnn.kernels.{operator}")
    here = {n for n in module.OPERATOR.implementations if n not in ("cuda", "numba_cuda")}
    assert "loops" in stems and len(stems) >= len(here) - 1  # emulator and cuda are one module


@pytest.mark.parametrize(
    "code, expected",
    [
        ("import minitorch_cnn.nn.functional as F\nF.conv2d", "minitorch_cnn/functional/conv.py"),
        ("import minitorch_cnn as mt\nmt.nn.Conv2d", "minitorch_cnn/nn/conv.py"),
        ("import minitorch_cnn as mt\nmt.zeros(2).sum", "minitorch_cnn/tensor/methods.py"),
        ("from minitorch_cnn.kernels import conv2d", "kernels/conv2d/__init__.py"),
    ],
)
def test_public_names_lead_to_their_definitions(project, code, expected):
    assert definition(project, code, ROOT / "example.py", len(code) - 1) == expected

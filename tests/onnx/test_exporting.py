"""mt.onnx.export: files that the onnx package accepts and ONNX Runtime computes as our models."""

import io

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import functional as F
from tests.onnx.files import onnx


def exported(model, args, **settings):
    file = io.BytesIO()
    mt.onnx.export(model, args, file, **settings)
    return file.getvalue()


def runtime(data, *arrays):
    """The results by ONNX Runtime."""
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def agrees(model, x, data):
    """Whether ONNX Runtime and our own reading give the model's results, to 1e-4 of the largest."""
    model.eval()
    with mt.no_grad():
        wanted = model(x)
        back = mt.onnx.load(io.BytesIO(data))(x)
    wanted, back = (y if isinstance(y, tuple) else (y,) for y in (wanted, back))
    found = runtime(data, x.numpy())
    for y, z, t in zip(wanted, back, found, strict=True):
        most = max(abs(y.numpy()).max(), 1e-6)
        np.testing.assert_allclose(z.numpy() / most, y.numpy() / most, atol=1e-4)
        np.testing.assert_allclose(t / most, y.numpy() / most, atol=1e-4)


class Activations(nn.Module):
    """Layers whose operators came late, or changed, in ONNX."""

    def __init__(self):
        super().__init__()
        self.norm, self.groups = nn.LayerNorm(6), nn.GroupNorm(2, 4)
        self.conv = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
        with mt.no_grad():
            self.groups.weight.copy_(mt.tensor([1.0, 2.0, 3.0, 4.0]))

    def forward(self, x):
        y = self.groups(self.conv(x))
        y = F.gelu(y) + F.gelu(y, approximate="tanh") + F.hardswish(y) + F.mish(y)
        a, b = y.chunk(2, 1)
        y = F.pad(self.norm(a * b), (1, 2)) - y.mean((2, 3), keepdim=True).amax(1, keepdim=True)
        return y.sum(-1), F.interpolate(y, scale_factor=2, mode="bilinear")


@pytest.mark.parametrize("opset", [13, 14, 15, 16, 17, 18, 19, 20, 21, 22])
def test_every_opset_says_the_same(opset):
    mt.manual_seed(0)
    model, x = Activations(), mt.randn(2, 3, 6, 6)
    data = exported(model, x, opset_version=opset)
    assert onnx.ModelProto.FromString(data).opset_import[0].version == opset
    agrees(model, x, data)


def test_axes_are_fixed_unless_they_are_named():
    model, x = mt.models.create_model("lenet5"), mt.zeros(2, 1, 32, 32)
    fixed = onnx.ModelProto.FromString(exported(model, x))
    assert [d.dim_value for d in fixed.graph.input[0].type.tensor_type.shape.dim] == [2, 1, 32, 32]
    assert [d.dim_value for d in fixed.graph.output[0].type.tensor_type.shape.dim] == [2, 10]
    for axes in ({0: "images"}, [0]):
        settings = {"input_names": ["img"], "output_names": ["logits"]}
        data = exported(model, x, dynamic_axes={"img": axes}, **settings)
        graph = onnx.ModelProto.FromString(data).graph
        assert (graph.input[0].name, graph.output[0].name) == ("img", "logits")
        batch = graph.input[0].type.tensor_type.shape.dim[0].dim_param
        assert batch == ("images" if isinstance(axes, dict) else "img_axis_0")
        assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == batch
        assert runtime(data, np.zeros((5, 1, 32, 32), np.float32))[0].shape == (5, 10)


def test_a_path_is_written_whole_or_not_at_all(tmp_path):
    model, x = mt.models.create_model("lenet5"), mt.zeros(1, 1, 32, 32)
    path = tmp_path / "a.onnx"
    mt.onnx.export(model, x, path)
    before = path.read_bytes()

    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match="Branch"):
        mt.onnx.export(Branch(), x, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"opset_version": 12}, "opset_version=12 must be from 13"),
        ({"opset_version": 99}, "opset_version=99"),
        ({"input_names": ["a", "b"]}, "must be 1 names"),
        ({"input_names": ["conv1.weight"]}, "must differ"),
        ({"input_names": ["y"], "output_names": ["y"]}, "must differ"),
        ({"dynamic_axes": {"nobody": [0]}}, "names 'nobody'"),
        ({"input_names": ["x"], "dynamic_axes": {"x": [2]}}, "axis 2 of 'x' cannot be free"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings, reason):
    model, x = nn.Sequential(nn.Conv2d(1, 2, 3)), mt.zeros(1, 1, 8, 8)
    model = nn.ModuleDict({"conv1": model[0]})
    model.forward = lambda x: model["conv1"](x)
    with pytest.raises(ValueError, match="export: .*" + reason):
        exported(model, x, **settings)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    import sys

    from minitorch_cnn.onnx.package import onnx as package

    package.cache_clear()
    monkeypatch.setitem(sys.modules, "onnx", None)
    try:
        with pytest.raises(ImportError, match=r"pip install 'minitorch_cnn\[interop\]'"):
            mt.onnx.load(io.BytesIO(b""))
    finally:
        package.cache_clear()

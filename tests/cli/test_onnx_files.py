"""minitorch-cnn export, and FILE.onnx in place of a model."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.cli.onnx_files import takes_two
from minitorch_cnn.graph.layers import Layers
from minitorch_cnn.onnx.loading import contents_of
from tests.onnx.files import helper, model, onnx, typed


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    """The trained run as a file."""
    from minitorch_cnn.cli import main

    path = tmp_path_factory.mktemp("files") / "digits.onnx"
    assert main(["export", str(trained), str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A file that says nothing of its images: grey ones of 8 x 8, three classes, a softmax."""
    mt.manual_seed(0)
    layers = [mt.nn.Conv2d(1, 4, 3), mt.nn.ReLU(), mt.nn.Flatten(), mt.nn.Linear(144, 3)]
    net = mt.nn.Sequential(*layers, mt.nn.Softmax(1)).eval()
    path = tmp_path_factory.mktemp("foreign") / "net.onnx"
    axes = {"x": {0: "N"}}
    mt.onnx.export(net, mt.zeros(1, 1, 8, 8), path, input_names=["x"], dynamic_axes=axes)
    return path, net


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    image_module.fromarray(pixels).save(path)
    return path, (pixels / 255).astype(np.float32)


def images_in(photos):
    return sorted(photos.rglob("*.png"))[:12]


def test_a_file_predicts_what_its_run_does(command, trained, file, photos):
    images = images_in(photos)
    run, said = (command("predict", model, *images) for model in (trained, file))
    assert run.code == said.code == 0 and said.err == ""
    assert said.out == run.out


def test_a_file_is_measured_like_its_run(command, trained, file, photos):
    run = command("evaluate", trained)
    said = command("evaluate", file, "--data", "folder", photos)
    assert said.code == 0, said.err
    assert "lenet5_relu" in run.out and said.out.startswith(f"digits.onnx on {photos}: accuracy ")
    assert "Without --classes" not in said.out


def test_the_classes_of_a_file_are_found_by_name(refused, file, tmp_path, photos):
    (tmp_path / "unknown").mkdir()
    image = images_in(photos)[0]
    (tmp_path / "unknown" / "a.png").write_bytes(image.read_bytes())
    assert "unknown" in refused("evaluate", file, "--data", "folder", tmp_path)


def test_the_batch_of_an_exported_file_is_free_and_its_opset_the_given_one(command, tmp_path):
    path = tmp_path / "net.onnx"
    said = command("export", "lenet5_relu", path, "--opset", 13)
    assert said.out.endswith("opset 13, of lenet5_relu with untrained weights\n")
    proto = onnx.load(path)
    sizes = proto.graph.input[0].type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == ["N", 1, 32, 32]
    assert proto.opset_import[0].version == 13 and not proto.metadata_props


def test_a_softmax_at_the_end_is_not_applied_twice(command, foreign, picture):
    path, net = foreign
    image, pixels = picture
    with mt.no_grad():
        shares = np.sort(net(mt.tensor((pixels[None, None] - 0.5) / 0.5)).numpy()[0])[::-1]
    said = command("predict", path, image, "--mean", 0.5, "--std", 0.5)
    found = [float(part.rstrip("%\n,")) / 100 for part in said.out.split() if part[-2:-1] == "%" or
             part.endswith("%")]  # fmt: skip
    np.testing.assert_allclose(found, shares, atol=6e-4)


def test_what_a_file_does_not_say_must_be_given(refused, foreign, picture):
    path, _ = foreign
    assert "--mean and --std" in refused("predict", path, picture[0])
    assert "needs --data" in refused("evaluate", path, "--mean", 0, "--std", 1)
    assert "needs --data" in refused("analyse", "signals", path)
    assert "1 or 1 numbers" in refused("predict", path, picture[0], "--mean", 0, 0, "--std", 1)


def test_every_command_that_takes_a_model_takes_a_file(command, foreign, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    path, _ = foreign
    for words in (
        ("summary", path),
        ("compare", path, "lenet5", "--plot", "costs.png"),
        ("explore", path, "--out", "page.html"),
        ("export", path, "again.onnx", "--opset", 15),
        ("analyse", "graph", path, "--plot", "graph.svg"),
        ("analyse", "maps", path, "--plot", "maps.png"),
        ("analyse", "filters", path),
        ("analyse", "grad-cam", path),
    ):
        said = command(*words)
        assert said.code == 0, (words, said.err)
        assert words[0] != "summary" or "Conv2d" in said.out
    for name in ("costs.png", "page.html", "again.onnx", "graph.svg", "maps.png"):
        assert (tmp_path / name).stat().st_size


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("train", "FILE"), "is an ONNX file; a model is built anew here"),
        (("analyse", "degradation", "FILE"), "builds a model anew and takes no ONNX file"),
        (("predict", "FILE", "a.png", "--weights", "w.pth"), "--weights does not go with"),
        (("evaluate", "FILE", "runs/other"), "all models must be files, or none"),
        (("summary", "FILE", "--input-shape", "1x9x8"), "takes images of height 8, not 9"),
        (("predict", "none.onnx", "a.png"), "none.onnx"),
        (("export", "lenet5", "net.pth"), "net.pth must end in .onnx"),
        (("export", "lenet5", "net.onnx", "--opset", "12"), "opset_version=12 must be from 13"),
        (("export", "lenet5", "net.onnx", "--input-shape", "1x9x9"), "images of 1x9x9"),
    ],
)
def test_what_does_not_go_with_a_file_is_refused(words, wrong, refused, foreign, monkeypatch,
                                                 tmp_path):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert wrong in refused(*(str(foreign[0]) if word == "FILE" else word for word in words))
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_refused(refused, foreign, tmp_path):
    short = tmp_path / "short.onnx"
    short.write_bytes(foreign[0].read_bytes()[:200])
    assert "short.onnx: this is no ONNX file, or it is truncated" in refused("summary", short)


def test_a_damaged_note_is_refused(refused, file, tmp_path):
    proto = onnx.load(file)
    proto.metadata_props[0].value = '{"classes": 3}'
    onnx.save(proto, tmp_path / "net.onnx")
    assert "note on its images is damaged" in refused("summary", tmp_path / "net.onnx")


def test_a_file_for_one_image_runs_on_many(command, tmp_path, picture):
    weights = {"to": np.array([1, 64]), "w": np.ones((64, 3), np.float32)}
    nodes = [
        helper.make_node("Reshape", ["x", "to"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    proto = model(nodes, [typed("x", [1, 1, 8, 8])], [typed("y", [1, 3])], weights)
    path = tmp_path / "one.onnx"
    onnx.save(proto, path)
    assert not takes_two(Layers(contents_of(path).graph), (1, 8, 8))
    images = [picture[0]] * 10
    said = command("predict", path, *images, "--mean", 0, "--std", 1)
    assert said.code == 0 and len(set(said.out.splitlines())) == 1


def test_a_model_that_cannot_be_compiled_runs_as_it_is(command, tmp_path, picture, monkeypatch):
    from minitorch_cnn.cli import fast
    from minitorch_cnn.graph import CaptureError

    def refuse(self, *args, **named):
        raise CaptureError("compile: net: branches on values")

    path = tmp_path / "net.onnx"
    net = mt.nn.Sequential(mt.nn.Flatten(), mt.nn.Linear(64, 3))
    mt.onnx.export(net, mt.zeros(1, 1, 8, 8), path)
    words = ("predict", path, picture[0], "--mean", 0, "--std", 1)
    compiled = command(*words)
    monkeypatch.setattr(fast.Compiled, "__call__", refuse)
    eager = command(*words)
    assert eager.out == compiled.out and compiled.err == ""
    assert eager.err == "minitorch-cnn: runs without compilation: net: branches on values\n"

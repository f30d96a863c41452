"""minitorch-cnn analyse."""

import pytest

from minitorch_cnn.analysis import CLAIMS
from minitorch_cnn.cli.analyses import ANALYSES

# What these need of a net: residual blocks, two of the same shapes, or an average over its maps.
RESIDUAL = {"cam", "order", "paths", "refinement"}
OTHERS = {"claims", "degradation", "graph"}  # tested by themselves below


@pytest.mark.parametrize("what", sorted(set(ANALYSES) - RESIDUAL - OTHERS))
def test_an_analysis_of_a_run_is_printed_and_drawn(what, command, trained, tmp_path):
    said = command("analyse", what, trained, "--plot", tmp_path / "it.png", "--images", 4)
    assert (said.code, said.err) == (0, "")
    assert f"\nwrote {tmp_path / 'it.png'}" in said.out
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", sorted(RESIDUAL))
def test_what_needs_residual_blocks_says_so(what, command, refused):
    assert command("analyse", what, "resnet20_cifar", "--images", 2).code == 0
    assert " has no " in refused("analyse", what, "lenet5")


def test_an_unknown_analysis_is_refused_with_those_there_are(refused):
    assert "lesions" in refused("analyse", "soul", "lenet5")


def test_what_is_neither_run_nor_model_is_refused(refused):
    message = refused("analyse", "lesions", "runs/none")
    assert "runs/none is neither a folder of a run nor a model" in message


def test_nets_that_label_pixels_are_refused(refused):
    assert "fcn8s labels pixels" in refused("analyse", "signals", "fcn8s")


def test_a_file_of_an_unknown_format_is_refused(refused, tmp_path):
    pytest.importorskip("matplotlib")
    said = refused("analyse", "lesions", "lenet5", "--images", 2, "--plot", tmp_path / "it.xyz")
    assert "it.xyz must end in one of" in said


def test_a_graph_is_written_as_svg_or_as_text(command, refused, tmp_path):
    for name, start in (("graph.svg", "<svg"), ("graph.dot", "digraph")):
        assert command("analyse", "graph", "lenet5", "--plot", tmp_path / name).code == 0
        assert (tmp_path / name).read_text().startswith(start)
    assert "graph.png must end in one of .svg, .dot" in refused(
        "analyse", "graph", "lenet5", "--plot", tmp_path / "graph.png"
    )


@pytest.mark.slow
def test_the_image_of_a_convolution_is_larger_than_its_kernel(command, tmp_path):
    (tmp_path / "net.py").write_text(
        "from minitorch_cnn import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self, num_classes=10, in_channels=1):\n"
        "        super().__init__(nn.Conv2d(in_channels, 2, 11, padding=5), nn.Flatten(),\n"
        "                         nn.LazyLinear(num_classes))\n",
        encoding="utf-8",
    )
    said = command("analyse", "convolution", f"{tmp_path / 'net.py'}:Net")
    assert (said.code, said.err) == (0, "") and "121 x 25 numbers" in said.out


def test_a_convolution_can_be_a_film(command, tmp_path):
    pytest.importorskip("PIL")
    pytest.importorskip("matplotlib")
    said = command("analyse", "convolution", "lenet5", "--plot", tmp_path / "film.gif")
    assert said.code == 0 and (tmp_path / "film.gif").read_bytes().startswith(b"GIF")


def test_a_layer_that_is_none_is_refused(refused):
    message = refused("analyse", "deconvolution", "lenet5", "--layer", "conv9")
    assert "layer='conv9' names no module" in message


def test_the_models_of_a_degradation_study_are_known_before_it_starts(refused):
    message = refused("analyse", "degradation", "plain20_cifar", "--against", "plain21_cifar")
    assert "there is no model 'plain21_cifar'" in message


def test_a_claim_is_measured_said_and_drawn_and_without_a_name_all_are_listed(
    command, refused, tmp_path
):
    listed = command("analyse", "claims")
    assert listed.code == 0 and listed.out.count("\n") == len(CLAIMS)
    assert "label-smoothing          Label smoothing bounds" in listed.out
    words = ["analyse", "claims", "activation-memory", "--seed", 3]
    said = command(*words, "--plot", tmp_path / "it.png")
    assert said.code == 0 and "\nno: MiB kept: ReLU" in said.out and "seeds 3" in said.out
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
    assert "the nearest is 'dropout'" in refused("analyse", "claims", "drop-out")
    assert "needs the NAME" in refused("analyse", "claims", "--plot", tmp_path / "no.png")
    assert "--weights is not for claims" in refused(*words, "--weights", "w.pth")
    assert "maps needs a RUN_OR_MODEL" in refused("analyse", "maps")


def test_an_option_that_an_analysis_does_not_take_is_refused(refused):
    assert "--layer is not for lesions" in refused("analyse", "lesions", "lenet5", "--layer", "c1")
    assert "--epochs is not for maps" in refused("analyse", "maps", "lenet5", "--epochs", 3)


def test_an_untrained_net_of_ones_own_is_analysed_and_said_to_be_untrained(
    command, refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from minitorch_cnn import nn\n"
        "def net(num_classes, width=2):\n"
        "    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(width, num_classes))\n"
    )
    said = command("analyse", "signals", "net.py:net", "--images", 2, "--set", "width=3")
    assert said.code == 0 and said.out.startswith("net.py:net: untrained weights\n")
    assert " of 3\n" in said.out
    words = ["analyse", "degradation", "net.py:net", "--against", "net.py:net", "--epochs", 1]
    assert command(*words).code == 0
    assert "net.py has no 'nett'" in refused("analyse", "signals", "net.py:nett")
    assert "no setting 'w'" in refused("analyse", "signals", "net.py:net", "--set", "w=1")


def test_images_and_weights_of_ones_own_are_looked_at(command, refused, trained, photos):
    image = next(photos.rglob("*.png"))
    weights = ["--weights", trained / "weights.safetensors", "--set", "in_channels=3"]
    weights += ["num_classes=2"]
    for words in ([trained], ["lenet5_relu", *weights]):
        said = command("analyse", "saliency", *words, "--image", image)
        assert said.code == 0 and "untrained" not in said.out
    data = ["--data", "folder", photos, "--images", 4]
    assert command("analyse", "lesions", "lenet5_relu", *weights, *data).code == 0
    assert "needs images: --data or --image" in refused("analyse", "maps", "lenet5_relu", *weights)
    assert "needs labels" in refused("analyse", "lesions", trained, "--image", image)
    assert "--data needs --weights" in refused("analyse", "maps", trained, *data)
    assert "has its own" in refused("analyse", "maps", trained, *weights[:2])

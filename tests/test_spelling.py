"""Unknown names are refused with the nearest known name."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.spelling import nearest, nearest_name, nearest_path, one_of

X = mt.ones(1, 2, 3, 3)


def test_the_nearest_name_has_most_letters_in_the_same_order_whatever_their_case():
    assert nearest_name("lenet6", ["alexnet", "lenet5", "vgg11"]) == "lenet5"
    assert nearest_name("sgdd", ["SGD", "AdamW"]) == "SGD"
    assert nearest_name("RESNET18", ["resnet50", "resnet18"]) == "resnet18"
    assert nearest_name(3, [1, 3, 2]) == "3"
    assert nearest("lenet6", ["lenet5"]) == "; the nearest is 'lenet5'"


def test_of_names_that_differ_by_case_alone_the_first_is_meant():
    assert nearest_name("sgd", ["SGD", "Sgd"]) == "SGD"


def test_a_name_unlike_all_has_no_nearest():
    assert nearest_name("xyz", ["lenet5"]) is None
    assert nearest("xyz", ["lenet5"]) == nearest("", ["lenet5"]) == nearest("xyz", []) == ""


def test_the_rule_for_one_of_several_names_them_all():
    assert one_of("tran", ["train", "test"]) == "must be one of train, test; the nearest is 'train'"
    assert one_of("?", ["train", "test"]) == "must be one of train, test"


def test_the_nearest_file_lies_beside_and_is_of_the_same_kind(tmp_path):
    (tmp_path / "net.txt").touch()
    (tmp_path / "nets.py").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").touch()
    (tmp_path / "rum").mkdir()
    (tmp_path / ".netx").touch()
    assert (
        nearest_path(tmp_path / "net.py", "*.py")
        == f"; the nearest is {str(tmp_path / 'nets.py')!r}"
    )
    assert nearest_path(tmp_path / "rums", "*/config.json").endswith(f"{str(tmp_path / 'run')!r}")
    assert nearest_path(tmp_path / "net.tx").endswith("net.txt'")
    assert nearest_path(tmp_path / "nett.png") == ""  # of another kind and another name
    assert nearest_path(tmp_path / "nowhere" / "net.py") == ""


@pytest.mark.parametrize(
    "refused, near",
    [
        (lambda: mt.nn.functional.cross_entropy(X[0], mt.zeros(2).long(), reduction="men"), "mean"),
        (lambda: mt.nn.functional.interpolate(X, 4, mode="biliner"), "bilinear"),
        (lambda: mt.nn.Conv2d(1, 1, 3, padding_mode="reflct"), "reflect"),
        (lambda: mt.nn.init.calculate_gain("ReLu"), "relu"),
        (lambda: mt.data.transforms.Pad(1, padding_mode="symetric"), "symmetric"),
        (lambda: mt.data.transforms.Resize(4, interpolation="bicubik"), "bicubic"),
        (lambda: mt.data.datasets.EMNIST(".", "leters"), "letters"),
        (lambda: mt.tensor([1.0, 2.0]).quantile(0.5, interpolation="line"), "linear"),
        (lambda: mt.zeros(1, device="cude"), "cuda"),
        (lambda: mt.device("emulater"), "emulator"),
        (lambda: mt.training.Recipe(optimizer="Adamw"), "AdamW"),
        (lambda: mt.training.Recipe(schedule={"name": "cosin"}), "cosine"),
        (lambda: mt.nas.Plan(mt.nas.LayerSpace(), method="evolve"), "evolution"),
        (lambda: mt.analysis.summary(mt.nn.ReLU(), (1, 4, 4)).format("latx"), "latex"),
        (lambda: mt.analysis.random_direction(mt.nn.Linear(1, 1), normalise="filtr"), "filter"),
    ],
)
def test_a_setting_that_is_one_of_several_is_refused_with_the_nearest(refused, near):
    with pytest.raises(ValueError, match=f"; the nearest is '{near}'"):
        refused()

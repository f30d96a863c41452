"""Every model has its paper's recipe, and a small one."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from minitorch_cnn.models import list_models
from minitorch_cnn.training import Recipe, recipe
from minitorch_cnn.training.recipes import RECIPES


def test_recipes_are_for_models_there_are():
    assert RECIPES.keys() <= set(list_models())


@pytest.mark.parametrize("name", list_models())
def test_a_recipe_survives_json(name):
    assert Recipe(**json.loads(json.dumps(asdict(recipe(name))))) == recipe(name)


def test_the_papers_say_how_their_nets_are_trained():
    alexnet, vgg, v3 = recipe("alexnet"), recipe("vgg16"), recipe("inception_v3")
    assert alexnet.settings == {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    assert (alexnet.schedule["factor"], alexnet.lighting) == (0.1, 0.1)
    assert [round(224 * scale) for scale in vgg.scales] == [256, 512] and vgg.pretrain == "vgg11"
    assert recipe("googlenet").auxiliary == 0.3
    assert (v3.optimizer, v3.label_smoothing, v3.auxiliary) == ("RMSprop", 0.1, 0.3)
    assert (v3.settings["lr"], v3.settings["alpha"], v3.settings["eps"]) == (0.045, 0.9, 1.0)
    assert v3.schedule == {"name": "step", "every": 2, "factor": 0.94}


def test_the_papers_say_how_their_residual_nets_are_trained():
    photographs, small, deep, wide = (
        recipe(name)
        for name in ("resnet50", "resnet20_cifar", "preact_resnet1001_cifar", "wrn_28_10")
    )
    assert photographs.settings == {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4}
    assert (photographs.epochs, photographs.schedule["every"]) == (90, 30)
    assert [round(224 * scale) for scale in photographs.scales] == [256, 480]
    batches = 50_000 / small.batch_size
    assert small.epochs * batches == pytest.approx(64_000, rel=0.01)
    assert [n * batches for n in small.schedule["at"]] == pytest.approx([32e3, 48e3], rel=0.01)
    assert deep.warm_up["epochs"] * batches == pytest.approx(400, rel=0.03)
    before = [deep.warm_up["epochs"] + epoch for epoch in deep.schedule["at"]]
    assert before == small.schedule["at"]
    assert wide.settings["nesterov"] and wide.settings["weight_decay"] == 5e-4
    assert (wide.epochs, wide.schedule["at"], wide.schedule["factor"]) == (200, [60, 120, 160], 0.2)


def test_the_papers_say_how_their_nets_of_carried_and_dropped_signals_are_trained():
    stochastic, dirac, mnist, highway = (
        recipe(name)
        for name in (
            "stochastic_depth_resnet1202_cifar",
            "diracnet34",
            "highway_mnist_32",
            "highway_b_cifar",
        )
    )
    assert stochastic.settings["nesterov"] and recipe("ror3_wrn58_4_cifar") == stochastic
    assert (stochastic.epochs, stochastic.schedule["at"]) == (500, [250, 375])
    assert dirac.undecayed == ("alpha", "beta") and dirac.settings["weight_decay"] == 1e-4
    assert recipe("resnext50_32x4d").area == (0.08, 1.0)
    assert recipe("resnext50_32x4d").settings == recipe("resnet50").settings
    steps = [epochs * 60_000 // mnist.batch_size for epochs in (mnist.schedule["every"], 300)]
    assert steps == [60_000, 180_000] and mnist.epochs == 300
    steps = [epochs * 50_000 // highway.batch_size for epochs in highway.schedule["at"]]
    assert steps == [100_000, 150_000, 175_000] and highway.epochs == 400
    assert (mnist.settings["lr"], highway.settings["lr"]) == (0.01, 0.025)
    assert recipe("highway_a_cifar", small=True).init is None


def test_the_papers_say_how_their_dense_and_gated_nets_are_trained():
    dense, sparse, gated = (
        recipe(name) for name in ("densenet121", "sparsenet40_k24_cifar", "se_resnet50")
    )
    assert dense.settings["nesterov"] and dense.schedule == recipe("resnet50").schedule
    assert (sparse.batch_size, sparse.epochs, sparse.schedule["at"]) == (64, 300, [150, 225])
    assert (gated.batch_size, gated.settings["lr"], gated.epochs) == (1024, 0.6, 100)


def test_the_papers_say_how_their_small_nets_are_trained():
    squeezenet, v1, v2 = (
        recipe(name) for name in ("squeezenet1_0", "mobilenet_v1_100", "mobilenet_v2")
    )
    assert (squeezenet.settings["lr"], squeezenet.schedule["power"]) == (0.04, 1.0)
    assert (v1.optimizer, v1.label_smoothing, v1.auxiliary) == ("RMSprop", 0.0, 0.0)
    assert v1.area[0] > recipe("inception_v3").area[0]
    assert (v2.optimizer, v2.settings["momentum"], v2.batch_size) == ("RMSprop", 0.9, 96)
    assert v2.schedule == {"name": "step", "every": 1, "factor": 0.98}
    assert recipe("ghostnet_100").schedule == {"name": "cosine"}
    assert recipe("ghost_resnet56_cifar").schedule["at"] == [82, 123]


def test_the_papers_say_how_nets_of_separable_and_shuffled_convolutions_are_trained():
    shuffle, xception = recipe("shufflenet_v1_g3"), recipe("xception")
    assert recipe("shufflenet_v2_x0_5") == shuffle
    batches = 1_281_167 / shuffle.batch_size
    assert shuffle.epochs * batches == pytest.approx(300_000, rel=0.01)
    assert shuffle.settings["lr"] == 0.5 and shuffle.settings["weight_decay"] == 4e-5
    assert shuffle.schedule == {"name": "polynomial", "power": 1.0}
    assert xception.settings == {"lr": 0.045, "momentum": 0.9, "weight_decay": 1e-5}
    assert xception.schedule == recipe("inception_v3").schedule and xception.average


def test_the_paper_says_how_searched_nets_are_trained():
    mobile, large, small = (recipe(n) for n in ("nasnet_a_mobile", "nasnet_a_large", "nasnet"))
    assert {r.auxiliary for r in (mobile, large, small)} == {0.4}
    assert (mobile.settings["lr"], large.settings["lr"]) == (0.04, 0.015)
    assert mobile.schedule == large.schedule == {"name": "step", "every": 2.4, "factor": 0.97}
    assert mobile.epochs * 1_281_167 == pytest.approx(250_000 * 1600, rel=0.01)
    assert small.schedule == {"name": "cosine"} and small.optimizer == "SGD"
    assert (small.epochs, small.settings["lr"], small.clip_norm) == (600, 0.025, 5.0)


def test_the_small_recipe_is_another_but_for_the_nets_of_small_images():
    small = recipe("vgg16", small=True)
    assert (small.optimizer, small.init, small.pretrain) == ("AdamW", "kaiming", "vgg11")
    assert small.drop_last and not recipe("vgg16").drop_last
    assert recipe("lenet5", small=True) == recipe("lenet5")
    assert recipe("inception_v4", small=True).settings["lr"] > small.settings["lr"]


def test_the_rate_of_the_fully_convolutional_nets_is_constant():
    for name, rate in (("fcn32s", 1e-10), ("fcn16s", 1e-12), ("fcn8s", 1e-14)):
        chosen = recipe(name)
        assert chosen.settings["lr"] == rate and chosen.schedule == {"name": "constant"}
        assert (chosen.batch_size, chosen.sum_of_pixels, chosen.ignore_index) == (1, True, 255)
    assert recipe("fcn8s", small=True).pretrain == "fcn16s"


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "inception_v3"])
@pytest.mark.parametrize("train", [True, False])
def test_photographs_are_cut_and_normalised(name, train):
    image = np.full((3, 90, 120), 0.485, np.float32)
    x = recipe(name).transform(32, train)(image, np.random.default_rng(0))
    assert x.shape == (3, 32, 32) and x.std((1, 2)).max() < 1e-3
    if not train:
        assert abs(x[0]).max() < 1e-3


def test_lenet_sees_the_papers_background_and_ink():
    x = RECIPES["lenet5"].transform(32, train=False)(np.ones((1, 8, 8), np.float32))
    assert (x.min(), x.max()) == (pytest.approx(-0.1), pytest.approx(1.175))

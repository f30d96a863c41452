"""Results that papers published on ImageNet: the challenge's years, ensembles, and single nets.

Numbers are those that the sources print, in percent; operations are counted here. A number that no
source at hand prints is left out. Errors under one protocol are in published_errors.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Winner(NamedTuple):
    """The winner of a year of the classification task, without other training data.

    top5: the error on the test set; layers: with weights, of its deepest net, None without a net;
    model: the nearest registered model, None if there is none.
    """

    year: int
    team: str
    net: str
    top5: float
    layers: int | None
    model: str | None
    source: str


RUSSAKOVSKY = "Russakovsky et al. 2015, arXiv 1409.0575, tables 5 and 6"
HU = "Hu et al. 2018, arXiv 1709.01507"

ILSVRC = (
    Winner(2010, "NEC-UIUC", "features and SVM", 28.2, None, None, RUSSAKOVSKY),
    Winner(2011, "XRCE", "Fisher vectors and SVM", 25.8, None, None, RUSSAKOVSKY),
    Winner(2012, "SuperVision", "AlexNet", 16.4, 8, "alexnet_two_tower", RUSSAKOVSKY),
    Winner(2013, "Clarifai", "ZFNet", 11.7, 8, "zfnet", RUSSAKOVSKY),
    Winner(2014, "GoogLeNet", "GoogLeNet", 6.7, 22, "googlenet", RUSSAKOVSKY),
    Winner(
        2015, "MSRA", "ResNet-152", 3.57, 152, "resnet152_v1",
        "He et al. 2015, arXiv 1512.03385, table 5",
    ),
    Winner(
        2016, "Trimps-Soushen", "Inceptions and ResNets", 2.99, None, None,
        "image-net.org/challenges/LSVRC/2016/results: 2.991",
    ),
    Winner(2017, "WMW", "SENet-154", 2.25, 154, "senet154", f"{HU}, section 6: 2.251"),
)  # fmt: skip


class Entry(NamedTuple):
    """A line of VGG's comparison of the challenge's entries. nets: None for "several"."""

    name: str
    nets: int | None
    top1: float | None  # validation
    top5: float | None  # validation
    test_top5: float | None


# K. Simonyan, A. Zisserman (2015), table 7. GoogLeNet's single number stands for both sets there.
VGG_TABLE_7 = (
    Entry("VGG, crops and dense", 2, 23.7, 6.8, 6.8),
    Entry("VGG, crops and dense", 1, 24.4, 7.1, 7.0),
    Entry("VGG, submission, dense", 7, 24.7, 7.5, 7.3),
    Entry("GoogLeNet", 1, None, 7.9, 7.9),
    Entry("GoogLeNet", 7, None, 6.7, 6.7),
    Entry("MSRA", 11, None, None, 8.1),
    Entry("MSRA", 1, 27.9, 9.1, 9.1),
    Entry("Clarifai", None, None, None, 11.7),
    Entry("Clarifai", 1, None, None, 12.5),
    Entry("ZFNet", 6, 36.0, 14.7, 14.8),
    Entry("ZFNet", 1, 37.5, 16.0, 16.1),
    Entry("OverFeat", 7, 34.0, 13.2, 13.6),
    Entry("OverFeat", 1, 35.7, 14.2, None),
    Entry("AlexNet", 5, 38.1, 16.4, 16.4),
    Entry("AlexNet", 1, 40.7, 18.2, None),
)


class Scale(NamedTuple):
    """A line of VGG's table 3: one net at one test scale.

    train, test: the shorter sides S and Q; train has two for a range. model: the registered net.
    """

    net: str
    model: str
    train: tuple[int, ...]
    test: int
    top1: float
    top5: float


VGG_TABLE_3 = (
    Scale("A", "vgg11", (256,), 256, 29.6, 10.4),
    Scale("A-LRN", "vgg11_lrn", (256,), 256, 29.7, 10.5),
    Scale("B", "vgg13", (256,), 256, 28.7, 9.9),
    Scale("C", "vgg16_1x1", (256,), 256, 28.1, 9.4),
    Scale("C", "vgg16_1x1", (384,), 384, 28.1, 9.3),
    Scale("C", "vgg16_1x1", (256, 512), 384, 27.3, 8.8),
    Scale("D", "vgg16", (256,), 256, 27.0, 8.8),
    Scale("D", "vgg16", (384,), 384, 26.8, 8.7),
    Scale("D", "vgg16", (256, 512), 384, 25.6, 8.1),
    Scale("E", "vgg19", (256,), 256, 27.3, 9.0),
    Scale("E", "vgg19", (384,), 384, 26.9, 8.7),
    Scale("E", "vgg19", (256, 512), 384, 25.5, 8.0),
)


class Result(NamedTuple):
    """A net's errors on the validation images, one net, one central crop of `size` pixels.

    family: the group in the figure; top5, macs: None where the source does not print them; macs:
    billions of multiply-adds, as printed.
    """

    model: str
    family: str
    top1: float
    top5: float | None
    macs: float | None
    size: int
    source: str


def _results(
    family: str, source: str, size: int, *rows: tuple[str, float, float | None, float | None]
) -> list[Result]:
    return [Result(row[0], family, row[1], row[2], row[3], size, source) for row in rows]


RESNEXT_TABLE = "Xie et al. 2017, arXiv 1611.05431, table 3"
SENET_TABLE = f"{HU}, table 2"
SENET_BEST = f"{HU}, table 8"
NASNET = "Zoph et al. 2018, arXiv 1707.07012, the authors' list"
DPN_TABLE = "Chen et al. 2017, arXiv 1707.01629, table 2, and the authors' list"
RESULTS = (
    *_results(
        "ResNeXt", RESNEXT_TABLE, 224,
        ("resnext50_1x64d", 23.9, None, None),
        ("resnext50_2x40d", 23.0, None, None),
        ("resnext50_4x24d", 22.6, None, None),
        ("resnext50_8x14d", 22.3, None, None),
        ("resnext50_32x4d", 22.2, None, None),
        ("resnext101_1x64d", 22.0, None, None),
        ("resnext101_2x40d", 21.7, None, None),
        ("resnext101_4x24d", 21.4, None, None),
        ("resnext101_8x14d", 21.3, None, None),
        ("resnext101_32x4d", 21.2, None, None),
        ("resnext101_64x4d", 20.4, None, None),
    ),
    *_results(
        "ResNet", f"{SENET_TABLE}, re-implementation", 224,
        ("resnet50_v1", 24.80, 7.48, 3.86),
        ("resnet101_v1", 23.17, 6.52, 7.58),
        ("resnet152_v1", 22.42, 6.34, 11.30),
    ),
    *_results(
        "VGG", f"{SENET_TABLE}, re-implementation", 224, ("vgg16_bn", 27.02, 8.81, 15.47)
    ),
    *_results(
        "SENet", SENET_TABLE, 224,
        ("se_resnet50", 23.29, 6.62, 3.87),
        ("se_resnet101", 22.38, 6.07, 7.60),
        ("se_resnet152", 21.57, 5.73, 11.32),
        ("se_resnext50_32x4d", 21.10, 5.49, 4.25),
        ("se_resnext101_32x4d", 20.70, 5.01, 8.00),
        ("se_vgg16_bn", 25.22, 7.70, 15.48),
        ("se_bn_inception", 24.23, 7.14, 2.04),
    ),
    *_results("SENet", SENET_TABLE, 299, ("se_inception_resnet_v2", 19.80, 4.79, 11.76)),
    *_results("SENet", SENET_BEST, 224, ("senet154", 18.68, 4.47, None)),
    *_results(
        "Inception", f"{SENET_TABLE}, re-implementation", 224,
        ("bn_inception", 25.38, 7.89, 2.03),
    ),
    *_results(
        "Inception", f"{SENET_TABLE}, re-implementation", 299,
        ("inception_resnet_v2", 20.37, 5.21, 11.75),
    ),
    *_results(
        "Inception", f"Szegedy et al. 2016, arXiv 1602.07261, by {SENET_BEST}", 299,
        ("inception_v3", 21.2, 5.6, None),
        ("inception_v4", 20.0, 5.0, None),
    ),
    *_results(
        "ResNet", f"He et al. 2016, arXiv 1603.05027, by {SENET_BEST}", 224,
        ("preact_resnet200", 21.7, 5.8, None),
    ),
    *_results("NASNet", NASNET, 224, ("nasnet_a_mobile", 26.0, 8.4, 0.564)),
    *_results("NASNet", NASNET, 331, ("nasnet_a_large", 17.3, 3.8, 23.8)),
    *_results(
        "Dual path", DPN_TABLE, 224,
        ("dpn68", 23.57, 6.93, 2.5),
        ("dpn92", 20.73, 5.37, 6.5),
        ("dpn98", 20.15, 5.15, 11.7),
        ("dpn131", 19.93, 5.12, 16.0),
    ),
    *_results(
        "DenseNet", "Huang et al. 2017, arXiv 1608.06993, the authors' list", 224,
        ("densenet121", 25.0, None, None),
        ("densenet169", 23.6, None, None),
        ("densenet201", 22.5, None, None),
        ("densenet161", 22.2, None, None),
    ),
    *_results("DenseNet", f"the same, by {SENET_BEST}", 224, ("densenet264", 22.15, 6.12, None)),
    *_results(
        "Wide ResNet", "Zagoruyko and Komodakis 2016, arXiv 1605.07146, table 8", 224,
        ("wide_resnet50_2", 21.9, 6.03, None),
    ),
)  # fmt: skip


class Gain(NamedTuple):
    """A line of SENet's table 2: (top-1, top-5) as first published, as re-implemented, with SE.

    None where the table has no number; operations in billions, without and with SE.
    """

    net: str
    original: tuple[float | None, float | None]
    again: tuple[float, float]
    gated: tuple[float, float]
    macs: tuple[float, float]


SENET_TABLE_2 = (
    Gain("ResNet-50", (24.7, 7.8), (24.80, 7.48), (23.29, 6.62), (3.86, 3.87)),
    Gain("ResNet-101", (23.6, 7.1), (23.17, 6.52), (22.38, 6.07), (7.58, 7.60)),
    Gain("ResNet-152", (23.0, 6.7), (22.42, 6.34), (21.57, 5.73), (11.30, 11.32)),
    Gain("ResNeXt-50", (22.2, None), (22.11, 5.90), (21.10, 5.49), (4.24, 4.25)),
    Gain("ResNeXt-101", (21.2, 5.6), (21.18, 5.57), (20.70, 5.01), (7.99, 8.00)),
    Gain("VGG-16", (None, None), (27.02, 8.81), (25.22, 7.70), (15.47, 15.48)),
    Gain("BN-Inception", (25.2, 7.82), (25.38, 7.89), (24.23, 7.14), (2.03, 2.04)),
    Gain("Inception-ResNet-v2", (19.9, 4.9), (20.37, 5.21), (19.80, 4.79), (11.75, 11.76)),
)

"""Models by name: each family is a module, each registered model a function one can grep."""

from . import (
    alexnet,
    bn_inception,
    densenet,
    diracnet,
    dpn,
    efficientnet_lite,
    fcn,
    genetic_cnn,
    ghost_cifar,
    ghostnet,
    googlenet,
    highway,
    inception_resnet,
    inception_v2,
    inception_v3,
    inception_v4,
    lenet,
    mobilenet_v1,
    mobilenet_v2,
    nasnet,
    nin,
    preact_resnet,
    resnet,
    resnet_cifar,
    resnext,
    ror,
    senet,
    shufflenet_v1,
    shufflenet_v2,
    sparsenet,
    squeezenet,
    stochastic_depth,
    vgg,
    wide_resnet,
    xception,
    zfnet,
)
from .functions import FILES as _FILES
from .functions import NAMES as _FUNCTIONS
from .functions import ModelFile as _ModelFile
from .functions import function_of as _function_of
from .genotype import CellGenotype, Genotype
from .preprocessing import Preprocessing
from .registry import Entry, create_model, list_models, model_entry, register

__all__ = [
    "CellGenotype",
    "Entry",
    "Genotype",
    "Preprocessing",
    "alexnet",
    "bn_inception",
    "create_model",
    "densenet",
    "diracnet",
    "dpn",
    "efficientnet_lite",
    "fcn",
    "genetic_cnn",
    "ghost_cifar",
    "ghostnet",
    "googlenet",
    "highway",
    "inception_resnet",
    "inception_v2",
    "inception_v3",
    "inception_v4",
    "lenet",
    "list_models",
    "mobilenet_v1",
    "mobilenet_v2",
    "model_entry",
    "nasnet",
    "nin",
    "preact_resnet",
    "register",
    "resnet",
    "resnet_cifar",
    "resnext",
    "ror",
    "senet",
    "shufflenet_v1",
    "shufflenet_v2",
    "sparsenet",
    "squeezenet",
    "stochastic_depth",
    "vgg",
    "wide_resnet",
    "xception",
    "zfnet",
]

# Programs for torchvision look into `models.__dict__` for names that can be called.
globals().update({_name: _function_of(_name) for _name in _FUNCTIONS})
for _file in _FILES:
    globals()[_file].__class__ = _ModelFile

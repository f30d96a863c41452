"""Models by name: each family is a module, each registered model a function one can grep."""

from . import (
    alexnet,
    bn_inception,
    densenet,
    dpn,
    googlenet,
    inception_resnet,
    inception_v2,
    inception_v3,
    inception_v4,
    lenet,
    nin,
    senet,
    sparsenet,
    squeezenet,
    vgg,
    zfnet,
)
from .recipes import Recipe, recipe
from .registry import Entry, create_model, list_models, model_entry, register

__all__ = [
    "Entry",
    "Recipe",
    "alexnet",
    "bn_inception",
    "create_model",
    "densenet",
    "dpn",
    "googlenet",
    "inception_resnet",
    "inception_v2",
    "inception_v3",
    "inception_v4",
    "lenet",
    "list_models",
    "model_entry",
    "nin",
    "recipe",
    "register",
    "senet",
    "sparsenet",
    "squeezenet",
    "vgg",
    "zfnet",
]

"""The functions of layers: torch.nn.functional's names, arguments and results."""

from ..tensor.activation import relu, sigmoid, tanh
from ..tensor.padding import pad
from ..tensor.reduction import log_softmax, softmax
from .activation import (
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    leaky_relu,
    prelu,
    relu6,
    scaled_tanh,
    selu,
    silu,
    softplus,
)
from .avg_pool import adaptive_avg_pool2d, avg_pool1d, avg_pool2d
from .conv import conv1d, conv2d, conv2d_relu, conv_transpose1d, conv_transpose2d
from .conv_simple import conv2d_simple
from .dropout import drop_path, dropout, dropout2d
from .embedding import embedding, one_hot
from .interpolate import interpolate
from .linear import linear
from .local_response_norm import local_response_norm
from .loss import binary_cross_entropy_with_logits, cross_entropy, mse_loss, nll_loss
from .max_pool import adaptive_max_pool2d, max_pool1d, max_pool2d, max_unpool2d
from .norm import batch_norm, batch_norm_relu, group_norm, layer_norm
from .rearrange import channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_relu",
    "binary_cross_entropy_with_logits",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv2d_relu",
    "conv2d_simple",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "drop_path",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "interpolate",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_unpool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "scaled_tanh",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

"""The register and shared-memory budget of the convolution kernels, for layers of known networks.

The settings are those that the launches choose. A multiprocessor has 65536 registers for at most
2048 threads: at 128 registers per thread two blocks of 256 threads run at a time, at 64 four.
"""

import numpy as np

from ...cuda.check import Specialisation, Usage
from ...window import Window
from . import depthwise, grouped
from .implicit_gemm import PLAIN, TF32
from .tiles import Taps

IMAGES = 64


def _taps(K, S, size, gradient=False, dtype: type = np.float32):
    window = Window(K, S, K // 2)
    read, written = (size, size), window.output_size(size, size)
    if gradient:
        read, written = written, read
    return Taps(window, gradient, read, written, np.dtype(dtype))


def _depthwise(channels, registers, taps):
    definitions = depthwise.settings(taps, IMAGES * channels, multiplier=1)[1]
    budget = {"depthwise": Usage(registers, 20 * 1024)}
    return Specialisation("conv2d/cuda/depthwise.cu", definitions, budget)


def _depthwise_weight_grad(registers, taps):
    definitions = depthwise.weight_grad_settings(taps, IMAGES, multiplier=1)[1]
    budget = {"depthwise_weight_grad": Usage(registers, 20 * 1024)}
    return Specialisation("conv2d/cuda/depthwise_weight_grad.cu", definitions, budget)


def _grouped(channels, registers, taps):
    definitions = grouped.settings(taps, IMAGES, channels, channels)[1]
    budget = {"grouped": Usage(registers, 48 * 1024)}
    return Specialisation("conv2d/cuda/grouped.cu", definitions, budget)


def _grouped_weight_grad(channels, registers, taps):
    definitions = grouped.weight_grad_settings(taps, IMAGES, channels, channels)[1]
    budget = {"grouped_weight_grad": Usage(registers, 24 * 1024)}
    return Specialisation("conv2d/cuda/grouped_weight_grad.cu", definitions, budget)


def _implicit_gemm(tile, real, registers, phases=0):
    definitions = {"REAL": real, "KH": 3, "KW": 3, "PHASES": phases} | tile
    names = "implicit_gemm", "implicit_gemm_weight_grad"
    return Specialisation(
        PLAIN.path, definitions, dict.fromkeys(names, Usage(registers, 18 * 1024))
    )


def _tf32_first(tile, K, registers, shared):
    """Layers with fewer input channels than a piece has rows."""
    definitions = {"KH": K, "KW": K, "VECTOR": 1, "PAIRS": 1, "ROUNDED": 0, "FEW": 1, "PHASES": 0}
    definitions |= tile
    return Specialisation(TF32.path, definitions, {TF32.name: Usage(registers, shared)}, since=80)


def _tf32(tile, K, vector, registers, phases=0):
    """The dynamic shared memory, at most 57 or 62 KB, is requested by the launch."""
    definitions = {"KH": K, "KW": K, "VECTOR": vector, "PAIRS": int(vector == 4)} | tile
    forward = {"FEW": 0, "PHASES": phases, "ROUNDED": int(K > 1)}
    gathering = {"ONE_TAP": int(K == 1)}
    return [
        Specialisation(
            TF32.path, definitions | forward, {TF32.name: Usage(registers, 0)}, since=80
        ),
        Specialisation(
            TF32.weight_grad_path,
            definitions | gathering,
            {f"{TF32.name}_weight_grad": Usage(registers, 2048)},
            since=80,
        ),
    ]


SPECIALISATIONS = [
    *(
        Specialisation(f"conv2d/cuda/{text}.cu", {"REAL": real}, dict.fromkeys(names, Usage(64, 0)))
        for text, names in (("im2col", ("im2col", "col2im")), ("splits", ("add_parts",)))
        for real in ("float", "double")
    ),
    *(
        Specialisation(
            "conv2d/cuda/pack.cu",
            {"REAL": real, "KH": 3, "KW": 3, "CHANNELS_LAST": last},
            {"pack_weights": Usage(40, 0), "add_parts_and_pack": Usage(40, 0)},
            since,
        )
        for real, last, since in (("float", 1, 80), ("float", 0, 75), ("double", 0, 75))
    ),
    # MobileNet, and the larger windows of later networks
    _depthwise(128, 64, _taps(3, 1, 56)),
    _depthwise(128, 64, _taps(3, 1, 56, gradient=True)),
    _depthwise(64, 64, _taps(3, 2, 112)),
    _depthwise(64, 64, _taps(3, 2, 112, gradient=True)),
    _depthwise(1024, 64, _taps(3, 1, 7)),
    _depthwise(128, 80, _taps(3, 1, 56, dtype=np.float64)),
    _depthwise(144, 64, _taps(5, 1, 56)),
    _depthwise(144, 96, _taps(5, 1, 56, gradient=True)),
    _depthwise(144, 96, _taps(7, 1, 56)),
    _depthwise(144, 128, _taps(7, 1, 56, gradient=True)),
    _depthwise_weight_grad(80, _taps(3, 1, 56)),
    _depthwise_weight_grad(80, _taps(3, 2, 112)),
    _depthwise_weight_grad(96, _taps(5, 1, 56)),
    _depthwise_weight_grad(128, _taps(7, 1, 56)),
    # ResNeXt-50 32x4d
    _grouped(4, 64, _taps(3, 1, 56)),
    _grouped(8, 128, _taps(3, 2, 56)),
    _grouped(8, 80, _taps(3, 2, 56, gradient=True)),
    _grouped(8, 80, _taps(3, 1, 28)),
    _grouped_weight_grad(4, 136, _taps(3, 1, 56)),
    _grouped_weight_grad(8, 160, _taps(3, 1, 28)),
    *(_implicit_gemm(tile, "float", 200) for tile in PLAIN.tiles),
    _implicit_gemm(PLAIN.small, "float", 104),
    _implicit_gemm(PLAIN.small, "double", 144),
    _implicit_gemm(PLAIN.tiles[-1], "float", 208, phases=1),
    _implicit_gemm(PLAIN.small, "float", 116, phases=1),
    *_tf32(TF32.small, 3, 1, 120),
    *_tf32(TF32.tiles[0], 3, 1, 96),  # groups of 16 channels
    *_tf32(TF32.tiles[-1], 3, 1, 128),
    _tf32(TF32.tiles[-1], 3, 1, 128, phases=1)[0],
    *_tf32(TF32.tiles[-1], 1, 1, 128),
    *_tf32(TF32.tiles[-1], 1, 4, 128),
    _tf32_first(TF32.tiles[2], 7, 96, 12 * 1024),  # ResNet
    _tf32_first(TF32.tiles[1], 3, 96, 4 * 1024),  # MobileNet
]

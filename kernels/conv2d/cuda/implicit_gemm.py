"""Dense convolution on the GPU: the launches of implicit_gemm.cu and implicit_gemm_tf32.cu.

These are the products of im2col.py without columns in memory: x is read about once for every tile
of output channels, and from the L2 cache where its windows overlap.
"""

from typing import ClassVar

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty, zeros
from ...cuda.signature import real
from .phases import Phase, phases
from .splits import add_parts, parts_for

TARGET_BLOCKS = 264  # two for each of the 132 multiprocessors of an H200
MIN_PIECES = 16  # in a part of a sum: with fewer, writing and adding the parts takes longer


def _reads_all(size, phase, step):
    """Whether the outputs of a phase read each of `size` elements once and in order."""
    return (phase.count, step, phase.origin, phase.size) == (size, 1, 0, 1)


class ImplicitGemm:
    """The three products in the precision of the arrays, REAL: float or double."""

    path = weight_grad_path = "conv2d/cuda/implicit_gemm.cu"
    name = "implicit_gemm"
    BK = 8
    tiles = (
        {"BM": 64, "BN": 128, "BK": BK, "OWN_M": 8, "OWN_N": 8},
        {"BM": 128, "BN": 128, "BK": BK, "OWN_M": 8, "OWN_N": 8},
    )
    small: ClassVar = {"BM": 64, "BN": 64, "BK": BK, "OWN_M": 4, "OWN_N": 4}

    def forward(self, x, w, window, groups, bias=None, relu=False):
        """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) or None -> y (N, O, OH, OW)."""
        size = window.output_size(*x.shape[2:])
        down, across = (
            Phase(0, count, -before, dilation, slice(None), taps)
            for count, (before, _), dilation, taps in zip(
                size, window.padding, window.dilation, window.kernel, strict=True
            )
        )
        shape = len(x), w.shape[0], *size
        steps = window.stride, (1, 1)
        return self._products(x, shape, [(w, down, across)], *steps, groups, bias, relu)

    def input_grad(self, gy, w, window, input_size, groups):
        """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
        O, CG = w.shape[:2]
        swapped = w.reshape(groups, O // groups, *w.shape[1:]).swapaxes(1, 2)
        swapped = swapped.reshape(groups * CG, O // groups, *w.shape[2:])
        products = [
            (swapped[:, :, down.taps, across.taps], down, across)
            for down, across in phases(window, input_size)
        ]
        shape = len(gy), groups * CG, *input_size
        return self._products(gy, shape, products, (1, 1), window.stride, groups)

    def _products(self, x, shape, products, step, stride, groups, bias=None, relu=False):
        """y of `shape` from x (N, C, H, W) and (w, down, across) for each phase of its pixels."""
        N, C, H, W = x.shape
        O, OH, OW = shape[1:]
        IN, M = C // groups, O // groups
        pixels = sum(down.count * across.count for _, down, across in products)
        if not N * IN * M * pixels:
            return add_parts(zeros((1, *shape), x.dtype, like=x), bias, relu)
        longest = max(IN * down.size * across.size for _, down, across in products)
        most_splits = blocks(longest, self.BK) // MIN_PIECES
        columns = N * max(down.count * across.count for _, down, across in products)
        tile = self._tile(x.dtype, M, columns, groups, most_splits=1)
        uncut = groups * blocks(M, tile["BM"]) * blocks(columns, tile["BN"])
        splits = parts_for(uncut, most_splits, TARGET_BLOCKS)
        # Pixels that no output reads belong to no phase, so no kernel writes them.
        parts = (empty if pixels == OH * OW else zeros)((splits, *shape), x.dtype, like=x)
        finish = (bias, relu), (None, False)
        now, later = finish if splits == 1 else finish[::-1]
        for w, down, across in products:
            sizes = (N, groups, IN, M, H, W, OH, OW, down.count, across.count, *step)
            sizes += (down.dilation, across.dilation, down.origin, across.origin, *stride)
            sizes += (down.first, across.first, splits)
            definitions = self._definitions(x, down.size, across.size)
            is_x = _reads_all(H, down, step[0]) and _reads_all(W, across, step[1])
            definitions |= self._copying(is_x and H * W % 4 == 0)
            kernel = cuda_module(self.path, **tile, **definitions)[self.name]
            T = N * down.count * across.count
            grid = blocks(T, tile["BN"]) * blocks(M, tile["BM"]), groups * splits
            sizes = *map(np.int32, sizes), np.int64(parts[0].size)
            kernel(
                grid,
                (self._threads(tile),),
                (x, self._packed(w), now[0], parts, *sizes, np.bool_(now[1])),
                self._shared_bytes(tile, transposed=False),
            )
        return add_parts(parts, *later)

    def weight_grad(self, x, gy, window, groups):
        """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
        N, C, H, W = x.shape
        _, O, OH, OW = gy.shape
        IN, M, (KH, KW) = C // groups, O // groups, window.kernel
        K, T = IN * KH * KW, N * OH * OW
        if not K * M * T:
            return zeros((O, IN, KH, KW), x.dtype, like=x)
        most_splits = blocks(T, self.BK) // MIN_PIECES
        tile = self._tile(x.dtype, M, K, groups, most_splits)
        grid = blocks(K, tile["BN"]), blocks(M, tile["BM"])
        splits = parts_for(groups * grid[0] * grid[1], most_splits, TARGET_BLOCKS)
        parts = empty((splits, O, IN, KH, KW), x.dtype, like=x)
        sizes = (N, groups, IN, M, H, W, OH, OW, *window.stride, *window.dilation)
        sizes += (-window.padding[0][0], -window.padding[1][0], splits)
        definitions = self._definitions(x, KH, KW) | self._copying(OH * OW % 4 == 0)
        kernel = cuda_module(self.weight_grad_path, **tile, **definitions)[
            f"{self.name}_weight_grad"
        ]
        kernel(
            (*grid, groups * splits),
            (self._threads(tile),),
            (x, gy, parts, *map(np.int32, sizes)),
            self._shared_bytes(tile, transposed=True),
        )
        return add_parts(parts)

    def _tile(self, dtype, rows, columns, groups, most_splits):
        """The largest tile that the rows fill; the small tile where that gives too few blocks."""
        filled = [tile for tile in self.tiles if tile["BM"] < 2 * rows] or self.tiles[:1]
        best = filled[-1]
        blocks_of_best = groups * blocks(rows, best["BM"]) * blocks(columns, best["BN"])
        few = blocks_of_best * max(1, most_splits) < TARGET_BLOCKS // 2
        if few and best["BM"] >= self.small["BM"]:
            return self.small
        return self.small if dtype == np.float64 else best  # double takes twice the registers

    def _definitions(self, x, KH, KW):
        return {"REAL": real(x.dtype), "KH": KH, "KW": KW}

    def _copying(self, by_four):
        """The -D settings for copies; by_four: four adjacent positions are aligned to 16 bytes."""
        return {}

    def _threads(self, tile):
        return tile["BM"] // tile["OWN_M"] * (tile["BN"] // tile["OWN_N"])

    def _packed(self, w):
        """w (O, IN, KH, KW) as the kernel's first factor: (O, IN * KH * KW), without gaps."""
        return w.copy()

    def _shared_bytes(self, tile, transposed):
        """Bytes of dynamic shared memory; transposed: the second factor is stored by columns."""
        return 0


class TF32ImplicitGemm(ImplicitGemm):
    """The three products on the tensor cores, with float32 factors rounded to TF32."""

    path = "conv2d/cuda/implicit_gemm_tf32.cu"
    weight_grad_path = "conv2d/cuda/implicit_gemm_tf32_weight_grad.cu"
    name = "implicit_gemm_tf32"
    BK = 16
    STAGES = 3
    tiles = (
        {"BM": 16, "BN": 128, "WARPS_M": 1, "WARPS_N": 4},
        {"BM": 32, "BN": 128, "WARPS_M": 1, "WARPS_N": 4},
        {"BM": 64, "BN": 128, "WARPS_M": 2, "WARPS_N": 4},
        {"BM": 128, "BN": 128, "WARPS_M": 2, "WARPS_N": 4},
    )
    small: ClassVar = {"BM": 64, "BN": 64, "WARPS_M": 2, "WARPS_N": 2}

    def _definitions(self, x, KH, KW):
        return {"KH": KH, "KW": KW}

    def _copying(self, by_four):
        return {"VECTOR": 4 if by_four else 1}

    def _threads(self, tile):
        return tile["WARPS_M"] * tile["WARPS_N"] * 32

    def _packed(self, w):
        """w (O, IN, KH, KW) -> (O, KH, KW, IN padded with zeros to a multiple of BK)."""
        O, IN, KH, KW = w.shape
        packed = zeros((O, KH, KW, blocks(IN, self.BK) * self.BK), w.dtype, like=w)
        packed[..., :IN] = w.transpose(0, 2, 3, 1)
        return packed

    def _shared_bytes(self, tile, transposed):
        BM, BN, BK = tile["BM"], tile["BN"], self.BK
        second = BN * (BK + 4) if transposed else BK * (BN + 8)
        return 4 * self.STAGES * (BM * (BK + 4) + second)


PLAIN, TF32 = ImplicitGemm(), TF32ImplicitGemm()

"""Dense convolution on the GPU: the launches of implicit_gemm.cu and implicit_gemm_tf32.cu.

These are the products of im2col.py without columns in memory: x is read about once for every tile
of output channels, and from the L2 cache where its windows overlap.
"""

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...cuda.launch import Launch, blocks, cuda_module, empty, planned, zeros
from ...cuda.signature import real
from .phases import Phase, phases
from .splits import add_parts, parts_in_waves

TARGET_BLOCKS = 264  # two for each of the 132 multiprocessors of an H200
MIN_PIECES = 16  # in a part of a sum: with fewer, writing and adding the parts takes longer


def _reads_all(size, phase, step):
    """Whether the outputs of a phase read each of `size` elements once and in order."""
    return (phase.count, step, phase.origin, phase.size) == (size, 1, 0, 1)


def _whole(window, output_size):
    """The outputs of a convolution as a single phase, (down, across)."""
    return tuple(
        Phase(0, count, -before, dilation, slice(None), taps)
        for count, (before, _), dilation, taps in zip(
            output_size, window.padding, window.dilation, window.kernel, strict=True
        )
    )


class Products(NamedTuple):
    """The launches of a convolution or an input gradient.

    splits: the number of parts of the sums. covers: whether the products write all of the result.
    launches: for each phase that which packs the weights, or None, the shape of these, and the
    product's.
    """

    splits: int
    covers: bool
    launches: tuple[tuple[Launch | None, Any, Launch], ...]


class ImplicitGemm:
    """The three products in the precision of the arrays, REAL: float or double."""

    path = weight_grad_path = "conv2d/cuda/implicit_gemm.cu"
    name = "implicit_gemm"
    BK = 8
    channels_last, padding = False, 1  # of packed weights: order, and multiple of the channels
    tiles = (
        {"BM": 64, "BN": 128, "BK": BK, "OWN_M": 8, "OWN_N": 8},
        {"BM": 128, "BN": 128, "BK": BK, "OWN_M": 8, "OWN_N": 8},
    )
    small: ClassVar = {"BM": 64, "BN": 64, "BK": BK, "OWN_M": 4, "OWN_N": 4}

    def forward(self, x, w, window, groups, bias=None, relu=False):
        """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) or None -> y (N, O, OH, OW)."""
        shape = len(x), w.shape[0], *window.output_size(*x.shape[2:])
        return self._products("forward", x, w, shape, window, groups, bias, bool(relu))

    def input_grad(self, gy, w, window, input_size, groups):
        """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
        shape = len(gy), groups * w.shape[1], *input_size
        return self._products("input_grad", gy, w, shape, window, groups)

    def _products(self, function, x, w, shape, window, groups, bias=None, relu=False):
        """y of `shape` from x (N, C, H, W) and w, by a product for each phase of its pixels."""
        case = function, x.shape, w.shape, shape, x.dtype, window, groups, bias is not None, relu
        plan = _products_plan(self, *case)
        parts = (empty if plan.covers else zeros)((plan.splits, *shape), x.dtype, like=x)
        for pack, packed_shape, launch in plan.launches:
            packed = w
            if pack is not None:
                packed = empty(packed_shape, w.dtype, like=w)
                pack(w, packed)
            launch(x, packed, bias if plan.splits == 1 else None, parts)
        done = plan.splits == 1 and plan.launches
        return parts[0] if done else add_parts(parts, bias, relu)

    def weight_grad(self, x, gy, window, groups):
        """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
        shape = gy.shape[1], x.shape[1] // groups, *window.kernel
        if not math.prod(shape) * x.size * gy.size:
            return zeros(shape, x.dtype, like=x)
        splits, launch = _weight_grad_plan(self, x.shape, gy.shape, x.dtype, window, groups)
        parts = empty((splits, *shape), x.dtype, like=x)
        launch(x, gy, parts)
        return add_parts(parts)

    def plan_products(self, function, x_shape, w_shape, shape, dtype, window, groups, biased, relu):
        """The Products of a convolution, or of its input gradient."""
        (N, C, H, W), (_, CG, KH, KW), (_, _, OH, OW) = x_shape, w_shape, shape
        IN, M = C // groups, shape[1] // groups
        if function == "forward":
            found, step, stride = [_whole(window, (OH, OW))], window.stride, (1, 1)
            steps = M * CG * KH * KW, CG * KH * KW, KH * KW
        else:
            found, step, stride = phases(window, (OH, OW)), (1, 1), window.stride
            steps = IN * M * KH * KW, KH * KW, M * KH * KW
        pixels = sum(down.count * across.count for down, across in found)
        # Pixels that no output reads belong to no phase, so no kernel writes them.
        if not N * IN * M * pixels:
            return Products(1, False, ())
        longest = max(IN * down.size * across.size for down, across in found)
        columns = N * max(down.count * across.count for down, across in found)
        tile = self._tile(dtype, M, columns, groups, most_splits=1)
        uncut = groups * blocks(M, tile["BM"]) * blocks(columns, tile["BN"])
        splits = parts_in_waves(uncut, blocks(longest, self.BK), MIN_PIECES, TARGET_BLOCKS)
        launches = []
        for down, across in found:
            sizes = (N, groups, IN, M, H, W, OH, OW, down.count, across.count, *step)
            sizes += (down.dilation, across.dilation, down.origin, across.origin, *stride)
            sizes += (down.first, across.first, splits)
            now = np.bool_(splits == 1 and relu)
            values = *map(np.int32, sizes), np.int64(math.prod(shape)), now
            definitions = self._definitions(dtype, down.size, across.size)
            is_x = _reads_all(H, down, step[0]) and _reads_all(W, across, step[1])
            few = function == "forward" and self.gathers_rows(IN, KH * KW)
            as_it_is = function == "forward" and (few or self._reads_unpacked(IN, KH * KW))
            whole = stride == (1, 1) and (down.count, across.count) == (OH, OW)
            pairs = whole and OH * OW % 2 == 0
            definitions |= self._copying(is_x and H * W % 4 == 0, not as_it_is, pairs, few)
            kernel = cuda_module(self.path, **tile, **definitions)[self.name]
            grid = blocks(N * down.count * across.count, tile["BN"]) * blocks(M, tile["BM"])
            grid, block = (grid, groups * splits), (self._threads(tile),)
            shared = self._shared_bytes(tile, transposed=False)
            launch = kernel.planned(grid, block, values, shared)
            pack, packed = None, None
            if not as_it_is:
                rows = groups * M, down.size, across.size
                pack, packed = self._packing(dtype, rows, IN, M, steps, down, across, KH, KW)
            launches.append((pack, packed, launch))
        return Products(splits, pixels == OH * OW, tuple(launches))

    def plan_weight_grad(self, x_shape, gy_shape, dtype, window, groups):
        """The number of parts of the sums, and the launch."""
        (N, C, H, W), (_, O, OH, OW) = x_shape, gy_shape
        IN, M, (KH, KW) = C // groups, O // groups, window.kernel
        K, T = IN * KH * KW, N * OH * OW
        most_splits = blocks(T, self.BK) // MIN_PIECES
        tile = self._tile(dtype, M, K, groups, most_splits)
        grid = blocks(K, tile["BN"]), blocks(M, tile["BM"])
        uncut = groups * grid[0] * grid[1]
        splits = parts_in_waves(uncut, blocks(T, self.BK), MIN_PIECES, TARGET_BLOCKS)
        sizes = (N, groups, IN, M, H, W, OH, OW, *window.stride, *window.dilation)
        sizes += (-window.padding[0][0], -window.padding[1][0], splits)
        definitions = self._definitions(dtype, KH, KW) | self._copying(
            OH * OW % 4 == 0, False, K % 2 == 0
        )
        module = cuda_module(self.weight_grad_path, **tile, **definitions)
        grid, block = (*grid, groups * splits), (self._threads(tile),)
        shared, values = self._shared_bytes(tile, transposed=True), tuple(map(np.int32, sizes))
        return splits, module[f"{self.name}_weight_grad"].planned(grid, block, values, shared)

    def _packing(self, dtype, rows, IN, M, steps, down, across, KH, KW):
        """The launch that packs the weights of a phase, and the shape of its result."""
        padded = blocks(IN, self.padding) * self.padding
        apart = [taps.step or 1 for taps in (down.taps, across.taps)]
        first = [taps.start or 0 for taps in (down.taps, across.taps)]
        size = math.prod(rows) * padded
        sizes = M, IN, padded, KW, *steps, *first, *apart
        module = cuda_module(
            "conv2d/cuda/pack.cu",
            REAL=real(dtype),
            KH=down.size,
            KW=across.size,
            CHANNELS_LAST=int(self.channels_last),
        )
        values = np.int64(size), *map(np.int32, sizes)
        return module["pack_weights"].planned((blocks(size, 256),), (256,), values), (size,)

    def _tile(self, dtype, rows, columns, groups, most_splits):
        """The largest tile that the rows fill; the small tile where that gives too few blocks."""
        filled = [tile for tile in self.tiles if tile["BM"] < 2 * rows] or self.tiles[:1]
        best = filled[-1]
        blocks_of_best = groups * blocks(rows, best["BM"]) * blocks(columns, best["BN"])
        few = blocks_of_best * max(1, most_splits) < TARGET_BLOCKS // 2
        if few and best["BM"] >= self.small["BM"]:
            return self.small
        return self.small if dtype == np.float64 else best  # double takes twice the registers

    def _definitions(self, dtype, KH, KW):
        return {"REAL": real(dtype), "KH": KH, "KW": KW}

    def _copying(self, by_four, packed, pairs, few=False):
        """The -D settings for copies.

        by_four: four adjacent positions are aligned to 16 bytes. packed: the first factor was
        packed. pairs: two adjacent results are aligned to 8 bytes. few:
        every row of the second factor has its own tap.
        """
        return {}

    def gathers_rows(self, IN, taps):
        """Whether every row of the second factor gets its own tap, as that of w (O, IN, KH, KW)."""
        return False

    def _threads(self, tile):
        return tile["BM"] // tile["OWN_M"] * (tile["BN"] // tile["OWN_N"])

    def _reads_unpacked(self, IN, taps):
        """Whether w (O, IN, KH, KW) is the kernel's first factor as it is."""
        return True

    def _shared_bytes(self, tile, transposed):
        """Bytes of dynamic shared memory; transposed: the second factor is stored by columns."""
        return 0


class TF32ImplicitGemm(ImplicitGemm):
    """The three products on the tensor cores, with float32 factors rounded to TF32."""

    path = "conv2d/cuda/implicit_gemm_tf32.cu"
    weight_grad_path = "conv2d/cuda/implicit_gemm_tf32_weight_grad.cu"
    name = "implicit_gemm_tf32"
    BK = 16
    channels_last, padding = True, 16
    STAGES = 3
    tiles = (
        {"BM": 16, "BN": 128, "WARPS_M": 1, "WARPS_N": 4},
        {"BM": 32, "BN": 128, "WARPS_M": 1, "WARPS_N": 4},
        {"BM": 64, "BN": 128, "WARPS_M": 2, "WARPS_N": 4},
        {"BM": 128, "BN": 128, "WARPS_M": 2, "WARPS_N": 4},
    )
    small: ClassVar = {"BM": 64, "BN": 64, "WARPS_M": 2, "WARPS_N": 2}

    def _definitions(self, dtype, KH, KW):
        return {"KH": KH, "KW": KW}

    def _copying(self, by_four, packed, pairs, few=False):
        vector = 4 if by_four else 1
        return {"VECTOR": vector, "ROUNDED": int(packed), "PAIRS": int(pairs), "FEW": int(few)}

    def gathers_rows(self, IN, taps):
        """Whether taps of so few channels are gathered, instead of padded to a piece each."""
        return IN < self.BK and 1 < taps <= 49

    def _threads(self, tile):
        return tile["WARPS_M"] * tile["WARPS_N"] * 32

    def _reads_unpacked(self, IN, taps):
        """The rows are (KH, KW, IN), with whole pieces of channels."""
        return taps == 1 and IN % self.BK == 0

    def _shared_bytes(self, tile, transposed):
        BM, BN, BK = tile["BM"], tile["BN"], self.BK
        second = BN * (BK + 4) if transposed else BK * (BN + 8)
        return 4 * self.STAGES * (BM * (BK + 4) + second)


PLAIN, TF32 = ImplicitGemm(), TF32ImplicitGemm()


@planned
def _products_plan(gemm, *case):
    return gemm.plan_products(*case)


@planned
def _weight_grad_plan(gemm, *case):
    return gemm.plan_weight_grad(*case)

"""Dense convolution on the GPU: the launches of implicit_gemm.cu and implicit_gemm_tf32.cu.

These are the products of im2col.py without columns in memory: x is read about once for every tile
of output channels, and from the L2 cache where its windows overlap.
"""

import math
from typing import ClassVar, NamedTuple

import numpy as np

from ...batch_norm import Moments
from ...cuda.launch import Launch, blocks, cuda_module, empty, planned, zeros
from ...cuda.signature import real
from . import pointwise
from .splits import add_parts, parts_in_waves

TARGET_BLOCKS = 264  # two for each of the 132 multiprocessors of an H200
MIN_PIECES = 16  # in a part of a sum: with fewer, writing and adding the parts takes longer


class Form(NamedTuple):
    """How axis.h reads the taps: pairs of settings, down and across.

    phased: whether it computes the phases of an input gradient. An input gradient of stride 1 is a
    convolution with the taps in reversed order. apart: the distance of the taps of a phase.
    """

    phased: bool
    stride: tuple[int, int]
    before: tuple[int, int]
    apart: tuple[int, int] = (1, 1)

    @classmethod
    def of(cls, window, gradient) -> "Form":
        """The form of a convolution, or of its input gradient."""
        before = window.padding[0][0], window.padding[1][0]
        if not gradient:
            return cls(False, window.stride, before)
        if window.stride == (1, 1):
            top, left = (span - 1 - b for span, b in zip(window.span, before, strict=True))
            return cls(False, (1, 1), (top, left))
        SH, SW = window.stride
        apart = SH // math.gcd(SH, window.dilation[0]), SW // math.gcd(SW, window.dilation[1])
        return cls(True, window.stride, before, apart)

    @property
    def phases(self) -> tuple[int, int]:
        """The number of phases."""
        return self.stride if self.phased else (1, 1)

    def counts(self, size) -> tuple[int, int]:
        """The outputs of the largest phase."""
        return blocks(size[0], self.phases[0]), blocks(size[1], self.phases[1])

    def filled(self, window) -> tuple[int, int]:
        """The number of phases that have taps."""
        (KH, KW), (down, across) = window.kernel, self.apart
        return min(KH, down), min(KW, across)

    def most_taps(self, window) -> tuple[int, int]:
        """The taps of the phase that has the most."""
        return blocks(window.kernel[0], self.apart[0]), blocks(window.kernel[1], self.apart[1])


class Products(NamedTuple):
    """The launch of a convolution or an input gradient.

    splits: the number of parts of the sums. columns: of the result, that share their moments. pack:
    the launch that packs the weights, or None; packed: the size of its result.
    """

    splits: int
    columns: int
    pack: Launch | None
    packed: int
    launch: Launch


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
        return self._products("forward", x, w, shape, window, groups, bias, bool(relu))[0]

    def forward_with_moments(self, x, w, window, groups, bias=None):
        """As `forward` -> y, and its Moments, or None where sums are split over blocks."""
        shape = len(x), w.shape[0], *window.output_size(*x.shape[2:])
        return self._products("forward", x, w, shape, window, groups, bias, counted=True)

    def input_grad(self, gy, w, window, input_size, groups):
        """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
        shape = len(gy), groups * w.shape[1], *input_size
        return self._products("input_grad", gy, w, shape, window, groups)[0]

    def _products(
        self, function, x, w, shape, window, groups, bias=None, relu=False, counted=False
    ):
        """y of `shape` from x (N, C, H, W) and w (O, C/groups, KH, KW), and its Moments or None."""
        if not math.prod(shape) * x.size:
            return add_parts(zeros((1, *shape), x.dtype, like=x), bias, relu), None
        case = function, x.shape, w.shape, shape, x.dtype, window, groups, bias is not None, relu
        plan = _products_plan(self, *case)
        parts, moments = empty((plan.splits, *shape), x.dtype, like=x), None
        if counted and plan.splits == 1:
            columns = blocks(math.prod(shape) // shape[1], plan.columns)
            array = empty((2, columns, shape[1]), x.dtype, like=x)
            moments = Moments(array, plan.columns)
        packed = w
        if plan.pack is not None:
            packed = empty(plan.packed, w.dtype, like=w)
            plan.pack(w, packed)
        if plan.splits > 1:
            plan.launch(x, packed, None, parts, None)
            return add_parts(parts, bias, relu), None
        plan.launch(x, packed, bias, parts, moments and moments.array)
        return parts[0], moments

    def weight_grad(self, x, gy, window, groups):
        """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
        shape = gy.shape[1], x.shape[1] // groups, *window.kernel
        if not math.prod(shape) * x.size * gy.size:
            return zeros(shape, x.dtype, like=x)
        splits, launch = _weight_grad_plan(self, x.shape, gy.shape, x.dtype, window, groups)
        parts = empty((splits, *shape), x.dtype, like=x)
        launch(x, gy, parts)
        return add_parts(parts)

    def gradients(self, x, w, gy, window, groups):
        """gx and gw, as of input_grad and weight_grad, with one launch between the products."""
        if not x.size * w.size * gy.size:
            separate = self.input_grad(gy, w, window, x.shape[2:], groups)
            return separate, self.weight_grad(x, gy, window, groups)
        case = gy.shape, w.shape, x.shape, x.dtype, window, groups, False, False
        plan = _products_plan(self, "input_grad", *case)
        splits, launch = _weight_grad_plan(self, x.shape, gy.shape, x.dtype, window, groups)
        gw = empty((splits, *w.shape), x.dtype, like=x)
        launch(x, gy, gw)
        packed = empty(plan.packed, w.dtype, like=w)
        if splits == 1:
            plan.pack(w, packed)
            gw = gw[0]
        else:
            parts, gw = gw, empty(w.shape, x.dtype, like=x)
            _between_plan(self, splits, w.shape, x.dtype, groups)(parts, gw, w, packed)
        gx = empty((plan.splits, *x.shape), x.dtype, like=x)
        plan.launch(gy, packed, None, gx, None)
        return add_parts(gx), gw

    def plan_products(self, function, x_shape, w_shape, shape, dtype, window, groups, biased, relu):
        """The Products of a convolution, or of its input gradient."""
        (N, C, H, W), (_, _, KH, KW), (_, _, OH, OW) = x_shape, w_shape, shape
        IN, M = C // groups, shape[1] // groups
        form = Form.of(window, function == "input_grad")
        columns, phases = N * math.prod(form.counts((OH, OW))), math.prod(form.phases)
        filled, longest = math.prod(form.filled(window)), math.prod(form.most_taps(window))
        tile = self._tile(dtype, M, columns * filled, groups, most_splits=1)
        # Full blocks, of which each has the most taps: all phases together have KH * KW.
        full = blocks(columns * KH * KW, tile["BN"] * longest)
        uncut, pieces = groups * blocks(M, tile["BM"]) * full, blocks(IN * longest, self.BK)
        splits = parts_in_waves(uncut, pieces, MIN_PIECES, TARGET_BLOCKS)
        sizes = N, groups, IN, M, H, W, OH, OW, *form.stride, *window.dilation, *form.before
        now = np.bool_(splits == 1 and relu)
        values = *map(np.int32, (*sizes, *form.apart, splits)), np.int64(math.prod(shape)), now
        few = function == "forward" and self.gathers_rows(IN, KH * KW)
        as_it_is = function == "forward" and (few or self._reads_unpacked(IN, KH * KW))
        by_four = pointwise.can(window) and H * W % 4 == 0
        pairs = not form.phased and OH * OW % 2 == 0
        definitions = self._definitions(dtype, KH, KW) | {"PHASES": int(form.phased)}
        definitions |= self._copying(by_four, not as_it_is, pairs, few)
        kernel = cuda_module(self.path, **tile, **definitions)[self.name]
        grid = blocks(columns, tile["BN"]) * phases * blocks(M, tile["BM"]), groups * splits
        shared = self._shared_bytes(tile, transposed=False)
        launch = kernel.planned(grid, (self._threads(tile),), values, shared)
        pack, packed = None, 0
        if not as_it_is:
            pack, packed = self._packing(function, dtype, groups, IN, M, KH, KW)
        return Products(splits, self._columns(tile), pack, packed, launch)

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
        definitions = self._definitions(dtype, KH, KW)
        definitions |= self._gathering(OH * OW % 4 == 0, IN % tile["BN"] == 0, KH * KW, K)
        module = cuda_module(self.weight_grad_path, **tile, **definitions)
        grid, block = (*grid, groups * splits), (self._threads(tile),)
        shared, values = self._shared_bytes(tile, transposed=True), tuple(map(np.int32, sizes))
        return splits, module[f"{self.name}_weight_grad"].planned(grid, block, values, shared)

    def _packing(self, function, dtype, groups, IN, M, KH, KW, parts=1):
        """The launch that packs the weights, and the size of its result.

        parts: of a sum of the weights' size; the launch then also adds these.
        """
        padded, taps = blocks(IN, self.padding) * self.padding, KH * KW
        size, gradient = groups * M * taps * padded, function == "input_grad"
        row_step, k_step = (taps, M * taps) if gradient else (IN * taps, taps)
        sizes = M, IN, padded, M * IN * taps, row_step, k_step
        last = int(self.channels_last)
        module = cuda_module(
            "conv2d/cuda/pack.cu", REAL=real(dtype), KH=KH, KW=KW, CHANNELS_LAST=last
        )
        values = np.int64(size), *map(np.int32, sizes), np.bool_(gradient)
        if parts == 1:
            return module["pack_weights"].planned((blocks(size, 256),), (256,), values), size
        adding = M * taps * IN * groups
        grid, values = (blocks(adding, 256) + blocks(size, 256),), (np.int64(adding), *values)
        kernel = module["add_parts_and_pack"]
        return kernel.planned(grid, (256,), (np.int32(parts), *values)), size

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

    def _copying(self, by_four, packed, pairs, few):
        """The -D settings for copies.

        by_four: four adjacent positions are aligned to 16 bytes. packed: the first factor was
        packed. pairs: two adjacent results are aligned to 8 bytes. few:
        every row of the second factor has its own tap.
        """
        return {}

    def _gathering(self, by_four, one_tap, taps, K):
        """The -D settings for the weight gradient, with K columns.

        by_four: as in `_copying`. one_tap: a block may have the channels of one tap.
        """
        return {}

    def gathers_rows(self, IN, taps):
        """Whether every row of the second factor gets its own tap, as that of w (O, IN, KH, KW)."""
        return False

    def _columns(self, tile):
        """The columns of the result whose moments are written as one."""
        return tile["BN"]

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

    def _copying(self, by_four, packed, pairs, few):
        vector = 4 if by_four else 1
        return {"VECTOR": vector, "ROUNDED": int(packed), "PAIRS": int(pairs), "FEW": int(few)}

    def _gathering(self, by_four, one_tap, taps, K):
        pairs = K % 2 == 0 and (taps == 1 or not one_tap)
        return {"VECTOR": 4 if by_four else 1, "ONE_TAP": int(one_tap), "PAIRS": int(pairs)}

    def gathers_rows(self, IN, taps):
        """Whether taps of so few channels are gathered, instead of padded to a piece each."""
        return IN < self.BK and 1 < taps <= 49

    def _columns(self, tile):
        return tile["BN"] // tile["WARPS_N"]

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
def _between_plan(gemm, splits, w_shape, dtype, groups):
    """The launch that adds the parts of gw and packs w for gx."""
    O, C, KH, KW = w_shape
    case = "input_grad", dtype, groups, O // groups, C, KH, KW
    return gemm._packing(*case, parts=splits)[0]


@planned
def _weight_grad_plan(gemm, *case):
    return gemm.plan_weight_grad(*case)

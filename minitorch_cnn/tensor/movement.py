"""Operations that move numbers without changing them: reshape, permute, expand, join, cut, flip,
pad, cast, copy.
"""

from __future__ import annotations

import math

import numpy as np

from .. import backend
from ..autograd import function
from ..autograd.function import Function
from .elementwise import unbroadcast
from .indexing import index_select


class Reshape(Function):
    """The same numbers in another shape; a view where the memory layout allows."""

    is_view = True

    def forward(ctx, x, shape):
        ctx.shape = x.shape
        return x.reshape(shape)

    def backward(ctx, gy):
        return Reshape.apply(gy, shape=ctx.shape)


class Permute(Function):
    """Axis i of y is axis dims[i] of x."""

    is_view = True

    def forward(ctx, x, dims):
        ctx.dims = dims
        return x.transpose(dims)

    def backward(ctx, gy):
        return Permute.apply(gy, dims=tuple(np.argsort(ctx.dims).tolist()))


class Expand(Function):
    """y repeats x along axes of size 1 without copying; the gradient adds the repeats up."""

    is_view = True

    def forward(ctx, x, shape):
        ctx.shape = x.shape
        return np.broadcast_to(x, shape)

    def backward(ctx, gy):
        return unbroadcast(gy, ctx.shape)


class Cat(Function):
    """Arrays joined along an axis."""

    def forward(ctx, *xs, axis):
        ctx.axis, ctx.sizes = axis, [x.shape[axis] for x in xs]
        return np.concatenate(xs, axis)

    def backward(ctx, gy):
        ends = np.cumsum(ctx.sizes).tolist()
        return tuple(
            narrow(gy, ctx.axis, end - size, size) if need else None
            for end, size, need in zip(ends, ctx.sizes, ctx.needs_input_grad, strict=True)
        )


class Flip(Function):
    """The order of elements reversed along axes."""

    def forward(ctx, x, axes):
        ctx.axes = axes
        return np.flip(x, axes).copy()

    def backward(ctx, gy):
        return Flip.apply(gy, axes=ctx.axes)


class Roll(Function):
    """Elements shifted along axes, those pushed out at one end entering at the other."""

    def forward(ctx, x, shifts, axes):
        ctx.shifts, ctx.axes = shifts, axes
        return np.roll(x, shifts, axes)

    def backward(ctx, gy):
        return Roll.apply(gy, shifts=tuple(-s for s in ctx.shifts), axes=ctx.axes)


class ConstantPad(Function):
    """x with `value` around it; negative widths cut off. The gradient of a border is a crop, and
    the reverse.
    """

    def forward(ctx, x, widths, value):
        ctx.widths = widths
        y = np.full([n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)], value, x.dtype)
        inner = tuple(slice(max(a, 0), y.shape[i] - max(b, 0)) for i, (a, b) in enumerate(widths))
        outer = tuple(slice(max(-a, 0), x.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(widths))
        y[inner] = x[outer]
        return y

    def backward(ctx, gy):
        return ConstantPad.apply(gy, widths=[(-a, -b) for a, b in ctx.widths], value=0)


class Cast(Function):
    """The same numbers in another dtype."""

    def forward(ctx, x, dtype):
        ctx.dtype = x.dtype
        with np.errstate(all="ignore"):
            return x.astype(dtype)

    def backward(ctx, gy):
        return gy.to(ctx.dtype)


class Clone(Function):
    """A copy in memory of its own."""

    def forward(ctx, x):
        return x.copy()

    def backward(ctx, gy):
        return gy


class Triangle(Function):
    """x with everything above (tril) or below (triu) a diagonal set to 0."""

    def forward(ctx, x, keep, diagonal):
        ctx.keep_, ctx.diagonal = keep, diagonal
        return keep(x, diagonal)

    def backward(ctx, gy):
        return Triangle.apply(gy, keep=ctx.keep_, diagonal=ctx.diagonal)


def _sizes(args) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    if len(args) == 1 and not isinstance(args[0], (int, np.integer)):
        args = args[0]
    return tuple(int(n) for n in args)


def axis_of(dim: int, ndim: int, name: str) -> int:
    """`dim` counted from the front; IndexError if a tensor of `ndim` axes has no such axis."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: dim={dim} must lie in [{-ndim}, {ndim - 1}]")
    return dim % ndim


def _resolved(shape, size: int, name: str) -> tuple[int, ...]:
    """`shape` with its -1, if any, worked out; RuntimeError if it cannot hold `size` elements."""
    known = math.prod(n for n in shape if n != -1)
    unknown = shape.count(-1)
    fits = known == size if not unknown else unknown == 1 and known > 0 and size % known == 0
    if not fits or min(shape, default=0) < -1:
        raise RuntimeError(f"{name}: shape {list(shape)} cannot hold {size} elements")
    return tuple(size // known if n == -1 else n for n in shape)


def reshape(input, *shape):
    """The elements in `shape` (one size may be -1): a view where possible, else a copy."""
    return Reshape.apply(input, shape=_resolved(_sizes(shape), input.data.size, "reshape"))


def view(input, *shape):
    """The same memory in `shape`; RuntimeError where only a copy would do."""
    y = Reshape.apply(input, shape=_resolved(_sizes(shape), input.data.size, "view"))
    if y._base is None:  # it was copied
        raise RuntimeError(
            f"view: shape {list(y.shape)} cannot be laid over a tensor of shape {input.shape} and strides "
            f"{input.data.strides} bytes without a copy; use reshape"
        )
    return y


def flatten(input, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim (inclusive) joined into one."""
    if input.ndim == 0:
        return reshape(input, 1)
    a, b = axis_of(start_dim, input.ndim, "flatten"), axis_of(end_dim, input.ndim, "flatten")
    if a > b:
        raise RuntimeError(f"flatten: start_dim={start_dim} must not come after end_dim={end_dim}")
    shape = input.shape
    return reshape(input, *shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :])


def unflatten(input, dim, sizes):
    """Axis `dim` split into `sizes` (one may be -1)."""
    axis = axis_of(dim, input.ndim, "unflatten")
    sizes = _resolved(tuple(sizes), input.shape[axis], "unflatten")
    return reshape(input, *input.shape[:axis], *sizes, *input.shape[axis + 1 :])


def permute(input, *dims):
    """Axis i of the result is axis dims[i] of `input`."""
    dims = _sizes(dims)
    axes = tuple(axis_of(d, input.ndim, "permute") for d in dims)
    if sorted(axes) != list(range(input.ndim)):
        raise RuntimeError(f"permute: dims={dims} must name each of the {input.ndim} axes once")
    return Permute.apply(input, dims=axes)


def transpose(input, dim0, dim1):
    """Two axes exchanged."""
    dims = list(range(input.ndim))
    a, b = axis_of(dim0, input.ndim, "transpose"), axis_of(dim1, input.ndim, "transpose")
    dims[a], dims[b] = b, a
    return Permute.apply(input, dims=tuple(dims))


def movedim(input, source: int, destination: int):
    """Axis `source` moved to position `destination`, the others in their order."""
    dims = [i for i in range(input.ndim) if i != axis_of(source, input.ndim, "movedim")]
    dims.insert(axis_of(destination, input.ndim, "movedim"), axis_of(source, input.ndim, "movedim"))
    return Permute.apply(input, dims=tuple(dims))


def squeeze(input, dim=None):
    """Without the axes of size 1 (all, or those in `dim`)."""
    if dim is None:
        axes = range(input.ndim)
    else:
        axes = {axis_of(d, max(input.ndim, 1), "squeeze") for d in (_sizes((dim,)))}
    return Reshape.apply(
        input, shape=tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    )


def unsqueeze(input, dim):
    """With a new axis of size 1 at `dim`."""
    axis = axis_of(dim, input.ndim + 1, "unsqueeze")
    return Reshape.apply(input, shape=(*input.shape[:axis], 1, *input.shape[axis:]))


def expand(input, *sizes):
    """Axes of size 1 repeated to `sizes` without a copy; -1 leaves an axis as it is."""
    sizes = _sizes(sizes)
    lead = len(sizes) - input.ndim
    target = tuple(
        input.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(sizes)
    )
    if lead < 0 or any(
        n < 0 or (i >= lead and input.shape[i - lead] not in (1, n)) for i, n in enumerate(target)
    ):
        raise RuntimeError(
            f"expand: a tensor of shape {input.shape} cannot be expanded to {list(sizes)}"
        )
    return Expand.apply(input, shape=target)


def repeat(input, *repeats):
    """Copies of `input` side by side, repeats[i] of them along axis i."""
    repeats = _sizes(repeats)
    if len(repeats) < input.ndim:
        raise RuntimeError(
            f"repeat: repeats={repeats} must have a number for each of the {input.ndim} axes"
        )
    shape = (1,) * (len(repeats) - input.ndim) + input.shape
    pairs = [n for pair in zip((1,) * len(shape), shape, strict=True) for n in pair]
    tiles = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    return reshape(
        expand(reshape(input, pairs), tiles), [r * n for r, n in zip(repeats, shape, strict=True)]
    )


def cat(tensors, dim=0):
    """Tensors joined along axis `dim`, the other sizes being equal."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("cat: tensors is empty, must hold at least one tensor")
    axis = axis_of(dim, tensors[0].ndim, "cat") if tensors[0].ndim else 0
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.ndim == 0:
            raise RuntimeError(f"cat: tensors[{i}] is 0-d and has no axis to join along")
        if t.ndim != len(first) or any(
            t.shape[d] != first[d] for d in range(len(first)) if d != axis
        ):
            raise RuntimeError(
                f"cat: tensors[{i}] has shape {t.shape}, which does not join {first} along {dim}"
            )
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = (
            np.promote_types(dtype, t.dtype)
            if dtype.kind == t.dtype.kind
            else max(dtype, t.dtype, key=_rank)
        )
    return Cat.apply(*[t.to(dtype) for t in tensors], axis=axis)


def _rank(dtype) -> int:
    return "buif".index(dtype.kind)


def stack(tensors, dim=0):
    """Tensors of one shape joined along a new axis `dim`."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack: tensors is empty, must hold at least one tensor")
    for i, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack: tensors[{i}] has shape {t.shape}, the first has {tensors[0].shape}"
            )
    return cat([unsqueeze(t, dim) for t in tensors], axis_of(dim, tensors[0].ndim + 1, "stack"))


def narrow(input, dim, start, length):
    """Elements start to start + length of axis `dim`: a view."""
    axis = axis_of(dim, input.ndim, "narrow")
    if not 0 <= start <= start + length <= input.shape[axis]:
        raise RuntimeError(
            f"narrow: start={start}, length={length} exceed the size {input.shape[axis]} of axis {dim}"
        )
    return input[(slice(None),) * axis + (slice(start, start + length),)]


def split(tensor, split_size_or_sections, dim=0):
    """A tuple of views: pieces of one size (the last may be smaller), or of the sizes in a list."""
    n = tensor.shape[axis_of(dim, tensor.ndim, "split")]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split: split_size={size} must be positive")
        sizes = [min(size, n - start) for start in range(0, n, size or 1)] or [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(f"split: sections {sizes} must add up to the size {n} of axis {dim}")
    ends = np.cumsum(sizes).tolist()
    return tuple(
        narrow(tensor, dim, end - size, size) for end, size in zip(ends, sizes, strict=True)
    )


def chunk(input, chunks, dim=0):
    """At most `chunks` views of equal size along `dim`, the last one smaller if they do not come
    out even.
    """
    if chunks < 1:
        raise RuntimeError(f"chunk: chunks={chunks} must be at least 1")
    n = input.shape[axis_of(dim, input.ndim, "chunk")]
    if n == 0:
        return split(input, [0] * chunks, dim)
    return split(input, math.ceil(n / chunks), dim)


def unbind(input, dim=0):
    """A tuple of views: the slices of `input` along `dim`, without that axis."""
    axis = axis_of(dim, input.ndim, "unbind")
    return tuple(input[(slice(None),) * axis + (i,)] for i in range(input.shape[axis]))


def flip(input, *dims):
    """The order of elements reversed along `dims`, in a copy."""
    return Flip.apply(input, axes=tuple(axis_of(d, input.ndim, "flip") for d in _sizes(dims)))


def roll(input, shifts, dims=None):
    """Elements shifted along `dims`, re-entering at the other end; without `dims` the flattened
    tensor is rolled.
    """
    if dims is None:
        return reshape(roll(flatten(input), shifts, 0), *input.shape)
    shifts, dims = _sizes((shifts,)), _sizes((dims,))
    if len(shifts) != len(dims):
        raise RuntimeError(f"roll: shifts={shifts} and dims={dims} must be of equal length")
    return Roll.apply(
        input, shifts=shifts, axes=tuple(axis_of(d, input.ndim, "roll") for d in dims)
    )


def pad(input, pad, mode="constant", value=None):
    """`input` with a border: `pad` = (left, right, top, bottom, ...), from the last axis on;
    negative widths crop.

    mode "constant" (filled with `value`, 0 by default), "reflect" (border element not repeated),
    "replicate" (border element repeated), "circular" (entering from the other end). Raises
    ValueError for an unknown mode, RuntimeError where a width exceeds what the mode can fill.
    """
    pad = _sizes((pad,))
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise RuntimeError(f"pad: pad={pad} must hold a pair for each of at most {input.ndim} axes")
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + [
        (pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)
    ]
    if mode == "constant":
        for n, (a, b) in zip(input.shape, pairs, strict=True):
            if n + a + b < 0:
                raise RuntimeError(
                    f"pad: pad={pad} takes more than there is of a tensor of shape {input.shape}"
                )
        if not any(a or b for a, b in pairs):
            return clone(input)
        return ConstantPad.apply(input, widths=pairs, value=0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ValueError(
            f"pad: mode={mode!r} must be 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise ValueError(f"pad: value={value} belongs to mode 'constant', not to {mode!r}")
    for axis, (a, b) in enumerate(pairs):
        if a or b:
            input = index_select(
                input, axis, function.Tensor(_border(input.shape[axis], a, b, mode))
            )
    return input


def _border(n: int, before: int, after: int, mode: str):
    """The positions on an axis of size n that fill it and its borders."""
    limit = {"reflect": n - 1, "replicate": np.inf if n else 0, "circular": n}[mode]
    if before > limit or after > limit:
        raise RuntimeError(
            f"pad: width {max(before, after)} exceeds what mode {mode!r} can fill from size {n}"
        )
    i = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    if mode == "circular":
        return i % n
    i = np.abs(i)
    return np.where(i > n - 1, 2 * (n - 1) - i, i)


def tril(input, diagonal=0):
    """The part on and below a diagonal of the last two axes; 0 elsewhere."""
    return Triangle.apply(input, keep=np.tril, diagonal=diagonal)


def triu(input, diagonal=0):
    """The part on and above a diagonal of the last two axes; 0 elsewhere."""
    return Triangle.apply(input, keep=np.triu, diagonal=diagonal)


def clone(input):
    """A copy in memory of its own, through which gradients flow."""
    return Clone.apply(input)


def contiguous(input):
    """`input` itself if its elements lie in memory in order, else a copy that does."""
    return input if input.data.flags.c_contiguous else clone(input)


def to(input, *args, dtype=None, device=None, copy=False):
    """`input` in another dtype or on another device; itself if nothing changes and no `copy` is
    asked for.

    to(dtype), to(device), to(device, dtype) and to(other_tensor) are read as in PyTorch.
    """
    for arg in args:
        if isinstance(arg, function.Tensor):
            dtype = arg.dtype
        elif isinstance(arg, str) and (arg == "cpu" or arg.startswith("cuda")):
            device = arg
        else:
            dtype = arg
    backend.check_device(device, "to")
    if dtype is None or dtype == input.data.dtype:
        return clone(input) if copy else input
    return Cast.apply(input, dtype=backend.check_dtype(dtype, "to"))

"""The loops around the micro-kernel: items of work, blocks of output channels, grids, tiles."""

from ...jit import kernel
from ...thread_pool import shared
from ..lanes import BLOCKS
from .pack import copy_planes, pack_weights, unpack_sums
from .tile import sum_block, sum_blocks


@kernel
def sum_channels(x, w, packed, bias, relu, matrix, form, sizes, grids, steps, items, memories,
                 parts, y, pool, first, last):  # fmt: skip
    """Compute some items of y, each a band of rows of some output channels of a group.

    packed: the weights; empty where each item packs its own. parts: the elements of a thread's
    memory for planes, sums, a square and weights.
    """
    if shared(pool, first, last):
        return
    s, memory = sizes, memories[-pool]
    image, rest = memory[: parts[0]], memory[parts[0] :]
    t, rest = rest[: parts[1]], rest[parts[1] :]
    square, own = rest[: parts[2]], rest[parts[2] :]
    if s.left < 0 or s.left + s.pitch > s.W:
        image[:] = 0
    before, size = (-1, -1, -1), s.weights * s.lanes
    channels, plane = s.lanes // len(form.share), s.OH * s.OW
    for item in range(first, last):
        n, g, p0, p1, b0, b1 = (
            items[item, 0], items[item, 1], items[item, 2],
            items[item, 3], items[item, 4], items[item, 5],
        )  # fmt: skip
        if (n, g, p0) != before:
            rows, at = (p1 - p0 - 1) * s.sh + s.down + 1, (n * s.groups + g) * s.terms * s.H * s.W
            copy_planes(x, at, s, p0 * s.sh + s.top, rows, image)
            before = n, g, p0
        start, end = p0 * s.step_h, min(p1 * s.step_h, s.OH)
        count = (end - start) * s.OW
        area = count * channels
        for b in range(b0, b1, BLOCKS):
            blocks, block = min(BLOCKS, b1 - b), g * s.blocks + b
            if s.gaps:
                t[: blocks * area] = 0
            if len(packed) > 0:
                weights = packed[block * size : (block + blocks) * size]
            else:
                weights = own[: blocks * size]
                for k in range(blocks):
                    own_part = weights[k * size : (k + 1) * size]
                    pack_weights(w, matrix, form, s, block + k, own_part)
            start_values = bias[block * s.lanes :]
            for k in range(len(grids)):
                sum_grid(
                    image, weights, start_values, relu, form, s, grids[k], steps, blocks,
                    p0, p1, t, area,
                )  # fmt: skip
            for k in range(blocks):
                r = (b + k) * channels
                to = ((n * s.groups + g) * s.rows + r) * plane + start * s.OW
                sums, valid = t[k * area : (k + 1) * area], min(channels, s.rows - r)
                unpack_sums(form, sums, square, s.lanes, count, y, to, plane, valid)


@kernel
def sum_grid(image, w, bias, relu, form, s, grid, steps, blocks, p0, p1, t, area):
    """The sums of the rows p0 ... p1 - 1 of a grid, for one or two blocks of output channels."""
    k0, count, GH, GW = grid[0], grid[1], grid[4], grid[5]
    run, size, step = len(form.run) * len(form.share), s.weights * s.lanes, s.step_w * s.lanes
    along = (GW + run - 1) // run
    runs, x_steps, w_steps = (min(p1, GH) - p0) * along, steps[0], steps[1]
    for m in range(0, runs, 2):
        x_at, t_at = run_at(m, along, run, form, s, grid)
        x_next, t_next = run_at(min(m + 1, runs - 1), along, run, form, s, grid)
        if blocks == BLOCKS:
            sum_blocks(
                form, image, x_at, x_next, s.sw, x_steps, w, 0, size, w_steps, k0, count,
                bias, 0, relu, t, t_at, t_next, step, area,
            )  # fmt: skip
        else:
            sum_block(
                form, image, x_at, x_next, s.sw, x_steps, w, 0, size, w_steps, k0, count,
                bias, 0, relu, t, t_at, t_next, step, area,
            )  # fmt: skip


@kernel
def run_at(m, along, run, form, s, grid):
    """Where run m of a band begins: in the copy of the planes, and in the sums.

    run: its positions. The last run of a row ends with the row.
    """
    start_h, start_w, GW = grid[2], grid[3], grid[5]
    i, j = m // along, min(m % along * run, GW - run)
    p = (i * s.step_h + start_h) * s.OW + j * s.step_w + start_w
    return i * s.sh * s.pitch + j * s.sw, p // len(form.share) * s.lanes

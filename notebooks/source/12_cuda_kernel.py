# %% [markdown]
# # 12. Write a CUDA kernel
#
# **Question.** A GPU multiplies faster than it reads. How can a convolution manage with few reads?
#
# You need no GPU: an emulator runs CUDA C on this processor (Linux with g++), thread by thread, in
# any order, and stops at behaviour that a GPU leaves undefined. It counts what decides the time on
# a GPU, not seconds.

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import cuda as check, expect, kernels, np, plt, seconds
from minitorch_cnn.course.broken import cuda as broken

mt.manual_seed(12)
rng = np.random.default_rng(12)

# %% [markdown]
# ## Predict
#
# A 3 x 3 convolution of one channel reads nine pixels for each output. If a block of 16 x 16
# threads first copies its pixels into shared memory, how many does it read for each output?

# %%
guess = 1.3  # guess: pixels read from global memory for each output

# %% [markdown]
# ## Build
#
# You write the code between the braces of a kernel
#
#     conv(const float* x, const float* w, float* y, int* reads, int H, int W)
#
# for x (H, W), w (3, 3), y (H - 2, W - 2). Blocks have TILE x TILE threads. `LOAD(x, i)` is `x[i]`:
# write either. The emulator counts the reads of x. First, one thread per output.


# %%
def naive():
    """CUDA C: the thread at (threadIdx, blockIdx) computes y[i][j]."""
    # begin solution: i and j from blockIdx, TILE and threadIdx; outside of y return; nine products
    # hint: threadIdx.x runs along a row. A block begins TILE columns behind the one before. How
    #     many threads are beyond the last output?
    # hint: j is the block's first column plus threadIdx.x, i likewise in y. Return if either is
    #     outside of y. Then two loops over the kernel's rows and columns add up pixel times weight
    #     (row a * 3 + column b of w); write the sum to row i, column j of y, whose rows have W - 2
    #     numbers.
    return """
    const int j = blockIdx.x * TILE + threadIdx.x;
    const int i = blockIdx.y * TILE + threadIdx.y;
    if (i >= H - 2 || j >= W - 2)
        return;
    float sum = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            sum += LOAD(x, (i + a) * W + j + b) * LOAD(w, a * 3 + b);
    y[i * (W - 2) + j] = sum;
    """
    # end solution


# %% check 3
check.convolution(naive)

# %% [markdown]
# 32 threads, a warp, read together, and memory comes in pieces of 128 bytes. How many pieces do the
# addresses of a warp touch? If it is one, the read is called coalesced.


# %%
def segments(addresses):
    """The number of different 128-byte pieces that contain these byte addresses."""
    # begin solution: one line, a number for the piece of each address
    # hint: Pieces begin at multiples of 128. Which one has the address 300?
    # hint: Divide the addresses by 128, rounded down, and count the different results.
    return len(np.unique(addresses // 128))
    # end solution


# %% check 1
check.segments(segments)

# %% [markdown]
# Now shared memory. The block copies its tile and a margin of two, the halo, once; waits until all
# threads have copied; and computes from the copy. 16 x 16 threads copy 18 x 18 pixels, so some copy
# two. And no thread may return before the barrier.


# %%
def tiled():
    """CUDA C with a __shared__ float tile[TILE + 2][TILE + 2]."""
    # begin solution: for (k = thread; k < (TILE + 2)^2; k += TILE TILE) copy; __syncthreads(); sum
    # hint: Number the block's threads from 0 to TILE * TILE - 1. The copy has (TILE + 2) * (TILE +
    #     2) places: a thread copies its own number, and the one that is TILE * TILE further, if it
    #     exists.
    # hint: Place k is row k / (TILE + 2) and column k % (TILE + 2) of the tile; copy only pixels
    #     inside the image. After the barrier, and not before, threads outside of y return; the
    #     others sum nine products as in `naive`, with pixels from the tile at their own row and
    #     column.
    return """
    __shared__ float tile[TILE + 2][TILE + 2];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    const int thread = threadIdx.y * TILE + threadIdx.x;
    for (int k = thread; k < (TILE + 2) * (TILE + 2); k += TILE * TILE) {
        const int i = k / (TILE + 2), j = k % (TILE + 2);
        if (top + i < H && left + j < W)
            tile[i][j] = LOAD(x, (top + i) * W + left + j);
    }
    __syncthreads();
    const int i = top + threadIdx.y, j = left + threadIdx.x;
    if (i >= H - 2 || j >= W - 2)
        return;
    float sum = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            sum += tile[threadIdx.y + a][threadIdx.x + b] * LOAD(w, a * 3 + b);
    y[i * (W - 2) + j] = sum;
    """
    # end solution


# %% check 4
check.tiled(tiled)

# %% [markdown]
# Some copies cannot be coalesced on both sides: to transpose a matrix is to read rows and to write
# columns. This kernel
#
#     transpose(const float* x, float* y, int H, int W)        x (H, W), y (W, H), TILE = 32
#
# writes 32 sectors of 32 bytes for each warp where 4 would do:

# %%
transpose_naive = """
    const int j = blockIdx.x * TILE + threadIdx.x, i = blockIdx.y * TILE + threadIdx.y;
    if (i < H && j < W)
        y[j * H + i] = x[i * W + j];
"""

# %% [markdown]
# Shared memory has no rows that must be read together, so the block turns its tile there. But it
# has 32 banks, and number k lies in bank k % 32: numbers of one bank wait for one another. Where do
# 32 numbers of a column lie? A macro PAD is 0 or 1; with 1 no two lanes may meet in a bank.


# %%
def transposed():
    """CUDA C with a __shared__ tile: a warp reads a row of x and writes a row of y."""
    # begin solution: tile[TILE][TILE + PAD]; read; __syncthreads(); the block's place in y; write
    # hint: Read as in `transpose_naive`, into the tile. In y the block's place is another: its
    #     first row is the first column in x. Neighbouring threads write numbers of one row of y.
    # hint: After the barrier, the thread's row in y is blockIdx.x * TILE + threadIdx.y and its
    #     column blockIdx.y * TILE + threadIdx.x, if they are inside of y, whose rows have H
    #     numbers. The number is in the row threadIdx.x of the tile. PAD unused numbers at the end
    #     of each of the tile's rows move the next row by as many banks.
    return """
    __shared__ float tile[TILE][TILE + PAD];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    int i = top + threadIdx.y, j = left + threadIdx.x;
    if (i < H && j < W)
        tile[threadIdx.y][threadIdx.x] = x[i * W + j];
    __syncthreads();
    i = left + threadIdx.y;
    j = top + threadIdx.x;
    if (i < W && j < H)
        y[i * H + j] = tile[threadIdx.x][threadIdx.y];
    """
    # end solution


# %% check 3
check.transpose(transposed)

# %% [markdown]
# Batch norm needs a mean: a sum over many numbers, by a block of 128 threads. Each thread sums
# every 128th number; then half of the threads add the sums of the other half, and so on. The kernel
# is
#
# sums(const float* x, float* y, int* reads, int N)        x (C, N), y (C,), a block for each row


# %%
def reduction():
    """CUDA C: y[blockIdx.x] = the sum of row blockIdx.x, with __shared__ float part[128]."""
    # begin solution: a strided loop into part[threadIdx.x]; halve 64, 32, ... with a barrier before
    # hint: Two parts: 128 sums that threads compute alone, then halving, in which a thread reads
    #     what another wrote. Between these a barrier is needed.
    # hint: A thread sums x of its row from its own number in steps of 128, and stores it in part.
    #     Then for half = 64, 32, ... 1: wait for all, and the first `half` threads add the number
    #     that is `half` further. All threads reach every barrier. Thread 0 writes y.
    return """
    __shared__ float part[128];
    float sum = 0;
    for (int k = threadIdx.x; k < N; k += 128)
        sum += LOAD(x, blockIdx.x * N + k);
    part[threadIdx.x] = sum;
    for (int half = 64; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            part[threadIdx.x] += part[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        y[blockIdx.x] = part[0];
    """
    # end solution


# %% check 3
check.reduction(reduction)

# %% [markdown]
# What can a machine attain? At most its peak, and at most the operations per byte (the intensity)
# times the bytes per second. This is the roofline.


# %%
def attainable(intensity, peak, bandwidth):
    """Attainable operations per second, at an intensity in operations per byte."""
    # begin solution: one line, the lower of two limits
    # hint: Memory delivers bandwidth bytes a second; each byte allows `intensity` operations.
    # hint: The operations that memory allows are a product; the smaller of that and the peak is
    #     attainable.
    return min(peak, intensity * bandwidth)
    # end solution


# %% check 1
check.roofline(attainable)

# %% [markdown]
# ## See
#
# It matters which thread reads which pixel. Neighbouring threads of a warp can read pixels side by
# side, or below each other.

# %%
lane, W = np.arange(32), 1024
ways = {
    "neighbours in a row": 4 * lane,
    "every second pixel": 4 * 2 * lane,
    "neighbours in a column": 4 * W * lane,
}
pieces = [segments(addresses) for addresses in ways.values()]
plt.figure(figsize=(6.4, 2.4))
bars = plt.barh(list(ways), pieces, color=["C0", "grey", "C1"])
plt.bar_label(bars, padding=3)
plt.xlim(0, 36)
plt.gca().invert_yaxis()
plt.xlabel("pieces of 128 bytes that a warp of 32 reads for 128 bytes of data")
plt.title(f"Down a column a warp moves {pieces[2]} times as much as along a row")
plt.show()
expect(pieces == [1, 2, 32], "the three ways touch 1, 2 and 32 pieces")

# %% [markdown]
# In `naive`, threadIdx.x runs along the row: neighbouring threads read neighbouring pixels.
#
# Now the number of reads, counted by the emulator: pixels per output, for tiles of several sizes.
# (The nine weights are not counted. A GPU keeps them in its cache or in registers.)

# %%
x = rng.standard_normal((66, 66), np.float32)
w = rng.standard_normal((3, 3), np.float32)
tiles = [4, 8, 16, 32]
counted = {"naive": [], "tiled": []}
formula = [((tile + 2) / tile) ** 2 for tile in tiles]
if not kernels.has_compiler():
    print(f"skipped: {kernels.NEEDS}, so the points are those of the formula")
    counted = {"naive": [9.0] * 4, "tiled": formula}
for tile in tiles if kernels.has_compiler() else []:
    for name, body in (("naive", naive()), ("tiled", tiled())):
        y = kernels.conv(body, x, w, tile)
        right = np.allclose(y, kernels.correlate(x, w), atol=1e-4)
        expect(right, f"{name} is right with tiles of {tile} x {tile}")
        counted[name].append(check.pixels(body, x, w, tile))
plt.plot(tiles, counted["naive"], "o-", color="grey", label="naive, counted")
plt.plot(tiles, counted["tiled"], "o", color="C0", label="tiled, counted")
plt.plot(tiles, formula, color="C0", linewidth=0.8, label="((T + 2) / T)$^2$")
plt.xticks(tiles)
plt.ylim(0, 10)
plt.xlabel("tile T (threads a side)")
plt.ylabel("pixels read for each output")
plt.title(f"Shared memory: {counted['tiled'][2]:.2f} reads an output with T = 16 instead of 9")
plt.legend()
plt.show()
print(f"your guess {guess}, counted {counted['tiled'][2]:.3f}")
expect(np.allclose(counted["naive"], 9), "naive reads 9 pixels for each output")
expect(np.allclose(counted["tiled"], formula), "tiled reads ((T + 2) / T)^2, each of a tile once")

# %% [markdown]
# The larger the tile, the less the halo costs. Counts and formula agree, since a side of 64 outputs
# is a multiple of all four tiles.
#
# A transpose has no sums, and moves each number once. What differs is what its warps ask of the
# memories. The emulator counts that for each line (`python -m minitorch_cnn.kernels.cuda.profile`
# shows it for the library's kernels):

# %%
forms = {"naive": (transpose_naive, 0), "tile": (transposed(), 0), "padded tile": (transposed(), 1)}
ratios = {"naive": (4.5, 1), "tile": (1, 16.5), "padded tile": (1, 1)}
if not kernels.has_compiler():
    print(f"skipped: {kernels.NEEDS}, so the ratios are those that the emulator counts elsewhere")
for name, (body, pad) in forms.items() if kernels.has_compiler() else []:
    found = kernels.transpose_counters(body, pad)
    ratios[name] = found.ratio("global"), found.ratio("shared")
    for line in found.lines:
        what = f"{line.kind} {'write' if line.writes else 'read'}"
        each, least = line.units / line.requests, line.least / line.requests
        print(f"{name:12} {line.place:14} {what:13} {each:.0f} for a warp, at least {least:.0f}")
plt.figure(figsize=(6.4, 2.8))
sectors, cycles = np.transpose(list(ratios.values()))
bars = [
    plt.barh(np.arange(3) - 0.2, sectors, 0.4, label="sectors of global memory / least"),
    plt.barh(np.arange(3) + 0.2, cycles, 0.4, label="cycles of shared memory / least"),
]
for bar in bars:
    plt.bar_label(bar, padding=3, fmt="%.3g")
plt.yticks(np.arange(3), list(ratios))
plt.xlim(0, 19)
plt.gca().invert_yaxis()
plt.title("A tile mends the sectors, its padding the banks")
plt.legend(loc="lower right")
plt.show()
expect(ratios["naive"] == (4.5, 1), "naive touches 32 sectors for each 4 that it writes")
expect(ratios["padded tile"] == (1, 1), "the padded tile wastes nothing")

# %% [markdown]
# Half of naive's requests are right, so the ratio is (4 + 32) / (4 + 4); half of the tile's are, so
# its is (1 + 32) / (1 + 1).
#
# Now the roofline of a GPU (NVIDIA's numbers for an H200: 67 T float32 operations per second,
# 4.8 TB per second), with two operations per product, and one write per output:

# %%
PEAK, BANDWIDTH = 67e12, 4.8e12
intensities = np.geomspace(0.1, 1000, 200)
plt.loglog(intensities, [attainable(i, PEAK, BANDWIDTH) / 1e12 for i in intensities], color="black")
points = {
    "naive": 18 / (4 * (9 + 1)),
    "tiled, T = 16": 18 / (4 * (counted["tiled"][2] + 1)),
    "64 channels in and out": 64 * 18 / (4 * (counted["tiled"][2] + 1)),
}
for (name, intensity), colour in zip(
    points.items(), ("grey", "C0", "C1"), strict=True
):
    height = attainable(intensity, PEAK, BANDWIDTH) / 1e12
    plt.plot(intensity, height, "o", color=colour, label=f"{name}: {height:.1f} T/s")
plt.xlabel("operations for each byte of global memory")
plt.ylabel("attainable (T operations/s)")
ridge = PEAK / BANDWIDTH
plt.title(f"Below {ridge:.0f} operations a byte memory is the limit: one channel is")
plt.legend()
plt.show()
expect(points["tiled, T = 16"] < ridge, "one channel is left of the ridge")
expect(points["64 channels in and out"] > ridge, "64 channels are right of it")

# %% [markdown]
# A convolution of one channel, as in a depthwise layer, is always bound by memory; the tile
# quadruples the attainable speed, unless caches already do so. With 64 channels, if a tile is read
# once for all 64 outputs, arithmetic is the limit: this is the region of matrix products.
#
# ## Break it
#
# A missing barrier; a thread that returns before one; and no test for the edge. On a GPU the first
# often works. The emulator runs threads forward, backward and shuffled. (They are ours, in
# `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.tiled(broken.without_barrier)
check.tiled(broken.leaving_early)
check.convolution(broken.without_edge)
check.reduction(broken.sums_without_barriers)

# %% [markdown]
# ## Measure
#
# Timing needs a GPU. If there is one (and CuPy), both kernels run on it, from the same text.

# %%
if not mt.kernels.cuda.array.has_gpu():
    print(
        "no GPU with CuPy here, so nothing is timed: the counts above are what this machine shows"
    )
else:
    import cupy

    big = cupy.asarray(rng.standard_normal((8194, 8194), np.float32))
    weights, out = cupy.asarray(w), cupy.empty((8192, 8192), np.float32)
    reads = cupy.zeros(1, np.int32)
    args = (big, weights, out, reads, np.int32(8194), np.int32(8194))
    for name, body in (("naive", naive()), ("tiled", tiled())):
        kernel = kernels.module("conv", body)

        def run(kernel=kernel):
            kernel((512, 512), (16, 16), args)
            cupy.cuda.runtime.deviceSynchronize()

        run()
        best = seconds(run, 20)
        print(f"{name}: {1000 * best:.2f} ms, {2 * 4 * 8192**2 / best / 1e12:.2f} TB/s")

# %% [markdown]
# ## From the notebook to the library
#
# `kernels/conv2d/cuda/depthwise.cu` is the tiled kernel, for any window and many planes at once.
# `kernels/conv2d/numba_cuda.py` is the same in Python, for Numba. The library runs these kernels
# for arrays in the emulator's memory:

# %%
if not kernels.has_compiler():
    print(f"skipped: {kernels.NEEDS}, so nothing is compared")
else:
    Window, to_emulator = mt.kernels.window.Window, mt.kernels.cuda.array.to_emulator
    conv2d_forward = mt.kernels.conv2d.conv2d_forward
    planes = np.stack([x, x[::-1]])[None]
    filters = np.stack([w, w.T])[:, None]
    y = conv2d_forward(to_emulator(planes), to_emulator(filters), Window(3), groups=2).get()
    mine = kernels.conv(tiled(), x, w), kernels.conv(tiled(), x[::-1], w.T)
    same = [np.allclose(y[0, i], plane, atol=1e-4) for i, plane in enumerate(mine)]

    rows = rng.standard_normal((4, 500), np.float32)
    mean = kernels.sums(reduction(), rows) / 500
    library = mt.kernels.batch_norm.batch_norm_statistics(rows[None])
    same.append(np.allclose(mean, library.mean, atol=1e-5))
    print("equal to the library's, two planes and the mean:", same)
    expect(all(same), "kernels of the notebook and of the library agree")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why may no thread of a block leave before a barrier?
#
# Rubric: 2 for: the others wait at the barrier for all threads of the block, so a missing one makes
# them hang (undefined behaviour). 1 for "it is not allowed".

# %% [manual 2]
# 2. How much shared memory does a tile of 32 x 32 with its halo take?
#
# Rubric: 2 for 34 x 34 x 4 bytes = 4,624 bytes. 1 for 34 x 34 numbers without bytes, or for 32 x 32
# x 4.

# %% [manual 2]
# 3. Which threads of `tiled` copy two pixels?
#
# Rubric: 2 for those with the numbers 0 to 67 (18 x 18 = 324 = 256 + 68). 1 for "the first ones".

# %% [manual 2]
# 4. How many barriers does the reduction need for 128 threads?
#
# Rubric: 2 for 7 (one before each of 64, 32, 16, 8, 4, 2, 1). 1 for 6 or 8 with a reason.

# %% [manual 2]
# 5. Why does the last step of the reduction not need 128 threads?
#
# Rubric: 2 for: only one sum is left to do, by one thread; all others idle. 1 for "it is smaller".

# %% [manual 2]
# 6. How does the halo's share change with a 5 x 5 window?
#
# Rubric: 2 for: four rows and columns of halo, ((T + 4) / T)^2: 1.56 for T = 16 instead of 1.27. 1
# for "it grows".

# %% [manual 2]
# 7. Which layers of MobileNet are left of the ridge?
#
# Rubric: 2 for the depthwise layers (and batch norm, ReLU, pooling); the 1 x 1 with many channels
# are right of it. 1 for "depthwise" with doubt, or for too many layers.

# %% [manual 2]
# 8. What would each thread have to do so that the weights are read once?
#
# Rubric: 2 for: compute several outputs with the weights in registers (or keep w in shared or
# constant memory, loaded once a block). 1 for "use the cache".

# %% [markdown]
# ## Further reading
#
# - NVIDIA, CUDA C++ programming guide: thread hierarchy, shared memory.
# - S. Williams, A. Waterman, D. Patterson (2009), Roofline. Communications of the ACM 52.
# - M. Harris (2007), Optimizing parallel reduction in CUDA.

# %% [markdown]
# # 2. Convolution is a matrix product
#
# **Question.** A convolution is seven nested loops. How does it become fast without computing
# anything else?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, convolution as check, expect, nn, np, plt, runs, seconds
from minitorch_cnn.course.broken import convolution as broken

mt.manual_seed(2)
rng = np.random.default_rng(2)

# %% [markdown]
# ## Predict
#
# Seven loops in Python take a time t for a small layer. Copying every window into a column of a
# matrix and multiplying once needs nine times the memory. How many times faster is it?

# %%
guess = 1000  # guess: how many times faster

# %% [markdown]
# ## Build
#
# Rung 0, the definition. All shapes are x (N, C, H, W), w (O, C, K, K) -> y (N, O, OH, OW), with
# OH = (H + 2 padding - K) // stride + 1.


# %%
def loops(x, w, stride=1, padding=0):
    """y[n, o, i, j] = sum of x[n, c, i stride + kh, j stride + kw] w[o, c, kh, kw], x padded."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    N, C, H, W = x.shape
    O, _, K, _ = w.shape
    OH, OW = (H - K) // stride + 1, (W - K) // stride + 1
    y = np.zeros((N, O, OH, OW), x.dtype)
    # begin solution: seven loops, one multiply-add inside
    # hint: Each number of y is a sum over all channels and all places of the kernel. Which loops
    #     choose the number, and which add to it?
    # hint: Four loops choose n, o, i and j, three more run over c, kh and kw. The pixel is the one
    #     of the formula above; add its product with the weight of the same c, kh and kw. Return y
    #     at the end.
    for n in range(N):
        for o in range(O):
            for i in range(OH):
                for j in range(OW):
                    for c in range(C):
                        for kh in range(K):
                            for kw in range(K):
                                pixel = x[n, c, i * stride + kh, j * stride + kw]
                                y[n, o, i, j] += pixel * w[o, c, kh, kw]
    return y
    # end solution


# %% check 3
check.convolution(loops)

# %% [markdown]
# Rung 1. Put the loops over the kernel outside. The contribution of one tap (kh, kw) to all outputs
# is a product of matrices: its O x C weights times the pixels under it.


# %%
def taps(x, w, stride=1, padding=0):
    """One product of matrices for each of the K K places of the kernel."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    N, C, H, W = x.shape
    O, _, K, _ = w.shape
    OH, OW = (H - K) // stride + 1, (W - K) // stride + 1
    y = np.zeros((N, O, OH * OW), x.dtype)
    # begin solution: slice the pixels under tap (kh, kw), reshape to (N, C, OH OW), multiply
    # hint: For a fixed place of the kernel the windows read one pixel each: OH rows and OW columns,
    #     a stride apart. A slice with a step reads them all.
    # hint: Two loops over kh and kw. The slice of rows begins at kh and has OH entries with the
    #     step stride; columns likewise. The matrix of the tap is the (O, C) slice of w; `@`
    #     multiplies it with each image of the batch. Sum over the taps, and reshape y at the end.
    for kh in range(K):
        for kw in range(K):
            pixels = x[:, :, kh : kh + OH * stride : stride, kw : kw + OW * stride : stride]
            y += w[:, :, kh, kw] @ pixels[:, :, :OH, :OW].reshape(N, C, OH * OW)
    return y.reshape(N, O, OH, OW)
    # end solution


# %% check 3
check.convolution(taps)

# %% [markdown]
# Rung 2. Stack the pixels of all taps: column t holds the window of output t. Then one product does
# everything.


# %%
def im2col(x, K, stride=1, padding=0):
    """x (N, C, H, W) -> (C K K, N OH OW); rows in the order c, kh, kw, columns n, i, j."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    # begin solution: sliding_window_view over axes 2 and 3, every stride-th, then transpose
    # hint: sliding_window_view(x, (K, K), axis=(2, 3)) puts the two axes of the window last. Which
    #     of its windows does a stride of 2 keep?
    # hint: The axes are now n, c, i, j, kh, kw. Keep every stride-th i and j; transpose to c, kh,
    #     kw, n, i, j; a reshape to C K K rows joins each three to one.
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (N, C, OH, OW, K, K)
    return windows.transpose(1, 4, 5, 0, 2, 3).reshape(x.shape[1] * K * K, -1)
    # end solution


# %% check 3
check.columns(im2col)


# %%
def product(x, w, stride=1, padding=0):
    """The convolution as w @ columns."""
    O, _, K, _ = w.shape
    OH = (x.shape[2] + 2 * padding - K) // stride + 1
    y = w.reshape(O, -1) @ im2col(x, K, stride, padding)
    return y.reshape(O, len(x), OH, -1).swapaxes(0, 1)


check.convolution(product)

# %% [markdown]
# Rung 3. The whole matrix of columns does not fit into a cache. A band of rows at a time does.


# %%
def tiled(x, w, rows=8):
    """3x3 and stride 1, in bands of `rows` rows of the output."""
    bands = range(0, x.shape[2] - 2, rows)
    return np.concatenate([product(x[:, :, i : i + rows + 2], w) for i in bands], axis=2)


# %% [markdown]
# Rung 4, for 3x3 kernels and stride 1, is Winograd's trick. It is optional. Four outputs in a 2x2
# square read a 4x4 window and take 36 products. As products of polynomials, given by their values
# at four points (0, 1, -1, infinity), they take 16:
# y = A' [(G w G') * (B' d B)] A.

# %%
B = np.array([[1, 0, 0, 0], [0, 1, -1, 1], [-1, 1, 1, 0], [0, 0, 0, -1.0]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1.0]])
A = np.array([[1, 0], [1, 1], [1, -1], [0, -1.0]])


# %%
def winograd(x, w):
    """3x3, stride 1, no padding, an even number of output rows and columns."""
    N, C, H, W = x.shape
    O, (TH, TW) = len(w), ((H - 2) // 2, (W - 2) // 2)
    b, g, a = (m.astype(x.dtype) for m in (B, G, A))
    d = np.lib.stride_tricks.sliding_window_view(x, (4, 4), axis=(2, 3))[:, :, ::2, ::2]
    # begin optional: transform both, for each of 16 points (O, C) @ (C, tiles), transform back
    # hint: np.matmul works on the last two axes of an array with more. Where do the 16 points, the
    #     channels and the tiles have to be, so that one product sums over the channels?
    # hint: Transform d from both sides by B and w by G. Bring the 4 x 4 points to the front and
    #     flatten them: (16, C, tiles) and (16, O, C). Multiply, bring the points back to the end,
    #     transform by A, and let each 2 x 2 square stand in its place before the last reshape.
    v = (b.T @ d @ b).transpose(4, 5, 1, 0, 2, 3).reshape(16, C, -1)
    u = (g @ w @ g.T).transpose(2, 3, 0, 1).reshape(16, O, C)
    m = (u @ v).reshape(4, 4, O, N, TH, TW).transpose(3, 2, 4, 5, 0, 1)
    y = a.T @ m @ a  # (N, O, TH, TW, 2, 2)
    return y.transpose(0, 1, 2, 4, 3, 5).reshape(N, O, 2 * TH, 2 * TW)
    # end solution


# %% check 2 optional
check.winograd(winograd)

# %% [markdown]
# Backward: a pixel that was copied into nine columns gets the sum of their nine gradients.


# %%
def col2im(columns, shape, K, stride=1, padding=0):
    """The adjoint of im2col: (C K K, N OH OW) -> x's shape (N, C, H, W)."""
    N, C, H, W = shape
    OH, OW = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    gx = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    parts = columns.reshape(C, K, K, N, OH, OW)
    # begin solution: add the part of each tap to the pixels it came from, then cut the padding off
    # hint: The pixels of one tap are those that im2col read for it. A pixel that lies under several
    #     taps gets a part from each.
    # hint: Two loops over kh and kw. The slice of gx begins at kh and kw, has the step stride and
    #     OH x OW entries. The part of one tap has the axes c, n, i, j, gx has n first. Add in
    #     place. At the end keep H rows and W columns from `padding` on.
    rows, across = (OH - 1) * stride + 1, (OW - 1) * stride + 1
    for kh in range(K):
        for kw in range(K):
            target = gx[:, :, kh : kh + rows : stride, kw : kw + across : stride]
            target += parts[:, kh, kw].swapaxes(0, 1)
    return gx[:, :, padding : padding + H, padding : padding + W]
    # end solution


# %% check 3
check.adjoint(col2im)

# %% [markdown]
# ## See
#
# Which pixels do the first two outputs of a row read? Stride moves the windows apart, padding lets
# them begin outside, dilation spreads them out.

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 3.1))
for axis, (stride, padding, dilation) in zip(
    axes, [(1, 0, 1), (2, 0, 1), (1, 1, 1), (1, 0, 2)], strict=True
):
    seen = np.ones((9, 9, 3))
    seen[1:8, 1:8] = 0.85  # an image of 7 x 7, with a margin for the padding
    for output, colour in enumerate(([0.85, 0.51, 0.16], [0.12, 0.37, 0.75])):
        for kh in range(3):
            for kw in range(3):
                row = 1 + kh * dilation - padding
                column = 1 + output * stride + kw * dilation - padding
                old = seen[row, column]
                new = np.array(colour)
                seen[row, column] = new if old.min() >= 0.85 else (old + new) / 2
    size = (7 + 2 * padding - 2 * dilation - 1) // stride + 1
    axis.imshow(seen, extent=(-1, 8, 8, -1))
    axis.set_xticks([0, 7])
    axis.set_yticks([0, 7])
    axis.set_title(f"stride {stride}, padding {padding},\ndilation {dilation}: {size} x {size} out")
figure.supxlabel("column of the image (pixels)", fontsize=9)
axes[0].set_ylabel("row (pixels)")
figure.suptitle("Stride and dilation cost outputs, padding brings them back")
plt.show()

# %% [markdown]
# Orange is the first window, blue the second; pixels that both read have a mixed colour. With
# stride 2, windows of three columns share one column. With padding 1 the image keeps its size of 7.
#
# What does an output see after several layers? By formula, a layer adds (K - 1) times the product
# of the strides before it. By gradient: set the gradient of one output to 1 and see where it goes.

# %%
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=1),
)
formula = mt.analysis.receptive_field(net, (1, 33, 33))
rows, columns = mt.analysis.receptive_field_by_gradient(net, (1, 33, 33))
size, jump = 1, 1
for kernel, stride in [(3, 1), (3, 2), (3, 1)]:
    size, jump = size + (kernel - 1) * jump, jump * stride
expect(formula.size == (size, size), "formula and library agree on the size of the field")
expect((len(rows), len(columns)) == (size, size), "the gradient reaches as far as the formula says")

images = mt.randn(64, 1, 33, 33, requires_grad=True)
net(images)[:, :, 8, 8].sum().backward()
reach = abs(images.grad.numpy()).mean((0, 1))
half = np.sort(reach.ravel())[::-1].cumsum() / reach.sum()
count = int((half < 0.5).sum()) + 1
plt.figure(figsize=(6.4, 5))
plt.imshow(reach / reach.max(), cmap="viridis")
plt.colorbar(label="mean |gradient| (largest = 1)")
plt.xlim(columns[0] - 3, columns[-1] + 3)
plt.ylim(rows[-1] + 3, rows[0] - 3)
plt.xlabel("column (pixels)")
plt.ylabel("row (pixels)")
plt.title(f"The field is {size} x {size}, but {count} pixels\ncarry half of the gradient")
plt.show()
expect(count < 0.4 * size * size, "less than 40 % of the pixels carry half of the gradient")

# %% [markdown]
# Formula and gradient agree on the square of 9 x 9 = 81 pixels. But many paths reach its middle and
# only one each corner: far less than half of the pixels carry half of the gradient.

# %% [markdown]
# ## Break it
#
# Three common bugs: a flipped kernel, an output that is one too small, and a col2im that overwrites
# instead of adding. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.convolution(broken.flipped)
check.convolution(broken.too_small)
check.adjoint(broken.overwriting)


# %% [markdown]
# ## Measure
#
# The rungs of the ladder: time for one image, and error against float64.

# %%
x = rng.standard_normal((1, 16, 34, 34)).astype(np.float32)
w = (rng.standard_normal((16, 16, 3, 3)) / 12).astype(np.float32)
right = product(x.astype(np.float64), w.astype(np.float64))
rungs = {
    "seven loops": loops,
    "9 products": taps,
    "im2col": product,
    "im2col in bands": tiled,
}
four = (x[:, :, :4, :4], w)  # the smallest image that Winograd's trick takes
if runs(winograd, *four):
    rungs["Winograd"] = winograd
milliseconds, errors = [], []
for name, conv in rungs.items():
    milliseconds.append(1000 * seconds(lambda f=conv: f(x, w), 1 if conv is loops else 10))
    errors.append(float(abs(conv(x, w) - right).max() / abs(right).max()))
    print(f"{name:16} {milliseconds[-1]:9.2f} ms   relative error {errors[-1]:.1e}")

speedup = milliseconds[0] / min(milliseconds[1:])
figure, (left, other) = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
left.barh(list(rungs), milliseconds, color="C0")
left.set_xscale("log")
left.set_xlabel("time (ms)")
left.invert_yaxis()
other.barh(list(rungs), errors, color="C1")
other.set_xlabel("largest error / largest output")
figure.suptitle(f"The best rung is {speedup:.0f} times faster, all are exact to single precision")
plt.show()
print(f"your guess: {guess}, im2col: {milliseconds[0] / milliseconds[2]:.0f}")
expect(speedup > 50, "the best rung is more than 50 times faster than loops in Python")
expect(max(errors) < 1e-5, "no rung is off by more than single precision explains")

# %% [markdown]
# The first rung brings most of the gain, since the inner loops become products of matrices: the
# same multiply-adds, but without Python between them. The later rungs are close to each other here
# (their order may differ on your machine): the layer is small, its columns take 0.6 MB, and a
# Winograd like this notebook's loses about as much time on moving data as it saves in products.

# %% [markdown]
# ## From the notebook to the library
#
# `kernels/conv2d/loops.py` is rung 0, `im2col.py` rungs 2 and 3, `winograd.py` rung 4 with 6 x 6
# windows. And the backward of a convolution in x is a transposed convolution.

# %%
y = F.conv2d(mt.tensor(x), mt.tensor(w))
expect(np.allclose(y, product(x, w), atol=1e-5), "im2col gives the library's convolution")
if runs(winograd, *four):
    expect(np.allclose(y, winograd(x, w), atol=1e-5), "so does Winograd's trick")

gy = rng.standard_normal((1, 16, 16, 16)).astype(np.float32)
pulled = w.reshape(16, -1).T @ gy.swapaxes(0, 1).reshape(16, -1)
mine = col2im(pulled, (1, 16, 33, 33), 3, stride=2)
theirs = F.conv_transpose2d(mt.tensor(gy), mt.tensor(w), stride=2)
expect(np.allclose(mine, theirs, atol=1e-5), "col2im gives the library's transposed convolution")

lecture = "3 0 1 2 4 7 1 5 8 9 3 1 2 7 2 5 1 3 0 1 3 1 7 8 4 2 1 6 2 8 2 4 5 2 3 9"
image = np.array(lecture.split(), float).reshape(1, 1, 6, 6)
edges = product(image, np.tile([1.0, 0.0, -1.0], (1, 1, 3, 1)))
print("the lecture's example begins with", edges[0, 0, 0, :2])
expect(list(edges[0, 0, 0, :2]) == [-5, -4], "the lecture's example begins with -5, -4")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why does putting the loops over the kernel outside help at all?
#
# Rubric: 2 for: the inner loops become one product of matrices (or one slice), so Python's overhead
# is paid K K times instead of once for each multiply-add. 1 for "fewer loops" without the reason.

# %% [manual 2]
# 2. How large is the matrix of columns of VGG's first layer for one image, in MB?
#
# Rubric: 2 for 27 x 224 x 224 numbers of 4 bytes = 5.4 MB (5.2 MiB). 1 for the right count with
# another size of a number, or for the right method with one slip.

# %% [manual 2]
# 3. For which kernel is im2col only a reshape?
#
# Rubric: 2 for 1 x 1 with stride 1 (and no padding). 1 for 1 x 1 alone.

# %% [manual 2]
# 4. Why must col2im add where im2col copies?
#
# Rubric: 2 for: one pixel is copied to several columns, so by the chain rule its gradient is the
# sum of theirs (or: the adjoint of copying is adding). 1 for "windows overlap" alone.

# %% [manual 2]
# 5. Which stride and padding halve an image of even size with K = 3? With K = 2?
#
# Rubric: 2 for K = 3: stride 2, padding 1, and K = 2: stride 2, padding 0. 1 for one of them.

# %% [manual 2]
# 6. What is the receptive field of three 3 x 3 layers, and how many weights do they have?
#
# Rubric: 2 for 7 x 7, and 27 C^2 weights (against 49 C^2 of one 7 x 7). 1 for one of the two.

# %% [manual 2]
# 7. Why is the error of Winograd larger than that of a plain sum?
#
# Rubric: 2 for: the transforms add and subtract numbers of similar size (also divide by constants),
# so rounding errors are larger than those of the products; the result is a small difference of
# larger numbers. 1 for "rounding" alone.

# %% [manual 2]
# 8. A transposed convolution is not an inverse. What is it?
#
# Rubric: 2 for: the adjoint (the transpose of the convolution's matrix), which is the gradient in
# x. 1 for "it has the shape of the input" alone.

# %% [markdown]
# ## Further reading
#
# - V. Dumoulin, F. Visin (2016), A guide to convolution arithmetic. arXiv 1603.07285.
# - A. Lavin, S. Gray (2016), Fast algorithms for convolutional neural networks. CVPR.
# - A. Araujo, W. Norris, J. Sim (2019), Computing receptive fields. Distill.
# - W. Luo et al. (2016), Understanding the effective receptive field. NeurIPS.

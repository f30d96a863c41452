# %% [markdown]
# # 3. Pooling and batch norm by hand
#
# **Question.** What do the two layers between convolutions do to gradients, and why does one of
# them behave differently after training?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, expect, nn, np, plt, pooling as check, seconds
from minitorch_cnn.course.broken import pooling as broken

mt.manual_seed(3)
rng = np.random.default_rng(3)

# %% [markdown]
# ## Predict
#
# The bundled digits have 8 x 8 pixels, many of them blank. Divide them into 2 x 2 windows: in what
# share of the windows does the maximum occur more than once?

# %%
guess = 0.5  # guess: a share between 0 and 1

# %% [markdown]
# ## Build
#
# Max pooling remembers the position of each maximum, since the gradient goes only there. In a tie,
# here as in most libraries, it goes to the first one in reading order.


# %%
def max_pool(x, K, stride):
    """x (N, C, H, W) -> y (N, C, OH, OW), argmax: h W + w of each maximum in its plane."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:4], K * K)
    # begin solution: argmax over the last axis gives kh K + kw; add the start of the window
    # hint: argmax gives the place inside the window, from 0 to K K - 1. In which row and column of
    #     the window is that, and in which row and column of the image does window (i, j) start?
    # hint: The row inside is the place divided by K without rest, the column is the rest. Window
    #     (i, j) starts at i stride and j stride: two np.arange, one of them standing upright,
    #     broadcast to all windows. The index is row times the width of x plus column; return the
    #     maxima first.
    inside = flat.argmax(-1)
    rows = stride * np.arange(flat.shape[2])[:, None] + inside // K
    columns = stride * np.arange(flat.shape[3]) + inside % K
    return flat.max(-1), rows * x.shape[3] + columns
    # end solution


# %% check 3
check.pooling(max_pool)

# %% [markdown]
# Overlapping windows (AlexNet's 3 x 3 with stride 2) may choose the same pixel.


# %%
def max_pool_back(gy, argmax, size):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W) with (H, W) = size."""
    N, C = gy.shape[:2]
    gx = np.zeros((N * C, size[0] * size[1]))
    # begin solution: np.add.at adds at repeated indices; += keeps only one
    # hint: Two windows may have the same index, and the pixel then gets both gradients. What does
    #     `a[index] += g` do if an index occurs twice?
    # hint: gx is a matrix with one row for each image and channel. Give np.add.at a pair of index
    #     arrays: the number of the row, upright, and argmax with one row for each plane; the values
    #     are gy in the same form. Then reshape gx to the image.
    planes = np.arange(N * C)[:, None]
    np.add.at(gx, (planes, argmax.reshape(N * C, -1)), gy.reshape(N * C, -1))
    return gx.reshape(N, C, *size)
    # end solution


# %% check 2
check.pooling_back(max_pool_back)

# %% [markdown]
# Batch norm, forward: y = w x^ + b with x^ = (x - mean) / sqrt(var + eps). Mean and (biased)
# variance are those of a channel over the batch and all positions.

# %%
AXES, WIDE = (0, 2, 3), (None, slice(None), None, None)  # reduce to (C,); spread to (1, C, 1, 1)


# %%
def norm(x, weight, bias, eps=1e-5):
    """x (N, C, H, W), weight and bias (C,) -> y, in training."""
    # begin solution: mean and variance over AXES; per-channel numbers spread by [WIDE]
    # hint: A channel has one mean and one variance for all images and all pixels. How do you write
    #     a mean over three of four axes?
    # hint: Take both over AXES: they have the shape (C,). Indexed by [WIDE] they spread over x.
    #     Subtract the mean, divide by the root of variance plus eps, multiply by the weight, add
    #     the bias.
    mean, var = x.mean(AXES), x.var(AXES)
    xhat = (x - mean[WIDE]) / np.sqrt(var + eps)[WIDE]
    return weight[WIDE] * xhat + bias[WIDE]
    # end solution


# %% check 3
check.normalising(norm)

# %% [markdown]
# Its backward by autograd: five elementary operations forward, each with a simple derivative.


# %%
def norm_in_atoms(x, weight, bias, eps=1e-5):
    mean = x.mean((0, 2, 3), keepdim=True)
    centred = x - mean
    var = (centred * centred).mean((0, 2, 3), keepdim=True)
    xhat = centred / (var + eps).sqrt()
    return xhat * weight.reshape(1, -1, 1, 1) + bias.reshape(1, -1, 1, 1)


# %% [markdown]
# By hand these collapse. x acts directly, through the mean and through the variance:
#
# gx = w / sqrt(var + eps) (gy - mean(gy) - x^ mean(gy x^)),  gw = sum(gy x^),  gb = sum(gy)


# %%
def norm_back(gy, x, weight, eps=1e-5):
    """gy, x (N, C, H, W), weight (C,) -> gx, gw, gb."""
    # begin solution: the three formulas
    # hint: Compute x^ as in the forward. Which of the three formulas are sums over AXES, and where
    #     do two of these sums occur again?
    # hint: gb and gw are sums over AXES. The means in gx are these sums divided by the number of
    #     values of a channel, spread by [WIDE]; the second is multiplied by x^. In front stands the
    #     weight over the root, also spread.
    invstd = 1 / np.sqrt(x.var(AXES) + eps)
    xhat = (x - x.mean(AXES)[WIDE]) * invstd[WIDE]
    gw, gb = (gy * xhat).sum(AXES), gy.sum(AXES)
    count = x.size / x.shape[1]
    gx = (weight * invstd)[WIDE] * (gy - gb[WIDE] / count - xhat * gw[WIDE] / count)
    return gx, gw, gb
    # end solution


# %% check 3
check.normalising_back(norm_back)

# %%
x, weight, bias = rng.normal(size=(4, 2, 3, 3)), np.array([1.5, 2.0]), np.array([0.0, 1.0])
atoms = [mt.tensor(value, requires_grad=True) for value in (x, weight, bias)]
gy = rng.normal(size=(4, 2, 3, 3))
norm_in_atoms(*atoms).backward(mt.tensor(gy))
pairs = zip(norm_back(gy, x, weight), atoms, strict=True)
agree = [np.allclose(by_hand, atom.grad) for by_hand, atom in pairs]
print("closed form and atoms agree, for gx, gw, gb:", agree)
expect(all(agree), "the closed form is what autograd finds from the atoms")

# %% [markdown]
# After training the statistics are constants, and the layer is a multiplication and an addition per
# channel. The convolution before it can do both.


# %%
def fold(w, mean, var, weight, bias, eps=1e-5):
    """w (O, C, K, K), all others (O,) -> the kernel and the bias of the one convolution."""
    # begin solution: y = scale (w * x - mean) + bias; multiply out
    # hint: The convolution is linear in its kernel. What happens to its output if the kernel of one
    #     output channel is multiplied by a number?
    # hint: The scale is the weight over the root of var + eps. Multiply each output channel of w by
    #     its scale (the first axis: three more axes of length 1). What is left of the formula
    #     without w * x is the bias.
    scale = weight / np.sqrt(var + eps)
    return w * scale[:, None, None, None], bias - mean * scale
    # end solution


# %% check 2
check.folding(fold)

# %% [markdown]
# ## See
#
# Where do the gradients of max pooling go? Pool a digit in 2 x 2 windows and send back a gradient
# of 1 for every output.

# %%
digits = mt.data.datasets.Digits()
images = digits.images.astype(float)
windows = images.reshape(-1, 4, 2, 4, 2).transpose(0, 1, 3, 2, 4).reshape(-1, 4)
ties = (windows == windows.max(1, keepdims=True)).sum(1) > 1
blank = (windows == 0).all(1)
print(f"your guess {guess}; windows with a tie: {ties.mean():.2f}, blank ones: {blank.mean():.2f}")

one = images[:1]
y, argmax = max_pool(one, 2, 2)
gx = max_pool_back(np.ones_like(y), argmax, (8, 8))
figure, axes = plt.subplots(1, 2, figsize=(8, 4.2))
for axis, picture, name in zip(axes, (one, gx), ("the digit", "its gradient"), strict=True):
    shown = axis.imshow(picture[0, 0])
    axis.set_title(name)
    axis.set_xlabel("column (pixels)")
figure.colorbar(shown, ax=axes, label="intensity; gradient")
figure.suptitle(f"{100 * ties.mean():.0f} % of windows tie: blank ones all send it to a corner")
plt.show()
expect(gx.sum() == 16, "each of 16 windows hands its gradient of 1 to one pixel")
expect(0.2 < ties.mean() < 0.9, "many windows have their maximum more than once, and not all")

# %% [markdown]
# Every window sends its gradient to one pixel. In a blank window that is the upper left corner,
# only because of the reading order. After a ReLU, whose zeros also tie, this is common.
#
# Now batch norm. In training, a net normalises with the statistics of the batch. How accurate are
# the running averages, which evaluation uses? Each batch moves them by a tenth of the difference.


# %%
def gap(batches, momentum=0.1):
    """The difference between the outputs in training and in evaluation, after some batches."""
    layer = nn.BatchNorm2d(1, momentum=momentum)
    for _ in range(batches):
        layer(mt.tensor((5 + 2 * rng.normal(size=(32, 1, 4, 4))).astype(np.float32)))
    x = mt.tensor((5 + 2 * rng.normal(size=(256, 1, 4, 4))).astype(np.float32))
    trained = layer(x).detach().numpy()
    return float(abs(layer.eval()(x).detach().numpy() - trained).mean())


seen = [0, 1, 2, 5, 10, 20, 40, 80]
gaps = [gap(n) for n in seen]
plt.plot(seen, gaps, "o-", color="C0")
plt.yscale("log")
plt.xlabel("training batches seen")
plt.ylabel("mean |train - eval| output")
plt.title(f"Evaluated after 5 batches a unit is off by {gaps[3]:.2f}, after 80 by {gaps[-1]:.2f}")
plt.show()
expect(gaps[0] > 1, "without a batch seen, evaluation is off by more than 1")
expect(gaps[-1] < gaps[3] / 3, "after 80 batches it is off by a third, at most, of that after 5")

# %% [markdown]
# The running averages start at mean 0 and variance 1; after n batches 0.9^n of that is left. So a
# net that is evaluated after a few batches looks worse than it is. The rest is noise: the averages
# cover only the last ten batches or so.

# %% [markdown]
# ## Break it
#
# Overlapping windows with `=` instead of `+=`; batch norm without the path through the variance;
# and the unbiased variance, which belongs only in the running average. (They are ours, in
# `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.pooling_back(broken.overwriting)
check.normalising_back(broken.without_variance)
check.normalising(broken.unbiased)


# %% [markdown]
# ## Measure
#
# A bias before batch norm has no effect, since subtracting the mean removes it. Measure the
# gradients of a convolution's bias in both cases, and the time that folding saves.


# %%
def bias_gradient(*after):
    conv = nn.Conv2d(1, 8, 3, padding=1)
    net = nn.Sequential(conv, *after, nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10))
    x, labels = mt.tensor(digits.images[:64]), mt.tensor(digits.labels[:64])
    F.cross_entropy(net(x), labels).backward()
    return float(abs(conv.bias.grad.numpy()).max()), float(abs(conv.weight.grad.numpy()).max())


alone, behind = bias_gradient(), bias_gradient(nn.BatchNorm2d(8))
places = np.arange(2)
plt.bar(places - 0.2, [alone[1], behind[1]], 0.4, color="grey", label="of the kernel")
plt.bar(places + 0.2, [alone[0], behind[0]], 0.4, color="C0", label="of the bias")
plt.yscale("log")
plt.xticks(places, ["convolution", "convolution, batch norm"])
plt.ylabel("largest |gradient|")
plt.title(f"Before batch norm a bias is dead: its gradient is {behind[0]:.0e}")
plt.ylim(top=10)
plt.legend(ncols=2)
plt.show()
expect(behind[0] < 1e-4 * behind[1], "before batch norm a bias has a gradient of rounding noise")
expect(alone[0] > 1e-3 * alone[1], "without batch norm it has a gradient like the kernel's")

conv, layer = nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
x = mt.randn(8, 16, 28, 28)
for _ in range(30):
    layer(conv(x))
layer.eval()
statistics = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
kernel, shift = fold(conv.weight.array, *(value.array for value in statistics))
kernel, shift = mt.tensor(kernel), mt.tensor(shift)
with mt.no_grad():
    two = seconds(lambda: layer(conv(x)), 10)
    one = seconds(lambda: F.conv2d(x, kernel, shift, padding=1), 10)
    difference = float(abs((layer(conv(x)) - F.conv2d(x, kernel, shift, padding=1)).numpy()).max())
print(f"two layers {1000 * two:.2f} ms, folded {1000 * one:.2f} ms, difference {difference:.0e}")
expect(difference < 1e-4, "the folded convolution gives what the two layers give")

# %% [markdown]
# The bias's gradient is rounding noise, orders of magnitude below the kernel's. That is why
# convolutions before batch norm have `bias=False` everywhere in the library.

# %% [markdown]
# ## From the notebook to the library
#
# `kernels/pool2d/` and `kernels/batch_norm/` have plain loops and faster implementations;
# `minitorch_cnn/functional/max_pool.py` and `norm.py` make them differentiable, also twice.

# %%
x, gy = rng.normal(size=(2, 3, 9, 9)), rng.normal(size=(2, 3, 4, 4))
theirs = mt.tensor(x, requires_grad=True)
y = F.max_pool2d(theirs, 3, 2)
y.backward(mt.tensor(gy))
mine, argmax = max_pool(x, 3, 2)
expect(np.array_equal(mine, y.detach()), "max_pool gives what the library gives")
back = max_pool_back(gy, argmax, (9, 9))
expect(np.allclose(back, theirs.grad), "max_pool_back gives the library's gradient")

lecture = mt.tensor([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]).reshape(1, 1, 4, 4)
print("the lecture's example:", F.max_pool2d(lecture, 2).tolist()[0][0])
expect(F.max_pool2d(lecture, 2).tolist()[0][0] == [[6, 8], [3, 4]], "it is 6, 8, 3, 4")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Which of two equal maxima should get the gradient? Is either answer the derivative?
#
# Rubric: 2 for: either is a choice; the maximum has no derivative at a tie, every split between the
# tied is a subgradient; libraries take the first to be reproducible. 1 for one of the two parts.

# %% [manual 2]
# 2. Why does pooling need the positions of its maxima, but not its input?
#
# Rubric: 2 for: the gradient of an output goes to the place of its maximum with factor 1, so values
# do not matter. 1 for "the index is enough" without the factor.

# %% [manual 2]
# 3. When can two windows choose the same pixel?
#
# Rubric: 2 for: when windows overlap, that is stride < K (and the pixel is the maximum of both). 1
# for "3 x 3 with stride 2" alone.

# %% [manual 2]
# 4. What are mean(gx) and mean(gx x^) of batch norm's backward, and why?
#
# Rubric: 2 for zero both (up to eps): adding a constant to x, or scaling x, changes nothing in the
# output, so the gradient has no part along these directions. 1 for zero without a reason.

# %% [manual 2]
# 5. What does batch norm give for a batch of one image of one pixel?
#
# Rubric: 2 for the bias: x - mean is 0 (PyTorch refuses it in training). 1 for 0 without the bias.

# %% [manual 2]
# 6. Which momentum makes the running averages exact after one batch, and what speaks against it?
#
# Rubric: 2 for momentum 1; against it: the estimate then is that of the last batch alone, so it is
# noisy. 1 for one of them.

# %% [manual 2]
# 7. Can batch norm be folded into a convolution that comes after it? With padding?
#
# Rubric: 2 for: yes, scale along the kernel's input channels and add the shift to its bias; with
# zero padding not exactly, because the padded zeros are not shifted. 1 for yes without the case of
# padding.

# %% [manual 2]
# 8. The weights before a batch norm are doubled. What changes in the output? In their gradient?
#
# Rubric: 2 for: the output does not change (but for eps), the gradient of the weights halves. 1 for
# one of them.

# %% [markdown]
# ## Further reading
#
# - S. Ioffe, C. Szegedy (2015), Batch normalization. arXiv 1502.03167, section 3.
# - S. Santurkar et al. (2018), How does batch normalization help optimization? arXiv 1805.11604.
# - Y. Wu, J. Johnson (2021), Rethinking "batch" in BatchNorm. arXiv 2105.07576.

# %% [markdown]
# # 15. Numbers of 16 bits
#
# **Question.** A number of 16 bits takes half the memory of float32, and hardware multiplies it
# many times faster. Which numbers does it lack, and how can a network be trained without them?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, digits, error, expect, np, plt, sixteen_bits as check
from minitorch_cnn.course.broken import sixteen_bits as broken
from minitorch_cnn.course.sixteen_bits import BFLOAT16, FLOAT16, drawn_bits, network
from minitorch_cnn.dtypes import has_bfloat16

mt.manual_seed(15)
rng = np.random.default_rng(15)
images, labels = digits()
held_out = digits(train=False)

# %% [markdown]
# ## Predict
#
# In float16 we add 1 to 0, then 1 to the sum, 10,000 times. What is the sum?

# %%
guess = 10_000  # guess: the sum of 10,000 ones

# %% [markdown]
# ## Build
#
# A floating-point number has a sign, an exponent and a fraction. float16 has 5 bits of exponent and
# 10 of fraction; bfloat16 has 8 and 7, as the upper half of a float32. The exponent is stored with
# a bias of 2 ** (exponent bits - 1) - 1 added, and the fraction is what stands behind the point:
#
#     value = +-1.fraction * 2 ** (stored exponent - bias)
#
# Two stored exponents are special. 0 means +-0.fraction * 2 ** (1 - bias), the **subnormal**
# numbers, which fill the gap around 0 in even steps. All bits set means infinity if the fraction is
# 0, and otherwise NaN.

# %%
for value in (1.0, 1.5, -2.0, 0.1, 65504.0, 2.0**-14, 2.0**-24, np.inf):
    print(f"{value:12g}  {drawn_bits(np.float16(value).view(np.uint16), FLOAT16)}")


# %%
def decode(bits, exponent, fraction):
    """The numbers (float64) whose bits are an array of integers."""
    sign = np.where(bits >> (exponent + fraction), -1.0, 1.0)
    stored = (bits >> fraction) % 2**exponent  # of the exponent
    f = bits % 2**fraction / 2**fraction  # from 0 to 1
    bias = 2 ** (exponent - 1) - 1
    # begin solution: the usual number; then where stored is 0, and where all its bits are set
    # hint: There are three cases by the stored exponent. np.where(condition, a, b) chooses one for
    #     each number.
    # hint: Usual: one plus f, times 2.0 to the power of stored less the bias. Stored 0: f alone,
    #     and 1 in place of stored. Stored 2 ** exponent - 1: infinity if f is 0, otherwise NaN.
    #     Multiply with the sign at the end.
    usual = (1 + f) * 2.0 ** (stored - bias)
    value = np.where(stored == 0, f * 2.0 ** (1 - bias), usual)
    beyond = np.where(f == 0, np.inf, np.nan)
    return sign * np.where(stored == 2**exponent - 1, beyond, value)
    # end solution


# %% check 3
check.decoding(decode)

# %% [markdown]
# The other way: which of these numbers is nearest to x? Between two powers of 2 all numbers of a
# format stand one **step** apart, 2 ** (power - fraction bits). Below 2 ** (1 - bias) the step
# falls no further. If x is in the middle of two, the one whose last bit is 0 is taken, so that
# errors do not all go one way (`np.rint` does so for whole numbers).


# %%
def rounded(x, exponent, fraction):
    """The numbers with so many bits that are nearest to x (float64), in float64."""
    bias = 2 ** (exponent - 1) - 1
    largest = (2 - 2.0**-fraction) * 2.0**bias
    power = np.frexp(x)[1] - 1  # 2 ** power <= |x| < 2 ** (power + 1)
    # begin solution: the power is at least 1 - bias; how many steps is x?
    # hint: Measure x in steps, round that to a whole number, and multiply it with the step again.
    # hint: First replace the powers below 1 - bias by it (np.maximum). The step is 2.0 to the power
    #     of power less fraction: np.ldexp(1.0, ...) takes whole numbers. Divide by it, np.rint, and
    #     multiply by it.
    step = np.ldexp(1.0, np.maximum(power, 1 - bias) - fraction)
    y = np.rint(x / step) * step
    # end solution
    return np.where(abs(y) > largest, np.copysign(np.inf, x), y)


# %% check 3
check.rounding(rounded)

# %% [markdown]
# Sums. Where the step of the sum is more than twice the next number, adding it changes nothing.
# W. Kahan (1965) keeps a second number, the part that the last addition lost, and adds it to the
# next one. Every operation of two NumPy numbers of float16 is rounded to float16.


# %%
def compensated(values):
    """The sum of a float16 array by additions and subtractions in float16."""
    total = lost = np.float16(0)
    for value in values:
        # begin solution: add what was lost to the value; the new total; what it now lacks
        # hint: The new total less the old one is what really arrived. Compare it with what was
        #     sent.
        # hint: Send value plus lost. Keep the new total in a name of its own. What is lost is what
        #     was sent, less the difference of the new and the old total (in brackets, so that this
        #     difference comes first). Then the new total becomes the total.
        sent = value + lost
        new = total + sent
        lost = sent - (new - total)
        total = new
        # end solution
    return total


# %% check 2
check.adding(compensated)

# %% [markdown]
# Gradients. Most are small, and below 2 ** -25 float16 has only 0. If the loss is multiplied by a
# **scale**, so are all gradients, by the chain rule; they can be divided by it once they are
# float32. If the scale is too large, some gradient overflows: then the step is left out.


# %%
def unscaled(gradients, scale):
    """float32 gradients divided by the scale, in a list, and whether all of them are finite."""
    # begin solution: float32 first; then divide; np.isfinite of every array
    # hint: Which comes first, the division or the cast? Think of the number 2 ** -24.
    # hint: For each array: astype(np.float32), and then divide by the scale. The second result is
    #     all() over the arrays of np.isfinite(array).all(); NaN is not finite, either.
    found = [g.astype(np.float32) / np.float32(scale) for g in gradients]
    return found, all(bool(np.isfinite(g).all()) for g in found)
    # end solution


# %% check 2
check.unscaling(unscaled)

# %% [markdown]
# Which scale? As large as no gradient overflows, and that changes during training. So it is halved
# after each overflow, and doubled after `interval` steps in a row without one. `calm` counts these
# steps; it begins again at 0 after either.


# %%
def adapted(scale, calm, finite, interval):
    """The next scale and count of calm steps, after a step whose gradients were finite or not."""
    # begin solution: three cases: an overflow, enough calm steps, one more calm step
    # hint: What happens to the count where the scale changes?
    # hint: Not finite: half of the scale, and 0. Otherwise one more calm step; if the count has
    #     reached the interval: twice the scale, and 0.
    if not finite:
        return scale / 2, 0
    calm += 1
    return (scale * 2, 0) if calm == interval else (scale, calm)
    # end solution


# %% check 2
check.adapting(adapted)

# %% [markdown]
# ## See
#
# How far is a number from its nearest neighbour in each format?

# %%
x = 2.0 ** np.arange(-34, 22, 0.01)
for name, form in [("float16", FLOAT16), ("bfloat16", BFLOAT16)]:
    y = rounded(x, *form)
    off = np.where(np.isfinite(y), abs(y - x) / x, np.nan)
    off = off.reshape(-1, 100).max(1)  # between two powers of 2
    plt.loglog(x[::100], off, label=name)
for power, text in ((-24, "smallest"), (-14, "smallest normal"), (16, "infinity")):
    plt.axvline(2.0**power, color="grey", linestyle=":")
    plt.text(2.0**power, 6e-3, f"{text}: $2^{{{power}}}$ ", rotation=90, ha="right", color="grey")
plt.xlabel("number")
plt.ylabel("largest relative error")
plt.legend()
plt.title("float16 is 8 times as precise as bfloat16, from $2^{-14}$ to $2^{16}$ only")
plt.show()
one, other = (abs(rounded(x, *form) - x)[(x > 1) & (x < 8)].max() for form in (FLOAT16, BFLOAT16))
expect(7 < other / one < 9, "float16 is 8 times as precise between 1 and 8")

# %% [markdown]
# bfloat16 has the range of float32 (its curve ends neither left nor right), and 8 bits of precision
# with the leading one: two or three decimal digits. What overflows in float16? Squares above 255,
# as a variance sums them, and exp(x) from x = 11.1 on, if a softmax does not subtract the largest.

# %%
with np.errstate(over="ignore"):
    print("256 ** 2 =", np.float16(256) ** 2, "   exp(12) =", np.exp(np.float16(12)))

# %% [markdown]
# The sum of 10,000 ones:

# %%
ones = np.ones(10_000, np.float16)
plain = np.add.accumulate(ones)
short = np.float64(0)
sums = [short := rounded(short + 1, *BFLOAT16) for _ in ones]
kahan = [compensated(ones[:n]) for n in range(500, 10_001, 500)]
blocks = np.add.accumulate([np.add.accumulate(part)[-1] for part in np.split(ones, 100)])
places = np.arange(1, 10_001)
plt.plot(places, plain, color="C0", label="float16")
plt.plot(places, sums, color="C1", label="bfloat16")
plt.plot(range(100, 10_001, 100), blocks, color="C2", label="float16, blocks of 100")
plt.plot(range(500, 10_001, 500), kahan, "o", color="C3", label="float16, compensated")
plt.xlabel("ones added")
plt.ylabel("sum")
plt.legend()
plt.title(f"The sum of ones stops at {plain[-1]:g} in float16, at {sums[-1]:g} in bfloat16")
plt.show()
print(f"your guess {guess}; the sum {plain[-1]:g}; in blocks {blocks[-1]:g}")
expect(plain[-1] == 2048, "the sum stops at 2048")
expect(kahan[-1] == 10_000, "the compensated sum is right")
expect(abs(blocks[-1] - 10_000) < 100, "sums of blocks are right within a percent")

# %% [markdown]
# From 2048 on the step of float16 is 2, and 2049 is a tie that goes back to 2048. Blocks help,
# since their sums are small; but hardware does better: it multiplies numbers of 16 bits and adds
# the products in float32. So does this library.
#
# The gradients of a network in training, of all its layers' outputs, beside what float16 can hold.
# The same loss as a mean over 512 x 512 pixels, as in segmentation, makes each 2 ** 18 times
# smaller; a scale moves it back.

# %%
net = network()
optimizer = mt.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for batch in rng.permutation(len(labels))[:1280].reshape(-1, 64):
    optimizer.zero_grad()
    F.cross_entropy(net(mt.tensor(images[batch])), mt.tensor(labels[batch])).backward()
    optimizer.step()
maps = [mt.tensor(images[:64])]
for layer in net:
    maps.append(layer(maps[-1]))
    maps[-1].retain_grad()
F.cross_entropy(maps[-1], mt.tensor(labels[:64])).backward()
gradients = np.concatenate([y.grad.numpy().ravel() for y in maps[1:]]).astype(np.float64)
gradients = gradients[gradients != 0]
kinds = {"mean over images": 1, "mean over pixels": 2.0**-18, "the same, scaled": 2.0**-4}
lost = {}
for name, factor in kinds.items():
    lost[name] = 100 * (rounded(gradients * factor, *FLOAT16) == 0).mean()
    label = f"{name}: {lost[name]:.0f} % are 0"
    powers = np.log2(abs(gradients * factor))
    plt.hist(powers, np.arange(-60, 20), histtype="step", linewidth=2, label=label)
for power, text in ((-24, "smallest"), (16, "infinity")):
    plt.axvline(power, color="grey", linestyle=":")
    plt.text(power, 0, f" {text}", rotation=90, ha="right", va="bottom", color="grey")
plt.xlabel("base-2 logarithm of the gradient's size")
plt.ylabel("number of gradients")
plt.ylim(top=1.6 * plt.ylim()[1])
plt.xlim(-45, 20)
plt.legend(loc="upper left")
plt.title(f"Without a scale {lost['mean over pixels']:.0f} % of small gradients are 0 in float16")
plt.show()
expect(lost["mean over pixels"] > 50, "most gradients of the mean over pixels vanish")
expect(lost["the same, scaled"] < 10, "few do with a scale")

# %% [markdown]
# The digits' own gradients fit: this net would train in float16 as it is. That is no rule. The
# larger the image and the batch that a mean is taken over, and the better the net is trained, the
# smaller are the gradients.

# %% [markdown]
# ## Break it
#
# A decoder without subnormal numbers; rounding toward 0; a plain sum; gradients that are divided in
# 16 bits; a scale that is doubled after every step. (They are ours, in
# `minitorch_cnn/course/broken/`.)

# %%
check.decoding(broken.without_subnormals)
check.rounding(broken.cut)
check.adding(broken.plain)
check.unscaling(broken.in_sixteen_bits)
check.adapting(broken.always_growing)

# %% [markdown]
# ## Measure
#
# Four trainings with the mean over 512 x 512 pixels: the loss is divided by 2 ** 18 and the
# learning rate multiplied by it, which changes nothing in exact arithmetic. Weights are float32;
# `mt.autocast` computes convolutions, products and their gradients in 16 bits. The scaler is yours.


# %%
def training(dtype=None, scale=None, epochs=4, lr=0.05, momentum=0.9, pixels=1.0, weights=None):
    """The loss of every step and the net, computed in a dtype, or with weights of one."""
    net, order, losses, calm = network(), np.random.default_rng(0), [], 0
    if weights is not None:
        net.to(weights)
    optimizer = mt.optim.SGD(net.parameters(), lr=lr * pixels, momentum=momentum)
    for _ in range(epochs):
        for batch in order.permutation(len(labels))[:1408].reshape(-1, 64):
            x = mt.tensor(images[batch]).to(weights or mt.float32)
            optimizer.zero_grad()
            with mt.autocast("cpu", dtype=dtype or mt.float16, enabled=dtype is not None):
                loss = F.cross_entropy(net(x).float(), mt.tensor(labels[batch])) / pixels
            (loss * (scale or 1.0)).backward()
            finite = True
            if scale is not None:
                arrays, finite = unscaled([p.grad.numpy() for p in net.parameters()], scale)
                for p, array in zip(net.parameters(), arrays, strict=True):
                    p.grad = mt.tensor(array)
                scale, calm = adapted(scale, calm, finite, 20)
            if finite:
                optimizer.step()
            losses.append(float(loss) * pixels)
    return losses, net.to(mt.float32)


# %%
runs = {
    "float32": {},
    "float16": {"dtype": mt.float16},
    "float16, scaled": {"dtype": mt.float16, "scale": 2.0**24},
}
if has_bfloat16():
    runs["bfloat16"] = {"dtype": mt.bfloat16}
found = {name: training(**settings, pixels=2.0**18) for name, settings in runs.items()}
errors = {name: error(net, *held_out) for name, (_, net) in found.items()}
styles = ("grey", "-"), ("C0", "-"), ("C1", "-"), ("C2", "--")
for (name, (losses, _)), (color, dashes) in zip(found.items(), styles, strict=False):
    smooth = np.convolve(losses, np.ones(8) / 8, "valid")
    plt.semilogy(smooth, dashes, color=color, label=f"{name}: error {errors[name]:.1f} %")
plt.xlabel("training step")
plt.ylabel("training loss (mean of 8 steps)")
plt.legend()
plt.title("Small gradients: float16 needs a scale, bfloat16 does not")
plt.show()
expect(errors["float16"] > 3 * errors["float32"], "float16 trains badly without a scale")
expect(errors["float16, scaled"] < errors["float32"] + 3, "with a scale it trains as float32")

# %% [markdown]
# Without a scale all but the largest gradients are 0, and those are rounded to multiples of
# 2 ** -24: wild steps in a few directions. With one the curve is that of float32, and bfloat16
# never needed it.
#
# Where accuracy goes. A weight of bfloat16 has 8 bits: an update of less than half its step, 1/512
# of the weight, is rounded away, however often it comes. So **master weights** stay in float32, and
# only copies of them are cast. With a small learning rate:

# %%
runs = {"float32": {}, "weights of float16": {"weights": mt.float16}}
if has_bfloat16():
    runs["weights of bfloat16"] = {"weights": mt.bfloat16}
    runs["bfloat16, master weights"] = {"dtype": mt.bfloat16}
small = {"lr": 0.002, "momentum": 0, "epochs": 6}
found = {name: training(**settings, **small) for name, settings in runs.items()}
ends = {name: np.mean(losses[-20:]) for name, (losses, _) in found.items()}
styles = ("grey", "-"), ("C0", "-"), ("C1", "-"), ("C2", "--")
for (name, (losses, _)), (color, dashes) in zip(found.items(), styles, strict=False):
    smooth = np.convolve(losses, np.ones(8) / 8, "valid")
    plt.plot(smooth, dashes, color=color, label=f"{name}: {ends[name]:.2f} at the end")
plt.xlabel("training step")
plt.ylabel("training loss (mean of 8 steps)")
plt.legend()
plt.title("Updates below half a step of the weight are lost")
plt.show()
weight = found["float32"][1][0].weight.detach().numpy().astype(np.float64)
for name, form in (("float16", FLOAT16), ("bfloat16", BFLOAT16)):
    near = rounded(weight, *form)
    kept = 100 * (rounded(near * (1 + 1e-3), *form) != near).mean()
    print(f"an update of 0.1 % of the weight changes {kept:.0f} % of the weights in {name}")
if has_bfloat16():
    expect(ends["weights of bfloat16"] > ends["float32"] + 0.1, "weights of bfloat16 lose updates")
    expect(ends["bfloat16, master weights"] < ends["float32"] + 0.1, "masters lose none")

# %% [markdown]
# Both effects are of the size of numbers, not of networks: small gradients need exponents, small
# updates need fractions. bfloat16 has the first and lacks the second, float16 the other way round.
# On this processor 16 bits are slower than float32, which it computes them in; on a GPU with units
# for them they are several times faster.

# %% [markdown]
# ## From the notebook to the library
#
# `mt.float16` and `mt.bfloat16` are dtypes (`minitorch_cnn/dtypes.py`), `mt.autocast` knows which
# operations are safe in 16 bits (`minitorch_cnn/autograd/autocast.py`), and `mt.amp.GradScaler`
# (`minitorch_cnn/cuda/amp.py`) is `unscaled` and `adapted`. In a program of your own:
#
#     scaler = mt.amp.GradScaler("cpu")
#     with mt.autocast("cpu", dtype=mt.float16):
#         loss = F.cross_entropy(net(x), y)
#     scaler.scale(loss).backward()
#     scaler.step(optimizer)
#     scaler.update()

# %%
values = rng.standard_normal(1000) * 2.0 ** rng.integers(-26, 16, 1000)
theirs = mt.tensor(values, dtype=mt.float64).to(mt.float16).numpy().astype(np.float64)
expect(np.array_equal(rounded(values, *FLOAT16), theirs), "rounded is the library's cast")
flags = [bool(flag) for flag in rng.random(100) < 0.9]
scale, calm, mine = 2.0**16, 0, []
for flag in flags:
    scale, calm = adapted(scale, calm, flag, 4)
    mine.append(scale)
expect(mine == check.by_the_library(2.0**16, flags, 4), "adapted is the library's GradScaler")
a = mt.ones(1, 10_000, dtype=mt.float16)
total = float((a @ a.T).item())
print(f"a product of 10,000 ones in the library's float16: {total:g}")
expect(total == 10_000, "the library adds products in float32")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. How many numbers does float16 have between 1 and 2, and how many between 1,024 and 2,048?
#
# Rubric: 2 for 1,024 in each (one for every fraction), one apart in the second. 1 for one of them,
# or for "as many" without the number.

# %% [manual 2]
# 2. Why does 0.1 + 0.2 differ from 0.3 in every format of the notebook?
#
# Rubric: 2 for: none of the three is a sum of powers of 2 of the format's length, so each is
# rounded, and so is the sum. 1 for "rounding" alone.

# %% [manual 2]
# 3. The sum of ones stops at 2,048 in float16 and at 256 in bfloat16. At which number does it stop
# in float32, and why?
#
# Rubric: 2 for 2 ** 24 = 16,777,216: from there the step is 2, and a tie goes back to the even
# number. 1 for the number or the reason.

# %% [manual 2]
# 4. Why is the scale a power of 2?
#
# Rubric: 2 for: multiplying and dividing by it changes exponents only, so nothing is rounded (as
# long as nothing overflows or is subnormal). 1 for "exact" without the reason.

# %% [manual 2]
# 5. Gradients are clipped to a norm of 1. Before or after dividing by the scale?
#
# Rubric: 2 for after: the limit is meant for the true gradients; the scaled ones are larger by the
# scale, which also changes. 1 for "after" alone.

# %% [manual 2]
# 6. Why are losses, softmax and batch norm's statistics computed in float32 under autocast?
#
# Rubric: 2 for: they sum many numbers, or square and exponentiate them, which loses small parts or
# overflows. 1 for one of the two.

# %% [manual 2]
# 7. A net of 100 million parameters is trained by Adam with masters. How many bytes does each
# parameter take, and how much is saved by 16 bits?
#
# Rubric: 2 for: master, two moments of 4 bytes = 12, with copy and gradient of 2 bytes each 16, as
# many as in float32 (4 + 4 + 8); what is saved is the memory of activations. 1 for the bytes with
# one slip, or for "activations" alone.

# %% [manual 2]
# 8. Which of float16 and bfloat16 would you take for inference, which for training, and why?
#
# Rubric: 2 for: inference float16 (values are bounded, and its fraction is longer), training
# bfloat16 (gradients span many powers of 2, no scaler). 1 for one of them with its reason, or both
# without.

# %% [markdown]
# ## Further reading
#
# - P. Micikevicius et al. (2018), Mixed precision training. arXiv 1710.03740.
# - D. Goldberg (1991), What every computer scientist should know about floating-point arithmetic.
# - W. Kahan (1965), Further remarks on reducing truncation errors. Communications of the ACM 8(1).
# - D. Kalamkar et al. (2019), A study of BFLOAT16 for deep learning training. arXiv 1905.12322.
# - P. Micikevicius et al. (2022), FP8 formats for deep learning. arXiv 2209.05433.

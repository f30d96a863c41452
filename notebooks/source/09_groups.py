# %% [markdown]
# # 9. Groups, depthwise, ResNeXt, SE
#
# **Question.** A convolution connects every channel with every other. Which of these connections
# are dispensable, and how do the channels exchange information without them?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, digits, error, expect, nn, np, plt, seconds, train
from minitorch_cnn.course import groups as check
from minitorch_cnn.course.broken import groups as broken

rng = mt.manual_seed(9)

# %% [markdown]
# ## Predict
#
# MobileNet replaces a 3 x 3 convolution of 256 channels by a depthwise one (each channel by itself)
# and a 1 x 1. By what factor do the multiply-adds fall? And the time?

# %%
guess = 9  # guess: how many times fewer multiply-adds

# %% [markdown]
# ## Build
#
# With g groups, outputs of group i see inputs of group i only: g convolutions side by side.


# %%
def grouped(x, w, groups):
    """x (N, C, H, W), w (O, C / groups, 3, 3) -> y (N, O, H, W), padding 1."""
    # begin solution: cut x and w into groups, F.conv2d for each pair, mt.cat
    # hint: Group i of the outputs has rows i of w, and these have as many input channels as group i
    #     of x.
    # hint: x.chunk cuts channels (axis 1), w.chunk outputs (axis 0). Convolve each part of x with
    #     the part of w that belongs to it, padding 1, and join the results along the channels.
    xs, ws = x.chunk(groups, 1), w.chunk(groups, 0)
    pairs = zip(xs, ws, strict=True)
    return mt.cat([F.conv2d(part, kernel, padding=1) for part, kernel in pairs], dim=1)
    # end solution


# %% check 2
check.grouped(grouped)


# %%
def macs(c, o, k, groups=1):
    """Multiply-adds per position of a k x k convolution from c to o channels."""
    # begin solution: how many numbers does one output add up?
    # hint: An output sees the channels of its own group only, under a window of k rows and k
    #     columns.
    # hint: Count the products of one output: channels of a group times the places of the window.
    #     There are o outputs.
    return o * (c // groups) * k * k
    # end solution


# %% check 2
check.costs(macs)

# %% [markdown]
# ResNeXt's block was first drawn as a sum of many thin branches of 1 x 1, 3 x 3, 1 x 1. It equals
# one bottleneck with a grouped 3 x 3. Split the three weights so that both give the same.


# %%
def branches(x, w1, w2, w3, groups):
    """w1 (B, C, 1, 1), w2 (B, B / groups, 3, 3), w3 (O, B, 1, 1); ReLUs after the first two."""
    # begin solution: branch i has rows i of w1 and w2, and columns i of w3
    # hint: The grouped 3 x 3 keeps channels of different groups apart. So do its neighbours, if
    #     each branch has its own part of w1 and of w3, and a sum joins them at the end.
    # hint: Cut w1 and w2 along their outputs, w3 along its inputs. A branch is 1 x 1, ReLU, 3 x 3
    #     with padding 1, ReLU, 1 x 1; add its result to those of the branches before.
    total = 0
    for a, b, c in zip(w1.chunk(groups, 0), w2.chunk(groups, 0), w3.chunk(groups, 1), strict=True):
        y = F.relu(F.conv2d(x, a))
        y = F.relu(F.conv2d(y, b, padding=1))
        total = total + F.conv2d(y, c)
    return total
    # end solution


# %% check 3
check.branches(branches)

# %% [markdown]
# Successive grouped layers never mix groups. ShuffleNet interleaves the channels in between: the
# first of each group, then the second of each, and so on.


# %%
def shuffle(x, groups):
    """x (N, C, H, W) with the channels of all groups interleaved."""
    # begin solution: see C as (groups, C / groups), swap, and see it as C again
    # hint: Channel i of group g has the number g C / groups + i. Where should it stand afterwards?
    # hint: Reshape to five axes, with groups and channels per group in place of C; exchange these
    #     two axes; reshape to four axes again.
    N, C, H, W = x.shape
    return x.reshape(N, groups, C // groups, H, W).transpose(1, 2).reshape(N, C, H, W)
    # end solution


# %% check 2
check.shuffle(shuffle)

# %% [markdown]
# Squeeze and excitation scales each channel depending on all channels of the image: average every
# map, apply two small linear layers and a sigmoid, and multiply.


# %%
def excite(x, w1, b1, w2, b2):
    """x (N, C, H, W), w1 (R, C), w2 (C, R) -> x times its gates."""
    # begin solution: the means, two layers, a sigmoid, then reshape to (N, C, 1, 1)
    # hint: The gates of an image depend on nothing but the means of its maps: a row of C numbers
    #     per image.
    # hint: Take the mean over rows and columns. Multiply by the transpose of w1, add b1, ReLU;
    #     multiply by the transpose of w2, add b2, sigmoid. Give the (N, C) gates two axes of length
    #     1 behind, and multiply x by them.
    hidden = F.relu(x.mean((2, 3)) @ w1.T + b1)
    gates = F.sigmoid(hidden @ w2.T + b2)
    return x * gates.reshape(*gates.shape, 1, 1)
    # end solution


# %% check 3
check.gate(excite)

# %% [markdown]
# ## See
#
# The lecture's formula: a depthwise separable convolution is 9C / (9 + C) times cheaper.

# %%
channels = 2 ** np.arange(2, 11)
gain = [macs(c, c, 3) / (macs(c, c, 3, groups=c) + macs(c, c, 1)) for c in channels]
share = [macs(c, c, 1) / (macs(c, c, 3, groups=c) + macs(c, c, 1)) for c in channels]
expect(np.allclose(gain, 9 * channels / (9 + channels)), "the gain is 9 C / (9 + C)")
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
left.semilogx(channels, gain, "o-", color="C0", base=2)
left.axhline(9, color="black", linewidth=0.5)
left.set_ylabel("times fewer multiply-adds")
right.semilogx(channels, 100 * np.array(share), "o-", color="C1", base=2)
right.set_ylabel("of them in the 1 x 1 (%)")
for axis in (left, right):
    axis.set_xlabel("channels C")
at = float(gain[6])
figure.suptitle(
    f"At 256 channels {at:.1f} times fewer, and {100 * share[6]:.0f} % of the rest in the 1 x 1"
)
plt.show()
print(f"your guess {guess}")
expect(8 < at < 9, "256 channels save a factor between 8 and 9")
expect(share[6] > 0.9, "more than 90 % of what is left is the 1 x 1")

# %% [markdown]
# The gain approaches 9, the size of the window, and nearly all remaining work is in the 1 x 1. So
# ShuffleNet uses groups in the 1 x 1 layers as well. Which outputs then depend on which inputs? The
# gradients show it, for two layers of 1 x 1 with 4 groups, without and with a shuffle between them.


# %%
def who_sees_whom(between):
    x = mt.randn(1, 16, 1, 1, requires_grad=True)
    first, second = mt.randn(16, 4, 1, 1), mt.randn(16, 4, 1, 1)
    y = F.conv2d(between(F.conv2d(x, first, groups=4)), second, groups=4)
    rows = [mt.grad(y[0, i, 0, 0], x, retain_graph=True)[0].numpy() for i in range(16)]
    return (np.array(rows).reshape(16, 16) != 0).astype(float)


apart, mixed = who_sees_whom(lambda y: y), who_sees_whom(lambda y: shuffle(y, 4))
figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.4), sharey=True)
for axis, seen, title in zip(axes, (apart, mixed), ("no shuffle", "shuffled between"), strict=True):
    axis.imshow(seen, cmap="Blues", vmin=0, vmax=1.3)
    axis.set_title(f"{title}: {100 * seen.mean():.0f} % of pairs")
    axis.set_xlabel("input channel")
axes[0].set_ylabel("output channel")
figure.suptitle("One shuffle lets every output see every input (blue)")
plt.show()
expect(apart.mean() == 0.25, "without a shuffle an output sees a quarter of the inputs")
expect(mixed.mean() == 1, "with one shuffle it sees all of them")

# %% [markdown]
# Now the gates. Train a small net with squeeze and excitation on digits of 16 x 16, and plot the
# mean gate of each channel for each class, in its first and in its last module.

# %%
from_block = mt.models.blocks.SqueezeExcitation


def small_net(gates, convolution):
    layers, c = [], 1
    for width in (16, 32, 32):
        layers += [convolution(c, width), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [from_block(width, 8)] if gates else []
        layers += [nn.MaxPool2d(2)]
        c = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def dense(c, o):
    return nn.Conv2d(c, o, 3, padding=1, bias=False)


images, labels = digits(size=16)
held_out = digits(train=False, size=16)
mt.manual_seed(1)
net = small_net(True, dense)
print(f"training error of the last epoch: {train(net, images, labels, 5)[-1]:.1f} %")
print(f"held out: {error(net, *held_out):.1f} %")

modules = [m for m in net.modules() if isinstance(m, from_block)]
inputs, before, ratios = {}, {}, []
for number, m in enumerate(modules):
    m.register_forward_hook(lambda m, x, y, number=number: inputs.update({number: (m, x[0])}))
    m.fc2.register_forward_hook(lambda m, x, y, number=number: before.update({number: y}))
net.eval()
with mt.no_grad():
    net(mt.tensor(held_out[0]))
    for number in (0, 2):
        m, x = inputs[number]
        w1, w2 = m.fc1.weight.reshape(8, -1), m.fc2.weight.reshape(-1, 8)
        gates = F.sigmoid(before[number]).numpy().reshape(len(x), -1)
        mine = excite(x, w1, m.fc1.bias, w2, m.fc2.bias)
        expect(np.allclose(m(x), mine, atol=1e-5), "excite gives what the library's module gives")
        ratios.append(np.array([gates[held_out[1] == digit].mean(0) for digit in range(10)]))
spread = [float(by_class.std(0).mean()) for by_class in ratios]
figure, axes = plt.subplots(1, 2, figsize=(8, 3), width_ratios=(1, 2), sharey=True)
for axis, by_class, name, value in zip(axes, ratios, ("first", "last"), spread, strict=True):
    shown = axis.imshow(by_class, aspect="auto", cmap="viridis", vmin=0, vmax=1)
    axis.set_title(f"{name} module: {value:.3f}")
    axis.set_xlabel("channel")
axes[0].set_ylabel("digit")
axes[0].set_yticks(range(10))
figure.colorbar(shown, ax=axes, label="mean gate")
figure.suptitle("Gates of the last module depend on the class more (deviation over classes, mean)")
plt.show()
print(f"spread over classes: first {spread[0]:.3f}, last {spread[1]:.3f}")
expect(spread[1] > spread[0], "late gates depend on the class more than early ones")

# %% [markdown]
# A column of one colour is a channel whose gate does not depend on the class. Hu et al. found that
# early gates are the same for all classes and late ones are not. Compare the two numbers printed
# above, and the columns, for this small net and this single run.
#
# ## Break it
#
# A shuffle with exchanged sizes; groups that all read the first group's channels; gates for the
# whole batch; the cost of one group instead of all. (They are ours, in
# `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.shuffle(broken.other_hands)
check.grouped(broken.first_for_all)
check.gate(broken.gates_of_the_batch)
check.costs(broken.one_group)

# %% [markdown]
# ## Measure
#
# Do fewer multiply-adds take less time? And at what accuracy? Three kinds of layers in a small net.


# %%
def separable(c, o):
    return nn.Sequential(
        nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False), nn.Conv2d(c, o, 1, bias=False)
    )


def in_groups(c, o):
    return nn.Conv2d(c, o, 3, padding=1, groups=min(c, 8), bias=False)


rows = []
x = mt.tensor(images[:64])
for name, convolution in (("dense", dense), ("8 groups", in_groups), ("separable", separable)):
    mt.manual_seed(1)
    net = small_net(False, convolution)
    cost = mt.analysis.summary(net, (1, 16, 16)).total_macs / 1e6
    train(net, images, labels, 5)
    wrong = error(net, *held_out)
    with mt.no_grad():
        net.eval()
        rows.append((name, cost, 1000 * seconds(lambda net=net: net(x), 10) / 64, wrong))
    print("{:10} {:5.2f} million   {:5.3f} ms an image   {:4.1f} % error".format(*rows[-1]))
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8))
units = ("multiply-adds (million)", "time of an image (ms)", "error held out (%)")
for axis, unit, values in zip(axes, units, list(zip(*rows, strict=True))[1:], strict=True):
    axis.bar([row[0] for row in rows], values, color=["grey", "C0", "C1"])
    axis.set_ylabel(unit)
    axis.tick_params(axis="x", labelrotation=20)
fewer, faster = rows[0][1] / rows[2][1], rows[0][2] / rows[2][2]
figure.suptitle(f"Separable: {fewer:.1f} times fewer multiply-adds, {faster:.1f} times as fast")
plt.show()
expect(fewer > 3, "separable layers save more than two thirds of the multiply-adds")

# %% [markdown]
# Time is not proportional to multiply-adds: a depthwise layer computes little with each number that
# it reads, and overhead dominates small layers. Errors are those of one run each on 355 digits,
# where one digit is 0.3 %.
#
# ## From the notebook to the library
#
# `minitorch_cnn/models/resnext.py` has the block in its three forms, `shufflenet_v1.py` the
# shuffle, `blocks.py` squeeze and excitation. Whole nets of three forms, one set of weights:

# %%
forms = {}
for form in ("grouped", "concatenated", "aggregated"):
    forms[form] = mt.models.create_model("resnext50_32x4d", form=form, width=0.25).eval()
x, logits = mt.randn(1, 3, 64, 64), {}
for form, model in forms.items():
    if form != "grouped":
        mt.models.resnext.carry_weights(forms["grouped"], model)
    with mt.no_grad():
        logits[form] = model(x).numpy()
    apart = abs(logits[form] - logits["grouped"]).max() / abs(logits["grouped"]).max()
    print(f"{form:13} relative difference {apart:.0e}")
    expect(apart < 1e-4, f"form {form} gives the same logits")
y = mt.randn(2, 12, 3, 3)
expect(np.array_equal(shuffle(y, 3), F.channel_shuffle(y, 3)), "the shuffle is the library's")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. For which number of groups is a grouped convolution depthwise?
#
# Rubric: 2 for as many groups as input channels (each output sees one channel). 1 for "many".

# %% [manual 2]
# 2. How do parameters and multiply-adds depend on the number of groups, at fixed width?
#
# Rubric: 2 for: both fall as 1 / groups. 1 for one of them, or for "they fall".

# %% [manual 2]
# 3. ResNeXt widens its bottleneck as the groups grow. Which cost does that keep constant?
#
# Rubric: 2 for the cost of the block: its multiply-adds (and parameters) stay about those of
# ResNet's. 1 for "the cost" alone.

# %% [manual 2]
# 4. Which shuffle undoes a shuffle with 3 groups of 12 channels?
#
# Rubric: 2 for the shuffle with 4 groups (12 / 3). 1 for "its inverse" with another number.

# %% [manual 2]
# 5. How many shuffled layers does it take until every output sees every input, with g groups?
#
# Rubric: 2 for: after two layers with a shuffle between, if a group has at least g channels (C >=
# g^2): each output then sees one channel of every group. 1 for "two" without the condition.

# %% [manual 2]
# 6. Why a sigmoid in the gate, and not a softmax?
#
# Rubric: 2 for: channels do not compete; several may be open at once, or none. A softmax would make
# gates sum to one. 1 for "between 0 and 1".

# %% [manual 2]
# 7. What share of its parameters do the gates of SE-ResNet-50 have? (`summary` tells.)
#
# Rubric: 2 for about 9 % (2.5 of 28 million), with the way to find it. 1 for a share within a
# factor of two.

# %% [manual 2]
# 8. Why is a depthwise layer slow on a machine that multiplies fast?
#
# Rubric: 2 for: it does few operations with each number that it reads, so memory is the limit, not
# arithmetic. 1 for "overhead".

# %% [markdown]
# ## Further reading
#
# - S. Xie et al. (2017), Aggregated residual transformations. arXiv 1611.05431.
# - A. Howard et al. (2017), MobileNets. arXiv 1704.04861.
# - X. Zhang et al. (2018), ShuffleNet. arXiv 1707.01083.
# - J. Hu, L. Shen, G. Sun (2018), Squeeze-and-excitation networks. arXiv 1709.01507.

# %% [markdown]
# # 6. Inception and bottlenecks
#
# **Question.** GoogLeNet is deeper than AlexNet and has a tenth of its parameters. What did its
# authors leave out?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, expect, inception as check, nn, np, optim, plt
from minitorch_cnn.course.broken import inception as broken

mt.manual_seed(6)
rng = np.random.default_rng(6)

# %% [markdown]
# ## Predict
#
# A bottleneck of 64 channels can replace a 3 x 3 convolution from 256 to 256 channels: 1 x 1 down
# to 64, 3 x 3, 1 x 1 up again. How many times fewer multiply-adds is that?

# %%
guess = 4  # guess: how many times fewer

# %% [markdown]
# ## Build
#
# The receptive field of a chain of convolutions with stride 1, and its cost at each position.


# %%
def field(kernels):
    """The side of the receptive field of a chain of K x K convolutions."""
    # begin solution: how many new pixels does each layer add?
    # hint: One pixel sees itself. A window of 3 adds one pixel on either side, one of 5 adds two.
    # hint: Begin with 1 and add, for each kernel of the list, its size less 1.
    return 1 + sum(k - 1 for k in kernels)
    # end solution


# %% check 2
check.field(field)


# %%
def macs(channels, kernels):
    """Multiply-adds per position: channels[i] -> channels[i + 1] through a window kernels[i]."""
    # begin solution: the sum of in * out * height * width
    # hint: A layer leads from one entry of channels to the next; its window is a pair. How many
    #     multiply-adds make all its outputs at one position?
    # hint: zip channels without the last, channels without the first, and the kernels. Each triple
    #     costs in times out times height times width; sum them.
    steps = zip(channels[:-1], channels[1:], kernels, strict=True)
    return sum(c * o * height * width for c, o, (height, width) in steps)
    # end solution


# %% check 2
check.macs(macs)

# %% [markdown]
# A 1 x 1 convolution sees one pixel. It is a linear layer, the same for every pixel, on the vector
# of that pixel's channels. Two with a ReLU between them are a small network for each pixel: the
# "network in network".


# %%
def pointwise(x, w):
    """x (N, C, H, W), w (O, C) -> y (N, O, H, W)."""
    # begin solution: a product of w with x seen as (N, C, H W)
    # hint: If all pixels of an image stand in one axis, x is (N, C, H W). What does a matrix (O, C)
    #     do to that?
    # hint: Reshape x to three axes, multiply w @ x (the product is taken for each image), and
    #     reshape to the four axes with O maps.
    N, C, H, W = x.shape
    return (w @ x.reshape(N, C, H * W)).reshape(N, len(w), H, W)
    # end solution


# %% check 2
check.pointwise(pointwise)

# %% [markdown]
# An Inception module applies windows of three sizes in parallel and joins the maps.


# %%
def inception(x, w):
    """x (N, C, H, W) -> maps of the branches 1x1, 3x3, 5x5 and pool, beside each other.

    w: kernels "1x1", "3x3 reduce", "3x3", "5x5 reduce", "5x5" and "pool" (a 1x1 after a 3x3
    maximum). All keep the size of the maps; a ReLU follows every convolution.
    """
    # begin solution: four branches, then mt.cat along the channels
    # hint: Each branch is one or two calls of F.conv2d with a kernel of w, each followed by F.relu.
    #     Which padding keeps the size for 3 x 3, and which for 5 x 5?
    # hint: The branches 3x3 and 5x5 have their reduction (1 x 1, ReLU) first, then the window with
    #     padding 1 or 2 and another ReLU. The branch pool begins with a maximum over 3 x 3 with
    #     stride 1 and padding 1. Join the four in the order of the text along axis 1.
    one = F.relu(F.conv2d(x, w["1x1"]))
    three = F.relu(F.conv2d(F.relu(F.conv2d(x, w["3x3 reduce"])), w["3x3"], padding=1))
    five = F.relu(F.conv2d(F.relu(F.conv2d(x, w["5x5 reduce"])), w["5x5"], padding=2))
    pool = F.relu(F.conv2d(F.max_pool2d(x, 3, 1, 1), w["pool"]))
    return mt.cat([one, three, five, pool], dim=1)
    # end solution


# %% check 3
check.module(inception)

# %% [markdown]
# And at the end of the net, one number for each map instead of all of its pixels.


# %%
def global_average(x):
    """x (N, C, H, W) -> (N, C)."""
    # begin solution: one number for all pixels of a map
    # hint: Which two axes of (N, C, H, W) have to go, and which stay?
    # hint: A tensor has a method for the mean, which takes a tuple of axes: those of rows and
    #     columns.
    return x.mean((2, 3))
    # end solution


# %% check 1
check.averaging(global_average)

# %% [markdown]
# ## See
#
# Three ways to see n x n pixels: one window, a stack of 3 x 3, or a row and a column.

# %%
C, sizes = 64, [3, 5, 7, 9]
whole = [macs((C, C), [(n, n)]) for n in sizes]
stacks = [[3] * ((n - 1) // 2) for n in sizes]
expect([field(stack) for stack in stacks] == sizes, "the stacks see as far as the windows")
stacked = [macs((C,) * (len(stack) + 1), [(3, 3)] * len(stack)) for stack in stacks]
flat = [macs((C, C, C), [(1, n), (n, 1)]) for n in sizes]
for values, label, colour in (
    (whole, "n x n", "grey"),
    (stacked, "3 x 3, several times", "C0"),
    (flat, "1 x n, then n x 1", "C1"),
):
    plt.plot(sizes, np.array(values) / 1000, "o-", color=colour, label=label)
plt.xticks(sizes)
plt.xlabel("receptive field n (pixels)")
plt.ylabel("multiply-adds a position (thousand)")
halves = f"{stacked[1] / whole[1]:.2f} of a 5 x 5, a row and a column {flat[1] / whole[1]:.2f}"
plt.title(f"Two 3 x 3 cost {halves}")
plt.legend()
plt.show()
expect(stacked[1] / whole[1] == 18 / 25, "two 3 x 3 cost 18 / 25 of a 5 x 5")
expect(flat[1] / whole[1] == 10 / 25, "a row and a column cost 10 / 25 of it")

bottleneck = macs((256, 256), [(3, 3)]) / macs((256, 64, 64, 256), [(1, 1), (3, 3), (1, 1)])
print(f"the bottleneck is {bottleneck:.2f} times cheaper; your guess {guess}")

# %% [markdown]
# The cost of n x n grows with the square of n, that of the others linearly. For 3 x 3 a stack gains
# nothing, and a row and a column cost two thirds.
#
# What do the 1 x 1 convolutions save inside GoogLeNet's first module (3a: 192 channels, 28 x 28)?

# %%
branches = {
    "1x1": ([(192, 64)], [(192, 64)], [1]),
    "3x3": ([(192, 128)], [(192, 96), (96, 128)], [3]),
    "5x5": ([(192, 32)], [(192, 16), (16, 32)], [5]),
    "pool": ([], [(192, 32)], [1]),
}


def million(pairs, size):
    """1 x 1 for all pairs but the last, which has the branch's window; at 28 x 28."""
    windows = [1] * (len(pairs) - 1) + [size]
    return sum(macs(p, [(k, k)]) for p, k in zip(pairs, windows, strict=True)) * 28 * 28 / 1e6


naive = [million(bare, size[0]) if bare else 0 for bare, _, size in branches.values()]
reduced = [million(pairs, size[0]) for _, pairs, size in branches.values()]
channels = {"naive": 64 + 128 + 32 + 192, "reduced": 64 + 128 + 32 + 32}
places = np.arange(4)
plt.bar(places - 0.2, naive, 0.4, color="grey", label=f"naive, {channels['naive']} maps out")
plt.bar(
    places + 0.2,
    reduced,
    0.4,
    color="C0",
    label=f"as published, {channels['reduced']} maps out",
)
plt.xticks(places, list(branches))
plt.xlabel("branch of module 3a")
plt.ylabel("multiply-adds (million)")
saved = sum(naive) / sum(reduced)
plt.title(f"1 x 1 layers make the module {saved:.1f} times cheaper and its output thinner")
plt.legend()
plt.show()
expect(naive[2] / reduced[2] > 8, "the 5 x 5 branch is more than 8 times cheaper")

# %% [markdown]
# The 5 x 5 branch gains most, a factor of ten. Only the pooling branch costs more than before, when
# it had no multiply-adds. In return it gives 32 maps instead of all 192, which every later module
# would have to read.
#
# ## Break it
#
# Branches joined along the batch; a matrix read from right to left; and a sum instead of an
# average. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.module(broken.joined_in_the_batch)
check.pointwise(broken.reversed_channels)
check.averaging(broken.summing)


# %% [markdown]
# ## Measure
#
# Is a global average enough to classify? Two nets on images of geometric shapes differ only in
# their ends: a linear layer on all pixels, or on one average for each map. A third has a second
# classifier, an auxiliary head, in its middle, whose loss has the weight 0.3.

# %%
train, test = (mt.data.datasets.Shapes(n, 24, seed=seed) for n, seed in ((1500, 1), (400, 2)))


def pixels(images):
    return mt.tensor((images / np.float32(255) - 0.35) / 0.25)


class Net(nn.Module):
    def __init__(self, end, auxiliary=False):
        super().__init__()
        self.low = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        )  # fmt: skip
        self.high = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        )  # fmt: skip
        self.end = end
        self.auxiliary = nn.Linear(32, 6) if auxiliary else None

    def forward(self, x):
        middle = self.low(x)
        logits = self.end(self.high(middle))
        if self.auxiliary is None or not self.training:
            return logits, None
        return logits, self.auxiliary(global_average(middle))


class Average(nn.Module):
    def forward(self, x):
        return global_average(x)


def learn(net, epochs=6):
    optimizer = optim.Adam(net.parameters(), lr=0.005)
    order = np.random.default_rng(0)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.005 * (1 - epoch / epochs)
        for batch in order.permutation(len(train)).reshape(-1, 50):
            target = mt.tensor(train.labels[batch])
            logits, auxiliary = net(pixels(train.images[batch]))
            loss = F.cross_entropy(logits, target)
            if auxiliary is not None:
                loss = loss + 0.3 * F.cross_entropy(auxiliary, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    with mt.no_grad():
        logits, _ = net(pixels(test.images))
    return 100 * float((logits.numpy().argmax(1) == test.labels).mean())


ends = {
    "all pixels": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64 * 36, 6)), False),
    "global average": (lambda: nn.Sequential(Average(), nn.Linear(64, 6)), False),
    "global average,\nauxiliary head": (lambda: nn.Sequential(Average(), nn.Linear(64, 6)), True),
}
accuracy, params = {}, {}
for name, (end, auxiliary) in ends.items():
    mt.manual_seed(1)
    net = Net(end(), auxiliary)
    params[name] = sum(p.numel() for p in net.end.parameters())
    accuracy[name] = learn(net)
    if name == "global average":
        averaged = net
left = plt.bar(list(ends), list(accuracy.values()), 0.5, color="C0")
plt.bar_label(
    left, [f"{params[name]:,} parameters\nin the end" for name in ends], padding=2, fontsize=9
)
plt.axhline(100 / 6, color="black", linewidth=0.5)
plt.ylim(0, 125)
plt.yticks(range(0, 101, 25))
plt.ylabel("accuracy on 400 held out (%)")
values = [f"{value:.0f}" for value in accuracy.values()]
plt.title(f"{' %, '.join(values)} %: what 35 times fewer parameters at the end do here")
plt.show()
print(accuracy)
expect(min(accuracy.values()) > 75, "all three nets are right on more than 75 %")
expect(params["all pixels"] > 30 * params["global average"], "an average saves 30 times the end")

# %% [markdown]
# Guessing gives 17 % (the line). Read the bars with care: each is one run of six epochs, tested on
# 400 images, so a difference of one or two per cent is noise. The figure does show that a net can
# discard positions and still be right nearly always, with 35 times fewer parameters at its end.
# Positions help a little here, too. An auxiliary head, designed to bring gradients to the lower
# layers of a net of 22, has little effect in a net of four.
#
# The average has another advantage over a linear layer on all pixels: it accepts images of any
# size.

# %%
larger = mt.data.datasets.Shapes(200, 36, seed=3)
with mt.no_grad():
    logits, _ = averaged(pixels(larger.images))
score = 100 * float((logits.numpy().argmax(1) == larger.labels).mean())
print(f"trained on 24 x 24, tested on 36 x 36: {score:.0f} % (guessing is 17 %)")

# %% [markdown]
# It runs, but with lower accuracy: these shapes are 1.5 times as large as those of training, and
# its windows are not.

# %% [markdown]
# ## From the notebook to the library
#
# A module is a row of numbers in `minitorch_cnn/models/googlenet.py`; the later Inceptions, with
# their 1 x n and n x 1, are in `inception_v3.py` and its neighbours.

# %%
with nn.shapes_only():
    googlenet = mt.analysis.summary(mt.models.create_model("googlenet"), (3, 224, 224))
module = [row for row in googlenet.rows if row.name.startswith("inception3a")]
same = sum(row.macs for row in module) == round(sum(reduced) * 1e6)
expect(same, "module 3a of the library costs what the notebook counts")

net = mt.models.create_model("googlenet", width=0.25).eval()
kernels = {}
block = net.inception3a
names = ("1x1", "3x3 reduce", "3x3", "5x5 reduce", "5x5", "pool")
convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
with mt.no_grad():
    for name, conv in zip(names, convs, strict=True):
        nn.init.zeros_(conv.bias)
        kernels[name] = conv.weight
    x = mt.randn(1, convs[0].in_channels, 14, 14)
    difference = abs((block(x) - inception(x, kernels)).numpy()).max()
print(f"notebook and library differ by {difference:.0e}")
expect(difference < 1e-4, "module 3a of the library computes what the notebook's does")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. How many 3 x 3 layers see as much as a 7 x 7, and how do their costs compare?
#
# Rubric: 2 for three layers; 27 C^2 against 49 C^2 (0.55). 1 for three.

# %% [manual 2]
# 2. Why is there a ReLU between the two halves of a factorised window? When would there be none?
#
# Rubric: 2 for: without it the two are one linear map with fewer degrees of freedom; the ReLU makes
# them more expressive; none where the factors should only approximate the window (or batch norm
# alone as in separable layers). 1 for the first part.

# %% [manual 2]
# 3. What can a 1 x 1 convolution not compute?
#
# Rubric: 2 for: anything that compares pixels: edges, shifts, blurs; it cannot see neighbours. 1
# for an example only.

# %% [manual 2]
# 4. How narrow can a bottleneck get before it costs accuracy? How would you find out?
#
# Rubric: 2 for a procedure: train the same net with several widths, compare on held-out images over
# several seeds, look where the error begins to rise. 1 for "try it".

# %% [manual 2]
# 5. Which branch of module 3a would you leave out first?
#
# Rubric: 2 for a branch with a reason that can be tested (for example pool: it has few maps; or by
# removing each in turn and measuring the error). 1 for a branch without a reason.

# %% [manual 2]
# 6. What does a net with a global average lose? For which task would that matter?
#
# Rubric: 2 for: where in the image something is; it matters for localisation, detection,
# segmentation, or for digits like 6 and 9 in part. 1 for position alone.

# %% [manual 2]
# 7. Why are auxiliary heads removed after training?
#
# Rubric: 2 for: they only serve to bring gradients (and regularise) in training; the main head is
# the better classifier, and they cost time and parameters. 1 for one half.

# %% [manual 2]
# 8. Count the multiply-adds of AlexNet's fc6 as a 6 x 6 convolution.
#
# Rubric: 2 for 256 x 4096 x 6 x 6 = 37.7 million (at the one position), the same as the linear
# layer. 1 for the number or the equality.

# %% [markdown]
# ## Further reading
#
# - C. Szegedy et al. (2015), Going deeper with convolutions. arXiv 1409.4842.
# - C. Szegedy et al. (2016), Rethinking the Inception architecture. arXiv 1512.00567.
# - M. Lin, Q. Chen, S. Yan (2014), Network in network. arXiv 1312.4400.

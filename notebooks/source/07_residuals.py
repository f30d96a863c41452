# %% [markdown]
# # 7. Degradation and residuals
#
# **Question.** A deeper net can represent everything that a shallower one can. Why can its error be
# larger, even on its training images, and how does an addition cure that?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import (
    F,
    digits,
    error,
    expect,
    np,
    plt,
    residuals as check,
    seconds,
    train,
)
from minitorch_cnn.course.broken import residuals as broken

rng = mt.manual_seed(7)
images, labels = digits()

# %% [markdown]
# ## Predict
#
# A net of 20 layers makes some errors on its training images after six epochs. How many does a
# plain net of 56 layers make after the same training?

# %%
guess = 5  # guess: training error of the plain 56-layer net in per cent (guessing makes 90 %)

# %% [markdown]
# ## Build
#
# A residual block adds its input to the output of its layers: y = max(branch(x) + shortcut(x), 0).


# %%
def residual(x, branch, shortcut):
    """The output of a residual block."""
    # begin solution: first the sum, then the ReLU
    # hint: branch and shortcut are functions of x. What does the formula above do with their two
    #     results?
    # hint: Call both with x, add what they return, and apply F.relu to the sum.
    return F.relu(branch(x) + shortcut(x))
    # end solution


# %% check 2
check.block(residual)

# %% [markdown]
# If a block halves the image and has more maps, x does not fit. Option A of the paper needs no
# parameters: take every second pixel, and add maps of zeros.


# %%
def shortcut_a(x, out_channels, stride):
    """x (N, C, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
    # begin solution: slice, then F.pad with zeros after the channels (the third pair of numbers)
    # hint: A slice with a step takes every stride-th row and column. F.pad takes pairs of numbers,
    #     beginning with the last axis.
    # hint: Slice axes 2 and 3 with the step. The pairs are (0, 0) for columns, (0, 0) for rows, and
    #     for channels 0 before and the number of missing channels after.
    x = x[:, :, ::stride, ::stride]
    return F.pad(x, (0, 0, 0, 0, 0, out_channels - x.shape[1]))
    # end solution


# %% check 2
check.shortcut(shortcut_a)

# %% [markdown]
# A path can go through a block's branch or through its shortcut. How many branches do the paths
# through n blocks pass?


# %%
def path_counts(n):
    """counts[k] of the 2^n paths through n blocks pass k branches."""
    # begin solution: start with one path of no branch; a block doubles them, half one branch longer
    # hint: With no block there is one path of no branch. A further block lets each path go two
    #     ways.
    # hint: Keep a list of counts. After a block, as many paths have k branches as had k before (by
    #     the shortcut) plus those that had k - 1 (by the branch): add the list to itself, moved by
    #     one place.
    counts = [1]
    for _ in range(n):
        counts = [a + b for a, b in zip([0, *counts], [*counts, 0], strict=True)]
    return counts
    # end solution


# %% check 2
check.paths(path_counts)

# %% [markdown]
# Stochastic depth drops random branches during training. Block l of L survives with probability
# 1 - l/L (1 - p): the last one with p, the first almost always.


# %%
def survival(blocks, last):
    """The survival probabilities of the blocks."""
    # begin solution: the formula for all l from 1 to L at once
    # hint: np.arange gives all l at once. Where does it begin, and where does it end?
    # hint: Divide the numbers 1 to L by L, multiply by 1 less the last probability, and take that
    #     off 1.
    return 1 - np.arange(1, blocks + 1) / blocks * (1 - last)
    # end solution


# %% check 2
check.survival(survival)

# %% [markdown]
# Highway networks came before residual nets. A gate t mixes input and transformation.


# %%
def highway(x, h, t):
    """h where the gate t is 1, x where it is 0."""
    # begin solution: what is left for x where the gate is open by t?
    # hint: The weights of h and x add up to 1, so the gate decides between the two.
    # hint: h is multiplied by the gate, x by 1 less the gate; return the sum.
    return t * h + (1 - t) * x
    # end solution


# %% check 1
check.highway(highway)

# %% [markdown]
# ## See
#
# Four nets on 1,442 digits of 8 x 8: 20 and 56 layers, plain and residual, with equal numbers of
# parameters in each pair. All have half the paper's filters, batch norm, and six epochs.

# %%
nets, curves = {}, {}
for kind in ("plain", "resnet"):
    for depth in (20, 56):
        name = f"{kind}{depth}"
        mt.manual_seed(0)
        nets[name] = mt.models.create_model(f"{name}_cifar", in_channels=1, width=0.5)
        curves[name] = train(nets[name], images, labels, 6)
        print(f"{name:9} training error of each epoch: {np.round(curves[name], 1)} %")

for name, curve in curves.items():
    colour = "C0" if "resnet" in name else "C1"
    plt.plot(
        range(1, 7), curve, "--" if "20" in name else "-", marker="o", color=colour, label=name
    )
plt.xlabel("number of epochs")
plt.ylabel("training error (%)")
plt.ylim(0, 100)
p20, p56, r20, r56 = (curves[name][-1] for name in ("plain20", "plain56", "resnet20", "resnet56"))
plt.title(
    f"Training error of 56 plain layers {p56:.0f} %, of 20 {p20:.0f} %; 56 residual {r56:.0f} %"
)
plt.legend()
plt.show()
print(f"your guess {guess} %")
expect(p56 > p20 + 20, "56 plain layers have a far larger training error than 20")
expect(r56 < p20 + 5, "56 residual layers learn about as well as 20 plain ones")

# %% [markdown]
# This is degradation: more layers, larger training error. It is not overfitting, which would show
# only on other images. With shortcuts, 56 layers learn almost as well as 20. So the net can
# represent the solution; plain SGD did not find it in this time. (The paper's gap, after 164 epochs
# on CIFAR-10, is 4 %. After six epochs it is mostly one of speed.)
#
# How much does each block contribute? Remove one from the trained ResNet-56, and from the plain net
# that has learned something.


# %%
def without(net, skipped, images):
    """The logits of a net without block `skipped`: its input takes the shortcut."""
    number, x = 0, mt.tensor(images)
    net.eval()
    with mt.no_grad():
        x = F.relu(net.bn1(net.conv1(x)))
        for layer in (net.layer1, net.layer2, net.layer3):
            for block in layer:
                stride = block.conv1.stride[0]
                if number == skipped:
                    x = shortcut_a(x, block.conv2.out_channels, stride)
                else:
                    x = block(x)
                number += 1
        return net.fc(x.mean((2, 3))).numpy()


some, their = images[:400], labels[:400]
lesions = {}
for name in ("resnet56", "plain20"):
    blocks = sum(len(layer) for layer in (nets[name].layer1, nets[name].layer2, nets[name].layer3))
    logits = [without(nets[name], k, some) for k in range(-1, blocks)]
    lesions[name] = [100 * float((y.argmax(1) != their).mean()) for y in logits]
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for axis, (name, errors), colour in zip(axes, lesions.items(), ("C0", "C1"), strict=True):
    axis.bar(range(1, len(errors)), errors[1:], color=colour)
    axis.axhline(errors[0], color="black", linewidth=0.8, linestyle="--")
    axis.set_title(f"{name}, intact {errors[0]:.1f} % (dashed)")
    axis.set_xlabel("block left out")
axes[0].set_ylabel("error (%)")
rest, plain = (float(np.median(errors[1:])) for errors in lesions.values())
figure.suptitle(f"Without one block: median error {rest:.1f} % residual, {plain:.0f} % plain")
plt.show()
expect(rest < lesions["resnet56"][0] + 5, "most blocks of the residual net are hardly missed")
expect(plain > lesions["plain20"][0] + 20, "most blocks of the plain net are vital")

# %% [markdown]
# The residual net hardly misses most of its blocks; those that matter are at the beginning. Nearly
# every block of the plain net is vital, like a link of a chain.
#
# So the net is a sum of paths. How long are they, and which carry the gradient? The library
# propagates a gradient through one random path at a time.

# %%
carried = mt.analysis.gradient_by_path_length(
    nets["resnet56"],
    mt.tensor(images[:8]),
    labels[:8],
    samples=4,
    generator=np.random.default_rng(0),
)
counts = np.array(path_counts(27), dtype=float)
plt.plot(100 * counts / counts.sum(), color="C1", label="of the paths")
plt.plot(carried.lengths, 100 * carried.total, color="C0", label="of the gradient")
plt.xlabel("branches on the path")
plt.ylabel("share (%)")
typical = float(carried.total @ carried.lengths)
plt.title(f"Paths have {27 / 2} branches on average, those of the gradient {typical:.1f}")
plt.legend()
plt.show()
expect(typical < 13.5, "the gradient comes by the shorter paths")

# %% [markdown]
# The gradient takes the shorter paths, since each branch on the way weakens it. In this sense a net
# of 56 layers is an ensemble of shallower ones. (Veit et al. find 5 to 17 of 54 blocks in a trained
# net of 110 layers.)
#
# ## Break it
#
# A shortcut added after the ReLU; a highway with an inverted gate; survival probabilities in
# reverse order. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.block(broken.joined_after_relu)
check.highway(broken.turned_gate)
check.survival(broken.reversed_survival)

# %% [markdown]
# ## Measure
#
# Two later ideas at 32 layers: pre-activation (batch norm and ReLU before the convolutions, and
# nothing on the shortcut), and stochastic depth. We measure the error in training, where blocks are
# missing, and in evaluation, where all are present; and the time.

# %%
resnet, stochastic = mt.models.resnet_cifar.resnet, mt.models.stochastic_depth.stochastic
preactivated = mt.models.preact_resnet.preact_basic("A")
settings = {"in_channels": 1, "width": 0.5}
kinds = {
    "residual": lambda: resnet(32, "A", settings),
    "pre-activation": lambda: mt.models.resnet_cifar.CifarResNet(
        5, preactivated, preactivated=True, **settings
    ),
    "stochastic depth": lambda: stochastic(32, 0.5, settings),
}
held_out = digits(train=False)
results = []
for name, make in kinds.items():
    mt.manual_seed(0)
    net, history = make(), []
    time = seconds(
        lambda net=net, history=history: history.extend(train(net, images, labels, 4)), 1
    )
    results.append((name, history[-1], error(net, *held_out), time))
    print("{:17} training {:5.1f} %   held out {:5.1f} %   {:4.1f} s".format(*results[-1]))
places = np.arange(3)
plt.bar(places - 0.2, [r[1] for r in results], 0.4, color="grey", label="last epoch of training")
plt.bar(places + 0.2, [r[2] for r in results], 0.4, color="C0", label="held out")
plt.xticks(places, list(kinds))
plt.ylabel("error (%)")
missing, whole = results[2][1:3]
plt.title(f"Stochastic depth: {missing:.0f} % with blocks missing, {whole:.0f} % with all of them")
plt.legend()
plt.show()
expected = survival(15, 0.5).sum()
print(f"blocks that survive on average: {expected:.2f} of 15")
expect(max(r[2] for r in results[:2]) < 25, "the first two learn in four epochs")

# %% [markdown]
# One run each, of four epochs: enough to see that all three train, not enough to rank them.
# Stochastic depth helps in nets of hundreds of layers with long training. Here, with blocks
# missing, it learns more slowly. A dropped branch costs no time; whether the times above show it
# depends on the other load of your machine.
#
# ## From the notebook to the library
#
# `minitorch_cnn/models/residual.py` has the block, `minitorch_cnn/analysis/lesions.py` and
# `paths.py` the studies that we did by hand, `minitorch_cnn/models/highway.py` the highway.

# %%
study = mt.analysis.lesion_study(nets["resnet56"], mt.tensor(some), their)
expect(np.allclose(100 * study.errors, lesions["resnet56"][1:]), "the lesions are the library's")
expect(list(mt.analysis.path_lengths(27).counts) == list(path_counts(27)), "the paths are, too")

layer = nets["resnet20"].layer2[0].eval()
x = mt.randn(2, 8, 8, 8)
with mt.no_grad():
    mine = residual(x, layer.branch, lambda x: shortcut_a(x, 16, 2))
    expect(np.allclose(mine, layer(x)), "the block is the library's")
blocks = [m.survival for m in stochastic(32, 0.5, settings).modules() if hasattr(m, "survival")]
expect(np.allclose(blocks, survival(15, 0.5)), "the survivals are the library's")
print("compared with the library's: blocks, lesions, paths and survivals")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why is degradation not overfitting? Which number shows it?
#
# Rubric: 2 for: the error on the training images is larger; overfitting would have a small one
# there. 1 for the definition without the number.

# %% [manual 2]
# 2. All four nets have batch norm. Which explanation of degradation does that exclude?
#
# Rubric: 2 for: vanishing (or exploding) signals and gradients: batch norm keeps their variance. 1
# for "vanishing gradients" without how.

# %% [manual 2]
# 3. Which weights make a residual block compute the identity? And a plain one?
#
# Rubric: 2 for: residual: zero weights in the branch (and positive input, because of the ReLU);
# plain: kernels that are one at the centre of their own channel, with batch norm undone, exactly. 1
# for one.

# %% [manual 2]
# 4. Why does a projection on every shortcut (option C) make the ensemble view weaker?
#
# Rubric: 2 for: every path then passes projections, so none is the identity; shortcuts are not free
# paths and weaken or change the gradient (and cannot be removed without harm). 1 for "more
# parameters".

# %% [manual 2]
# 5. How many paths has ResNet-110, and how many of them have fewer than 10 branches?
#
# Rubric: 2 for 2^54 = 1.8e16 paths (54 blocks), those of fewer than 10 branches: sum of C(54, k), k
# < 10, about 6.7e9 (a share of 4e-7). 1 for the first number.

# %% [manual 2]
# 6. What does the ReLU after the addition do to the shortcut over many blocks?
#
# Rubric: 2 for: it lets only non-negative values pass, so the shortcut is not the identity for
# negative ones and the signal can only grow along it; pre-activation avoids it. 1 for the first
# half.

# %% [manual 2]
# 7. Why is the branch multiplied by its survival probability in evaluation?
#
# Rubric: 2 for: in training the branch was there in that share of the steps, so later layers expect
# it with that mean; in evaluation it is always there. 1 for "to keep the mean".

# %% [manual 2]
# 8. How would you find out whether removing two blocks is worse than the sum of both losses?
#
# Rubric: 2 for: remove each alone and both together, compare the rise of the error with the sum of
# both rises, over many pairs (and images). 1 without the comparison.

# %% [markdown]
# ## Further reading
#
# - K. He et al. (2016), Deep residual learning. arXiv 1512.03385. Identity mappings: 1603.05027.
# - A. Veit, M. Wilber, S. Belongie (2016), Residual networks behave like ensembles. arXiv
#   1605.06431.
# - G. Huang et al. (2016), Deep networks with stochastic depth. arXiv 1603.09382.
# - R. K. Srivastava, K. Greff, J. Schmidhuber (2015), Highway networks. arXiv 1505.00387.

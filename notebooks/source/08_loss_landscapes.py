# %% [markdown]
# # 8. Loss landscapes
#
# **Question.** What does the loss look like around the weights that training has found, with and
# without shortcuts, and how far can you trust such a picture?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, digits, expect, landscapes as check, np, plt, train
from minitorch_cnn.course.broken import landscapes as broken

mt.manual_seed(8)
images, labels = digits()

# %% [markdown]
# ## Predict
#
# Multiply all weights of a convolution before a batch norm by 10. By what factor does the curvature
# of the loss along a random direction (of a fixed length) change?

# %%
guess = 0.01  # guess: the factor

# %% [markdown]
# ## Build
#
# A direction has an array of random numbers for each parameter. Filter normalisation gives each of
# its filters the length of the net's filter: d <- d / |d| |w|. Biases and batch norm do not move.


# %%
def direction(net, rng):
    """An array for each parameter; weights of (O, ...) normalised row by row of O."""
    found = []
    for p in net.parameters():
        # begin solution: zeros for one axis; else normal numbers scaled filter by filter
        # hint: A filter is everything behind the first axis of a weight. Which parameters have
        #     filters, and which have only one number for each channel?
        # hint: Draw an array of p.shape with rng.standard_normal. Take the length of each of its
        #     filters and of each of the weight's: a root of a sum of squares over all axes but the
        #     first, which keeps these axes with length 1. Multiply by the one and divide by the
        #     other, and append the array.
        d = np.zeros(p.shape)
        if p.ndim > 1:
            d = rng.standard_normal(p.shape)
            axes = tuple(range(1, p.ndim))
            w = p.array.astype(float)
            d *= np.sqrt((w**2).sum(axes, keepdims=True) / (d**2).sum(axes, keepdims=True))
        found.append(d)
        # end solution
    return found


# %% check 3
check.direction(direction)

# %% [markdown]
# Walk along it, compute the loss at each step, and restore the weights.


# %%
def loss_along(net, direction, steps, x, labels):
    """The mean cross-entropy at w + step * direction, for each of the steps."""
    start = [p.array for p in net.parameters()]
    losses = []
    with mt.no_grad():
        # begin solution: set p.array (float32) for each step, take the loss; restore the old
        # hint: Each step begins at the old weights, which `start` keeps. A parameter's array may be
        #     replaced by a new one.
        # hint: For each step, for each parameter with its old weight and its direction: p.array
        #     becomes the old weight plus the step times the direction, in the old dtype. Append the
        #     cross-entropy of the images as a number. After the last step give each parameter its
        #     old array back.
        for step in steps:
            for p, w, d in zip(net.parameters(), start, direction, strict=True):
                p.array = (w + step * d).astype(w.dtype)
            losses.append(F.cross_entropy(net(x), mt.tensor(labels)).item())
        for p, w in zip(net.parameters(), start, strict=True):
            p.array = w
        # end solution
    return np.array(losses)


# %% check 3
check.line(loss_along)

# %% [markdown]
# Batch norm cancels any scale: ten times the weights give the same net. (Its running averages must
# change with them, for evaluation.)


# %%
def rescale(net, factor):
    """Multiply all convolutions' weights and adapt the running averages after them."""
    # begin solution: over net.modules(); running_mean times factor, running_var times its square
    # hint: Ten times the weights give ten times the outputs of a convolution. What does that do to
    #     their mean, and to their variance?
    # hint: Under no_grad, walk over all modules. A Conv2d has its weight (and its bias, if there is
    #     one) multiplied by the factor, in place; a BatchNorm2d its running_mean by the factor and
    #     its running_var by the square.
    with mt.no_grad():
        for module in net.modules():
            if isinstance(module, mt.nn.Conv2d):
                module.weight.mul_(factor)
                if module.bias is not None:
                    module.bias.mul_(factor)
            elif isinstance(module, mt.nn.BatchNorm2d):
                module.running_mean.mul_(factor)
                module.running_var.mul_(factor**2)
    # end solution


# %% check 2
check.rescaling(rescale)

# %% [markdown]
# ## See
#
# Two nets of 32 layers on the digits, eight epochs each: with shortcuts, and without. The plane of
# two of your directions is walked by the library's `loss_surface`, row by row as `loss_along` does.

# %%
nets = {}
for kind in ("resnet32", "plain32"):
    mt.manual_seed(0)
    nets[kind] = mt.models.create_model(f"{kind}_cifar", in_channels=1, width=0.5)
    errors = train(nets[kind], images, labels, 8)
    nets[kind].eval()
    print(f"{kind}: training error {errors[-1]:.1f} %")
x, y = mt.tensor(images[:256]), labels[:256]

figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharey=True)
steps = np.linspace(-1, 1, 11)
levels = [0.01, 0.03, 0.1, 0.3, 1, 3, 10]
low = {}
for axis, (kind, net) in zip(axes, nets.items(), strict=True):
    rng = np.random.default_rng(1)
    across, up = direction(net, rng), direction(net, rng)
    surface = mt.analysis.loss_surface(net, x, y, steps, (up, across)).losses
    low[kind] = 100 * float((surface < 1).mean())
    drawn = axis.contourf(
        steps,
        steps,
        np.maximum(surface, levels[0]),
        levels,
        norm="log",
        cmap="viridis",
        extend="both",
    )
    axis.plot(0, 0, "+", color="white", markersize=10)
    axis.set_title(f"{kind}: {surface[5, 5]:.3f} in the middle")
    axis.set_xlabel("step across (lengths of the filters)")
axes[0].set_ylabel("step up (lengths of the filters)")
figure.colorbar(drawn, ax=axes, label="cross-entropy (nats)")
shares = f"{low['resnet32']:.0f} % of the plane with shortcuts, {low['plain32']:.0f} % without"
figure.suptitle(f"Loss below 1: {shares}")
plt.show()
print(low)

# %% [markdown]
# A plane through the solution of each net (+), in units of the filters' lengths. Compare the share
# of the plane with a loss below 1, printed above, and the shapes of the contours. But note that the
# plain net has learned less in its eight epochs, so its whole plane is higher; and two planes in a
# space of 100,000 dimensions are few. More directions follow below.
#
# ## Break it
#
# A direction normalised by whole weights, in which weak filters move as far as strong ones; one
# that also moves the biases; and a walk that does not restore the weights. (They are ours, in
# `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.direction(broken.layer_wise)
check.direction(broken.moving_biases)
check.line(broken.without_return)


# %% [markdown]
# ## Measure
#
# First the guess: the same net with ten times the weights, along directions without and with
# filter normalisation.


# %%
def plain_direction(net, rng):
    """Normal numbers of standard deviation 0.1, for weights of any size."""
    return [0.1 * d for d in mt.analysis.random_direction(net, "none", rng)]


net = nets["resnet32"]
fine = np.linspace(-0.5, 0.5, 21)
walks = {}
for label, make in (("plain", plain_direction), ("filter-normalised", direction)):
    walks[label, 1] = loss_along(net, make(net, np.random.default_rng(2)), fine, x, y)
rescale(net, 10.0)
for label, make in (("plain", plain_direction), ("filter-normalised", direction)):
    walks[label, 10] = loss_along(net, make(net, np.random.default_rng(2)), fine, x, y)
rescale(net, 0.1)

figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for axis, label in zip(axes, ("plain", "filter-normalised"), strict=True):
    axis.semilogy(fine, walks[label, 1], color="C0", label="the net")
    axis.semilogy(fine, walks[label, 10], "--", color="C1", label="10 times the weights")
    axis.set_title(f"{label} direction")
    axis.set_xlabel("step")
axes[0].set_ylabel("cross-entropy (nats)")
axes[0].legend()
figure.suptitle("One function, two landscapes; with filters normalised one landscape")
plt.show()


def rise(losses):
    return float((losses[0] + losses[-1]) / 2 - losses[10])


factor = rise(walks["plain", 10]) / rise(walks["plain", 1])
print(f"your guess {guess}; the loss rises {factor:.4f} times as much in half a step")
expect(factor < 0.1, "ten times the weights look less than a tenth as steep, not normalised")
one, ten = walks["filter-normalised", 1], walks["filter-normalised", 10]
expect(np.allclose(one, ten, rtol=0.05, atol=1e-3), "normalised they look the same")

# %% [markdown]
# Without normalisation the larger weights look flat, since the same step is smaller relative to
# them: to second order by a factor of 1/100. Flatness that depends on a number without effect means
# nothing. With normalisation both curves coincide.
#
# Now what the picture hides: ten random directions for each net, and one direction that is not
# random, the gradient, normalised in the same way.


# %%
class Gradients:
    """In place of random numbers, the gradients of the net's weights on these images."""

    def __init__(self, net):
        loss = F.cross_entropy(net(x), mt.tensor(y))
        self.left = iter(mt.grad(loss, [p for p in net.parameters() if p.ndim > 1]))

    def standard_normal(self, shape):
        return next(self.left).numpy().astype(float) + 1e-30


def steepest(net):
    return mt.analysis.random_direction(net, generator=Gradients(net))


step = np.array([0.0, 0.3])
heights = {}
for kind, net in nets.items():
    random = [
        loss_along(net, direction(net, np.random.default_rng(seed)), step, x, y)[1]
        for seed in range(10)
    ]
    heights[kind] = np.array(random), loss_along(net, steepest(net), step, x, y)[1]
for place, (random, gradient) in enumerate(heights.values()):
    plt.plot(
        [place] * 10, random, "o", color="C0", alpha=0.5, label=None if place else "random"
    )
    plt.plot(
        place, gradient, "^", color="C1", markersize=9, label=None if place else "gradient"
    )
plt.yscale("log")
plt.xlim(-0.5, 1.5)
plt.xticks([0, 1], list(heights))
plt.ylabel("loss after a step of 0.3 (nats)")
ratio = heights["resnet32"][1] / np.median(heights["resnet32"][0])
plt.title(f"resnet32: along the gradient the same step costs {ratio:.0f} times as much")
plt.legend()
plt.show()
for kind, (random, gradient) in heights.items():
    print(f"{kind}: random {np.median(random):.3f} (median of 10), gradient {gradient:.2f}")
expect(ratio > 3, "along the gradient a step costs more than three times as much")

# %% [markdown]
# A random direction is nearly orthogonal to the few steep ones, so a random plane shows a plateau
# where there is a cliff. Such pictures compare nets under equal conditions; they do not show how
# sharp a minimum is.
#
# ## From the notebook to the library
#
# `minitorch_cnn/analysis/loss_landscape.py`: `random_direction`, `loss_line`, `loss_surface`, and
# `minitorch-cnn analyse` on the command line.

# %%
net = nets["resnet32"]
theirs = mt.analysis.random_direction(net, generator=np.random.default_rng(3))
mine = direction(net, np.random.default_rng(3))
for a, b in zip(mine, theirs, strict=True):
    expect(
        np.allclose(np.linalg.norm(a), np.linalg.norm(b)), "directions are as long as the library's"
    )
found = mt.analysis.loss_line(net, x, y, steps=[-0.5, 0, 0.5], direction=mine)
ours = loss_along(net, mine, [-0.5, 0, 0.5], x, y)
print("the library's losses:", np.round(found.losses, 3), "the notebook's:", np.round(ours, 3))
expect(np.allclose(found.losses, ours, rtol=1e-3, atol=1e-4), "the library walks the same way")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why do biases and batch norm's weights not move in these directions?
#
# Rubric: 2 for: they have no filters whose scale could be compared (one number a channel), and
# moving them changes the function at every scale, so that the picture would be one of them alone. 1
# for "the paper leaves them out".

# %% [manual 2]
# 2. Which other changes of weights keep a ReLU net's function?
#
# Rubric: 2 for one that keeps it exactly, beyond the scaling before batch norm: scaling a unit's
# inputs by a > 0 and its outputs by 1/a, or permuting channels together with the next layer's. 1
# for a change that is only roughly neutral.

# %% [manual 2]
# 3. What would the pictures look like in training mode, with batch statistics?
#
# Rubric: 2 for: with batch statistics any scale of a convolution is cancelled at once, and the loss
# depends on the batch, so the picture is flatter along scales and noisy. 1 for one of the two.

# %% [manual 2]
# 4. How large is the cosine between two random directions in n dimensions?
#
# Rubric: 2 for about 1 / sqrt(n), so close to 0: random directions are nearly orthogonal. 1 for
# "small".

# %% [manual 2]
# 5. Which images give the loss in the figures? What would change with the held-out ones?
#
# Rubric: 2 for: the first 256 training images; with held-out ones the surface would be higher, most
# of all away from the middle, and its lowest point need not be in the middle. 1 for naming the
# images alone.

# %% [manual 2]
# 6. How can two nets of equal training loss have different landscapes?
#
# Rubric: 2 for: the loss at one point says nothing about the points around it; the nets have other
# parameters and other curvature. 1 for "different nets".

# %% [manual 2]
# 7. Which direction would show the path that training took?
#
# Rubric: 2 for the difference of the last and the first weights (or the largest principal
# components of the path). 1 for the last gradient.

# %% [manual 2]
# 8. Does a flat minimum generalise better? Which result here calls for caution?
#
# Rubric: 2 for: not by itself; the same function with ten times the weights looks flatter without
# normalisation, so flatness that depends on the scale says nothing. 1 for "no" without the result.

# %% [markdown]
# ## Further reading
#
# - H. Li et al. (2018), Visualizing the loss landscape of neural nets. arXiv 1712.09913.
# - L. Dinh et al. (2017), Sharp minima can generalize for deep nets. arXiv 1703.04933.
# - I. Goodfellow, O. Vinyals, A. Saxe (2015), Qualitatively characterizing neural network
#   optimization problems. arXiv 1412.6544.

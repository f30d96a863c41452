# %% [markdown]
# # 10. What the network sees
#
# **Question.** A net says "star". Where in the image did it see one, and how do we know that a map
# of its reasons is not just a map of the image?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import error, expect, nn, np, plt, seeing as check, train
from minitorch_cnn.course.broken import seeing as broken

mt.manual_seed(10)
rng = np.random.default_rng(10)

# %% [markdown]
# ## Predict
#
# A net is trained only with the names of shapes. It never sees a box. We will draw a box around the
# pixels that it uses. How well will it overlap the true box (intersection over union, on average)?

# %%
guess = 0.5  # guess: a number between 0 and 1

# %% [markdown]
# ## Build
#
# If a net ends in an average over its maps A and a linear layer w, the logit of a class is the mean
# of a map: sum over c of w_c A_c. So the map shows the contribution of each position.


# %%
def activation_map(maps, weights):
    """maps (C, H, W), weights (C,) of one class -> (H, W)."""
    # begin solution: one line, a weight for each map
    # hint: The sum runs over c, the first axis of maps. Each map has one weight.
    # hint: Give the weights two axes of length 1 behind, so that they multiply whole maps; then sum
    #     over the channels.
    return (maps * weights[:, None, None]).sum(0)
    # end solution


# %% check 2
check.activation_map(activation_map)

# %% [markdown]
# A box around the bright pixels, those of at least `threshold` times the largest value.


# %%
def bright_box(heat, threshold):
    """heat (H, W) -> left, top, right, bottom; the last two exclusive."""
    # begin solution: the rows and the columns with a bright pixel; the first and last of them
    # hint: np.nonzero of a condition gives the rows and the columns of all pixels that meet it.
    #     Left and right are columns.
    # hint: Compare heat with the threshold times its largest value (a pixel that equals it is
    #     bright). The smallest column and row are the corner at the top left; the largest, plus one
    #     each, the corner at the bottom right.
    rows, columns = np.nonzero(heat >= threshold * heat.max())
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    # end solution


# %% check 3
check.box(bright_box)


# %%
def overlap(a, b):
    """Intersection over union of two boxes (left, top, right, bottom)."""
    # begin solution: a width below zero is no width
    # hint: The shared part is a box, too: where does it begin, and where does it end? What if it
    #     ends before it begins?
    # hint: It begins at the larger of both lefts and ends at the smaller of both rights; likewise
    #     for rows. Cut a negative side to 0. The union has the pixels of both boxes, without
    #     counting the shared ones twice.
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)
    # end solution


# %% check 2
check.overlap(overlap)

# %% [markdown]
# Another way is to propagate a logit back to the pixels. There are three rules for the backward of
# a ReLU with output y and incoming gy. Plain: pass gy where y > 0, as the gradient does.
# Deconvolution: pass positive gy, like the ReLU forward. Guided: both.


# %%
def through_relu(gy, y, rule):
    """gx by rule "plain", "deconvolution" or "guided"."""
    # begin solution: one expression for each rule
    # hint: Two conditions, on y and on gy, and three rules: the first, the second, both.
    # hint: A comparison is an array of 0 and 1 that may multiply gy; np.maximum with 0 cuts off
    #     negative values. An if for each rule, and a return in each.
    if rule == "plain":
        return gy * (y > 0)
    if rule == "deconvolution":
        return np.maximum(gy, 0)
    return np.maximum(gy, 0) * (y > 0)
    # end solution


# %% check 3
check.rules(through_relu)

# %% [markdown]
# A third way finds an image that maximises a unit, by gradient ascent from noise.


# %%
def climb(x, gx, rate, decay):
    """One step: the gradient normalised to length 1, times the rate; then shrink x by decay."""
    # begin solution: one line, a step and a factor
    # hint: Which length does the step have, whatever that of the gradient? And what is multiplied
    #     at the end: x alone, or what the step has made of it?
    # hint: Divide gx by its norm over all numbers, multiply by the rate, add to x; the sum is
    #     multiplied by what is left of it after the decay.
    return (1 - decay) * (x + rate * gx / np.linalg.norm(gx))
    # end solution


# %% check 2
check.climbing(climb)

# %% [markdown]
# ## See
#
# A small net learns six shapes from 1,200 images of 32 x 32 and their names.

# %%
shapes = mt.data.datasets.Shapes(1200, seed=1)
unseen = mt.data.datasets.Shapes(300, seed=2)


def pixels(data):
    return (data.images / np.float32(255) - np.float32(0.35)) / np.float32(0.25)


def block(c, o):
    return [nn.Conv2d(c, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


net = nn.Sequential(
    *block(3, 16), nn.MaxPool2d(2), *block(16, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 6),
)  # fmt: skip
curve = train(net, pixels(shapes), shapes.labels, 8, lr=0.03)
wrong = error(net, pixels(unseen), unseen.labels)
print(f"training error {curve[-1]:.1f} %, on 300 unseen images {wrong:.1f} %")
expect(wrong < 40, "the net names at least 60 % of the unseen shapes")

# %%
body, linear = net[:-3].eval(), net[-1]
x = pixels(unseen)
with mt.no_grad():
    maps = body(mt.tensor(x)).numpy()
    weights = linear.weight.detach().numpy()
said = (maps.mean((2, 3)) @ weights.T + linear.bias.detach().numpy()).argmax(1)


def enlarged(heat):
    """(8, 8) -> (32, 32), with every value repeated four times in both directions."""
    return heat.repeat(4, 0).repeat(4, 1)


heats = [enlarged(activation_map(m, weights[k])) for m, k in zip(maps, said, strict=True)]
found = [bright_box(heat, 0.3) for heat in heats]
scores = np.array([overlap(a, b) for a, b in zip(found, unseen.boxes[:, 0], strict=True)])
middle = np.array([overlap((6, 6, 26, 26), b) for b in unseen.boxes[:, 0]])


def frame(box, colour):
    left, top, right, bottom = box
    return plt.Rectangle(
        (left - 0.5, top - 0.5),
        right - left,
        bottom - top,
        fill=False,
        edgecolor=colour,
        linewidth=2,
    )


figure, axes = plt.subplots(2, 5, figsize=(8, 3.8))
for i, axis in enumerate(axes.T.reshape(-1, 2)):
    axis[0].imshow(unseen.images[i].transpose(1, 2, 0))
    axis[1].imshow(heats[i], cmap="viridis")
    for picture in axis:
        picture.add_patch(frame(unseen.boxes[i, 0], "white"))
        picture.add_patch(frame(found[i], "C2"))
        picture.set_xticks([])
        picture.set_yticks([])
    axis[0].set_title(unseen.classes[said[i]], fontsize=10)
    axis[1].set_xlabel(f"IoU {scores[i]:.2f}", fontsize=9)
figure.suptitle(f"Boxes from names: IoU {scores.mean():.2f} on average (white: true, green: found)")
plt.show()
print(f"your guess {guess}; measured {scores.mean():.2f}; a fixed box {middle.mean():.2f}")

# %% [markdown]
# The baseline is not zero: shapes are near the middle and fill much of the image, so a fixed box
# also scores well. Both numbers are printed above; here are their distributions over all 300
# images.

# %%
bins = np.linspace(0, 1, 21)
plt.hist(scores, bins, color="C0", alpha=0.7, label="activation map")
plt.hist(middle, bins, histtype="step", color="C1", linewidth=2, label="fixed box")
plt.xlabel("intersection over union")
plt.ylabel("images")
good, lazy = (100 * (values >= 0.5).mean() for values in (scores, middle))
plt.title(f"IoU of at least 0.5: {good:.0f} % by activation map, {lazy:.0f} % by a fixed box")
plt.legend()
plt.show()

# %% [markdown]
# Now the three rules for the pixels. The library applies them at every ReLU.

# %%
chosen = np.flatnonzero(said == unseen.labels)[:4]
led_back = mt.analysis.saliency(net, mt.tensor(x[chosen]), unseen.labels[chosen])
figure, axes = plt.subplots(4, 4, figsize=(8, 8.2))
inside = {}
for column, i in enumerate(chosen):
    axes[0, column].imshow(unseen.images[i].transpose(1, 2, 0))
    for row, (rule, found_maps) in enumerate(led_back.maps.items(), 1):
        strength = abs(found_maps[column]).max(0)
        axes[row, column].imshow(strength / strength.max(), vmin=0, vmax=1)
        left, top, right, bottom = unseen.boxes[i, 0]
        part = strength[top:bottom, left:right].sum() / strength.sum()
        inside.setdefault(rule, []).append(100 * part)
for axis in axes.ravel():
    axis.set_xticks([])
    axis.set_yticks([])
for row, name in enumerate(["image", *led_back.maps]):
    axes[row, 0].set_ylabel(name)
summary = ", ".join(f"{rule} {np.mean(share):.0f} %" for rule, share in inside.items())
figure.suptitle(f"Share of |gradient| inside the true box:\n{summary}", fontsize=11)
plt.show()

# %% [markdown]
# White marks the largest values of each map. Guided maps are the clearest. That does not make them
# the most faithful, as the last section shows.
#
# And which image maximises each class? Climb for 60 steps from faint noise.

# %%
pictures = 0.1 * rng.standard_normal((6, 3, 32, 32)).astype(np.float32)
heights = []
for _ in range(60):
    leaf = mt.tensor(pictures, requires_grad=True)
    logits = net(leaf)
    total = sum(logits[k, k] for k in range(6))
    (gx,) = mt.grad(total, leaf)
    heights.append(np.diag(logits.detach().numpy()).copy())
    pictures = np.stack([climb(p, g, 1.0, 0.01) for p, g in zip(pictures, gx.numpy(), strict=True)])
figure, axes = plt.subplots(1, 6, figsize=(8, 1.9))
for k, axis in enumerate(axes):
    p = pictures[k].transpose(1, 2, 0)
    axis.imshow(np.clip(0.5 + p / (4 * p.std()), 0, 1))
    axis.set_title(f"{unseen.classes[k]}: {heights[-1][k]:.0f}", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
ordinary = float(np.sort(maps.mean((2, 3)) @ weights.T, axis=1)[:, -1].mean())
figure.suptitle(
    f"Logits climb to {heights[-1].mean():.0f}; those of real images are at {ordinary:.0f}"
)
plt.show()
expect((heights[-1] > heights[0]).all(), "every logit has climbed")
expect(heights[-1].mean() > ordinary, "they are higher than those of real images")

# %% [markdown]
# They are textures rather than shapes, with logits that no real image reaches: the net is certain
# of a star that nobody else would see.
#
# ## Break it
#
# Rows and columns exchanged; a box that is one pixel short; an overlap that ignores disjoint boxes;
# deconvolution called guided. (They are ours, in `minitorch_cnn/course/broken/`, and do not use
# your code.)

# %%
check.box(broken.transposed_box)
check.box(broken.short_box)
check.overlap(broken.careless_overlap)
check.rules(broken.deconvolution_as_guided)


# %% [markdown]
# ## Measure
#
# The sanity check of Adebayo et al.: replace the layers' weights by random ones, from the last
# layer to the first. A map of the net's reasons must change. A map of the image's edges need not.

# %%
check_on = np.arange(24)
ruined = mt.analysis.randomised_layers(
    net, mt.tensor(x[check_on]), said[check_on], generator=np.random.default_rng(0)
)
colours = {"plain": "grey", "deconvolution": "C1", "guided": "C0"}
for rule, values in ruined.correlations.items():
    plt.plot(values, "o-", color=colours[rule], label=rule)
plt.xticks(
    range(1 + len(ruined.layers)),
    ["none", *[f"+ layer {name}" for name in ruined.layers]],
    fontsize=9,
)
plt.ylim(-0.1, 1.05)
plt.xlabel("layers with random weights")
plt.ylabel("rank correlation with the first map")
ends = {rule: float(values[-1]) for rule, values in ruined.correlations.items()}
stubborn = max(ends, key=ends.get)
plt.title(f"All weights random: {stubborn} maps still agree by {ends[stubborn]:.2f} with the first")
plt.legend()
plt.show()
print({rule: round(value, 2) for rule, value in ends.items()})

# %% [markdown]
# The ends of the lines show how much of each map is independent of what the net has learned: a map
# that stays correlated when all weights are random shows the image, not the reason.
#
# ## From the notebook to the library
#
# `minitorch_cnn/analysis/class_activation.py`, `backward_rules.py`, `maximisation.py`, `sanity.py`.

# %%
theirs = mt.analysis.class_activation_maps(net, mt.tensor(x[:20]), said[:20], unseen.boxes[:20, 0])
for i in range(20):
    small = activation_map(maps[i], weights[said[i]])
    near = np.isclose(theirs.maps[i].mean(), small.mean(), rtol=0.1, atol=0.2)
    expect(near, f"map {i} has the mean of the library's")
pairs = zip(theirs.boxes, unseen.boxes[:20, 0], strict=True)
expect(np.allclose(theirs.iou, [overlap(a, b) for a, b in pairs]), "overlap is the library's")
print(f"the library, with smooth maps and a threshold of 0.2: IoU {theirs.iou.mean():.2f}")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why must the net end in an average for an activation map to be exact?
#
# Rubric: 2 for: only then is the logit a mean (a linear function) of the maps, so that each
# position's share is known. 1 for "it keeps positions".

# %% [manual 2]
# 2. What does a negative value in the map of a class mean?
#
# Rubric: 2 for evidence against the class at that position. 1 for "unimportant".

# %% [manual 2]
# 3. How would you choose the threshold without looking at the boxes that you test on?
#
# Rubric: 2 for: on other images with boxes (a validation set), or by a rule fixed in advance. 1 for
# "by eye on a few".

# %% [manual 2]
# 4. What would the overlap be for two objects of one class in an image?
#
# Rubric: 2 for: one box around both, larger than each, so a low overlap with either (or the
# brighter one's box only). 1 for "lower".

# %% [manual 2]
# 5. Which of the three rules is a gradient of something?
#
# Rubric: 2 for plain: it is the gradient of the logit; the other two are of nothing. 1 for plain
# without a reason.

# %% [manual 2]
# 6. Why does the image that maximises a class look so unlike the class?
#
# Rubric: 2 for: a net need not use the whole shape; textures that excite its filters everywhere
# raise the logit beyond all real images. 1 for "it is noise".

# %% [manual 2]
# 7. What should a map look like when all weights are random?
#
# Rubric: 2 for: unlike the trained net's, without relation to the class (noise). 1 for "different".

# %% [manual 2]
# 8. A colleague shows you a convincing heat map. Which two questions do you ask?
#
# Rubric: 2 for two of: what does it look like with random weights; how does it compare with a
# trivial baseline (centre, edges); on how many images, chosen how; with which class's logit. 1 for
# one.

# %% [markdown]
# ## Further reading
#
# - B. Zhou et al. (2016), Learning deep features for discriminative localization. arXiv 1512.04150.
# - M. Zeiler, R. Fergus (2014), Visualizing and understanding CNNs. arXiv 1311.2901.
# - J. T. Springenberg et al. (2015), Striving for simplicity. arXiv 1412.6806.
# - J. Adebayo et al. (2018), Sanity checks for saliency maps. arXiv 1810.03292.

# %% [markdown]
# # 5. The cost of AlexNet
#
# **Question.** A network needs memory, parameters and operations. Which of its layers need most of
# each?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import cost as check, expect, nn, np, plt, seconds
from minitorch_cnn.course.broken import cost as broken

rng = mt.manual_seed(5)

# %% [markdown]
# ## Predict
#
# AlexNet has five convolutions and three linear layers. What share of its parameters is in the
# convolutions?

# %%
guess = 0.1  # guess: a share between 0 and 1

# %% [markdown]
# ## Build
#
# How often does a window of size K fit that moves by S over n pixels, with P more at both ends?


# %%
def output_size(n, K, S, P):
    """The side of the output after a window of K, stride S and padding P."""
    # begin solution: one line; round down
    return (n + 2 * P - K) // S + 1
    # end solution


check.output_size(output_size)

# %% [markdown]
# One multiply-add counts as one operation. A convolution uses all its weights once for each output
# position. Biases are parameters, but adding them is free.


# %%
def convolution(c_in, n, filters, K, S, P):
    """(elements of the output, parameters, multiply-adds) for an image of n x n."""
    # begin solution: the output has filters maps of output_size squared
    positions = output_size(n, K, S, P) ** 2
    weights = filters * c_in * K * K
    return filters * positions, weights + filters, weights * positions
    # end solution


def linear(inputs, outputs):
    """(elements of the output, parameters, multiply-adds)."""
    # begin solution: each output adds up all inputs
    return outputs, inputs * outputs + outputs, inputs * outputs
    # end solution


check.convolution(convolution)
check.linear(linear)

# %% [markdown]
# AlexNet in one tower. Walk through the list: c channels of n x n pixels go in, and each layer
# changes c and n.

# %%
ALEXNET = [
    ("conv1", 64, 11, 4, 2),
    ("pool1", None, 3, 2, 0),
    ("conv2", 192, 5, 1, 2),
    ("pool2", None, 3, 2, 0),
    ("conv3", 384, 3, 1, 1),
    ("conv4", 256, 3, 1, 1),
    ("conv5", 256, 3, 1, 1),
    ("pool5", None, 3, 2, 0),
    ("fc6", 4096),
    ("fc7", 4096),
    ("fc8", 1000),
]


def table(layers, c=3, n=227):
    """[(name, elements, parameters, multiply-adds)]; a pooling counts 0 multiply-adds."""
    rows = []
    # begin solution: follow c and n; the first fc sees c n n numbers
    for name, *settings in layers:
        if name.startswith("conv"):
            rows.append((name, *convolution(c, n, *settings)))
            c, n = settings[0], output_size(n, *settings[1:])
        elif name.startswith("pool"):
            n = output_size(n, *settings[1:])
            rows.append((name, c * n * n, 0, 0))
        else:
            rows.append((name, *linear(c * n * n, settings[0])))
            c, n = settings[0], 1
    return rows
    # end solution


rows = table(ALEXNET) or []
print("layer      KB       params      million")
for name, elements, params, macs in rows:
    print(f"{name:6} {elements * 4 / 1024:7.1f} {params:12,} {macs / 1e6:10.1f}")
check.alexnet(sum(row[2] for row in rows), sum(row[3] for row in rows))

# %% [markdown]
# The lectures' slides have such tables too. Here are some of their claims. Which of them differ
# from the counts by more than 2 %?

# %%
slides = {
    "conv1 multiply-adds": 73e6,
    "conv3 multiply-adds": 112e6,
    "conv4 multiply-adds": 145e6,
    "fc6 parameters": 37_725_832,
    "conv5 parameters": 590e3,
    "memory of all outputs (KB)": 1.9 * 1024,
    "VGG-16 multiply-adds": 13.6e9,
    "GoogLeNet stem multiply-adds": 418e6,
}
with nn.shapes_only():
    vgg = mt.analysis.summary(mt.models.create_model("vgg16"), (3, 224, 224))
    inception = mt.analysis.summary(mt.models.create_model("googlenet"), (3, 224, 224))
alexnet = {row[0]: row for row in rows}
counted = {
    "conv1 multiply-adds": alexnet["conv1"][3],
    "conv3 multiply-adds": alexnet["conv3"][3],
    "conv4 multiply-adds": alexnet["conv4"][3],
    "fc6 parameters": alexnet["fc6"][2],
    "conv5 parameters": alexnet["conv5"][2],
    "memory of all outputs (KB)": sum(row[1] for row in rows) * 4 / 1024,
    "VGG-16 multiply-adds": vgg.total_macs,
    "GoogLeNet stem multiply-adds": sum(row.macs for row in inception.rows[:7]),
}


def wrong_claims(slides, counted):
    """The names of the claims that are off by more than 2 %."""
    # begin solution: compare claim / count with 1
    return [name for name in slides if abs(slides[name] / counted[name] - 1) > 0.02]
    # end solution


check.errata(wrong_claims(slides, counted), slides, counted)
for name in wrong_claims(slides, counted):
    print(f"{name}: the slide says {slides[name]:,.0f}, counted {counted[name]:,.0f}")

# %% [markdown]
# The slide's fc6 has a misprint below our 2 %: 37,725,832 for 37,752,832. For VGG-16 one of the
# thirteen convolutions is missing. The lines of GoogLeNet's stem do not add up to their sum. And
# 1.9 MB is the memory of AlexNet's convolutions alone.
#
# ## See
#
# Where are the three costs, in AlexNet and in what came after it?


# %%
def share(network, cost):
    """Percent of a cost in the first half of the convolutions, in the others and in fc layers."""
    with nn.shapes_only():
        found = mt.analysis.summary(mt.models.create_model(network), (3, 224, 224)).rows
    convs = [row.name for row in found if row.type == "Conv2d"]
    early = set(convs[: len(convs) // 2])
    parts = [0, 0, 0]
    for row in found:
        if row.type in ("Conv2d", "Linear"):
            kind = 2 if row.type == "Linear" else 0 if row.name in early else 1
            parts[kind] += getattr(row, cost)
    return 100 * np.array(parts) / sum(parts)


networks = ["alexnet", "zfnet", "vgg16", "googlenet"]
figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
names = {"memory_bytes": "memory of outputs", "params": "parameters", "macs": "multiply-adds"}
shares = {cost: np.array([share(network, cost) for network in networks]) for cost in names}
for axis, (cost, title) in zip(axes, names.items(), strict=True):
    left = np.zeros(4)
    for part, (label, colour) in enumerate(
        [
            ("early convolutions", "#1f5fbf"),
            ("late convolutions", "#9dbbe3"),
            ("fully connected", "#d9822b"),
        ]
    ):
        axis.barh(networks, shares[cost][:, part], left=left, color=colour, label=label)
        left += shares[cost][:, part]
    axis.set_title(title)
    axis.set_xlabel("share (%)")
axes[0].invert_yaxis()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fc = shares["params"][0, 2]
figure.suptitle(
    f"AlexNet keeps {fc:.0f} % of its parameters where {shares['macs'][0, 2]:.0f} % of the work is"
)
plt.show()
print(f"your guess {guess}; AlexNet's convolutions have {1 - fc / 100:.2f} of its parameters")
expect(fc > 90, "AlexNet has more than 90 % of its parameters in linear layers")
expect(shares["macs"][0, 2] < 10, "and less than 10 % of its multiply-adds")
expect((shares["memory_bytes"][:, 0] > 50).all(), "memory is spent early, in all four nets")
expect(
    (shares["params"][:3, 2] > 80).all(), "three of the nets keep their parameters in linear layers"
)
expect(shares["params"][3, 2] < 20, "GoogLeNet does not")

# %% [markdown]
# The figure shows the lecture's rule: memory is needed early (more than half of it in the first
# half of the convolutions), parameters in the fully connected layers, operations in convolutions.
# GoogLeNet breaks the second part. It averages each map to one number before its only linear layer.
#
# ## Break it
#
# Rounding up; missing biases; operations counted at the input's positions; and a slide believed
# without a check. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.output_size(broken.rounded_up)
check.linear(broken.without_biases)
check.convolution(broken.at_the_input)
check.errata([], slides, counted)

# %% [markdown]
# ## Measure
#
# Do multiply-adds predict the time? Run AlexNet on one image and measure the time of each layer.

# %%
net = mt.models.create_model("alexnet").eval()
image = mt.randn(1, 3, 227, 227)
calls = {}
for name, module in net.named_modules():
    if isinstance(module, nn.Conv2d | nn.Linear):
        module.register_forward_hook(
            lambda module, inputs, output, name=name: calls.update({name: (module, inputs[0])})
        )
with mt.no_grad():
    net(image)
    times = {
        name: 1000 * seconds(lambda m=module, x=x: m(x), 5) for name, (module, x) in calls.items()
    }
costs = {row.name: row for row in mt.analysis.summary(net, (3, 227, 227)).rows}
figure, axis = plt.subplots(figsize=(6.4, 3.6))
for kind, colour, label in (
    (nn.Conv2d, "#1f5fbf", "convolution"),
    (nn.Linear, "#d9822b", "fully connected"),
):
    chosen = [name for name, (module, _) in calls.items() if isinstance(module, kind)]
    work = [costs[name].macs / 1e6 for name in chosen]
    axis.loglog(work, [times[name] for name in chosen], "o", color=colour, label=label)
speed = {
    kind: sum(costs[n].macs for n in times if isinstance(calls[n][0], kind))
    / sum(times[n] for n in times if isinstance(calls[n][0], kind))
    / 1e6
    for kind in (nn.Conv2d, nn.Linear)
}
axis.set_xlabel("multiply-adds (million)")
axis.set_ylabel("time for one image (ms)")
axis.set_title(
    f"Multiply-adds per second: {speed[nn.Conv2d]:.0f} G in convolutions, "
    f"{speed[nn.Linear]:.0f} G in linear layers"
)
axis.legend()
plt.show()
print({name: f"{t:.1f} ms" for name, t in times.items()})

# %% [markdown]
# A linear layer reads each weight for one multiply-add; a convolution uses it at every position.
# For a single image a linear layer therefore waits for memory: fc6 has to read 151 MB. The memory
# limits its speed, not the processor. (With a batch, the weights are read once for all images.)
#
# ## From the notebook to the library
#
# `minitorch_cnn/analysis/summary.py` counts any model; `minitorch-cnn summary alexnet` prints it.

# %%
library = [
    row for row in mt.analysis.summary(net, (3, 227, 227)).rows if row.type != "AdaptiveAvgPool2d"
]
library = [row for row in library if row.memory_bytes]
for name, column, factor in (("params", 2, 1), ("macs", 3, 1), ("memory_bytes", 1, 4)):
    same = [getattr(row, name) for row in library] == [factor * row[column] for row in rows]
    print(f"{name} of every layer equal to the library's: {same}")
    expect(same, f"the notebook's table has the library's {name}")

# %% [markdown]
# ## Eight questions
#
# 1. What happens to pixels that are not covered by the last window?
# 2. By what factor do parameters, memory and operations of a convolution change if n doubles?
# 3. The same if the channels in and out double?
# 4. Why do biases hardly count in convolutions? In which layer do they count most?
# 5. How many parameters would fc6 have without pool5?
# 6. Which costs does a batch of 64 multiply, and which not?
# 7. Training keeps all outputs. Which network here needs the most memory to train, and where?
# 8. How can a layer with few operations take long?
#
# ## Further reading
#
# - A. Krizhevsky, I. Sutskever, G. Hinton (2012), ImageNet classification with deep CNNs. NeurIPS.
# - A. Canziani, A. Paszke, E. Culurciello (2017), An analysis of deep neural network models for
#   practical applications. arXiv 1605.07678.
# - `docs/errata.md`: all errors found in the slides.

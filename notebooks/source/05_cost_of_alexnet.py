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
    # begin solution: how many whole steps fit? round down
    # hint: The first window fits if K is not larger than the padded side. How many more fit into
    #     what is left, a stride apart?
    # hint: The padded side is n plus twice the padding. Take K off, divide by the stride without
    #     rest (//), and count the first window as well.
    return (n + 2 * P - K) // S + 1
    # end solution


# %% check 2
check.output_size(output_size)

# %% [markdown]
# One multiply-add counts as one operation. A convolution uses all its weights once for each output
# position. Biases are parameters, but adding them is free.


# %%
def convolution(c_in, n, filters, K, S, P):
    """(elements of the output, parameters, multiply-adds) for an image of n x n."""
    # begin solution: the output has filters maps of output_size squared
    # hint: Which of the three numbers depend on the size of the image, and which only on the
    #     kernel?
    # hint: Positions are output_size squared; the weights are filters times input channels times K
    #     times K. Elements: filters at each position. Parameters: weights and one bias for each
    #     filter. Multiply-adds: all weights at each position.
    positions = output_size(n, K, S, P) ** 2
    weights = filters * c_in * K * K
    return filters * positions, weights + filters, weights * positions
    # end solution


# %% check 3
check.convolution(convolution)


# %%
def linear(inputs, outputs):
    """(elements of the output, parameters, multiply-adds)."""
    # begin solution: each output adds up all inputs
    # hint: How many weights lead to one output, and how many of each kind of number are there in
    #     all?
    # hint: There are inputs times outputs weights, each used once: these are the multiply-adds.
    #     Parameters have a bias for each output besides; the elements are the outputs.
    return outputs, inputs * outputs + outputs, inputs * outputs
    # end solution


# %% check 2
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


# %%
def table(layers, c=3, n=227):
    """[(name, elements, parameters, multiply-adds)]; a pooling counts 0 multiply-adds."""
    rows = []
    # begin solution: follow c and n; the first fc sees c n n numbers
    # hint: Keep two numbers while you walk: how many channels there are now, and how many pixels a
    #     side has. Which of them does each kind of layer change?
    # hint: A row is the name and three numbers; conv and fc get theirs from your two functions,
    #     with the c and n before the layer. conv then sets c to its filters and n to output_size; a
    #     pooling sets n alone and its elements are c n n, with no parameters; fc sees c n n inputs,
    #     after which c is its outputs and n is 1.
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


# %% check 3
check.table(table)

# %%
rows = table(ALEXNET)
print("layer      KB       params      million")
for name, elements, params, macs in rows:
    print(f"{name:6} {elements * 4 / 1024:7.1f} {params:12,} {macs / 1e6:10.1f}")

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


# %%
def wrong_claims(slides, counted):
    """The names of the claims that are off by more than 2 %."""
    # begin solution: compare claim / count with 1
    # hint: A claim that is right has a quotient of 1 with the count. It may be too large or too
    #     small.
    # hint: Keep the names for which the absolute value of claim over count less 1 is larger than
    #     0.02.
    return [name for name in slides if abs(slides[name] / counted[name] - 1) > 0.02]
    # end solution


# %% check 2
check.errata(wrong_claims)

# %%
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
            ("early convolutions", "C0"),
            ("late convolutions", "#9dbbe3"),
            ("fully connected", "C1"),
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
check.errata(broken.believing)

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
    (nn.Conv2d, "C0", "convolution"),
    (nn.Linear, "C1", "fully connected"),
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
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. What happens to pixels that are not covered by the last window?
#
# Rubric: 2 for: the layer does not read them (with this window, stride and padding); the output is
# as if they were not there, and they get no gradient. 1 for "they are left out".

# %% [manual 2]
# 2. By what factor do parameters, memory and operations of a convolution change if n doubles?
#
# Rubric: 2 for parameters x 1, memory x 4, operations x 4. 1 for two of three.

# %% [manual 2]
# 3. The same if the channels in and out double?
#
# Rubric: 2 for parameters x 4 (biases x 2), memory x 2, operations x 4. 1 for two of three.

# %% [manual 2]
# 4. Why do biases hardly count in convolutions? In which layer do they count most?
#
# Rubric: 2 for: one bias stands beside C K K weights of a filter and costs no multiply-add; they
# count most where C K K is smallest: conv1 (3 x 11 x 11), or relative to other layers a depthwise
# one. 1 for the reason alone.

# %% [manual 2]
# 5. How many parameters would fc6 have without pool5?
#
# Rubric: 2 for 256 x 13 x 13 x 4096 + 4096 = 177 million. 1 for the right method with a slip.

# %% [manual 2]
# 6. Which costs does a batch of 64 multiply, and which not?
#
# Rubric: 2 for: memory of the outputs and operations are multiplied, parameters are not (nor are
# their gradients). 1 for one of them.

# %% [manual 2]
# 7. Training keeps all outputs. Which network here needs the most memory to train, and where?
#
# Rubric: 2 for VGG-16, in its first two convolutions (64 maps of 224 x 224). 1 for VGG-16 alone.

# %% [manual 2]
# 8. How can a layer with few operations take long?
#
# Rubric: 2 for: it waits for memory: few operations for each number read (fully connected at batch
# 1, depthwise, batch norm, pooling). 1 for an example without the reason.

# %% [markdown]
# ## Further reading
#
# - A. Krizhevsky, I. Sutskever, G. Hinton (2012), ImageNet classification with deep CNNs. NeurIPS.
# - A. Canziani, A. Paszke, E. Culurciello (2017), An analysis of deep neural network models for
#   practical applications. arXiv 1605.07678.
# - `docs/errata.md`: all errors found in the slides.

# %% [markdown]
# # 13. What a compiler does to a network
#
# **Question.** A trained network is a list of operators. Which of them need not run, which of its
# arrays need not exist, and how much time does that save?

# %%
import minitorch_cnn as mt
from minitorch_cnn.compiler.memory import Life, planned
from minitorch_cnn.compiler.passes import fold_batch_norm
from minitorch_cnn.compiler.steps import fused
from minitorch_cnn.course import compiler as check, expect, nn, np, plt, seconds
from minitorch_cnn.course.broken import compiler as broken
from minitorch_cnn.course.graphs import compiled, run, size, traffic, trained

mt.manual_seed(13)
rng = np.random.default_rng(13)


# %% [markdown]
# `mt.graph.capture` runs a model once, on tensors that have shapes and no numbers, and writes down
# every operator under its name in ONNX files. This is a residual block:


# %%
class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x):
        return nn.functional.relu(self.norm(self.conv(x)) + x)


print(mt.graph.capture(Block(8), mt.zeros(1, 8, 6, 6)))

# %% [markdown]
# A node reads values and makes one. `node.operator`, `node.inputs` and `node.outputs` (names of
# values) and `node.attributes` say how; `graph.constants` are the weights. A **pass** is a function
# from a graph to a graph that computes the same.
#
# ## Predict
#
# This is ResNet-20, as after some training. A convolution can do the work of the batch norm, the
# addition and the ReLU behind it. How many of its nodes will be left?

# %%
net = trained(mt.models.create_model("resnet20_cifar"))
x = mt.randn(1, 3, 32, 32)
graph = mt.graph.capture(net, x)
print(len(graph.nodes), "nodes")
guess = 40  # guess: a number of nodes

# %% [markdown]
# ## Build
#
# A node may be merged with its reader only if nobody else needs what it makes. A result of the
# graph is read from outside.


# %%
def alone(graph, name):
    """Whether one node reads the value, once, and it is no result."""
    # begin solution: count the name in the inputs of all nodes; look at graph.outputs, too
    # hint: Three kinds of readers: other nodes, one node that reads the value twice (y + y), and
    #     whoever called the net.
    # hint: Sum node.inputs.count(name) over all nodes. It must be 1, and the name must not be among
    #     those of graph.outputs.
    reads = sum(node.inputs.count(name) for node in graph.nodes)
    return reads == 1 and name not in [value.name for value in graph.outputs]
    # end solution


# %% check 2
check.reading(alone)

# %% [markdown]
# In evaluation, batch norm is y = s (v - mean) + beta with s = gamma / sqrt(var + eps): a scale and
# a shift per channel. With v = w * x + b this is one convolution with other weights (notebook 3,
# where b was 0).


# %%
def fold(graph):
    """A batch norm behind a convolution that only it reads goes into the convolution."""
    makers, constants, nodes = graph.producers(), dict(graph.constants), []
    for node in graph.nodes:
        conv = makers.get(node.inputs[0])
        behind = node.operator == "BatchNormalization" and conv and conv.operator == "Conv"
        if not behind or not alone(graph, node.inputs[0]):
            nodes.append(node)
            continue
        gamma, beta, mean, var = (graph.array(name) for name in node.inputs[1:])
        w = graph.array(conv.inputs[1])  # (O, C, K, K)
        b = graph.array(conv.inputs[2]) if len(conv.inputs) > 2 else 0.0
        # begin solution: compute the new kernel and bias; eps is node.get('epsilon')
        # hint: Put v = w * x + b into the formula of batch norm. What multiplies w, and what is
        #     left without x?
        # hint: The scale is gamma over the root of the variance plus eps. The kernel is w times the
        #     scale of each output, so the scale needs three axes of length 1 behind; the bias is
        #     what batch norm makes of b.
        scale = gamma / np.sqrt(var + node.get("epsilon"))
        kernel = w * scale[:, None, None, None]
        bias = (b - mean) * scale + beta
        # end solution
        names = f"{node.name}.w", f"{node.name}.b"
        constants.update(zip(names, (mt.tensor(kernel), mt.tensor(bias)), strict=True))
        nodes = [other for other in nodes if other.name != conv.name]
        nodes.append(conv.but(inputs=(conv.inputs[0], *names), outputs=node.outputs))
    return graph.but(nodes=nodes, constants=constants)


# %% check 3
check.folding(fold)

# %% [markdown]
# A convolution sums its products in registers. Before it writes a number to memory it can add
# another and take the maximum with 0: an **epilogue**, which saves a pass over the array for each
# operator. ONNX Runtime calls such a node FusedConv. Its inputs are x, w, the bias ("" for none)
# and what is added; its attribute `activation` may be "Relu". The sum comes first, then the ReLU.


# %%
def fuse(graph):
    """A convolution takes over the addition that alone reads it, and the ReLU that does then."""
    nodes, makers = [], {}
    for node in graph.nodes:
        for name in node.inputs[:2]:
            conv = makers.get(name)  # a Conv or FusedConv, if one makes this value
            if conv is None or not alone(graph, name):
                continue
            x, w, b, z = (*conv.inputs, "", "")[:4]
            rectified = "activation" in conv.attributes
            taken = None
            # begin solution: for a Relu add the attribute; for an Add the input, if it has neither
            # hint: The epilogue computes the sum first, then the ReLU. Which of the two may a
            #     convolution still take over if it has one already?
            # hint: For a Relu, if it is not rectified yet: conv.but with the operator FusedConv and
            #     its attributes with "activation" added. For an Add, if it is not rectified and
            #     nothing is added yet: conv.but with four inputs, the last being the other input of
            #     the node. Store it in `taken`.
            if node.operator == "Relu" and not rectified:
                attributes = {**conv.attributes, "activation": "Relu"}
                taken = conv.but(operator="FusedConv", attributes=attributes)
            elif node.operator == "Add" and not rectified and not z:
                z = node.inputs[1] if node.inputs[0] == name else node.inputs[0]
                taken = conv.but(operator="FusedConv", inputs=(x, w, b, z))
            # end solution
            if taken:  # it runs where the node that it took over stood
                nodes = [other for other in nodes if other.name != conv.name]
                node = taken.but(outputs=node.outputs)
                break
        nodes.append(node)
        if node.operator in ("Conv", "FusedConv"):
            makers[node.outputs[0]] = node
    return graph.but(nodes=nodes)


# %% check 3
check.fusing(fuse)

# %% [markdown]
# Now memory. An array must exist from the step that makes it to the last that reads it. Step k is
# the k-th node; a result is read after the last one, at step `len(graph.nodes)`.


# %%
def lives(graph):
    """{value: (first step, last step)} for every value that a node makes."""
    found = {}
    # begin solution: walk the nodes with enumerate; a reader moves the end of what it reads
    # hint: A value is made once and read several times; the last reader counts. A node without
    #     readers lives at one step.
    # hint: For each step and node: the inputs that are in `found` get this step as their end; the
    #     outputs begin and end here. After the loop the results of the graph end at
    #     len(graph.nodes).
    for step, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name in found:
                found[name] = found[name][0], step
        for name in node.outputs:
            found[name] = step, step
    for value in graph.outputs:
        found[value.name] = found[value.name][0], len(graph.nodes)
    return found
    # end solution


# %% check 2
check.living(lives)

# %% [markdown]
# Arrays that do not live at the same time may lie in the same place. To find the best plan is as
# hard as packing boxes, but a greedy one is good: take the largest array first, and put each at the
# lowest offset where it meets no array of its time.


# %%
def plan(sizes, lives):
    """{value: offset} from {value: numbers} and {value: (first step, last step)}."""
    offsets = {}
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        first, last = lives[name]
        # begin solution: from 0 upwards, skip what lives at the same time and is in the way
        # hint: Two arrays meet if neither ends before the other begins; a step that reads one and
        #     writes the other needs both.
        # hint: Go through the arrays that have a place, by offset. If one lives at the same time
        #     and begins before the end of what you want to place, move to its end (never back).
        #     What is left after all of them is the offset.
        at = 0
        for other in sorted(offsets, key=offsets.get):
            meets = lives[other][0] <= last and first <= lives[other][1]
            if meets and at + sizes[name] > offsets[other]:
                at = max(at, offsets[other] + sizes[other])
        offsets[name] = at
        # end solution
    return offsets


# %% check 3
check.planning(plan)

# %% [markdown]
# Last the order of the numbers in memory. A processor multiplies 8 or 16 neighbours at once. In the
# layout NCHW, neighbours are pixels of one channel. In **NCHWc**, they are channels of one pixel:
# channels are cut into blocks of c, and a block lies side by side at every pixel.


# %%
def to_blocks(x, lanes):
    """x (N, C, H, W) -> (N, ceil(C / lanes), H, W, lanes); channels that lack are zeros."""
    N, C, H, W = x.shape
    # begin solution: pad C to a multiple, reshape, move the channels of a block to the end
    # hint: How many blocks are there if the last one is not full? And which axis changes fastest in
    #     memory?
    # hint: Pad the channels with zeros to count * lanes; see them as two axes, count and lanes;
    #     move the axis of the lanes to the end with transpose.
    count = -(-C // lanes)
    x = np.pad(x, ((0, 0), (0, count * lanes - C), (0, 0), (0, 0)))
    return x.reshape(N, count, lanes, H, W).transpose(0, 1, 3, 4, 2)
    # end solution


# %% check 2
check.blocks(to_blocks)

# %% [markdown]
# ## See
#
# What do the passes make of ResNet-20?

# %%
graphs = {"captured": graph, "folded": fold(graph)}
graphs["fused"] = fuse(graphs["folded"])
kinds = ["Conv", "FusedConv", "BatchNormalization", "Add", "Relu", "others"]
colours = ["C0", "C3", "C1", "C2", "C4", "grey"]
left = np.zeros(len(graphs))
for kind, colour in zip(kinds, colours, strict=True):
    counts = [
        sum((n.operator if n.operator in kinds else "others") == kind for n in g.nodes)
        for g in graphs.values()
    ]
    plt.barh(list(graphs), counts, left=left, color=colour, label=kind)
    left += counts
plt.gca().invert_yaxis()
plt.xlabel("nodes")
plt.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.25))
nodes = [len(g.nodes) for g in graphs.values()]
plt.title(f"Of {nodes[0]} nodes {nodes[1]} are left without batch norms, {nodes[2]} with epilogues")
plt.show()
print(f"your guess {guess}; left: {nodes[2]}")

wanted = net(x).detach().numpy()
for name, g in graphs.items():
    error = abs(run(g, x).numpy() - wanted).max() / abs(wanted).max()
    print(f"{name}: differs from the net by {error:.0e} of its largest output")
    expect(error < 1e-5, f"the graph {name} computes what the net does")
expect(nodes[0] > 2 * nodes[2], "more than half of the nodes go")

# %% [markdown]
# No batch norm, ReLU or addition is left: each stood behind a convolution that only it read. The
# others are the shortcuts that halve the image, and the classifier. The results differ by rounding
# only, since the products are summed in another order.
#
# The memory of the fused graph, each array in a place of its own, and by the plan:

# %%
spans = lives(graphs["fused"])
sizes = {name: size(graph, name) for name in spans}
apart, start = {}, 0
for name in spans:
    apart[name], start = start, start + sizes[name]
together = plan(sizes, spans)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axis, offsets in zip(axes, (apart, together), strict=True):
    for number, (name, (first, last)) in enumerate(spans.items()):
        box = (first - 0.5, offsets[name] * 4 / 1024), last - first + 1, sizes[name] * 4 / 1024
        colour = plt.cm.tab20(number % 20)
        axis.add_patch(plt.Rectangle(*box, facecolor=colour, edgecolor="white", linewidth=0.5))
    axis.set_xlim(-1, len(graphs["fused"].nodes) + 1)
    axis.set_ylim(0, start * 4 / 1024)
    axis.set_xlabel("step")
peak = max(together[name] + sizes[name] for name in spans)
axes[0].set_ylabel("place in memory (KiB)")
axes[0].set_title(f"apart: {start * 4 / 1024:.0f} KiB")
axes[1].set_title(f"planned: {peak * 4 / 1024:.0f} KiB")
figure.suptitle(f"{len(spans)} arrays fit in {100 * peak / start:.0f} % of their sum")
plt.show()
live = max(
    sum(sizes[name] for name, (first, last) in spans.items() if first <= step <= last)
    for step in range(len(graphs["fused"].nodes))
)
print(f"planned {peak:,} numbers; at one step {live:,} are alive, so no plan needs fewer")
expect(peak < start / 4, "the plan needs less than a quarter of the sum")
expect(live <= peak <= 2 * live, "the plan is near the least that is possible")

# %% [markdown]
# A block needs three arrays at most: what it was given, what its first convolution made, and what
# its second one writes. All blocks of a stage use the same places in turn.
#
# The two layouts, for 16 channels of 4 x 4 pixels. The line visits the first 32 numbers in memory.

# %%
channels, pixels = np.mgrid[:16, :16]
address = np.stack([channels * 16 + pixels, (channels // 8) * 128 + pixels * 8 + channels % 8])
figure, axes = plt.subplots(1, 2, figsize=(8.5, 4))
names = "NCHW: neighbours are pixels", "NCHWc, c = 8: neighbours are channels"
for axis, places, name in zip(axes, address, names, strict=True):
    shown = axis.imshow(places, cmap="viridis")
    order = np.argsort(places, axis=None)[:32]
    axis.plot(order % 16, order // 16, "o-", color="white", markersize=3, linewidth=1)
    axis.set_xticks(range(0, 16, 4))
    axis.set_yticks(range(0, 16, 4))
    axis.set_xlabel("pixel")
    axis.set_title(name)
axes[0].set_ylabel("channel")
figure.colorbar(shown, ax=axes, label="place in memory")
figure.suptitle("8 neighbours are half a row of one channel, or one pixel of 8 channels")
plt.show()
numbers = np.arange(256).reshape(1, 16, 4, 4)
flat = to_blocks(numbers, 8).ravel()
expect((np.argsort(flat)[numbers.ravel()] == address[1].ravel()).all(), "the right one is NCHWc")

# %% [markdown]
# A convolution over blocks loads 8 channels of a pixel as one register and needs no copy of its
# input (im2col, notebook 2), whatever the window and the stride. The price is a reordering where
# the image comes in and where the maps leave; inside the network all arrays stay in blocks.

# %% [markdown]
# ## Break it
#
# A folding that does not ask who else reads the convolution, and one that forgets its bias; a
# fusion that takes over a sum behind a ReLU; a plan that writes where the same step still reads.
# (They are ours, in `minitorch_cnn/course/broken/`.)

# %%
check.folding(broken.folding_all)
check.folding(broken.without_own_bias)
check.fusing(broken.sums_behind_relus)
check.planning(broken.in_each_others_place)

# %% [markdown]
# ## Measure
#
# Bytes that the nodes read and write, and the time of one image: of the net, and of our graphs by
# the kernels of the library's compiler, which work on blocks in planned memory. `compiled` gives
# each node a kernel; the graph of `fuse` is run by the library's own steps, with epilogues.

# %%
moved = {name: traffic(g) / 2**20 for name, g in graphs.items()}
calls = {"net": net, "captured": compiled(graph), "folded": compiled(graphs["folded"])}
calls["fused"] = compiled(graphs["folded"], fuse=True)
times = {}
with mt.no_grad():
    for name, call in calls.items():
        error = float(abs(call(x).numpy() - wanted).max() / abs(wanted).max())
        expect(error < 1e-5, f"{name} computes what the net does")
        times[name] = seconds(lambda call=call: call(x), 30)
figure, axes = plt.subplots(1, 2, figsize=(9, 3))
axes[0].bar(list(moved), list(moved.values()), color="grey", width=0.6)
axes[0].set_ylabel("read and written (MiB)")
axes[1].bar(list(times), [1000 * t for t in times.values()], color="C0", width=0.6)
axes[1].set_ylabel("time of an image (ms)")
saved = 100 * (1 - moved["fused"] / moved["captured"])
ratio = times["net"] / times["fused"]
figure.suptitle(f"{saved:.0f} % fewer bytes; compiled, the net is {ratio:.1f} times as fast")
plt.show()
expect(moved["captured"] > 1.5 * moved["fused"], "a third of the bytes, at least, is saved")
expect(times["fused"] < times["net"], "the compiled net is faster")

# %% [markdown]
# The first step is the largest: the same nodes, without Python's calls, new arrays and packed
# inputs between them. Then each pass takes bytes away. Folding alone saves little time here, since
# a batch norm finds its 64 KiB in the cache; epilogues, for more of the bytes, save about half.
#
# `mt.compile(net)` does all this at its first call. `explain` says what its passes did, and the
# layout of every step ("rows" is NCHW).

# %%
fast = mt.compile(net)
with mt.no_grad():
    expect(np.allclose(fast(x).numpy(), wanted, atol=1e-4), "mt.compile gives what the net gives")
fast.explain()

# %% [markdown]
# ## From the notebook to the library
#
# `minitorch_cnn/compiler/passes/fold.py` is `fold`, `compiler/steps.py` is `fuse` (its steps are
# nodes with an epilogue), `compiler/memory.py` is `plan`, and `kernels/blocked/` has the layout
# and its kernels. `minitorch_cnn/graph/` is the graph.

# %%
theirs = fold_batch_norm(graph)
mine = graphs["folded"]
expect(len(theirs.nodes) == len(mine.nodes), "fold leaves as many nodes as the library's pass")
expect(np.allclose(run(theirs, x).numpy(), run(mine, x).numpy(), atol=1e-4), "they agree")
steps = fused(mt.graph.infer(theirs))
expect(len(steps) == len(graphs["fused"].nodes), "fuse makes as many steps as the library")
arena = planned([Life(name, sizes[name], *spans[name]) for name in spans])[1]
print(f"arena of the library's plan for these arrays: {arena:,} numbers, of ours: {peak:,}")
expect(peak <= arena, "plan needs no more than the library, which begins arrays at cache lines")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why may a batch norm in training mode not be folded?
#
# Rubric: 2 for: its mean and variance are those of the batch, so scale and shift are not known
# before and change with it (and it has to learn). 1 for one half.

# %% [manual 2]
# 2. Batch norm before a convolution: can it be folded forward? What about padding?
#
# Rubric: 2 for: the scale goes into the next kernel's input channels, the shift into its bias, but
# with padding the zeros at the border were not shifted, so that it is exact only without padding. 1
# for the first half.

# %% [manual 2]
# 3. A ReLU is between the convolution and the batch norm. What can still be done?
#
# Rubric: 2 for: the scale and shift can go into the next convolution if there is no padding (or
# stay as an operation fused into the epilogue). 1 for "nothing" with the reason that a ReLU is not
# linear.

# %% [manual 2]
# 4. In what order must folding and fusing run, and what does the other order miss?
#
# Rubric: 2 for: folding first; in the other order batch norms stand between convolutions and their
# ReLUs and sums, so nothing can be fused. 1 for the order alone.

# %% [manual 2]
# 5. Why is the result of DenseNet's concatenation not copied when its parts are planned well?
#
# Rubric: 2 for: the parts are written into neighbouring places of one array, which then is the
# concatenation. 1 for "no copy is needed".

# %% [manual 2]
# 6. What does the memory plan of training look like, where the backward reads every array?
#
# Rubric: 2 for: almost all arrays live until their backward, so nothing can be shared going
# forward, and the peak is near the sum (unless they are recomputed). 1 for "larger".

# %% [manual 2]
# 7. The first convolution has 3 channels. What do blocks of 8 cost there?
#
# Rubric: 2 for: 5 of 8 lanes are zeros, so 8/3 of the reads and products (or a kernel of its own
# for it). 1 for "waste".

# %% [manual 2]
# 8. A weight is changed after `mt.compile`. How could the compiled net notice?
#
# Rubric: 2 for a working way: a counter of versions of each parameter, compared at each call (or a
# hash), and folding again. 1 for "compile again".

# %% [markdown]
# ## Further reading
#
# - B. Jacob et al. (2018), Quantization and training of neural networks for efficient
#   integer-arithmetic-only inference. arXiv 1712.05877, section 3.2 (folding).
# - Y. Liu et al. (2019), Optimizing CNN model inference on CPUs. arXiv 1809.02697 (NCHWc).
# - Y. Pisarchyk, J. Lee (2020), Efficient memory management for deep neural net inference. arXiv
#   2001.03288.
# - T. Chen et al. (2018), TVM: an automated end-to-end optimizing compiler. arXiv 1802.04799.

# %% [markdown]
# # 14. Many machines
#
# **Question.** Several machines train one network on parts of every batch. What must they tell each
# other, how little can that be, and when does another machine no longer help?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import distributed as check, expect, nn, np, plt
from minitorch_cnn.course.broken import distributed as broken
from minitorch_cnn.course.distributed import on_ring
from minitorch_cnn.distributed.scaling import Network, in_buckets, measure_backward, predict
from minitorch_cnn.nn import functional as F

mt.manual_seed(14)
rng = np.random.default_rng(14)

# %% [markdown]
# The gradient of a mean over a batch is the mean of the gradients of its parts. So every machine (a
# **rank**) computes the gradients of its part, all of them add these up, and each takes the same
# step. Nothing else is sent.

# %%
net = nn.Linear(5, 3)
x, target = mt.randn(8, 5), mt.randint(0, 3, (8,))


def gradient(rows):
    net.zero_grad()
    F.cross_entropy(net(x[rows]), target[rows]).backward()
    return net.weight.grad.numpy().copy()


parts = [gradient(slice(start, start + 2)) for start in range(0, 8, 2)]
print("largest difference:", abs(np.mean(parts, axis=0) - gradient(slice(0, 8))).max())

# %% [markdown]
# ## Predict
#
# 256 workers add up the 102 MB of gradients of ResNet-50. How many MB must each of them send, at
# least?

# %%
guess = 200  # guess: megabytes per worker

# %% [markdown]
# ## Build
#
# Here ranks are threads in a **ring**: `send(array)` gives a copy to the right neighbour,
# `receive()` waits for the left one's. Each rank has its numbers in P chunks. In P - 1 rounds each
# rank sends a chunk on and adds what it receives to its own; then each has one chunk that is
# complete. In another P - 1 rounds the complete chunks go around and replace the others.
#
# Rank r begins with its chunk r, and sends in each round what it received in the one before.


# %%
def all_reduce(chunks, rank, ranks, send, receive):
    """The chunks, each summed over all ranks; chunks is a list of `ranks` arrays."""
    # begin solution: P - 1 rounds with +=, then P - 1 rounds with =; chunk numbers go modulo P
    # hint: Follow one chunk: it starts on the rank of its number, and at each stop that rank's own
    #     numbers are added. Where is it complete? From there it goes around once more, and now
    #     replaces.
    # hint: In round s of the first half a rank sends chunk rank - s and adds what it receives to
    #     chunk rank - s - 1. In round s of the second half it sends rank - s + 1, and chunk rank -
    #     s becomes what it receives. All numbers modulo P. Return the chunks.
    for step in range(ranks - 1):
        send(chunks[(rank - step) % ranks])
        chunks[(rank - step - 1) % ranks] += receive()
    for step in range(ranks - 1):
        send(chunks[(rank - step + 1) % ranks])
        chunks[(rank - step) % ranks] = receive()
    return chunks
    # end solution


# %% check 4
check.ring(all_reduce)

# %% [markdown]
# A message costs a latency, however short it is, so gradients travel together in **buckets**.
# Backward makes the gradient of the last layer first. A bucket leaves as soon as it is full: while
# it travels, backward computes the next one.


# %%
def buckets(sizes, cap):
    """Lists of parameter numbers in the order of backward; a list ends when it holds `cap`."""
    found, bucket = [], []
    # begin solution: walk from the last parameter to the first; what is left is a bucket, too
    # hint: Which parameter's gradient is ready first? And when is a bucket full: before or after
    #     the parameter that reaches the cap?
    # hint: For each number from the last to 0: append it to the bucket; if the sizes in the bucket
    #     sum to the cap or more, the bucket is done and a new one begins. At the end a bucket that
    #     is not empty is one, too.
    for i in reversed(range(len(sizes))):
        bucket.append(i)
        if sum(sizes[j] for j in bucket) >= cap:
            found.append(bucket)
            bucket = []
    return [*found, bucket] if bucket else found
    # end solution


# %% check 2
check.bucket_order(buckets)

# %% [markdown]
# One layer is a trap. Batch norm takes mean and variance of the batch, and a rank has only a part
# of it: eight ranks with 4 images train another network than one with 32. They have to combine
# their statistics, and a part may be smaller than others.


# %%
def joined(counts, means, variances):
    """Mean and biased variance of all values, from those of the parts; arrays of one per part."""
    # begin solution: the variance is that within the parts, and that of the parts' means
    # hint: A part with more values counts more. Two things make values differ: those within a part,
    #     and the means of the parts.
    # hint: The mean is that of the means, each weighted by its count. For the variance add to each
    #     part's own the square of its mean's distance from the common mean, and weight by the
    #     counts again.
    total = counts.sum()
    mean = (counts * means).sum() / total
    variance = (counts * (variances + (means - mean) ** 2)).sum() / total
    return mean, variance
    # end solution


# %% check 2
check.joined(joined)

# %% [markdown]
# Last the **overlap**. Bucket i is full at `ready[i]` seconds and takes `seconds[i]` on the wire,
# which carries one after the other.


# %%
def spans(ready, seconds):
    """[(start, end)] of every bucket's reduction."""
    found, free = [], 0.0
    # begin solution: a bucket starts when it is full and the wire is free
    # hint: Two things must have happened before a bucket travels. Which of them comes last?
    # hint: Keep the time at which the wire is free. A start is the later of that and the bucket's
    #     own time; its end is the duration later, and is when the wire is free again. Append both
    #     as a pair.
    for at, duration in zip(ready, seconds, strict=True):
        start = max(at, free)
        free = start + duration
        found.append((start, free))
    # end solution
    return found


# %% check 2
check.overlap(spans)

# %% [markdown]
# ## See
#
# The batch-norm trap: 512 images of 32 ranks at most, and how far a rank's variance is from that of
# the whole batch.

# %%
images = rng.standard_normal((512, 16)) * rng.uniform(0.5, 2, 16)
locals_ = (2, 4, 8, 16, 32, 64)
errors = []
for size in locals_:
    local = images.reshape(-1, size, 16).var(1)
    errors.append(100 * abs(local / images.var(0) - 1).mean())
plt.plot(locals_, errors, "o-", color="C0", label="statistics of a rank")
counts = np.full(128, 4)
means, variances = images.reshape(-1, 4, 16).mean(1), images.reshape(-1, 4, 16).var(1)
together = [joined(counts, means[:, c], variances[:, c])[1] for c in range(16)]
shared = 100 * abs(np.array(together) / images.var(0) - 1).mean()
plt.axhline(shared, color="C1", linestyle="--", label="joined")
plt.xscale("log", base=2)
plt.xlabel("images of a rank")
plt.ylabel("mean error of the variance (%)")
plt.legend()
plt.title(f"With 4 images a rank's variance is {errors[1]:.0f} % off; joined it is exact")
plt.show()
expect(errors[0] > 3 * errors[-1], "small parts have worse statistics")
expect(shared < 1e-9, "joined statistics are those of the whole batch")

# %% [markdown]
# The overlap, as it would be on a wire of 1 Gb/s between 4 workers: the backward pass is measured
# here, on this machine, for a net of 11 million parameters.

# %%
resnet = mt.models.create_model("resnet18", num_classes=10)
measured = measure_backward(resnet, mt.randn(2, 3, 64, 64))
backward, wire = 0.3, Network(50e-6, 125e6)
groups = in_buckets(measured, 4 * 2**20)
ready = [backward * bucket.ready for bucket in groups]
seconds = [2 * 3 * wire.latency + 2 * 3 / 4 * b.bytes / wire.bandwidth for b in groups]
drawn = spans(ready, seconds)
figure, axes = plt.subplots(figsize=(7, 2.4))
axes.barh(1, backward, color="grey")
for start, end in drawn:
    axes.barh(0, end - start, left=start, color="C0", edgecolor="white")
axes.set_yticks([0, 1], ["wire", "backward"])
axes.set_xlabel("seconds since the start of backward")
hidden = 1 - (drawn[-1][1] - backward) / sum(seconds)
axes.set_title(f"{100 * hidden:.0f} % of {sum(seconds):.2f} s on the wire hide behind backward")
plt.show()
expect(drawn[0][0] < backward / 2, "the first bucket leaves in the first half of backward")
expect(0 < hidden < 1, "some of the communication hides, not all of it")

# %% [markdown]
# The last stage of a ResNet has three quarters of the parameters, and its gradients are the first
# to be ready. That is luck for ResNets: with the parameters in the first layers nothing could hide.

# %% [markdown]
# ## Break it
#
# A ring that stops half way, one that adds twice; statistics that forget the means; buckets in the
# order of definition; reductions that do not share the wire. (They are ours, in
# `minitorch_cnn/course/broken/`.)

# %%
check.ring(broken.scattered)
check.ring(broken.added_twice)
check.joined(broken.mean_of_variances)
check.bucket_order(broken.in_order_of_definition)
check.overlap(broken.on_wires_of_their_own)

# %% [markdown]
# ## Measure
#
# What your ring sends, against the least that is possible, 2 (P - 1) / P of the numbers; and the
# efficiency of 8 to 1,024 workers (0.23 s per step of ResNet-50, a GPU of 2016), if each wire is
# as fast as it says.

# %%
sent = {}
for ranks in (2, 4, 8, 16):
    numbers = [[np.ones(240 // ranks) for _ in range(ranks)] for _ in range(ranks)]
    sent[ranks] = sum(on_ring(all_reduce, numbers).sizes[0]) / 240
least = {ranks: 2 * (ranks - 1) / ranks for ranks in sent}
print("sent, in gradients:", {ranks: round(n, 3) for ranks, n in sent.items()})
print(f"your guess {guess} MB; 256 workers send {102 * 2 * 255 / 256:.0f} MB each")
expect(np.allclose(list(sent.values()), list(least.values())), "the ring sends the least")

sizes = [2**n for n in range(3, 11)]
for name, speed in (("1 Gb/s", 1), ("10 Gb/s", 10), ("100 Gb/s", 100)):
    found = [
        predict(
            [g._replace(bytes=round(g.bytes * 102 / 45)) for g in measured],
            forward=0.08, backward=0.15, workers=n, network=Network(10e-6, speed * 1e9 / 8),
        ).efficiency
        for n in sizes
    ]  # fmt: skip
    plt.plot(sizes, [100 * e for e in found], "o-", label=name)
plt.xscale("log", base=2)
plt.ylim(0, 103)
plt.xlabel("workers")
plt.ylabel("efficiency (%)")
plt.legend()
plt.title("The wire decides, hardly the number of workers")
plt.show()

# %% [markdown]
# Twice the gradients, whatever P is: the curves are flat. Real ones fall slowly, since all wait for
# the slowest worker, and switches are shared.

# %% [markdown]
# ## From the notebook to the library
#
# MPI and NCCL have rings and trees, and choose. `minitorch_cnn/distributed/reducer.py` fills
# buckets from hooks in backward, `minitorch_cnn/nn/sync_batch_norm.py` joins statistics, and
# `minitorch_cnn/distributed/scaling.py` has `spans`. On real processes:
#
#     pip install "minitorch_cnn[mpi]"
#     mpiexec -n 2 minitorch-cnn train lenet5

# %%
theirs = predict(measured, forward=0.1, backward=backward, workers=4, network=wire,
                 cap=4 * 2**20, algorithm="ring")  # fmt: skip
expect(np.allclose(theirs.spans, drawn), "the library's spans are yours")
sizes = [g.bytes for g in measured][::-1]
mine = [sum(sizes[i] for i in bucket) for bucket in buckets(sizes, 2**20)]
library = [b.bytes for b in in_buckets(measured, 2**20)]
expect(mine == library, "the library's buckets are yours")
norm = nn.SyncBatchNorm(16, momentum=1.0).double()  # of one process here
norm(mt.tensor(images))
unbiased = norm.running_var.numpy() * 511 / 512
expect(np.allclose(together, unbiased), "the library's variance is your joined one")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. The parts of a batch are unequal. What must a rank multiply its gradient with?
#
# Rubric: 2 for its share of the batch: the number of its images over that of all (times P if the
# ranks' gradients are averaged). 1 for "its size".

# %% [manual 2]
# 2. Why is it the same whether gradients or weights after a step of SGD are averaged, and why not
# with Adam?
#
# Rubric: 2 for: SGD's step is linear in the gradient, so the mean of the steps is the step of the
# mean; Adam divides by a root of squares, which is not. 1 for one half.

# %% [manual 2]
# 3. One rank adds up everybody's gradients and sends the sum back. What does it send and receive?
#
# Rubric: 2 for: it receives P - 1 gradients and sends P - 1, all over its one wire, so the time
# grows with P; others send and receive one. 1 for "too much".

# %% [manual 2]
# 4. A parameter is unused on one rank only. What happens to the others without a rule for this?
#
# Rubric: 2 for: they wait for its part of that gradient for ever (a deadlock), unless it sends
# zeros or all agree on which are used. 1 for "wrong gradients".

# %% [manual 2]
# 5. Which layers besides batch norm see more than one image?
#
# Rubric: 2 for one that does, with how: losses with negatives from the batch (contrastive),
# batch-wise normalisation of any kind, mixup. 1 for a name alone.

# %% [manual 2]
# 6. Dropout draws random numbers on each rank. From which generator should row 17 of a batch draw?
#
# Rubric: 2 for: from one that depends on the row's number in the whole batch (or on seed and rank),
# so that the result is that of one machine and ranks differ. 1 for "different seeds".

# %% [manual 2]
# 7. VGG-16 has 90 % of its parameters in the first gradients of backward. Is that good or bad?
#
# Rubric: 2 for good: these (the linear layers') leave first, and the whole backward of the
# convolutions hides them. 1 for good without the reason.

# %% [manual 2]
# 8. Eight times the batch needs another learning rate. Which, and why a warm-up?
#
# Rubric: 2 for eight times as large (linear scaling), with a warm-up since at the start the weights
# change fast and such a step would diverge. 1 for one half.

# %% [markdown]
# ## Further reading
#
# - P. Patarasuk, X. Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of
#   workstations. Journal of Parallel and Distributed Computing 69.
# - P. Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour. arXiv
#   1706.02677.
# - S. Li et al. (2020), PyTorch distributed: experiences on accelerating data parallel training.
#   arXiv 2006.15704.
# - T. Akiba, S. Suzuki, K. Fukuda (2017), Extremely large minibatch SGD. arXiv 1711.04325.

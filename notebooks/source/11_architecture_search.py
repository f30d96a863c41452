# %% [markdown]
# # 11. Architecture search
#
# **Question.** Can a network learn to propose networks, and does it find better ones than random
# search in the same time?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import expect, np, plt, search as check
from minitorch_cnn.course.broken import search as broken

mt.manual_seed(11)
nas = mt.nas

# %% [markdown]
# ## Predict
#
# A controller proposes 100 small networks, one after another, and learns from the accuracy of each.
# Random search draws 100 at random. By how many per cent of accuracy will the controller's best
# network beat the best of random search?

# %%
guess = 1.0  # guess: per cent

# %% [markdown]
# ## Build
#
# First a bandit: one question, and a noisy reward for each answer. The policy is a softmax.


# %%
def softmax(theta):
    """Probabilities of the answers."""
    # begin solution: subtract the maximum first
    # hint: Powers of e are positive and keep the order. What makes them add up to one? And what
    #     happens to e^1000?
    # hint: The quotient does not change if the same number is subtracted from all of theta first.
    #     Take the powers, and divide by their sum.
    e = np.exp(theta - theta.max())
    return e / e.sum()
    # end solution


# %% check 2
check.policy(softmax)


# %%
def score(theta, a):
    """The gradient of log softmax(theta)[a] with respect to theta."""
    # begin solution: 1 at a, minus the probabilities
    # hint: log softmax(theta)[a] is theta[a] minus the logarithm of a sum. Differentiate both by
    #     each number of theta.
    # hint: The first part gives 1 at a and 0 elsewhere, a row of np.eye; the second gives the
    #     probabilities.
    return np.eye(len(theta))[a] - softmax(theta)
    # end solution


# %% check 2
check.score(score)

# %% [markdown]
# REINFORCE: the gradient of the expected reward is the mean of (R - b) grad log P(a), for any
# baseline b that does not depend on a. A step goes up.


# %%
def reinforce(theta, answers, rewards, baseline, lr):
    """theta after one step, from a few answers and their rewards."""
    # begin solution: theta + lr * mean of (reward - baseline) * score
    # hint: Which answers should become likelier: those with a reward above the baseline, or below?
    # hint: For each pair of an answer and its reward: the reward minus the baseline, times the
    #     score. Take the mean over the pairs (one number for each of theta's), times lr, and add it
    #     to theta.
    pairs = zip(answers, rewards, strict=True)
    up = np.mean([(r - baseline) * score(theta, a) for a, r in pairs], axis=0)
    return theta + lr * up
    # end solution


# %% check 3
check.step(reinforce)

# %% [markdown]
# An architecture is a sequence of answers: height, width, filters and stride of each layer. How
# many architectures are there?


# %%
def count(sizes):
    """The number of architectures, if question t has sizes[t] answers."""
    # begin solution: one line: how many ways are there to answer all questions?
    # hint: Every answer to a question may be combined with every answer to the next one.
    # hint: Multiply all sizes, and return a whole number.
    return int(np.prod(sizes))
    # end solution


# %% check 1
check.count(count)

# %% [markdown]
# Now the search. A method has a `batch`; `ask` returns sequences, and `tell` takes their rewards.


# %%
def search(method, evaluate, budget):
    """The rewards of `budget` samples, in order."""
    # begin solution: ask(batch), evaluate each, tell(sequences, rewards), until the budget is spent
    # hint: A method learns only if it is told its rewards before it proposes the next batch.
    # hint: While fewer rewards than the budget are there: ask for a batch (or for what is left of
    #     the budget), evaluate each sequence, tell sequences and rewards in the same order, and
    #     append the rewards to a list of all.
    rewards = []
    while len(rewards) < budget:
        sequences = method.ask(min(method.batch, budget - len(rewards)))
        found = [evaluate(sequence) for sequence in sequences]
        method.tell(sequences, found)
        rewards.extend(found)
    return rewards
    # end solution


# %% check 3
check.search(search)

# %% [markdown]
# ## See
#
# The bandit: ten answers, mean rewards from 0.5 to 0.95, noise of 0.1. With a baseline (a moving
# average of rewards) and without; the mean of 30 runs each.

# %%
means = np.linspace(0.5, 0.95, 10)


def bandit(with_baseline, seed, steps=150):
    rng = np.random.default_rng(seed)
    theta, baseline, history = np.zeros(10), 0.0, []
    for number in range(steps):
        answers = rng.choice(10, 5, p=softmax(theta))
        rewards = means[answers] + 0.1 * rng.standard_normal(5)
        if with_baseline:
            baseline = rewards.mean() if number == 0 else 0.9 * baseline + 0.1 * rewards.mean()
        history.append(softmax(theta) @ means)
        theta = reinforce(theta, answers, rewards, baseline, 1.0)
    return history


curves = {}
for with_baseline, colour in ((True, "C0"), (False, "C1")):
    runs = np.array([bandit(with_baseline, seed) for seed in range(30)])
    name = "with a baseline" if with_baseline else "without"
    curves[with_baseline] = runs[:, -1]
    plt.plot(runs.mean(0), color=colour, label=name)
    low, high = np.quantile(runs, (0.1, 0.9), axis=0)
    plt.fill_between(range(150), low, high, color=colour, alpha=0.15)
plt.axhline(means[-1], color="black", linewidth=0.5)
plt.xlabel("step (5 samples each)")
plt.ylabel("expected reward")
spread = {key: values.std() for key, values in curves.items()}
plt.title(
    f"In the end {curves[True].mean():.2f} with a baseline, {curves[False].mean():.2f} without"
)
plt.legend(loc="lower right")
plt.show()
print(f"spread of the last values over runs: {spread[True]:.3f} with, {spread[False]:.3f} without")
expect(curves[False].mean() > means.mean(), "the policy learns without a baseline")
expect(curves[True].mean() > curves[False].mean(), "with a baseline it learns more")

# %% [markdown]
# Bands cover 80 % of the runs. Without a baseline every reward is positive, so every answer becomes
# likelier when it is drawn, good or bad, and runs that begin with a poor answer stay with it.
#
# Now networks, in a space small enough to evaluate completely: two layers with kernels of 1 or 3
# rows and columns, 4 or 12 filters, stride 1 or 2. Each child is trained for two epochs on 320
# digits, and its reward is the accuracy on 80 others. Two processes train children in parallel.

# %%
space = nas.LayerSpace(layers=2, heights=(1, 3), widths=(1, 3), filters=(4, 12), strides=(1, 2))
training = nas.Training(images=400, epochs=2, batch_size=16, lr=0.1)
every = [tuple(int(i) for i in index) for index in np.ndindex(*space.sizes)]
expect(len(every) == count(space.sizes), "count gives the number of architectures")
children = ((i, nas.Child(space, space.decode(s), training)) for i, s in enumerate(every))
rewards, macs = np.zeros(len(every)), np.zeros(len(every))
with nas.Workers(nas.train_child, count=2, timeout=60) as workers:
    for i, child in workers.run(children):
        expect(child.failed is None, f"child {i} is trained, but: {child.failed}")
        rewards[i], macs[i] = 100 * child.reward, child.macs
table = dict(zip(every, rewards, strict=True))
best = every[int(rewards.argmax())]
plt.semilogx(macs / 1000, rewards, ".", color="C0")
plt.xlabel("multiply-adds (thousand)")
plt.ylabel("accuracy on 80 held out (%)")
plt.title(
    f"All {len(every)}: {rewards.min():.0f} to {rewards.max():.0f} %, mean {rewards.mean():.0f} %"
)
plt.show()
print("the best:", space.decode(best))
expect(rewards.max() > rewards.mean() + 10, "the best network is far above the mean")

# %% [markdown]
# Cost says little here: networks of equal cost differ by 30 % and more, and the most expensive ones
# have hardly begun to learn after two epochs. (More epochs would change this; a search finds
# networks that learn fast.) One image is 1.25 %, so the ranking of the best few is luck.
#
# ## Break it
#
# A step down; a gradient of P instead of log P; a search that never tells rewards; one that tells
# them in another order. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your
# code.)

# %%
check.step(broken.step_down)
check.score(broken.of_the_probability)
check.search(broken.silent)
check.search(broken.sorted_rewards)


# %% [markdown]
# ## Measure
#
# The controller, an LSTM that answers one question after another, against random search: 100
# samples each, five seeds. All children are already in the table, so this takes seconds.

# %%
BUDGET = 100
runs = {"controller": [], "random": []}
for seed in range(5):
    controller = nas.Reinforce(space.sizes, seed=seed, batch=5, lr=0.02, entropy=0.001)
    runs["controller"].append(search(controller, lambda s: table[tuple(s)] / 100, BUDGET))
    blind = nas.RandomSearch(space.sizes, seed=seed, batch=5)
    runs["random"].append(search(blind, lambda s: table[tuple(s)] / 100, BUDGET))

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
ends, tops = {}, {}
for (name, found), colour in zip(runs.items(), ("C0", "grey"), strict=True):
    found = 100 * np.array(found)
    axes[0].plot(
        range(5, 101, 5), found.reshape(5, 20, 5).mean((0, 2)), "o-", color=colour, label=name
    )
    axes[1].plot(range(1, 101), np.maximum.accumulate(found, 1).mean(0), color=colour, label=name)
    ends[name], tops[name] = found[:, -10:].mean(1), found.max(1)
    print(f"{name:10}  first tenth {found[:, :10].mean():.1f} %, last {ends[name].mean():.1f} %")
    print(f"{'':10}  best of each seed: {', '.join(f'{top:.1f}' for top in tops[name])} %")
axes[1].axhline(rewards.max(), color="black", linewidth=0.5)
axes[0].set_ylabel("accuracy (%)")
axes[0].set_title("mean of 5 samples, 5 seeds")
axes[1].set_title("best so far, mean of 5 seeds")
axes[0].legend()
for axis in axes:
    axis.set_xlabel("samples")
gain = tops["controller"].mean() - tops["random"].mean()
learned = ends["controller"].mean() - ends["random"].mean()
figure.suptitle(
    f"The controller's samples end {learned:+.1f} % better, its best network {gain:+.1f} %"
)
plt.show()
print(f"your guess {guess} %, measured {gain:+.1f} %")
expect(learned > 2, "the controller proposes better networks in the end")

# %% [markdown]
# These are two different questions. On average the controller proposes better and better networks:
# it has learned. But a search keeps only the best network, and in so small a space the best of 100
# random ones is about as good (see the figure and the last line, for this seed). This is why
# published searches are compared with random search at an equal budget.
#
# ## From the notebook to the library
#
# `minitorch_cnn/nas/`: `controller.py`, `reinforce.py`, and `search.py`, which trains children in
# parallel, logs them, and resumes after an interruption: `minitorch-cnn search --space cells`. For
# a controller of one question, the library's policy gradient equals ours:

# %%
controller = nas.Controller([4], hidden_size=8, generator=np.random.default_rng(0))
answers, worth = np.array([[0], [2], [2]]), np.array([1.0, 0.5, 0.2])
loss = nas.policy_gradient_loss(controller, answers, worth - 0.4)
(gradient,) = mt.grad(loss, [controller.heads[0].bias])
theta = controller(answers)[0].detach().numpy()[0].astype(float)
mine = reinforce(theta, answers[:, 0], worth, 0.4, 1.0) - theta
print(
    "the library's policy gradient:", -gradient.numpy().round(3), "the notebook's:", mine.round(3)
)
expect(np.allclose(-gradient.numpy(), mine, atol=1e-5), "the policy gradient is the library's")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why does a baseline change the noise of the gradient but not its mean?
#
# Rubric: 2 for: the mean of the score is 0 (probabilities sum to one), so a constant times it adds
# nothing on average, but it changes the size of each term. 1 for one half.

# %% [manual 2]
# 2. What happens to the policy if all rewards are equal?
#
# Rubric: 2 for: with a baseline equal to them nothing (all advantages are 0); without one it drifts
# at random, on average unchanged. 1 for one case.

# %% [manual 2]
# 3. How many architectures has a space of 12 layers with four answers to each of four questions?
#
# Rubric: 2 for 4^(4 x 12) = 4^48, about 8 x 10^28. 1 for the right power with a wrong value.

# %% [manual 2]
# 4. Which weight of the entropy would keep the controller random forever?
#
# Rubric: 2 for: a weight so large that the bonus exceeds any difference of the rewards; then the
# uniform policy is best. 1 for "a large one".

# %% [manual 2]
# 5. Children are trained for two epochs. Which architectures does that favour?
#
# Rubric: 2 for those that learn fast (few, shallow, wide, large gradients), not those that end
# best. 1 for "small ones".

# %% [manual 2]
# 6. Why are the held-out images of a search no longer test images?
#
# Rubric: 2 for: the best of many was chosen on them, so its score there is too good (selection). 1
# for "they were used".

# %% [manual 2]
# 7. Two workers finish children in any order. What must the search do to stay reproducible?
#
# Rubric: 2 for: give the method its rewards in the order of the request (a round at a time),
# whatever order they arrive in. 1 for "fix the seed".

# %% [manual 2]
# 8. When would you expect a controller to beat random search clearly?
#
# Rubric: 2 for: a large space in which good networks are rare and alike, with a budget that
# suffices to learn. 1 for one of the conditions.

# %% [markdown]
# ## Further reading
#
# - B. Zoph, Q. V. Le (2017), Neural architecture search with reinforcement learning. arXiv
#   1611.01578.
# - R. J. Williams (1992), Simple statistical gradient-following algorithms. Machine Learning 8.
# - L. Li, A. Talwalkar (2019), Random search and reproducibility for NAS. arXiv 1902.07638.
# - L. Xie, A. Yuille (2017), Genetic CNN. arXiv 1703.01513.

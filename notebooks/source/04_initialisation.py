# %% [markdown]
# # 4. Initialisation and nonlinearities
#
# **Question.** Before training, a net's weights are random. How large must they be so that a signal
# passes through twenty layers, and a gradient back?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import F, expect, initialisation as check, nn, np, optim, plt
from minitorch_cnn.course.broken import initialisation as broken

mt.manual_seed(4)
rng = np.random.default_rng(4)

# %% [markdown]
# ## Predict
#
# Torch's old rule draws weights from U(-1/sqrt n, 1/sqrt n), n being the number of a unit's inputs.
# By which factor does the signal shrink in each linear layer?

# %%
guess = 0.58  # guess: the standard deviation after a layer, divided by that before it

# %% [markdown]
# ## Build
#
# Each rule sets the spread of the weights from the number of inputs of a unit (fan in) and the
# number of units that an input reaches (fan out).


# %%
def fans(shape):
    """(fan_in, fan_out) of a weight (O, I), or of a convolution's (O, C, K, K)."""
    # begin solution: the window's area counts in both
    # hint: How many numbers does one output of a convolution read, and how many outputs does one
    #     input reach (stride 1)? Both through every place of the window.
    # hint: The area is the product of all lengths of the shape after the first two; for a matrix
    #     that product is 1. The second length is the number of inputs, the first that of outputs;
    #     each is multiplied by the area.
    area = int(np.prod(shape[2:]))
    return shape[1] * area, shape[0] * area
    # end solution


# %% check 2
check.fans(fans)


# %% [markdown]
# LeCun (1998) keeps the variance of a sum of n inputs: 1/n. Torch intended the same but ignored
# that U(-b, b) has a variance of b^2/3. Glorot (2010) takes the mean of both fans, for the sake of
# the gradient. He (2015) compensates for the half of all inputs that a ReLU sets to zero.


# %%
def deviation(rule, fan_in, fan_out):
    """The standard deviation of weights by rule "lecun", "torch", "glorot" or "he"."""
    # begin solution: the root of each rule's variance
    # hint: The text above says which variance each rule gives. A standard deviation is what of a
    #     variance?
    # hint: LeCun: one over the inputs. Torch: the bound is one over the root of the inputs, and the
    #     variance of U(-b, b) is a third of b squared. Glorot: two over the sum of both fans. He:
    #     two over the inputs. Take the root of the chosen one.
    variance = {
        "lecun": 1 / fan_in,
        "torch": 1 / (3 * fan_in),
        "glorot": 2 / (fan_in + fan_out),
        "he": 2 / fan_in,
    }
    return np.sqrt(variance[rule])
    # end solution


# %% check 2
check.deviation(deviation)

# %% [markdown]
# A deep net of layers y = f(x W'), and its backward. The slope is computed from the output: tanh' =
# 1 - y^2, and a ReLU's is 1 where y > 0.


# %%
def signals(x, weights, activation):
    """The output of every layer: x (N, I), weights (O, I) -> a list of (N, O)."""
    # begin solution: each layer reads the output of the one before
    # hint: The output of a layer is the input of the next one. Samples are rows of x; a row times
    #     which form of w gives (N, O)?
    # hint: Loop over the weights; x becomes the activation of x times the transposed weights, and
    #     is appended to a list. Return the list without the first x.
    outputs = []
    for w in weights:
        x = activation(x @ w.T)
        outputs.append(x)
    return outputs
    # end solution


# %% check 2
check.signals(signals)


# %%
def gradients(gy, weights, outputs, slope):
    """The gradient of every layer's output; gy is that of the last."""
    # begin solution: from the last layer to the second; through f, then through the weights
    # hint: y = f(x W'), so the gradient meets the slope of f first and the weights second. Which
    #     layer's output gives the slope, and which layer's weights lead back?
    # hint: Start a list with gy. For the layers from the last to the second, take the newest
    #     gradient times the slope at the output of that layer, then times w (forward it was
    #     transposed). The list is in the order of backward: reverse it.
    found = [gy]
    for w, y in zip(weights[:0:-1], outputs[:0:-1], strict=True):
        found.append((found[-1] * slope(y)) @ w)
    return found[::-1]
    # end solution


# %% check 3
check.gradients(gradients)

# %% [markdown]
# A ReLU unit that is zero for every sample has no gradient, so it cannot recover: it is dead. An
# ELU also has a slope below zero: a for a > 0, e^a - 1 below.


# %%
def dead_share(y):
    """The share of units (columns of y) that are zero for every sample (row)."""
    # begin solution: which columns hold nothing but zeros?
    # hint: A dead unit is a column without any number but zero. Which of all and any, and over
    #     which axis?
    # hint: Compare y with 0, take `all` over the samples (axis 0), and the mean of what is left: a
    #     share.
    return float((y == 0).all(0).mean())
    # end solution


# %% check 1
check.dead(dead_share)


# %%
def elu(a):
    """a for a > 0, e^a - 1 below."""
    # begin solution: np.where computes both sides, so keep e^a from overflowing
    # hint: Both branches are computed for all of a, so e^800 is computed too, although its result
    #     is not used. What could stand in the exponent instead?
    # hint: np.where takes the condition, a, and e to the power of the smaller of a and 0, less 1
    #     (np.expm1 is exact near 0).
    return np.where(a > 0, a, np.expm1(np.minimum(a, 0)))
    # end solution


# %% check 2
check.elu(elu)

# %% [markdown]
# ## See
#
# Twenty layers of 256 units, 512 digits as the input, random gradients at the end.

# %%
LAYERS, WIDTH = 20, 256
digits = mt.data.datasets.Digits()
x = digits.images[:512].reshape(512, 64).astype(float)
x = (x - x.mean()) / x.std() @ np.linalg.qr(rng.standard_normal((WIDTH, 64)))[0].T
x /= x.std()
gy = rng.standard_normal((512, WIDTH))


def relu(a):
    return np.maximum(a, 0)


def through(rule, activation, slope):
    std = deviation(rule, WIDTH, WIDTH)
    weights = [std * rng.standard_normal((WIDTH, WIDTH)) for _ in range(LAYERS)]
    outputs = signals(x, weights, activation)
    return outputs, gradients(gy, weights, outputs, slope)


colours = {"lecun": "C0", "torch": "grey", "glorot": "C2", "he": "C1"}
figure, axes = plt.subplots(2, 2, figsize=(8, 5), sharex=True, sharey="row")
last = {}
kinds = {"tanh": (np.tanh, lambda y: 1 - y**2), "ReLU": (relu, lambda y: y > 0)}
for column, (kind, functions) in zip(axes.T, kinds.items(), strict=True):
    for rule, colour in colours.items():
        outputs, back = through(rule, *functions)
        layers = np.arange(1, LAYERS + 1)
        style = {"color": colour, "label": rule, "linestyle": "--" if rule == "glorot" else "-"}
        column[0].semilogy(layers, [np.sqrt((y**2).mean()) for y in outputs], **style)
        column[1].semilogy(layers, [np.sqrt((g**2).mean()) for g in back], **style)
        last[kind, rule] = np.sqrt((outputs[-1] ** 2).mean()), np.sqrt((back[0] ** 2).mean())
    column[0].set_title(kind)
    column[1].set_xlabel("layer")
axes[0, 0].set_ylabel("output, rms")
axes[1, 0].set_ylabel("gradient, rms")
axes[0, 0].legend()
lost = last["ReLU", "torch"][0]
figure.suptitle(
    f"ReLU: under He's rule {last['ReLU', 'he'][0]:.1f} is left, under Torch's {lost:.0e}"
)
plt.show()
per_layer = lost ** (1 / LAYERS)
print(f"Torch's rule with ReLU: a factor {per_layer:.2f} a layer, of which 0.71 is the ReLU's")
print(f"that leaves {per_layer / 0.71:.2f} for the rule; your guess {guess}; sqrt(1/3) = 0.58")
expect(0.3 < last["ReLU", "he"][0] < 3, "under He's rule the signal keeps its size through ReLUs")
expect(lost < 1e-5, "under Torch's rule nothing is left of it")
expect(0.5 < per_layer / 0.71 < 0.66, "Torch's rule shrinks it by about sqrt(1/3) a layer")
few = last["tanh", "torch"][1] < 1e-2 * last["tanh", "lecun"][1]
expect(few, "with tanh Torch's rule leaves less than 1 % of the gradient that LeCun's leaves")

# %% [markdown]
# With ReLUs only He's line is level. LeCun's and Glorot's (equal here, as both fans are 256) lose a
# factor of sqrt 2 in each layer, Torch's sqrt 6. With tanh, LeCun's rule shrinks slowly, since tanh
# flattens large values, and He's keeps the units half saturated: its outputs are level, but its
# slopes are below 1. Backward looks the same with the layers counted from the end.
#
# Now the dead units. Shift all biases down, and count.

# %%
shifts = np.linspace(0, 0.6, 13)
weights = [deviation("he", WIDTH, WIDTH) * rng.standard_normal((WIDTH, WIDTH)) for _ in range(6)]
shares = [dead_share(signals(x, weights, lambda a, b=shift: relu(a - b))[-1]) for shift in shifts]
zeros = [
    float((signals(x, weights, lambda a, b=shift: relu(a - b))[-1] == 0).mean()) for shift in shifts
]
half = shifts[int(np.argmax(np.array(shares) > 0.5))]
plt.plot(shifts, np.array(zeros) * 100, "o-", color="grey", label="zeros")
plt.plot(shifts, np.array(shares) * 100, "o-", color="C0", label="dead: zero for all digits")
plt.xlabel("bias taken off in each layer")
plt.ylabel("units of layer 6 (%)")
plt.title(f"At a bias of -{half:.2f} more than half of the units are dead")
plt.legend()
plt.show()
expect(shares[-1] > 0.9, "at the largest shift nearly all units are dead")
expect(shares[0] < 0.4, "without a shift most units are alive")
expect(zeros[0] > 0.3, "without a shift many outputs are zero all the same")

# %% [markdown]
# About half of all outputs are zero from the start, as intended with ReLUs. Units that are zero for
# every digit are different: after a small downward shift in every layer, nothing is left.
#
# ELU and SELU keep negative values. SELU scales ELU so that mean 0 and variance 1 are a fixed
# point. Are they?

# %%
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(a):
    return SCALE * np.where(a > 0, a, ALPHA * np.expm1(np.minimum(a, 0)))


weights = [
    deviation("lecun", WIDTH, WIDTH) * rng.standard_normal((WIDTH, WIDTH)) for _ in range(LAYERS)
]
for name, activation, colour in (
    ("ReLU", relu, "grey"),
    ("ELU", elu, "C2"),
    ("SELU", selu, "C1"),
):
    stds = [float(y.std(0).mean()) for y in signals(x, weights, activation)]
    plt.plot(range(1, LAYERS + 1), stds, "o-", markersize=3, color=colour, label=name)
plt.xlabel("layer")
plt.ylabel("standard deviation over digits")
plt.title(f"SELU arrives at {stds[-1]:.2f}: with LeCun's weights it keeps the variance")
plt.legend()
plt.show()
expect(0.5 < stds[-1] < 1.3, "SELU keeps the deviation near 1")

# %% [markdown]
# ## Break it
#
# Torch's bound as a standard deviation; fans without the window's area; the slide that swaps the
# two cases of ELU; and zeros counted as dead units. (They are ours, in
# `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.deviation(broken.bound)
check.fans(broken.without_area)
check.elu(broken.exchanged)
check.dead(broken.zeros)

# %% [markdown]
# ## Measure
#
# Does it matter for learning? Twelve hidden layers, 150 steps on the digits, the same data for all.


# %%
def learn(rule, steps=150, depth=12, width=64):
    mt.manual_seed(5)
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(64 if not layers else width, width), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(width, 10))
    with mt.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Linear):
                std = deviation(rule, *fans(module.weight.shape))
                nn.init.normal_(module.weight, 0, std)
                nn.init.zeros_(module.bias)
    optimizer, losses = optim.SGD(net.parameters(), lr=0.01, momentum=0.9), []
    batches = np.random.default_rng(0).integers(0, len(digits), (steps, 64))
    for batch in batches:
        images = mt.tensor((digits.images[batch].reshape(64, 64) - 0.3) / 0.37)
        loss = F.cross_entropy(net(images), mt.tensor(digits.labels[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


curves = {rule: learn(rule) for rule in colours}
for rule, losses in curves.items():
    style = "--" if rule == "glorot" else "-"
    plt.plot(range(1, 151), losses, style, color=colours[rule], label=rule)
plt.axhline(np.log(10), color="black", linewidth=0.5)
plt.xlabel("step")
plt.ylabel("cross-entropy (nats)")
end = {rule: np.mean(losses[-5:]) for rule, losses in curves.items()}
plt.title(f"After 150 steps: He {end['he']:.2f}, Torch {end['torch']:.2f} (guessing: 2.30)")
plt.legend()
plt.show()
print({rule: round(float(loss), 2) for rule, loss in end.items()})
expect(end["he"] < min(end["lecun"], end["glorot"]), "He's rule learns fastest")
expect(end["torch"] > 2.2, "under Torch's rule the net has learned nothing yet")

# %% [markdown]
# The net that passes signals has nearly finished when the others begin. Under Torch's rule the loss
# stays at log 10 = 2.30, the loss of guessing: the gradients are too small. Glorot's rule differs
# from LeCun's only in layers with two different fans.

# %% [markdown]
# ## From the notebook to the library
#
# `minitorch_cnn/nn/init.py` has all four rules, `minitorch_cnn/functional/activation.py` the
# nonlinearities. `nn.Linear` and `nn.Conv2d` use Torch's rule by default, as PyTorch does; our
# models use others.

# %%
kernel = mt.zeros(256, 32, 3, 3)
pairs = {
    "lecun": nn.init.lecun_normal_,
    "torch": nn.init.torch_legacy_,
    "glorot": nn.init.xavier_normal_,
    "he": lambda t: nn.init.kaiming_normal_(t, nonlinearity="relu"),
}
for rule, fill in pairs.items():
    measured = float(fill(kernel).numpy().std())
    print(f"{rule:7} library {measured:.4f}   notebook {deviation(rule, *fans(kernel.shape)):.4f}")
    near = abs(measured / deviation(rule, *fans(kernel.shape)) - 1) < 0.02
    expect(near, f"the library draws with the deviation of rule {rule}")
a = rng.standard_normal(1000)
expect(np.allclose(F.elu(mt.tensor(a)), elu(a)), "elu is the library's")
expect(np.allclose(F.selu(mt.tensor(a)), selu(a)), "selu is the library's")

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. What is the variance of U(-b, b), and how does the factor 3 come from it?
#
# Rubric: 2 for b^2 / 3 (the integral of x^2 / 2b); with b = 1 / sqrt n the variance is 1 / (3 n), a
# third of LeCun's. 1 for the variance alone.

# %% [manual 2]
# 2. Why does He's rule have a 2 where LeCun's has a 1?
#
# Rubric: 2 for: a ReLU sets half of the sum's values to zero, which halves the second moment, so
# the weights' variance is doubled. 1 for "because of the ReLU".

# %% [manual 2]
# 3. For which layer shapes do Glorot's and LeCun's rules agree?
#
# Rubric: 2 for: where fan in = fan out (square matrices; equal channels). 1 for an example only.

# %% [manual 2]
# 4. What happens to a net whose weights are all zero? All equal?
#
# Rubric: 2 for: zero: all outputs and all gradients (but the last bias's) are zero; equal: all
# units of a layer get the same gradient and stay equal. 1 for one case.

# %% [manual 2]
# 5. Why is a saturated tanh worse for the gradient than for the signal?
#
# Rubric: 2 for: the output stays near 1 in size, but the slope 1 - y^2 is near 0, and gradients are
# multiplied by it in each layer. 1 for the slope alone.

# %% [manual 2]
# 6. How can you revive dead units? How can you avoid them?
#
# Rubric: 2 for one way each: revive: another nonlinearity (leaky), resetting the bias or the
# weights, batch norm before it; avoid: smaller rates, He's rule, leaky ReLU or ELU, batch norm. 1
# for one.

# %% [manual 2]
# 7. With batch norm after each layer, how much does the width of the weights matter?
#
# Rubric: 2 for: the output does not depend on it (normalisation cancels the factor); the gradient
# and so the effective step do, inversely. 1 for the output alone.

# %% [manual 2]
# 8. What would orthogonal weights do for the level lines?
#
# Rubric: 2 for: they keep the lengths of vectors exactly in linear layers, so the lines are level
# without the scatter of random products (with a factor sqrt 2 for ReLU). 1 for level alone.

# %% [markdown]
# ## Further reading
#
# - Y. LeCun et al. (1998), Efficient BackProp, section 4.6.
# - X. Glorot, Y. Bengio (2010), Understanding the difficulty of training deep networks. AISTATS.
# - K. He et al. (2015), Delving deep into rectifiers. arXiv 1502.01852.
# - G. Klambauer et al. (2017), Self-normalizing neural networks. arXiv 1706.02515.

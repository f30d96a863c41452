# %% [markdown]
# # 1. Autograd from zero
#
# **Question.** How does one call of `backward` find the derivative of a number with respect to a
# million others, for little more than the price of computing the number?

# %%
import minitorch_cnn as mt
from minitorch_cnn.course import autograd as check, expect, np, plt, seconds
from minitorch_cnn.course.broken import autograd as broken

mt.manual_seed(1)
rng = np.random.default_rng(1)

# %% [markdown]
# ## Predict
#
# You can check a derivative with two function values: (f(x + h) - f(x - h)) / 2h. Mathematics says
# that a smaller h is better. With numbers of 16 digits, which h gives the smallest error?

# %%
guess = 1e-5  # guess: the best h, a power of ten from 1e-1 to 1e-12

# %% [markdown]
# ## Build
#
# A `Node` has a value and edges to its parents: for each parent a function that turns the gradient
# of the node into the gradient of the parent. Values may be numbers or arrays.


# %%
class Node:
    def __init__(self, value, edges=()):
        self.value = np.asarray(value, dtype=float)
        self.edges = list(edges)  # (parent, gradient of this node -> gradient of the parent)
        self.grad = None


# %% [markdown]
# A node passes its gradient on when the gradient is complete. So visit each node before its
# parents, and only once. (Python's stack is about 1,000 calls deep. A network is deeper.)


# %%
def topological(root):
    """All nodes that root depends on, root first, each before its parents."""
    # begin solution: keep a list as the stack; a node is done when its parents are
    # hint: A node may be listed only when all nodes that use it are. Seen from the other end: first
    #     finish all that a node was made of, then the node itself; the reverse of that order is
    #     what you want.
    # hint: Put pairs on the stack: a node, and whether its parents are finished. Taken off the
    #     first time, a node goes back as finished, with its parents above it; the second time it is
    #     appended. A set of ids keeps a node from being walked twice.
    done, seen, stack = [], set(), [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            done.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.edges)
    return done[::-1]
    # end solution


# %% check 3
check.order(topological, Node)

# %% [markdown]
# Broadcasting copies a number to many places. Its gradient is the sum of the gradients at these
# places: `unbroadcast` sums over every axis along which broadcasting has copied.


# %%
def unbroadcast(g, shape):
    """The gradient of an array of `shape` that was broadcast to the shape of g."""
    # begin solution: sum over the leading axes that shape lacks, then over those where it has 1
    # hint: Which axes did broadcasting add in front, and which of the others did it stretch from
    #     length 1? Along both a number was copied.
    # hint: g has g.ndim - len(shape) axes too many: sum over these first. Then sum over each axis
    #     where `shape` has a 1, with keepdims, so that it stays with length 1.
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=stretched, keepdims=True)
    # end solution


# %% check 2
check.unbroadcast(unbroadcast)

# %% [markdown]
# Two operations with the derivative of each, and a third that is yours.


# %%
def add(a, b):
    """a + b; passes the gradient on unchanged, in the parents' shapes."""
    return Node(
        a.value + b.value,
        [
            (a, lambda g: unbroadcast(g, a.value.shape)),
            (b, lambda g: unbroadcast(g, b.value.shape)),
        ],
    )


def exp(a):
    """e^a."""
    y = np.exp(a.value)
    return Node(y, [(a, lambda g: g * y)])


# %%
def mul(a, b):
    """a * b, elementwise."""
    # begin solution: as in add, with the product rule
    # hint: What is the derivative of a b by a? It multiplies the gradient g that arrives.
    # hint: Two edges as in add. The one to a takes g times the value of b, the one to b takes g
    #     times the value of a; each is then summed back to the shape of its parent.
    return Node(
        a.value * b.value,
        [
            (a, lambda g: unbroadcast(g * b.value, a.value.shape)),
            (b, lambda g: unbroadcast(g * a.value, b.value.shape)),
        ],
    )
    # end solution


# %% check 2
check.product(mul, Node)

# %% [markdown]
# Then the walk itself.


# %%
def backward(root, cotangent):
    """Set .grad of every node to the gradient of sum(cotangent * root)."""
    # begin solution: grads start at None; pass them on in topological order, summing
    # hint: A node that is used twice gets a gradient from each use. When may it pass its own on?
    # hint: List the nodes by topological, set every .grad to None, and the root's to the cotangent.
    #     Then in this order give each parent what its function makes of the gradient; the first
    #     part is stored, later ones are added.
    order = topological(root)
    for node in order:
        node.grad = None
    root.grad = np.asarray(cotangent, dtype=float)
    for node in order:
        for parent, pull in node.edges:
            g = pull(node.grad)
            parent.grad = g if parent.grad is None else parent.grad + g
    # end solution


# %% check 3
check.backward(backward, Node)

# %% [markdown]
# Last, the slow derivative against which everything else is checked.


# %%
def numeric_gradient(f, x, h):
    """(f(x + h e) - f(x - h e)) / 2h for the unit array e of every element of x."""
    # begin solution: move one element of a copy at a time; np.ndindex lists the indices
    # hint: f is a number for the whole array. Change one element, up and down, and see how f
    #     changes; all others stay as they are.
    # hint: For each index make two copies of x, one with h added at that index and one with h taken
    #     off. The slope there is the difference of the two values of f over the distance of the two
    #     places.
    slope = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        slope[i] = (f(up) - f(down)) / (2 * h)
    return slope
    # end solution


# %% check 2
check.numeric(numeric_gradient)

# %% [markdown]
# ## See
#
# The error of differences to one side and to both, for twelve steps h; the mean over 20 places.


# %%
def waves(z):
    return np.exp(np.sin(3 * z))


x = np.linspace(0, 1, 20)
right = 3 * np.cos(3 * x) * np.exp(np.sin(3 * x))
steps = 10.0 ** -np.arange(1, 13)
one_sided = np.array([abs((waves(x + h) - waves(x)) / h - right).mean() for h in steps])
central = np.array(
    [abs(numeric_gradient(lambda z: waves(z).sum(), x, h) - right).mean() for h in steps]
)
best, best_one = steps[central.argmin()], steps[one_sided.argmin()]

plt.loglog(steps, one_sided, "o-", color="grey", label="one-sided")
plt.loglog(steps, central, "o-", color="C0", label="central")
plt.gca().invert_xaxis()
plt.xlabel("step h")
plt.ylabel("mean error of the slope")
plt.title(f"Smaller is better only down to h = {best:.0e} (one-sided: {best_one:.0e})")
plt.legend()
plt.show()
print(f"your guess {guess}, measured {best:.0e} with an error of {central.min():.1e}")
expect(1e-6 <= best <= 1e-4, "central differences are best with h from 1e-6 to 1e-4")
expect(central[-1] > 100 * central.min(), "with h = 1e-12 they are 100 times worse than at best")

# %% [markdown]
# A V. To the left of its tip the error comes from the formula: it falls by 10 per decade for the
# one-sided difference and by 100 for the central one. To the right it comes from rounding: f(x + h)
# and f(x - h) agree in more and more of their 16 digits, and the few digits of their difference are
# divided by a small h. The tip is near the cube root of 1e-16 for central differences and near its
# square root for one-sided ones.

# %% [markdown]
# ## Break it
#
# A common trap. Batch norm's output sums to zero in every column, whatever x is. So the gradient of
# its plain sum is zero. Here is its backward without one of three terms (notebook 3 derives them).
# First the check with a cotangent of ones, then with a random one.


# %%
def normalise(x):
    return (x - x.mean(0)) / x.std(0)


def broken_backward(gy, x):
    return (gy - gy.mean(0)) / x.std(0)  # without the term - x^ mean(gy x^)


check.with_ones(normalise, broken_backward)
check.with_random(normalise, broken_backward)

# %% [markdown]
# The first check cannot tell a wrong backward from a right one, since both give zero. Always check
# with random cotangents. Two more bugs, each caught by a check from above: a backward in which the
# gradient of a second use replaces that of the first, and a product that passes on the wrong
# factor. (They are ours, in `minitorch_cnn/course/broken/`, and do not use your code.)

# %%
check.backward(broken.forgetful_backward, Node)
check.product(broken.swapped_product, Node)


# %% [markdown]
# ## Measure
#
# What does a backward cost, compared with the forward, for chains up to 10,000 operations?


# %%
def chain(length):
    x = y = Node(1.0)
    factor = Node(0.9999)
    for _ in range(length):
        y = mul(y, factor)
    return x, y


lengths = [1000, 2500, 5000, 10_000]
forward_ms = [1000 * seconds(lambda n=n: chain(n), 5) for n in lengths]
ends = [chain(n) for n in lengths]
backward_ms = [1000 * seconds(lambda y=y: backward(y, 1.0), 5) for _, y in ends]
ratio, growth = backward_ms[-1] / forward_ms[-1], backward_ms[-1] / backward_ms[0]
plt.plot(lengths, forward_ms, "o-", color="grey", label="forward")
plt.plot(lengths, backward_ms, "o-", color="C0", label="backward")
plt.xlabel("operations in the chain")
plt.ylabel("time (ms)")
plt.title(
    f"Ten times the length takes {growth:.0f} times as long; back is {ratio:.1f} times forward"
)
plt.legend()
plt.show()
expect(np.isclose(ends[-1][0].grad, 0.9999**10_000), "the gradient of the chain is 0.9999^10,000")
expect(ratio < 20, "the way back takes less than 20 times as long as the way forward")
expect(growth < 50, "ten times the length takes less than 50 times as long")

# %% [markdown]
# The time grows linearly: backward visits every node once, so it costs a small multiple of forward,
# for any number of inputs. Differences would need two forwards for each input. And a chain of
# 10,000 does not overflow Python's stack.

# %% [markdown]
# ## From the notebook to the library
#
# `minitorch_cnn/autograd/engine.py` walks the graph as `backward` does here, but without sorting it
# first: each node has an age, parents are older than their children, and a heap returns the
# youngest. `minitorch_cnn/autograd/array_function.py` is our `Node`, and `unbroadcast` is in
# `minitorch_cnn/tensor/arithmetic.py`. The same expression gives the same numbers there, and the
# library's check, with random cotangents, agrees.

# %%
a, b = rng.standard_normal((4, 3)), rng.standard_normal(3)
mine_a, mine_b = Node(a), Node(b)
backward(mul(exp(mul(mine_a, mine_b)), mine_a), np.ones((4, 3)))

theirs_a, theirs_b = mt.tensor(a, requires_grad=True), mt.tensor(b, requires_grad=True)
((theirs_a * theirs_b).exp() * theirs_a).sum().backward()
same = [np.allclose(mine_a.grad, theirs_a.grad), np.allclose(mine_b.grad, theirs_b.grad)]
print(f"gradients equal to the library's: of a {same[0]}, of b {same[1]}")
expect(all(same), "the notebook's gradients are the library's")
mt.gradcheck(lambda u, v: (u * v).exp() * u, (theirs_a, theirs_b))

# %% [markdown]
# ## Eight questions
#
# Answer each in a sentence or two, below the question.

# %% [manual 2]
# 1. Why does `topological` list a node that three others use only once?
#
# Rubric: 2 for: it must pass its gradient on once, when all three parts have arrived (passing it
# three times would count parts repeatedly). 1 for "to save time".

# %% [manual 2]
# 2. What goes wrong if a parent passes its gradient on before its last child has?
#
# Rubric: 2 for: the parent passes on an incomplete gradient, so all nodes behind it lack the part
# that arrives later (or it must pass on again). 1 for "the gradient is wrong" alone.

# %% [manual 2]
# 3. Over which axes does `unbroadcast` sum for shapes (2, 1, 3) and (5, 2, 4, 3)?
#
# Rubric: 2 for axis 0 (added in front) and axis 2 of the result (stretched from 1). 1 for one of
# them.

# %% [manual 2]
# 4. Why is the tip of the V at another h for one-sided differences?
#
# Rubric: 2 for: the formula's error falls as h and not as h^2, so it meets the rounding error 1e-16
# / h at h near 1e-8, not 1e-5. 1 for naming the two errors without their balance.

# %% [manual 2]
# 5. Where would both tips be with numbers of 7 digits?
#
# Rubric: 2 for about 3e-4 one-sided (root of 1e-7) and 5e-3 central (cube root); a power of ten is
# enough. 1 for one of them.

# %% [manual 2]
# 6. Softmax outputs sum to one. What does a cotangent of ones prove about its backward?
#
# Rubric: 2 for nothing: the sum of the outputs is constant, so its gradient is zero and many wrong
# backwards pass. 1 for "too little" without the reason.

# %% [manual 2]
# 7. How many function values does a numeric gradient of a million inputs take?
#
# Rubric: 2 for two million (2 n; one-sided n + 1: a million and one). 1 for "as many as inputs"
# without the number.

# %% [manual 2]
# 8. Which values must be kept from the forward for `mul`, for `exp`, for `add`?
#
# Rubric: 2 for: mul keeps both inputs, exp its output (or its input), add nothing but shapes. 1 for
# two of the three.

# %% [markdown]
# ## Further reading
#
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind (2018), Automatic differentiation in
#   machine learning: a survey. JMLR 18.
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986), Learning representations by
#   back-propagating errors. Nature 323.
# - `minitorch_cnn/autograd/gradcheck.py`: the check that the library's own tests use.

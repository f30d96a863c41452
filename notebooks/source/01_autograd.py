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


check.order(topological, Node)

# %% [markdown]
# Broadcasting copies a number to many places. Its gradient is the sum of the gradients at these
# places: `unbroadcast` sums over every axis along which broadcasting has copied.


# %%
def unbroadcast(g, shape):
    """The gradient of an array of `shape` that was broadcast to the shape of g."""
    # begin solution: sum over the leading axes that shape lacks, then over those where it has 1
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=stretched, keepdims=True)
    # end solution


check.unbroadcast(unbroadcast)

# %% [markdown]
# Three operations with the derivative of each. Then the walk itself.


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


def mul(a, b):
    """a * b, elementwise."""
    # begin solution: as in add, with the product rule
    return Node(
        a.value * b.value,
        [
            (a, lambda g: unbroadcast(g * b.value, a.value.shape)),
            (b, lambda g: unbroadcast(g * a.value, b.value.shape)),
        ],
    )
    # end solution


def exp(a):
    """e^a."""
    y = np.exp(a.value)
    return Node(y, [(a, lambda g: g * y)])


check.product(mul, Node)


# %%
def backward(root, cotangent):
    """Set .grad of every node to the gradient of sum(cotangent * root)."""
    # begin solution: grads start at None; pass them on in topological order, summing
    order = topological(root)
    for node in order:
        node.grad = None
    root.grad = np.asarray(cotangent, dtype=float)
    for node in order:
        for parent, pull in node.edges:
            g = pull(node.grad)
            parent.grad = g if parent.grad is None else parent.grad + g
    # end solution


check.backward(backward, Node)

# %% [markdown]
# Last, the slow derivative against which everything else is checked.


# %%
def numeric_gradient(f, x, h):
    """(f(x + h e) - f(x - h e)) / 2h for the unit array e of every element of x."""
    # begin solution: move one element of a copy at a time; np.ndindex lists the indices
    slope = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        slope[i] = (f(up) - f(down)) / (2 * h)
    return slope
    # end solution


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

plt.loglog(steps, one_sided, "o-", color="#8a8f98", label="one-sided")
plt.loglog(steps, central, "o-", color="#1f5fbf", label="central")
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
plt.plot(lengths, forward_ms, "o-", color="#8a8f98", label="forward")
plt.plot(lengths, backward_ms, "o-", color="#1f5fbf", label="backward")
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
# 1. Why does `topological` list a node that three others use only once?
# 2. What goes wrong if a parent passes its gradient on before its last child has?
# 3. Over which axes does `unbroadcast` sum for shapes (2, 1, 3) and (5, 2, 4, 3)?
# 4. Why is the tip of the V at another h for one-sided differences?
# 5. Where would both tips be with numbers of 7 digits?
# 6. Softmax outputs sum to one. What does a cotangent of ones prove about its backward?
# 7. How many function values does a numeric gradient of a million inputs take?
# 8. Which values must be kept from the forward for `mul`, for `exp`, for `add`?

# %% [markdown]
# ## Further reading
#
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind (2018), Automatic differentiation in
#   machine learning: a survey. JMLR 18.
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986), Learning representations by
#   back-propagating errors. Nature 323.
# - `minitorch_cnn/autograd/gradcheck.py`: the check that the library's own tests use.

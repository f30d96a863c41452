"""Overwriting: values, histories and refusals, against PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import assert_same, compare, outcome

# A program is a list of (step, operand, operand, number); operands are positions in a growing pool
# of tensors, to which a step adds its result, a write nothing.
STEPS = {
    "add": lambda a, b, k: a + b,
    "mul": lambda a, b, k: a * b,
    "sub": lambda a, b, k: a - 0.5 * b,
    "sin": lambda a, b, k: a.sin(),
    "tanh": lambda a, b, k: a.tanh(),
    "alias": lambda a, b, k: a * 1,
    "detach": lambda a, b, k: a.detach(),
    "sum": lambda a, b, k: a.sum(0, keepdim=True),
    "row": lambda a, b, k: a[k % a.shape[0]],
    "tail": lambda a, b, k: a[k % a.shape[0] :],
    "transpose": lambda a, b, k: a.transpose(0, -1),
    "flat": lambda a, b, k: a.reshape(-1),
    "unsqueeze": lambda a, b, k: a.unsqueeze(0),
    "gather": lambda a, b, k: a[[0, k % a.shape[0], 0]],
}
WRITES = {
    "add_": lambda a, b, k: a.add_(b),
    "mul_": lambda a, b, k: a.mul_(b),
    "scale_": lambda a, b, k: a.mul_(0.5 + k),
    "copy_": lambda a, b, k: a.copy_(b),
    "zero_": lambda a, b, k: a.zero_(),
    "clamp_": lambda a, b, k: a.clamp_(-1, 1),
    "set_row": lambda a, b, k: a.__setitem__(k % a.shape[0], b),
    "set_rows": lambda a, b, k: a.__setitem__([0, k % a.shape[0]], b),
    "set_positive": lambda a, b, k: a.__setitem__(a.detach() > 0.3, 0.25 * k),
}

programs = st.lists(
    st.tuples(
        st.sampled_from([*STEPS, *WRITES]),
        st.integers(0, 99),
        st.integers(0, 99),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)


def execute(program, x, w):
    """The values of all tensors, the gradients of both leaves, or where it was refused."""
    pool = [x, w, x * 1.5, (x * w).cos()]
    for position, (name, i, j, k) in enumerate(program):
        operands = pool[i % len(pool)], pool[j % len(pool)], k
        try:
            if name in STEPS:
                pool.append(STEPS[name](*operands))
            else:
                WRITES[name](*operands)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            # NumPy reads all before it writes, where PyTorch refuses overlapping memory.
            return None if "single memory location" in str(error) else f"refused at step {position}"
    total = None
    for n, t in enumerate(pool):
        term = (t * (0.3 + n)).sin().sum()
        total = term if total is None else total + term
    try:
        total.backward()
    except RuntimeError:
        return "refused in backward"
    return [t.detach() for t in pool] + [x.grad, w.grad]


def leaves(m):
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 3)), rng.standard_normal(3)
    if m is mt:
        return Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    return m.from_numpy(a).requires_grad_(), m.from_numpy(b).requires_grad_()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(programs)
def test_programs_of_views_and_writes_have_pytorch_s_values_and_gradients(program):
    torch = pytest.importorskip("torch")
    ours = execute(program, *leaves(mt))
    theirs = execute(program, *leaves(torch))
    if theirs is None:
        return
    if isinstance(theirs, str):
        assert ours == theirs
        return
    assert not isinstance(ours, str), ours
    assert_same(outcome(lambda: ours), outcome(lambda: theirs), rtol=1e-9)

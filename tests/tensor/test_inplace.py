"""Overwriting: values, histories and refusals, against PyTorch."""

import operator

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
    "div_": lambda a, b, k: a.div_(2.5),
    "fill_": lambda a, b, k: a.fill_(0.7),
    "clamp_": lambda a, b, k: a.clamp_(-1, 1),
    "set_row": lambda a, b, k: a.__setitem__(k % a.shape[0], b),
    "set_rows": lambda a, b, k: a.__setitem__([0, k % a.shape[0]], b),
    "set_positive": lambda a, b, k: a.__setitem__(a.detach() > 0.3, 0.25 * k),
}

# What acts on a tensor, and views and writes that are not recorded.
OTHERS = ("retain_grad", "look", "row_under_no_grad", "scale_under_no_grad")

programs = st.lists(
    st.tuples(
        st.sampled_from([*STEPS, *WRITES, *OTHERS * 3]),
        st.integers(0, 99),
        st.integers(0, 99),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=10,
)


def other_step(m, name, x, k, pool, retained):
    """One of OTHERS, on the tensor x."""
    if name == "retain_grad" and x.grad_fn is not None:
        x.retain_grad()
        retained.append(x)
    elif name == "look":
        assert x.is_leaf == (x.grad_fn is None)
    elif name == "row_under_no_grad" and not x.requires_grad:
        with m.no_grad():  # where PyTorch lets a view of what requires grad require it, too
            pool.append(STEPS["row"](x, None, k))
    elif name == "scale_under_no_grad":
        with m.no_grad():
            x.mul_(0.9)


def execute(m, program, x, w):
    """The values of all tensors, the gradients of both leaves and of what retains them, or where
    it was refused.
    """
    pool, retained = [x, w, x * 1.5, (x * w).cos()], []
    for position, (name, i, j, k) in enumerate(program):
        operands = pool[i % len(pool)], pool[j % len(pool)], k
        try:
            if name in OTHERS:
                other_step(m, name, operands[0], k, pool, retained)
            elif name in STEPS:
                pool.append(STEPS[name](*operands))
            else:
                WRITES[name](*operands)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            # NumPy reads all before it writes, where PyTorch refuses overlapping memory.
            # It also refuses views made under no_grad after writes there, which change no history.
            more = ("single memory location", "A view was created in no_grad mode")
            refused = f"refused at step {position}"
            return None if any(why in str(error) for why in more) else refused
    try:
        sum((t * (0.3 + n)).sin().sum() for n, t in enumerate(pool)).backward()
    except RuntimeError as error:
        return None if "created in no_grad mode" in str(error) else "refused in backward"
    return [t.detach() for t in pool] + [x.grad, w.grad] + [t.grad for t in retained]


def leaves(m):
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 3)), rng.standard_normal(3)
    if m is mt:
        return Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    return m.from_numpy(a).requires_grad_(), m.from_numpy(b).requires_grad_()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(programs)
def test_programs_of_views_and_writes_have_pytorch_s_values_and_gradients(program):
    torch = pytest.importorskip("torch")
    ours = execute(mt, program, *leaves(mt))
    theirs = execute(torch, program, *leaves(torch))
    if theirs is None:
        return
    if isinstance(theirs, str):
        assert ours == theirs
        return
    assert not isinstance(ours, str), ours
    assert_same(outcome(lambda: ours), outcome(lambda: theirs), rtol=1e-9)


ERRORS = [
    (lambda x: x.add_(mt.ones(4)), r"^add_: shape \(4,\) does not broadcast to \(2, 3\)"),
    (
        lambda x: x.mul_(mt.ones(1, 2, 3)),
        r"^mul_: shape \(1, 2, 3\) does not broadcast to \(2, 3\)",
    ),
    (lambda x: x.copy_(mt.ones(2)), r"^copy_: shape \(2,\) does not broadcast to \(2, 3\)"),
    (lambda x: x.clamp_(mt.zeros(4, 1, 1)), r"^clamp_: shape \(4, 2, 3\) does not broadcast"),
    (lambda x: x.long().add_(0.5), "^add_: a result of dtype float32 cannot be stored in .* int64"),
    (lambda x: x.long().div_(2), "^div_: a result of dtype float32 cannot be stored in .* int64"),
    (lambda x: x.long().fill_(np.inf), "^fill_: value=inf does not fit into int64"),
    (lambda x: x.long().__setitem__(0, np.nan), "^setitem: value=nan does not fit into int64"),
    (lambda x: x.__setitem__(0, mt.ones(2)), "^setitem: "),
    (lambda x: x[:1].expand(2, 3).add_(1), "^add_: the tensor's memory is read-only or repeats"),
    (
        lambda x: x.requires_grad_().add_(1),
        "^add_: a leaf tensor that requires grad cannot be changed",
    ),
    (
        lambda x: x.requires_grad_()[0].zero_(),
        "^fill_: a leaf tensor that requires grad|^zero_: a leaf",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_name_the_function_and_the_rule(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(mt.zeros(2, 3))


def test_a_view_made_under_no_grad_is_not_written_to_outside():
    x = mt.ones(2, 2, requires_grad=True) * 1
    with mt.no_grad():
        row = x[0]
    for write in (lambda: row.mul_(2), lambda: row.__setitem__(0, 1.0), lambda: row.zero_()):
        with pytest.raises(RuntimeError, match=r"a view made under no_grad"):
            write()
    with mt.no_grad():
        row.mul_(2)


def test_a_view_made_under_no_grad_is_not_used_once_its_base_has_a_new_history():
    w = mt.ones(2, 2, requires_grad=True)
    x = mt.zeros(2, 2)
    with mt.no_grad():
        row = x[0]
    x.add_(w)
    with pytest.raises(RuntimeError, match=r"^view: the tensor is a view made under no_grad"):
        row * 2
    with mt.no_grad():
        assert (row * 2).tolist() == [2, 2]


# A change of a, and d(3 a)/da after it and before it.
CHANGES = {
    "mul_": (lambda a: a.mul_(2), 3, 6),
    "div_": (lambda a: a.div_(2), 3, 1.5),
    "copy_": (lambda a: a.copy_(mt.ones(2)), 3, 0),
    "copy_ of a recorded one": (lambda a: a.copy_(mt.ones(2, requires_grad=True) * 1), 3, 0),
    "fill_": (lambda a: a.fill_(5), 3, 0),
    "zero_": (lambda a: a.zero_(), 3, 0),
    "clamp_": (lambda a: a.clamp_(0, 3), 3, 3),
    "setitem": (lambda a: a.__setitem__(slice(None), 4.0), 3, 0),
    "+=": (lambda a: operator.iadd(a, 1), 3, 3),
    "**=": (lambda a: operator.ipow(a, 2), 3, 6),
    "a view": (lambda a: a[:].mul_(2), 3, 6),
    "a view of a view": (lambda a: a.reshape(2, 1)[:, 0].mul_(2), 3, 6),
    "under no_grad": (lambda a: mt.no_grad()(a.mul_)(2), 3, 3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_retained_moves_with_the_tensor_and_hooks_stay_with_the_value(name):
    change, after, before = CHANGES[name]
    leaf = mt.ones(2, requires_grad=True)
    a = leaf * 1
    a.retain_grad()
    seen = {}
    a.register_hook(lambda g: seen.update(before=g.tolist()))
    change(a)
    a.register_hook(lambda g: seen.update(after=g.tolist()))
    (a * 3).sum().backward()
    assert a.grad.tolist() == [after, after] and leaf.grad.tolist() == [before, before]
    assert seen == {"before": [before, before], "after": [after, after]}


@pytest.mark.parametrize("changed", ["base", "view"])
def test_what_base_and_view_retain_moves_when_either_is_changed(changed):
    base = mt.ones(2, 2, requires_grad=True) * 1
    view = base[0]
    view.retain_grad()
    base.retain_grad()
    (base if changed == "base" else view).mul_(2)
    (view * 3 + base * 5).sum().backward()
    assert view.grad.tolist() == [6, 6]  # the sum adds it to both rows
    assert base.grad.tolist() == [[11, 11], [5, 5]]


@pytest.mark.parametrize("parts", ["unbind", "split", "chunk", "iter"])
def test_parts_of_a_tensor_are_changed_in_place_with_their_gradients(parts):
    """PyTorch refuses to change what came with others from one call."""
    cut = {
        "unbind": lambda x: x.unbind(0),
        "split": lambda x: x.split(1),
        "chunk": lambda x: x.chunk(3),
        "iter": list,
    }

    def changed(x):
        y = x * 1.0
        for n, part in enumerate(cut[parts](y)):
            part.mul_(n + 2.0)
            part.pow_(2)
        return y

    assert mt.gradcheck(changed, Tensor(np.arange(1.0, 7).reshape(3, 2), requires_grad=True))


def test_a_refused_write_changes_nothing():
    x = mt.ones(2, 3)
    before = x._version
    for call, _ in ERRORS[:4]:
        with pytest.raises(RuntimeError):
            call(x)
    assert (x == 1).all() and x._version == before


def test_a_copy_does_not_share_the_history_of_its_source():
    w = mt.ones(2, requires_grad=True)
    source, target = w * 1, mt.zeros(2)
    source.retain_grad()
    target.copy_(source)
    target.retain_grad()
    (target * 3 + source).sum().backward()
    assert target.grad.tolist() == [3, 3] and source.grad.tolist() == [4, 4]


def test_writes_through_a_transposed_view_of_transposed_memory_reach_the_base():
    w = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    base = w.T * 1  # NumPy keeps the transposed layout
    flat = base.T.reshape(6)
    assert np.shares_memory(flat.array, base.array)
    flat[:2] = 7.0
    (base * base).sum().backward()
    np.testing.assert_array_equal(w.grad.array, [[0, 0, 4], [6, 8, 10]])


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32"])
@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_", "copy_", "fill_"])
@pytest.mark.parametrize("value", [2, 2.5, True, 300])
def test_numbers_of_every_kind(name, dtype, value, torch):
    if name == "copy_":
        compare(torch, lambda m, x: x.copy_(m.tensor(value)), np.ones(2).astype(dtype))
    else:
        compare(torch, lambda m, x: getattr(x, name)(value), np.ones(2).astype(dtype), rtol=2e-3)


@pytest.mark.parametrize(
    "dtypes",
    [
        ("float32", "float64"),
        ("float64", "float16"),
        ("float32", "int64"),
        ("int64", "float32"),
        ("uint8", "int64"),
        ("bool", "bool"),
    ],
)
@pytest.mark.parametrize("name", ["add_", "mul_", "div_", "copy_"])
def test_tensors_of_every_kind(name, dtypes, torch):
    a, b = (np.array([1, 2]).astype(dtype) for dtype in dtypes)
    compare(torch, lambda m, x, y: getattr(x, name)(y), a, b)


def test_augmented_assignment_keeps_the_tensor():
    x = mt.ones(2)
    y = x
    x += 1
    x -= 0.5
    x *= 4
    x /= 2
    assert y is x and x.tolist() == [3, 3]
    rows = mt.zeros(2, 2)
    rows[1] += 5
    assert rows.tolist() == [[0, 0], [5, 5]]


AUGMENTED = {
    "%=": operator.imod,
    "**=": operator.ipow,
    "//=": operator.ifloordiv,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
    "@=": operator.imatmul,
}


@pytest.mark.parametrize("other", [2, 2.5, True, -1, np.array([2, 3, 1]), np.array([1.5, 2, 3])])
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("name", AUGMENTED)
def test_every_augmented_operator_changes_the_tensor_itself(name, dtype, other, torch):
    def change(m, x, *others):
        """The tensor under its other name, a slice that was changed, and whether they stayed."""
        same, rows = x, m.stack([x, x])
        y = others[0] if others else other
        tail = rows[1:]
        x = AUGMENTED[name](x, y)
        if name != "@=":
            rows[1:] = AUGMENTED[name](rows[1:], y)
        return [same, rows, tail, x is same]

    if (name, dtype, other is True) == ("**=", "bool", True):
        pytest.skip("PyTorch, too, refuses powers of booleans, but for the numbers True and False")
    arrays = [np.array([11, 12, 5]).astype(dtype)]
    compare(torch, change, *arrays, *([other] if isinstance(other, np.ndarray) else []))


@pytest.mark.parametrize("name", ["%=", "**="])
@pytest.mark.parametrize("order", [1, 2])
def test_augmented_operators_keep_the_history(name, order):
    def changed(x, w):
        y = x * 2.0
        y[1:] = AUGMENTED[name](y[1:], w[1:])
        same = y
        y = AUGMENTED[name](y, w)
        return same

    x = Tensor(np.array([2.2, 3.3, 1.7]), requires_grad=True)
    w = Tensor(np.array([1.3, 1.9, 1.4]), requires_grad=True)
    (mt.gradcheck if order == 1 else mt.gradgradcheck)(changed, (x, w))


def test_augmented_operators_change_parameters_under_no_grad_only():
    p = mt.nn.Parameter(mt.tensor([11.0, 12.0]))
    same = p
    with mt.no_grad():
        p %= 10
        p **= 2
        p //= 3
    assert p is same and p.tolist() == [0, 1] and p.requires_grad
    for name, change in AUGMENTED.items():
        if name in ("%=", "**=", "//="):
            with pytest.raises(RuntimeError, match="_: a leaf tensor that requires grad"):
                change(p, 2)


def test_writing_over_its_own_parts_reads_before_it_writes():
    x = mt.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]
    y = mt.ones(3)
    y.add_(y).mul_(y)
    assert y.tolist() == [4, 4, 4]


def test_fill_takes_a_0_d_tensor_and_its_gradient_arrives_there():
    x = mt.ones(2, 3, requires_grad=True)
    value = mt.tensor(2.0, dtype=mt.float64, requires_grad=True)
    y = x * 1
    assert y.fill_(value) is y and y.dtype == mt.float32
    np.testing.assert_array_equal(y.detach().numpy(), np.full((2, 3), 2.0))
    (y * y).sum().backward()
    assert value.grad.item() == 24 and value.grad.dtype == mt.float64 and not x.grad.any()
    assert mt.zeros(2).long().fill_(mt.tensor(3)).tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"^fill_: value has 1 axes, must be a number"):
        mt.zeros(2).fill_(mt.ones(1))


@pytest.mark.parametrize("name", ["addmm", "baddbmm"])
def test_products_are_added_in_place(name):
    rng = np.random.default_rng(0)
    batch = (2,) if name == "baddbmm" else ()
    c, a, b = (rng.standard_normal((*batch, *s)) for s in ((3, 4), (3, 5), (5, 4)))
    x = mt.tensor(c)
    assert getattr(x, f"{name}_")(mt.tensor(a), mt.tensor(b), beta=0.5, alpha=-2) is x
    np.testing.assert_allclose(x, 0.5 * c - 2 * a @ b)

    def function(c, a, b):
        return getattr(c * 1, f"{name}_")(a, b, beta=0.5, alpha=-2)

    inputs = tuple(mt.tensor(array, requires_grad=True) for array in (c, a, b))
    assert mt.gradcheck(function, inputs)
    assert mt.gradgradcheck(function, inputs)


def test_new_makes_tensors_of_the_same_kind():
    x = mt.ones(2, 3, dtype=mt.float64)
    for made in (x.new(4, 5), x.new(mt.zeros(4, 5).shape), x.new(mt.zeros(4, 5).size())):
        assert made.shape == (4, 5) and made.dtype == mt.float64
    assert x.new([1, 2]).tolist() == [1, 2] and x.new([1, 2]).dtype == mt.float64
    assert x.new().shape == (0,) and x.long().new([[1.0]]).dtype == mt.int64

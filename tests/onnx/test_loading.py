"""mt.onnx.load: files of others compute as onnx defines, train, and are refused where they lie."""

import io
import os
import tracemalloc

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.onnx.files import FLOAT, conv_net, helper, model, onnx, typed

node = helper.make_node


def loaded(proto):
    return mt.onnx.load(io.BytesIO(proto.SerializeToString()))


def reference(proto, *arrays):
    """The results by the onnx package's own evaluator, in NumPy."""
    from onnx.reference import ReferenceEvaluator

    names = [value.name for value in proto.graph.input]
    return ReferenceEvaluator(proto).run(None, dict(zip(names, arrays, strict=True)))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def net(rng):
    return conv_net(rng)


def test_a_file_computes_what_onnx_defines(net, rng):
    x = rng.standard_normal((2, 3, 8, 8)).astype(np.float32)
    y = loaded(net)(mt.tensor(x))
    np.testing.assert_allclose(y.detach().numpy(), reference(net, x)[0], rtol=1e-5, atol=1e-5)


def test_weights_are_parameters_and_statistics_buffers_under_their_names(net):
    module = loaded(net)
    assert [name for name, _ in module.named_parameters()] == [
        *("stem/conv.w", "stem/conv.b", "bn.g", "bn.b", "head.w", "head.b")
    ]
    assert [name for name, _ in module.named_buffers()] == ["bn.m", "bn.v"]
    state = module.state_dict()
    assert set(state) == {tensor.name for tensor in net.graph.initializer}
    state["head.b"] = mt.ones(5)
    module.load_state_dict(state)
    assert module.state_dict()["head.b"].tolist() == [1.0] * 5


def test_a_loaded_net_trains(net, rng):
    module = loaded(net)
    x = mt.tensor(rng.standard_normal((4, 3, 8, 8)).astype(np.float32))
    labels = mt.tensor([0, 1, 2, 3])
    optimizer = mt.optim.SGD(module.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        loss = mt.nn.functional.cross_entropy(module(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_gradients_are_those_of_the_definition(rng):
    weights = {"w": rng.standard_normal((2, 3, 3, 3))}
    double = onnx.TensorProto.DOUBLE
    ends = [typed("x", [1, 3, 5, 5], double)], [typed("y", None, double)]
    net = loaded(model([node("Conv", ["x", "w"], ["y"], strides=[2, 2])], *ends, weights))
    x = mt.tensor(rng.standard_normal((1, 3, 5, 5)), requires_grad=True)
    assert mt.gradcheck(lambda x: net(x), (x,))
    assert mt.gradgradcheck(lambda x: net(x).square(), (x,))


def test_inputs_go_by_place_or_name_and_several_results_are_a_tuple():
    nodes = [node("Add", ["a", "b"], ["s"]), node("Sub", ["a", "b"], ["d"])]
    ends = [typed("a", [2]), typed("b", [2])], [typed("s", [2]), typed("d", [2])]
    module = loaded(model(nodes, *ends))
    a, b = mt.tensor([1.0, 2.0]), mt.tensor([10.0, 20.0])
    for results in (module(a, b), module(a, b=b), module(b=b, a=a)):
        assert [y.tolist() for y in results] == [[11, 22], [-9, -18]]
    with pytest.raises(TypeError, match="too many"):
        module(a, b, a)


def test_what_a_file_states_of_its_results_does_not_count(rng):
    """Programs write names of their own, -1, or the number of axes of another graph."""
    nodes = [node("GlobalAveragePool", ["x"], ["y"])]
    shapes = [["N", 3, "H", "W"], [-1, 3, -1, -1]]
    for shape, stated in zip(shapes, (["other", 3, "a", "b"], [1, 3]), strict=True):
        net = loaded(model(nodes, [typed("x", shape)], [typed("y", stated)]))
        assert net(mt.ones(2, 3, 4, 5)).shape == (2, 3, 1, 1)


def test_shape_arithmetic_with_the_numbers_of_a_file_is_compiled(rng):
    weights = {"axis": np.array(1), "first": np.array([2]), "minus": np.array([-1]),
               "two": np.array(2.0, np.float32)}  # fmt: skip
    nodes = [
        node("Shape", ["x"], ["sizes"]),
        node("Gather", ["sizes", "axis"], ["channels"]),
        node("Mul", ["channels", "axis"], ["same"]),
        node("Unsqueeze", ["same", "zero"], ["row"]),
        node("Concat", ["first", "row", "minus"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["parted"]),
        node("Pow", ["parted", "two"], ["y"]),
    ]
    weights["zero"] = np.array([0])
    net = loaded(model(nodes, [typed("x", ["N", "C", "L"])], [typed("y", None)], weights))
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    with mt.no_grad():
        for run in (net, mt.compile(net)):
            np.testing.assert_allclose(run(mt.tensor(x)).numpy(), x**2, rtol=1e-6)


def test_batch_norm_trains_as_that_of_nn(net, rng):
    module = loaded(net)
    layer = mt.nn.BatchNorm2d(4, momentum=0.1)
    state = module.state_dict()
    names = {"weight": "bn.g", "bias": "bn.b", "running_mean": "bn.m", "running_var": "bn.v"}
    layer.load_state_dict({k: state[v].clone() for k, v in names.items()}, strict=False)
    x = mt.tensor(rng.standard_normal((4, 3, 8, 8)).astype(np.float32))
    w, b = state["stem/conv.w"], state["stem/conv.b"]
    y = mt.functional.relu(layer(mt.functional.conv2d(x, w, b, padding=1))).mean((2, 3))
    expected = mt.functional.linear(y, state["head.w"], state["head.b"])
    found = module.train()(x)
    expected = expected.detach().numpy()
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    for key, name in names.items():
        found = module.state_dict()[name].numpy()
        np.testing.assert_allclose(found, layer.state_dict()[key].numpy(), rtol=1e-5, atol=1e-6)
    assert not np.allclose(module.eval()(x).detach().numpy(), expected, atol=1e-3)


def test_dropout_drops_in_training_mode():
    nodes = [node("Dropout", ["x", "p"], ["y"])]
    weights = {"p": np.array(0.25, np.float32)}
    net = loaded(model(nodes, [typed("x", [1000])], [typed("y", [1000])], weights))
    x = mt.ones(1000)
    assert net(x).tolist() == x.tolist()
    y = net.train()(x).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(4 / 3)} and 0.15 < (y == 0).mean() < 0.35


def test_the_gradient_at_the_bounds_of_a_clip_is_that_of_relu6():
    weights = {"low": np.array(0, np.float32), "high": np.array(6, np.float32)}
    nodes = [node("Clip", ["x", "low", "high"], ["y"])]
    net = loaded(model(nodes, [typed("x", [5])], [typed("y", [5])], weights))
    x = mt.tensor([-1.0, 0.0, 3.0, 6.0, 7.0], requires_grad=True)
    y = net(x)
    y.sum().backward()
    assert y.tolist() == [0, 0, 3, 6, 6] and x.grad.tolist() == [0, 0, 1, 0, 0]


def test_old_opsets_are_converted():
    slopes = {"s": np.float32([0.5, 2.0])}
    ends = [typed("x", [1, 2, 1, 2])], [typed("y", [1, 2, 1, 2])]
    module = loaded(model([node("PRelu", ["x", "s"], ["y"])], *ends, slopes, opset=6))
    x = mt.tensor([[[[-1.0, 1.0]], [[-1.0, 1.0]]]])
    assert module(x).flatten().tolist() == [-0.5, 1.0, -2.0, 1.0]  # of channels, not of columns


def cases():
    """The cases of onnx's own tests whose operators a graph holds, by operator."""
    import warnings

    from onnx.backend.test.loader import load_model_tests

    from minitorch_cnn.graph.operators import OPERATORS

    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases overflow on purpose
        for case in load_model_tests(kind="node"):
            operators = {n.op_type for n in case.model.graph.node}
            if operators <= set(OPERATORS) and _is_within(case):
                found.setdefault(case.model.graph.node[0].op_type, []).append(case)
    return sorted(found.items())


def _is_within(case):
    """Whether a case has our dtypes, at most two spatial axes, and is of inference."""
    kinds = {*range(1, 8), *range(9, 14)}  # of NumPy, but strings (8)
    values = [*case.model.graph.input, *case.model.graph.output]
    if not all(v.type.HasField("tensor_type") for v in values):
        return False
    if not all(v.type.tensor_type.elem_type in kinds for v in values):
        return False
    words = ("_3d", "training", "antialias", "tf_crop", "peepholes", "batchwise", "mode_is")
    words += ("_bfloat16", "_BFLOAT16")
    spatial = ("conv", "pool")
    return not any(
        word in case.name for word in words if word != "_3d" or any(s in case.name for s in spatial)
    )


@pytest.mark.slow
def test_the_cases_of_onnx_give_their_results():
    found = [(case, *data) for _, group in cases() for case in group for data in case.data_sets]
    assert len(found) > 700
    assert [case.name for case, *data in found if not _gives(case, *data)] == []


def _array(value):
    is_proto = isinstance(value, onnx.TensorProto)
    return onnx.numpy_helper.to_array(value) if is_proto else np.asarray(value)


def _gives(case, inputs, outputs):
    inputs, outputs = (list(map(_array, arrays)) for arrays in (inputs, outputs))
    results = loaded(case.model)(*map(mt.tensor, inputs))
    results = results if isinstance(results, tuple) else (results,)
    for found, wanted in zip(results, outputs, strict=True):
        found = found.detach().numpy()
        if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
            return False
        if not np.allclose(found, wanted, case.rtol, case.atol, equal_nan=True):
            return False
    return True


# --------------------------------------------------------------------------------------- bad files


def is_refused(proto, reason):
    with pytest.raises(ValueError, match="load: .*" + reason):
        loaded(proto)


def test_what_is_no_file_of_onnx_is_refused(net, tmp_path):
    data = net.SerializeToString()
    for bad in (b"", b"\x00" * 100, b"PK\x03\x04", data[:-7], data[: len(data) // 2]):
        with pytest.raises(ValueError, match=r"load: .*a\.onnx: .*ONNX file"):
            path = tmp_path / "a.onnx"
            path.write_bytes(bad)
            mt.onnx.load(path)
    with pytest.raises(FileNotFoundError):
        mt.onnx.load(tmp_path / "absent.onnx")


def test_a_cycle_is_refused():
    nodes = [node("Add", ["x", "b"], ["a"], name="first"), node("Relu", ["a"], ["b"])]
    is_refused(model(nodes, [typed("x", [2])], [typed("b", [2])]), "first.*'b'.*a cycle")


def test_a_name_that_nothing_makes_is_refused():
    nodes = [node("Add", ["x", "b"], ["a"], name="first")]
    is_refused(model(nodes, [typed("x", [2])], [typed("a", [2])]), "first.*'b'.*nothing makes it")


def test_an_unknown_operator_is_refused_by_its_node():
    ends = [typed("x", [2])], [typed("y", [2])]
    is_refused(model([node("Einsum", ["x"], ["y"], name="sum", equation="i->i")], *ends), "sum")
    is_refused(model([node("Relu", ["x"], ["y"], name="mine", domain="my")], *ends), "mine.*'my'")


def test_a_future_opset_is_refused(net):
    net.opset_import[0].version = 99
    is_refused(net, "opset 99")


def test_a_graph_within_a_graph_is_refused():
    inner = helper.make_graph([node("Relu", ["x"], ["z"])], "g", [], [typed("z", [2])])
    nodes = [node("Relu", ["x"], ["y"], name="outer", body=inner)]
    is_refused(model(nodes, [typed("x", [2])], [typed("y", [2])]), "outer.*'body' is a graph")


def test_weights_must_fill_their_shapes(net):
    for dims in ([4, 3, 3, 4], [2**40, 3, 3, 3], [-4, 3, 3, 3]):
        bad = onnx.ModelProto.FromString(net.SerializeToString())
        del bad.graph.initializer[0].dims[:]
        bad.graph.initializer[0].dims.extend(dims)
        is_refused(bad, "'stem/conv.w' (holds|has the shape)")


def test_weights_of_other_types_are_refused(net):
    net.graph.initializer[0].data_type = onnx.TensorProto.COMPLEX64
    is_refused(net, "'stem/conv.w' has the type COMPLEX64")


def test_a_large_constant_is_not_made_before_it_is_used():
    ends = [typed("x", [1])], [typed("y", None)]
    for nodes in (
        [node("ConstantOfShape", ["n"], ["c"]), node("Add", ["x", "c"], ["y"])],
        [node("Expand", ["x", "n"], ["c"]), node("Add", ["x", "c"], ["y"])],
        [node("Tile", ["x", "n1"], ["c"]), node("Add", ["x", "c"], ["y"])],
        [node("Range", ["zero", "limit", "one"], ["c"]), node("Cast", ["c"], ["y"], to=FLOAT)],
    ):
        numbers = {"n": np.int64([2**20, 2**20]), "n1": np.int64([2**40]), "zero": np.int64(0)}
        numbers |= {"limit": np.int64(2**40), "one": np.int64(1)}
        tracemalloc.start()
        loaded(model(nodes, *ends, numbers))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**26


# ----------------------------------------------------------------------------------- external data


@pytest.fixture
def external(net, tmp_path):
    """A function that writes the net with its first weight in another file."""

    def write(location, **entries):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        tensor = net.graph.initializer[0]
        (folder / "weights.bin").write_bytes(b"1234" + tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": 4, **entries}.items():
            tensor.external_data.add(key=key, value=str(value))
        (folder / "net.onnx").write_bytes(net.SerializeToString())
        return folder / "net.onnx"

    return write


def test_external_data_is_read_beside_the_model(external, net):
    wanted = onnx.numpy_helper.to_array(net.graph.initializer[0])
    found = mt.onnx.load(external("weights.bin")).state_dict()["stem/conv.w"]
    np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "", ".", "absent", "link"])
def test_external_data_outside_the_folder_is_refused(external, location, tmp_path):
    (tmp_path / "secret").write_bytes(b"0" * 1000)
    (tmp_path / "model").mkdir()
    os.symlink(tmp_path / "secret", tmp_path / "model" / "link")
    with pytest.raises(ValueError, match=r"load: .*'stem/conv.w'.*no file in the model's folder"):
        mt.onnx.load(external(location))


@pytest.mark.parametrize("entries", [{"offset": 8}, {"length": 10**12}, {"offset": -1}])
def test_external_data_beyond_its_file_is_refused(external, entries):
    with pytest.raises(ValueError, match=r"load: .*'stem/conv.w'"):
        mt.onnx.load(external("weights.bin", **entries))


def test_external_data_needs_a_path(external):
    with (
        open(external("weights.bin"), "rb") as file,
        pytest.raises(ValueError, match="load the model from a path"),
    ):
        mt.onnx.load(file)

"""What only a GPU can show: models trained there, and arrays that others see without a copy.

The kernels' and operations' own tests run on the device as well where there is one: `pytest -m gpu`
runs all of them.
"""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.kernels.cuda.array import has_gpu
from minitorch_cnn.models import list_models, model_entry

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not has_gpu(), reason="there is no GPU, or no CuPy"),
]


def narrow(name: str):
    """The model with an eighth of its channels, if its width is a setting."""
    try:
        return mt.models.create_model(name, width=1 / 8, num_classes=7)
    except TypeError:
        return mt.models.create_model(name, num_classes=7)


def one_of_each_family() -> list[str]:
    """The model with the fewest parameters of every module of minitorch_cnn.models."""
    smallest = {}
    for name in list_models():
        entry = model_entry(name)
        family = entry.build.__module__
        if family not in smallest or entry.params < smallest[family].params:
            smallest[family] = entry
    return sorted(entry.name for entry in smallest.values())


@pytest.mark.parametrize("name", one_of_each_family())
def test_a_model_computes_on_a_gpu_what_it_computes_on_the_cpu(name):
    allow_tf32 = mt.kernels.cuda.allow_tf32
    before, allow_tf32.convolution = allow_tf32.convolution, False
    try:
        mt.manual_seed(0)
        model = narrow(name).double()
        model.eval()  # no dropout, no random paths
        x = mt.randn(2, *model_entry(name).input_shape, dtype=mt.float64)

        def run(device):
            model.to(device).zero_grad()
            y = model(x.to(device))
            y = y[0] if isinstance(y, tuple) else y
            y.square().mean().backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            return [t.detach().cpu().numpy() for t in (y, *gradients)]

        for here, there in zip(run("cpu"), run("cuda"), strict=True):
            scale = max(np.abs(here).max(), 1e-30)
            np.testing.assert_allclose(there, here, rtol=0, atol=1e-9 * scale)
    finally:
        allow_tf32.convolution = before


def test_lenet_learns_on_a_gpu(tmp_path):
    config = mt.training.make_config("lenet5_relu", epochs=2)
    result = mt.training.train_run(config, tmp_path / "run", device="cuda", progress="none")
    assert result.evaluation.top1 > 0.9


def test_other_libraries_see_the_memory_of_a_tensor_and_we_theirs():
    import cupy

    x = mt.arange(6.0, device="cuda")
    there = cupy.from_dlpack(x)
    there[0] = 7
    assert x[0].item() == 7
    assert cupy.asarray(x).data.ptr == x.array.data.ptr  # by __cuda_array_interface__
    assert mt.from_dlpack(there).array.data.ptr == there.data.ptr


def test_a_consumer_s_stream_waits_for_the_work_on_a_tensor():
    import cupy

    x = mt.zeros(2**24, device="cuda")
    side = mt.cuda.Stream()
    side.wait_stream(mt.cuda.current_stream())  # for the zeros
    with mt.cuda.stream(side):
        for _ in range(50):
            x.add_(1)
        capsule = x.__dlpack__(stream=1)  # the default stream, whose work comes after
    with cupy.cuda.Stream.null:
        found = cupy.from_dlpack(type("Source", (), {
            "__dlpack__": lambda self, **options: capsule,
            "__dlpack_device__": lambda self: (2, 0),
        })())  # fmt: skip
        assert float(found.min()) == float(found.max()) == 50


def test_a_tensor_goes_to_the_host_by_dlpack():
    x = mt.arange(6.0, device="cuda")
    capsule = x.__dlpack__(dl_device=(1, 0), max_version=(1, 0))
    assert mt.from_dlpack(capsule).tolist() == list(range(6))


def test_torch_sees_the_memory_of_a_tensor_and_we_torchs():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    x = mt.arange(6.0, device="cuda")
    theirs = torch.from_dlpack(x)
    theirs += 1
    assert x.tolist() == theirs.tolist()
    assert mt.as_tensor(theirs).array.data.ptr == theirs.data_ptr()
    assert mt.from_dlpack(theirs).array.data.ptr == theirs.data_ptr()
    half = torch.from_dlpack(x.bfloat16())
    assert half.dtype == torch.bfloat16 and half.tolist() == x.tolist()
    assert mt.from_dlpack(half).tolist() == x.tolist()

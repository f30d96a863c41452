"""Nets that ship as ONNX files in packages of others compute what ONNX Runtime does."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import minitorch_cnn as mt

pytest.importorskip("onnx")
slow = pytest.mark.slow
OCR, CAPTCHA = "rapidocr_onnxruntime", "ddddocr"


@pytest.mark.parametrize(
    ("package", "name", "shape"),
    [
        (OCR, "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", (2, 3, 48, 192)),
        (OCR, "models/ch_PP-OCRv4_det_infer.onnx", (1, 3, 64, 96)),
        pytest.param(OCR, "models/ch_PP-OCRv4_rec_infer.onnx", (2, 3, 48, 160), marks=slow),
        pytest.param(CAPTCHA, "common.onnx", (1, 1, 64, 128), marks=slow),
        pytest.param(CAPTCHA, "common_det.onnx", (1, 3, 416, 416), marks=slow),
    ],
)
def test_a_file_runs_as_in_onnx_runtime_and_is_compiled(package, name, shape):
    runtime = pytest.importorskip("onnxruntime")
    spec = find_spec(package)  # its own import needs more packages
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    file = Path(spec.submodule_search_locations[0], name)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    settings = runtime.SessionOptions()
    settings.log_severity_level = 3  # one of them states a wrong shape
    session = runtime.InferenceSession(file, settings)
    (wanted,) = session.run(None, {session.get_inputs()[0].name: x})
    net = mt.onnx.load(file)
    with mt.no_grad():
        for run in (net, mt.compile(net)):
            y = run(mt.tensor(x)).numpy()
            # Its sigmoid is 0 where ours is 1e-7.
            atol = 1e-6 + 1e-5 * np.abs(wanted).max()
            np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=atol)

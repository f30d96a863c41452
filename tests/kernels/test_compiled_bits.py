"""A process that compiles a kernel computes the same bits as those that find it in the cache."""

import os
import subprocess
import sys

import pytest

from tests.interpreter import ROOT

pytest.importorskip("numba")

SCRIPT = """if True:
    import hashlib
    import numpy as np
    from minitorch_cnn.kernels import set_num_threads, dispatch, use
    from tests.kernels import implementation_check as cases

    set_num_threads(1)
    OPERATORS = {
        "batch_norm": [cases.BatchNormCase((4, 3, 27, 29))],
        "conv2d": cases.CONV_CASES[-8:],
        "pool2d": cases.POOL_CASES,
        "prelu": cases.PRELU_CASES,
        "cross_entropy": cases.CROSS_ENTROPY_CASES,
        "local_response_norm": cases.LOCAL_RESPONSE_NORM_CASES,
        "optimizer": cases.OPTIMIZER_CASES,
        "activation": cases.ACTIVATION_CASES,
        "resample": cases.RESAMPLE_CASES,
    }
    for operator, of_operator in OPERATORS.items():
        single = {case._replace(dtype=np.float32): None for case in of_operator}
        available = set(dispatch.available(operator))
        for implementation in available & {"numba", "winograd", "direct", "channels"}:
            for case in single:
                try:
                    with use(implementation):
                        results = case.results()
                except RuntimeError:  # not a case of this implementation
                    continue
                for name, array in results.items():
                    print(implementation, case, name, hashlib.sha256(array.tobytes()).hexdigest())
"""


def bits(cache):
    """What the script prints with the cache in that folder, sorted."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT]
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout
    return sorted(run.stdout.splitlines())


@pytest.mark.slow
def test_all_kernels_have_the_same_bits_compiled_and_loaded(tmp_path):
    assert bits(tmp_path) == bits(tmp_path)

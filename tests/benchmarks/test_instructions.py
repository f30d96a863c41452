"""As another machine, the other libraries and our BLAS obey the variables that restrict them."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import instructions

ASKED = """
import json
import numpy, threadpoolctl, torch
from numpy._core._multiarray_umath import __cpu_features__ as features
print(json.dumps([torch.backends.cpu.get_cpu_capability(), features["X86_V4"], features["X86_V3"],
      [one["architecture"] for one in threadpoolctl.threadpool_info() if "architecture" in one]]))
torch.nn.Conv2d(16, 16, 5)(torch.zeros(2, 16, 32, 32))
"""


def test_the_libraries_use_no_more_than_the_instructions():
    pytest.importorskip("torch"), pytest.importorskip("threadpoolctl")
    from llvmlite import binding

    if not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("a processor with less than AVX2")
    variables = instructions.VARIABLES["avx2"]
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env=os.environ | variables | {"ONEDNN_VERBOSE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    facts = next(line for line in done.splitlines() if line.startswith("["))
    assert json.loads(facts) == ["AVX2", False, True, ["Haswell"]]
    (convolution,) = (line for line in done.splitlines() if ",cpu,convolution," in line)
    assert "avx2" in convolution and "avx512" not in convolution

"""The checks of checks/ under `mpiexec -n 2, 3 and 4`: one launch per module and size."""

import pytest

from tests.distributed.launch import names, needs_mpi, outcomes

MODULES = ("collectives", "fitting", "gradients", "nccl", "norms")
CHECKS = [(module, name) for module in MODULES for name in names(module)]


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("module, name", CHECKS)
def test_ranks(module, name, ranks):
    assert outcomes(module, ranks)[name] == ""

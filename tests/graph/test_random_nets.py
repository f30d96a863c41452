"""Random nets of convolutions, branches, gates and resampling equal their graphs."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph import Free, capture, run, verify
from tests.graph.random_nets import Random


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 500), marks=pytest.mark.slow)],
                         ids=["few", "many"])  # fmt: skip
def test_random_nets_equal_their_graphs_for_any_batch(seeds):
    for seed in seeds:
        mt.manual_seed(seed)
        net = Random(seed).double().eval()
        graph = verify(capture(net, mt.zeros(1, 4, 12, 10, dtype=mt.float64)))
        assert graph.outputs[0].shape[0] == Free("N")
        x = mt.randn(3, 4, 12, 10, dtype=mt.float64)
        with mt.no_grad():
            found, expected = run(graph, x).numpy(), net(x).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")

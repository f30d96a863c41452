"""The benchmark of data-parallel steps."""

from tests.distributed.launch import launch, needs_mpi


@needs_mpi
def test_it_measures_two_ranks_and_predicts_them():
    run = launch(
        2, "-m", "benchmarks.distributed", "--model", "lenet5", "--batch", "8", "--steps", "1"
    )
    assert run.returncode == 0, run.stderr
    for text in ("1 process, 2 threads", "2 ranks, 1 thread", "predicted", "% hidden", "messages"):
        assert text in run.stdout

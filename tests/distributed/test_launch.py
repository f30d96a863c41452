"""How programs on several ranks begin and end: errors end all ranks, and nothing hangs."""

import importlib
import os
import re
import sys
import time

import pytest

import minitorch_cnn as mt
from tests.distributed.launch import launch, needs_mpi
from tests.interpreter import ROOT, python

BEGIN = """
import minitorch_cnn as mt
from minitorch_cnn import distributed as dist, nn
dist.init_process_group()
rank = dist.get_rank()
"""


def fails(ranks: int, code: str) -> str:
    """What a program that must fail within 30 s prints."""
    run = launch(ranks, "-c", BEGIN + code)
    assert run.returncode != 0, run.stdout
    return run.stdout + run.stderr


@needs_mpi
def test_an_error_of_one_rank_ends_all_with_its_name():
    text = fails(3, "if rank == 1: raise KeyError('planted')\ndist.barrier()")
    assert "rank 1: Traceback" in text and "KeyError: 'planted'" in text


@needs_mpi
def test_an_error_of_all_ranks_is_printed_once():
    assert fails(3, "raise KeyError('planted')").count("KeyError: 'planted'") == 1


@needs_mpi
@pytest.mark.parametrize(
    "code",
    [
        "model = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))\n"
        "for _ in range(2 + (rank == 1)): model(mt.ones(1, 2)).sum().backward()",
        "if rank: dist.barrier()",
        "dist.all_reduce(mt.zeros(2)) if rank else nn.parallel.DistributedDataParallel("
        "nn.Linear(2, 2))",
    ],
)
def test_ranks_that_do_different_things_end_with_an_error(code):
    assert "the ranks make different calls: rank" in fails(2, code)


@needs_mpi
def test_a_timeout_ends_a_wait():
    code = BEGIN.replace("group()", "group(timeout=__import__('datetime').timedelta(seconds=1))")
    code += "\nimport time\nif rank == 0: dist.barrier()\nelse: time.sleep(20)"
    run = launch(2, "-c", code)
    assert run.returncode != 0
    assert "barrier: rank 0 has waited" in run.stderr and "for rank 1, longer" in run.stderr


@needs_mpi
def test_a_killed_rank_ends_all():
    code = "import os, signal\nif rank == 1: os.kill(os.getpid(), signal.SIGKILL)\ndist.barrier()"
    began = time.monotonic()
    text = fails(3, code)
    assert "EXIT CODE: 9" in text and re.search(r"minitorch_cnn: .*rank 1 \(process", text)
    assert time.monotonic() - began < 30


@needs_mpi
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_process_is_refused_and_does_not_hang():
    code = BEGIN + (
        "import os\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    try: dist.barrier()\n"
        "    except RuntimeError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\ndist.barrier()"
    )
    run = launch(2, "-c", code.replace("import os\n", "import os, warnings\n"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("barrier: there is no process group; this process was forked") == 2


@needs_mpi
def test_workers_of_a_loader_are_no_ranks(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import minitorch_cnn as mt\n"
        "from minitorch_cnn import data, distributed as dist\n"
        "if __name__ == '__main__':\n"
        "    dist.init_process_group()\n"
        "    loader = data.DataLoader(range(6), 2, num_workers=1, workers='processes')\n"
        "    assert sum(b.sum().item() for b in loader) == 15\n"
        "    dist.destroy_process_group()\n"
        "    assert not dist.is_initialized()\n"
    )
    run = launch(2, str(program), timeout=60)
    assert run.returncode == 0, run.stderr


@needs_mpi
def test_without_a_launcher_there_is_one_process():
    code = BEGIN + (
        "x = mt.ones(2); dist.all_reduce(x, 'mean'); dist.broadcast(x, 0); dist.barrier()\n"
        "parts = [mt.zeros(2)]; dist.all_gather(parts, x)\n"
        "model = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))\n"
        "model(x).sum().backward()\n"
        "print(dist.get_world_size(), rank, parts[0].tolist(), model.module.bias.grad.tolist())\n"
        "dist.destroy_process_group()"
    )
    assert python(code, ROOT) == "1 0 [1.0, 1.0] [1.0, 1.0]\n"


@needs_mpi
def test_a_launcher_of_another_kind_is_named(monkeypatch):
    code = "import os; os.environ['WORLD_SIZE'] = '4'" + BEGIN
    with pytest.raises(AssertionError, match=r"the launcher started 4 processes, but MPI .* one"):
        python(code, ROOT)


def test_without_mpi4py_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    dist = importlib.import_module("minitorch_cnn.distributed")
    with pytest.raises(ImportError, match=r"^init_process_group: .*pip install 'minitorch_cnn\["):
        dist.init_process_group()
    for call in (dist.get_rank, dist.barrier, lambda: dist.all_reduce(mt.zeros(2))):
        with pytest.raises(RuntimeError, match=r"there is no process group; call init_process_gr"):
            call()
    assert not dist.is_initialized() and not dist.is_gloo_available()


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"backend": "gloo"}, "backend='gloo' must be 'mpi' or 'nccl'"),
        ({"init_method": "tcp://localhost:1"}, "init_method='tcp://localhost:1' must be None"),
    ],
)
def test_settings_that_mpi_does_not_have_are_refused(settings, text):
    with pytest.raises(ValueError, match=f"^init_process_group: {text}"):
        mt.distributed.init_process_group(**settings)

"""Worker threads and processes: how they fail and how they end."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import pytest

from minitorch_cnn.data import DataLoader, Dataset
from tests.interpreter import ROOT, interruptible

BOTH = pytest.mark.parametrize("workers", ["threads", "processes"])


class Numbers(Dataset):
    """Sample i is i; sample `bad` fails as `fail` says."""

    def __init__(self, size=24, bad=None, fail=None):
        self.size, self.bad, self.fail = size, bad, fail

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index == self.bad:
            self.fail(index)
        return index


class Unpicklable(Exception):
    def __init__(self, index, reason):
        super().__init__(f"{reason} at {index}")


def divide_by_zero(index):
    return index / 0


def raise_unpicklable(index):
    raise Unpicklable(index, "out of paper")


def die(index):
    os._exit(3)


def sleep_long(index):
    time.sleep(60)


def threads_of_loaders():
    return [thread for thread in threading.enumerate() if thread.name.startswith("DataLoader")]


def assert_workers_end():
    deadline = time.monotonic() + 5
    while threads_of_loaders() or multiprocessing.active_children():
        assert time.monotonic() < deadline, "workers are left"
        time.sleep(0.01)


@BOTH
def test_an_error_arrives_at_its_batch_with_its_own_traceback(workers):
    dataset = Numbers(bad=9, fail=divide_by_zero)
    iterator = iter(DataLoader(dataset, 4, num_workers=2, workers=workers))
    assert [next(iterator).tolist() for _ in range(2)] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(ZeroDivisionError) as caught:
        next(iterator)
    text = "".join(traceback.format_exception(caught.value))
    assert "in divide_by_zero" in text and "self.fail(index)" in text
    if sys.version_info >= (3, 11):
        assert text.rstrip().endswith("DataLoader: this was sample 9, loaded in worker 0")
    assert_workers_end()


def test_an_error_that_cannot_travel_between_processes_arrives_as_text():
    dataset = Numbers(bad=1, fail=raise_unpicklable)
    with pytest.raises(
        RuntimeError, match=r"(?s)^DataLoader: .*in raise_unpicklable.*out of paper"
    ):
        list(DataLoader(dataset, 4, num_workers=1, workers="processes"))
    assert_workers_end()


def test_a_worker_process_that_dies_is_reported():
    with pytest.raises(RuntimeError, match=r"^DataLoader: a worker process died"):
        list(DataLoader(Numbers(bad=1, fail=die), 4, num_workers=1, workers="processes"))
    assert_workers_end()


def test_a_worker_process_that_hangs_is_ended_when_its_time_is_over():
    dataset = Numbers(8, bad=4, fail=sleep_long)
    loader = DataLoader(dataset, 4, num_workers=1, workers="processes", timeout=4)
    iterator = iter(loader)
    assert next(iterator).tolist() == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match=r"^DataLoader: timed out after timeout=4 s"):
        next(iterator)
    assert_workers_end()


def test_a_data_set_that_cannot_be_sent_to_a_process_is_refused():
    loader = DataLoader(Numbers(fail=lambda index: None), num_workers=1, workers="processes")
    with pytest.raises(TypeError, match=r"^DataLoader: workers='processes' needs .* pickled"):
        list(loader)
    assert_workers_end()


@BOTH
def test_breaking_out_of_the_loop_ends_the_workers(workers):
    for batch in DataLoader(Numbers(400), 4, num_workers=2, workers=workers):
        assert batch.tolist() == [0, 1, 2, 3]
        break
    assert_workers_end()


def test_an_error_in_the_body_of_the_loop_ends_the_workers():
    def loop():
        for batch in DataLoader(Numbers(400), 4, num_workers=3):
            raise LookupError(batch)

    with pytest.raises(LookupError):
        loop()
    assert_workers_end()


def test_closing_the_iterator_does_not_wait_for_batches_nobody_wants():
    class Slow(Numbers):
        def __getitem__(self, index):
            time.sleep(0.0 if index < 4 else 0.2)
            return index

    iterator = iter(DataLoader(Slow(400), 4, num_workers=1, prefetch_factor=5))
    next(iterator)  # four batches of 0.8 s each are on their way
    start = time.monotonic()
    iterator.close()
    assert time.monotonic() - start < 0.7
    assert_workers_end()


def test_a_whole_epoch_leaves_no_workers():
    assert len(list(DataLoader(Numbers(), 4, num_workers=4))) == 6
    assert_workers_end()


SCRIPT = """
import os
import threading
import time
from minitorch_cnn.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 100_000

    def __getitem__(self, index):
        time.sleep(0.02)
        return f"{{os.getpid()}} {{threading.get_ident()}}"

if __name__ == "__main__":
    seen = set()
    for batch in DataLoader(Slow(), 4, num_workers=2, workers="{workers}"):
        seen.update(batch)
        if len(seen) == 2:
            print("running", flush=True)
"""


def start_script(folder, workers):
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(workers=workers)))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=interruptible if os.name == "posix" else None,
    )
    assert process.stdout.readline() == "running\n"
    return process


def assert_group_ends(process):
    """No process of the script's session is left."""
    deadline = time.monotonic() + 10
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("processes are left")
        time.sleep(0.02)


posix = pytest.mark.skipif(os.name != "posix", reason="sends signals to a process group")


@posix
@BOTH
def test_control_c_ends_the_program_and_its_workers(tmp_path, workers):
    process = start_script(tmp_path, workers)
    os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the whole group
    try:
        _, errors = process.communicate(timeout=10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode != 0 and errors.rstrip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == 1, "the workers are silent"
    assert_group_ends(process)


@posix
def test_worker_processes_end_when_the_program_is_killed(tmp_path):
    process = start_script(tmp_path, "processes")
    process.kill()
    process.communicate(timeout=10)
    assert_group_ends(process)

"""One process at a time writes into a folder, and an ended one does not keep its lock."""

import os
import subprocess
import sys
import threading

import pytest

from minitorch_cnn.training import make_config, resume_run, train_run
from minitorch_cnn.training.lock import locked, making
from tests.interpreter import ROOT

CONFIG = make_config("lenet5_relu", epochs=1, batch_size=1442)
HOLD = """
import sys, time
from pathlib import Path
from minitorch_cnn.training.lock import locked
with locked(Path(sys.argv[1]), "hold"):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has the lock of tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_another_process_is_kept_out_and_told_whose_the_folder_is(holder, tmp_path):
    words = rf"^train_run: .*is being written by another process \(process {holder.pid}\)"
    with pytest.raises(RuntimeError, match=words), locked(tmp_path, "train_run"):
        pass
    with pytest.raises(RuntimeError, match=words):
        train_run(CONFIG, tmp_path, progress="none")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_the_lock_of_a_killed_process_is_free(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path, "train_run"):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_a_run_that_goes_on_is_not_resumed(tmp_path):
    train_run(CONFIG, tmp_path, progress="none")
    with (
        locked(tmp_path, "a"),
        pytest.raises(RuntimeError, match=r"^resume_run: .* is being written by another process"),
    ):
        resume_run(tmp_path, progress="none")


def test_only_one_of_many_threads_is_in_at_a_time(tmp_path):
    inside, entered, most = [], [], []

    def work():
        for _ in range(100):
            try:
                with locked(tmp_path, "work"):
                    inside.append(1)
                    most.append(len(inside))
                    entered.append(1)
                    inside.pop()
            except RuntimeError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entered and set(most) == {1} and not list(tmp_path.iterdir())


def test_folders_made_for_nothing_go_again_and_others_stay(tmp_path):
    with pytest.raises(KeyError), making(tmp_path / "a" / "b"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError), making(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").touch()
        raise KeyError
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]
    with pytest.raises(FileExistsError), making(tmp_path / "a", fresh=True):
        pass

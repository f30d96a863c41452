"""Files that mean harm are refused in one sentence, or loaded, within bounded memory and time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from tests.onnx.hostile import MUTATIONS, old_net, write_files

LIMIT = 64 * 2**20  # bytes, and four times the file's size
READER = """
import json, signal, sys
import minitorch_cnn as mt
from benchmarks.peak import _status, forget_peak, peak_memory
mt.onnx.load(sys.argv[1])  # the libraries are in memory
for path in sys.argv[2:]:
    signal.alarm(30)  # a file that takes longer ends the process
    forget_peak()
    before, said = _status("VmRSS"), None
    try:
        mt.onnx.load(path)
    except ValueError as error:
        said = str(error)
    print(json.dumps([path, said, (peak_memory() - before) * 2**30]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a peak begin anew")
@pytest.mark.parametrize("seeds", [
    range(330), pytest.param(range(330, 1500), marks=pytest.mark.slow),
], ids=["few", "many"])  # fmt: skip
def test_hostile_files_are_refused_or_loaded_in_little_memory(seeds, tmp_path):
    paths, good = write_files(tmp_path, seeds), tmp_path / "good.onnx"
    good.write_bytes(old_net().SerializeToString())
    command = [sys.executable, "-c", READER, str(good), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(paths), (paths[len(found)], done.returncode, done.stderr[-2000:])
    assert [row for row in found if not _is_sentence(*row[:2])] == []
    assert [row for row in found if row[2] > LIMIT + 4 * Path(row[0]).stat().st_size] == []
    refused = {Path(path).stem.split("_", 1)[1] for path, said, _ in found if said}
    assert refused == {mutate.__name__ for mutate in MUTATIONS}


def _is_sentence(path, said):
    """Whether a file was loaded, or the error names it, in one line."""
    return said is None or (said.startswith(f"load: {path}: ") and "\n" not in said)

"""Files that mean harm are refused in one sentence, or loaded, within bounded memory and time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from tests.onnx.hostile import MUTATIONS, write_files

LIMIT = 64 * 2**20  # bytes, and four times the file's size
SECONDS = 20  # for one file
READER = """
import json, os, signal, sys
import minitorch_cnn as mt
from benchmarks.peak import _status, forget_peak, peak_memory
mt.onnx.load(sys.argv[1])  # the libraries are in memory
for path in sys.argv[2:]:
    signal.alarm(SECONDS)
    forget_peak()
    before = _status("VmRSS")
    try:
        mt.onnx.load(path)
        said = None
    except ValueError as error:
        said = str(error)
    except OSError as error:
        said = f"OSError {error}"
    print(json.dumps([path, said, (peak_memory() - before) * 2**30]), flush=True)
""".replace("SECONDS", str(SECONDS))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a peak begin anew")
@pytest.mark.parametrize("seeds", [range(330), pytest.param(range(330, 4400), marks=pytest.mark.slow)],
                         ids=["few", "many"])  # fmt: skip
def test_hostile_files_are_refused_or_loaded_in_little_memory(seeds, tmp_path):
    paths = write_files(tmp_path, seeds)
    good = tmp_path / "good.onnx"
    from tests.onnx.hostile import goods

    good.write_bytes(goods()[2].SerializeToString())
    command = [sys.executable, "-c", READER, str(good), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path.cwd())
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(paths), (paths[len(found)], done.returncode, done.stderr[-2000:])
    wrong = [(Path(path).name, said, rise >> 20) for path, said, rise in _rounded(found)
             if not (_is_sentence(path, said) and rise <= LIMIT + 4 * Path(path).stat().st_size)]  # fmt: skip
    assert wrong == []
    refused = {Path(path).stem.split("_", 1)[1] for path, said, _ in found if said}
    assert refused == {mutate.__name__ for mutate in MUTATIONS}


def _rounded(found):
    return [(path, said, int(rise)) for path, said, rise in found]


def _is_sentence(path, said):
    """Whether a file was loaded, or the error names it, in one line."""
    return said is None or (said.startswith(f"load: {path}: ") and "\n" not in said.strip())

"""`python -m tests.programs.record` writes numbers.json: what the programs give on PyTorch."""

import json
import tempfile
from pathlib import Path

from tests.programs.running import DTYPES, NUMBERS, PROGRAMS, THEIRS, run


def recorded() -> dict:
    """The numbers of every program in every dtype."""
    found = {}
    for program in PROGRAMS:
        for dtype in DTYPES:
            with tempfile.TemporaryDirectory() as folder:
                found[f"{program} {dtype}"] = run(program, THEIRS, dtype, Path(folder))
    return found


if __name__ == "__main__":
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in recorded().items()]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

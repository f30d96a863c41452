"""Run all checks of one module on all ranks; rank 0 prints the outcomes."""

import importlib
import json
import sys
import traceback

import minitorch_cnn as mt


def main(module: str) -> None:
    mt.distributed.init_process_group()
    rank, size = mt.distributed.get_rank(), mt.distributed.get_world_size()
    checks = importlib.import_module(f"tests.distributed.checks.{module}")
    found = {}
    for name, check in vars(checks).items():
        if not name.startswith("check_"):
            continue
        error = ""
        try:
            check(rank, size)
        except AssertionError:
            error = f"rank {rank}: {traceback.format_exc()}"
        errors = [None] * size
        mt.distributed.all_gather_object(errors, error)
        found[name.removeprefix("check_")] = "\n".join(filter(None, errors))
    if rank == 0:
        print("OUTCOMES " + json.dumps(found), flush=True)


main(sys.argv[1])

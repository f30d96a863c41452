"""`python -m minitorch_cnn.kernels warm` compiles what nets use, in other processes."""

import subprocess
import sys

import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels import dispatch, jit, warm


def test_every_task_has_an_implementation_that_is_compiled():
    compiled = [
        name
        for operator in dispatch._operators.values()
        for name, implementation in operator.implementations.items()
        if implementation.needs is dispatch.NUMBA
    ]
    assert {implementation for implementation, _ in warm.TASKS.values()} <= set(compiled)
    assert {"3x3, forward", "winograd 3x3, weight_grad", "batch norm", "relu"} <= set(warm.TASKS)


@pytest.mark.parametrize("name", warm.TASKS)
def test_every_task_calls_its_operator_rightly(name, monkeypatch):
    chosen = []
    choose = dispatch.Operator.choose

    def watched(operator, case):
        chosen.append(operator.name)
        return choose(operator, case)

    monkeypatch.setattr(dispatch.Operator, "choose", watched)
    with dispatch.use("numpy"):  # which needs no compilation
        warm.TASKS[name][1]()
    if name == "relu of a sum":  # which only one implementation computes
        assert not chosen
    else:
        assert len(set(chosen)) == 1


def test_the_command_compiles_in_another_process_and_counts(tmp_path):
    code = """if True:
        from minitorch_cnn.kernels import warm
        warm.TASKS = {"relu": warm.TASKS["relu"]}
        if __name__ == "__main__":
            warm.warm()
    """
    script = tmp_path / "script.py"
    script.write_text(code)
    run = subprocess.run([sys.executable, script], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr.endswith(b"\rcompiling kernels: 1 of 1  " + b"relu".ljust(40) + b"\n")


def test_the_command_refuses_other_words_and_to_work_without_numba(monkeypatch):
    monkeypatch.setattr(jit, "has_numba", lambda: False)
    with pytest.raises(RuntimeError, match="warm: Numba is not installed"):
        warm.warm()
    command = [sys.executable, "-m", "minitorch_cnn.kernels", "cool"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "invalid choice: 'cool'" in run.stderr

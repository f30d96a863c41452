from concurrent.futures import ThreadPoolExecutor

import pytest

from minitorch_cnn.kernels.cuda import check
from minitorch_cnn.kernels.cuda.check import ARCHITECTURES, Specialisation, Usage, over, usages
from minitorch_cnn.kernels.cuda.launch import SOURCES

pytestmark = pytest.mark.skipif(check.nvrtc() is None, reason="NVRTC is not installed")


def architectures(specialisation):
    """All that it is for; doubles, which are for checking gradients, on one of them.

    The command `python -m minitorch_cnn.kernels.cuda.check` looks at the others, too.
    """
    if specialisation.defines.get("REAL") == "double":
        return [90]
    return [number for number in ARCHITECTURES if number >= specialisation.since]


@pytest.mark.parametrize("specialisation", check.specialisations(), ids=str)
def test_every_kernel_stays_within_its_budget(specialisation):
    with ThreadPoolExecutor(2) as pool:
        compiling = {
            a: pool.submit(usages, specialisation, a) for a in architectures(specialisation)
        }
    for architecture, future in compiling.items():
        found = future.result()
        assert found.keys() == specialisation.budget.keys()
        for name, usage in found.items():
            budget = specialisation.budget[name]
            assert not over(usage, budget), f"{name} on sm_{architecture}: {usage}, not {budget}"


def test_every_text_of_every_operator_has_a_budget():
    texts = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.cu")}
    assert texts == {specialisation.path for specialisation in check.specialisations()}


def test_no_budget_allows_spilling():
    budgets = [b for found in check.specialisations() for b in found.budget.values()]
    assert all(budget.spilled == 0 and budget.shared <= 48 * 1024 for budget in budgets)


@pytest.fixture
def text(tmp_path):
    """A kernel whose array of 400 values fits into no registers."""
    path = tmp_path / "wide.cu"
    path.write_text(
        '#include "prelude.h"\n'
        'extern "C" __global__ void __launch_bounds__(1024) wide(REAL* y, int n)\n'
        "{\n"
        "    __shared__ REAL tile[100];\n"
        "    REAL x[400];\n"
        "    for (int i = 0; i < 400; i++) x[i] = y[i] * n;\n"
        "    tile[threadIdx.x % 100] = x[n];\n"
        "    __syncthreads();\n"
        "    for (int i = 0; i < 400; i++) y[i * n] = x[i] + tile[i % 100];\n"
        "}\n"
    )
    return Specialisation(str(path), {"REAL": "float"}, {"wide": Usage(64, 400)})


def test_spills_and_shared_memory_are_seen(text):
    usage = usages(text, 90)["wide"]
    assert usage.shared == 400 and usage.spilled >= 1600 and usage.registers <= 64
    assert over(usage, text.budget["wide"])


def test_a_text_is_compiled_once(text, monkeypatch):
    first = usages(text, 80)
    monkeypatch.setattr(check, "_compile", None)
    assert usages(text, 80) == first


def test_the_table_says_what_exceeds_its_budget(text, monkeypatch, capsys):
    monkeypatch.setattr(check, "specialisations", lambda: [text])
    assert check.main() == 1
    *_, row = capsys.readouterr().out.splitlines()
    words = row.split()
    assert words[0] == "wide" and words[-3:-1] == ["64", "400"] and int(words[-1]) >= 1600
    monkeypatch.setattr(check, "specialisations", lambda: [])
    assert check.main() == 0


def test_what_does_not_compile_is_told_in_the_compilers_words(tmp_path):
    path = tmp_path / "wrong.cu"
    path.write_text('#include "prelude.h"\nextern "C" __global__ void f(int* y) { y = nobody; }\n')
    with pytest.raises(RuntimeError, match=r"(?s)NVRTC cannot compile .*wrong.cu.*nobody"):
        usages(Specialisation(str(path), {}, {}), 80)

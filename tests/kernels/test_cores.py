"""The number of cores that a process may use, from files in the format of Linux."""

import os

import pytest

from minitorch_cnn.kernels import cores, get_num_threads, set_num_threads, threads
from minitorch_cnn.kernels.cores import quota


@pytest.fixture
def machine(tmp_path):
    """A function that writes the files of a machine, given as {path: text}, and its quota."""

    def written(groups, **files):
        for name, text in {"proc/self/cgroup": groups, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        quota.cache_clear()
        return quota(str(tmp_path))

    return written


@pytest.mark.parametrize(
    "line, cores",
    [
        ("max 100000", None),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("199999 100000", 1),
        ("200000 100000", 2),
        ("650000 100000", 6),
        ("30000 10000", 3),
        ("max", None),
        ("", None),
        ("100000 0", None),
        ("words", None),
    ],
)
def test_version_2_has_time_and_period_in_one_file(machine, line, cores):
    assert machine("0::/\n", **{"sys/fs/cgroup/cpu.max": line + "\n"}) == cores


def test_the_quotas_of_enclosing_groups_apply(machine):
    files = {
        "sys/fs/cgroup/a/cpu.max": "300000 100000",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000",
        "sys/fs/cgroup/a/b/c/cpu.max": "400000 100000",
        "sys/fs/cgroup/other/cpu.max": "100000 100000",
    }
    assert machine("0::/a/b/c\n", **files) == 3


def test_the_path_may_be_that_of_the_host(machine):
    assert machine("0::/docker/1f\n", **{"sys/fs/cgroup/cpu.max": "200000 100000"}) == 2
    assert machine("0::/../..\n", **{"sys/fs/cgroup/cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("time, cores", [("-1", None), ("50000", 1), ("250000", 2)])
def test_version_1_has_two_files(machine, folder, time, cores):
    groups = "12:cpuset:/x\n4:cpu,cpuacct:/x\n3:name=systemd:/x:y\n"
    files = {"cpu.cfs_quota_us": time, "cpu.cfs_period_us": "100000"}
    assert (
        machine(groups, **{f"sys/fs/cgroup/{folder}/x/{name}": files[name] for name in files})
        == cores
    )


def test_without_control_groups_there_is_no_quota(machine, tmp_path):
    assert quota(str(tmp_path / "nothing")) is None
    assert machine("0::/\n") is None


@pytest.mark.parametrize(
    "allowed, given, count", [({0, 2, 5}, None, 3), ({0, 1, 2}, 2, 2), ({3}, 2, 1)]
)
def test_threads_are_by_default_as_many_as_affinity_and_quota_allow(
    monkeypatch, allowed, given, count
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: allowed, raising=False)
    monkeypatch.setattr(cores, "quota", lambda: given)
    monkeypatch.setattr(threads, "_num_threads", 0)
    assert get_num_threads() == count
    set_num_threads(7)
    assert get_num_threads() == 7


def test_where_there_is_no_affinity_all_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(cores, "quota", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert cores.usable_cores() == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.usable_cores() == 1


def test_where_no_thread_starts_there_is_one_usable_core(monkeypatch):
    def cannot_start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", cannot_start)
    cores.has_threads.cache_clear()
    try:
        assert not cores.has_threads()
        assert cores.usable_cores() == 1
    finally:
        cores.has_threads.cache_clear()

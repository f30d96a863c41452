"""A file is written whole or not at all."""

import errno
import os
import sys

import pytest

from minitorch_cnn.interop import write_atomically


def test_text_and_bytes_are_written(tmp_path):
    write_atomically(tmp_path / "a", "größer")
    write_atomically(tmp_path / "b", b"\0\1")
    assert (tmp_path / "a").read_bytes() == "größer".encode()
    assert (tmp_path / "b").read_bytes() == b"\0\1"


def test_what_a_killed_writer_left_behind_is_overwritten(tmp_path):
    (tmp_path / "a.tmp").write_text("half of a fi")
    write_atomically(tmp_path / "a", "whole")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "whole")]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_full_disk_leaves_the_previous_content_and_no_rubbish(tmp_path):
    import resource

    path = tmp_path / "a"
    write_atomically(path, "previous")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write .*a: File too large"):
            write_atomically(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "previous")]


def test_a_directory_that_cannot_be_written_to_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    write_atomically(tmp_path / "a", "previous")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match=r"cannot write .*a: Read-only file system") as caught:
        write_atomically(tmp_path / "a", "new")
    assert caught.value.errno == errno.EROFS
    assert [file.read_text() for file in tmp_path.iterdir()] == ["previous"]


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write .*gone.a: No such file"):
        write_atomically(tmp_path / "gone" / "a", "")


def test_the_content_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1]
        )
    write_atomically(tmp_path / "a", "content")
    directory = [] if os.name == "nt" else ["fsync"]
    assert calls == ["fsync", "replace", *directory]

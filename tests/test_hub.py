"""Files of weights from a server of our own, and their cache."""

import hashlib
import http.server
import threading
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import hub
from minitorch_cnn.utils import model_zoo


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *message):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder, and the address of a server that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "_folder", None)
    return tmp_path / "cache" / "hub" / "checkpoints"


def weights(folder, name="net.pth"):
    state = {"weight": mt.arange(4.0)}
    mt.save(state, folder / name)
    return folder / name


def test_a_file_is_downloaded_once_and_read(served, cache, capsys):
    folder, address = served
    weights(folder)
    Quiet.asked.clear()
    for _ in range(2):
        state = hub.load_state_dict_from_url(f"{address}/net.pth?raw=1")
        np.testing.assert_array_equal(state["weight"], np.arange(4.0))
    assert Quiet.asked == ["/net.pth?raw=1"]
    assert [path.name for path in cache.iterdir()] == ["net.pth"]
    told = capsys.readouterr()
    assert told.out == "" and "Downloading" in told.err and "100 %" in told.err
    model_zoo.load_url(f"{address}/net.pth", cache.parent, "cpu", progress=False, file_name="a.pth")
    assert (cache.parent / "a.pth").is_file() and capsys.readouterr().err == ""


def test_the_hash_in_a_name_is_checked_where_asked(served, cache):
    folder, address = served
    path = weights(folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    right, wrong = f"net-{digest[:8]}.pth", "net-00000000.pth"
    path.rename(folder / right)
    (folder / wrong).write_bytes((folder / right).read_bytes())
    hub.load_state_dict_from_url(f"{address}/{right}", check_hash=True, progress=False)
    with pytest.raises(RuntimeError, match=r"^download_url_to_file: .* must begin with '00000000'"):
        hub.load_state_dict_from_url(f"{address}/{wrong}", check_hash=True, progress=False)
    assert [path.name for path in cache.iterdir()] == [right]
    for url, settings, message in [
        (f"{address}/net.pth", {"check_hash": True}, "check_hash=True needs a hash"),
        (f"{address}/", {}, "url=.* must end in the name of a file"),
    ]:
        with pytest.raises(ValueError, match=f"^load_state_dict_from_url: {message}"):
            hub.load_state_dict_from_url(url, **settings)


def test_what_cannot_be_had_leaves_nothing(served, cache):
    _, address = served
    with pytest.raises(HTTPError):
        hub.load_state_dict_from_url(f"{address}/absent.pth", progress=False)
    assert list(cache.iterdir()) == []


def test_files_are_urls_too_and_the_folder_can_be_chosen(tmp_path):
    path = weights(tmp_path)
    hub.set_dir(tmp_path / "mine")
    assert hub.get_dir() == str(tmp_path / "mine")
    state = hub.load_state_dict_from_url(path.as_uri(), progress=False)
    assert state["weight"].shape == (4,)
    assert (tmp_path / "mine" / "checkpoints" / "net.pth").is_file()


def test_the_cache_is_where_pytorch_has_it(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Path(hub.get_dir()) == tmp_path / "torch" / "hub"


def test_code_from_the_net_is_never_run():
    with pytest.raises(RuntimeError, match=r"^hub.load: 'pytorch/vision' is code from the"):
        mt.hub.load("pytorch/vision", "resnet18", pretrained=True)

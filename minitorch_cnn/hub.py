"""Files of weights from the net, kept in PyTorch's cache: torch.hub's functions without its code.

load_state_dict_from_url(url)    downloads a file once, checks it, and reads it with `mt.load`
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlparse

from .interop import load as load_file

HASH = re.compile(r"-([a-f0-9]{8,})\.")  # resnet18-f37072fd.pth says how its sha256 begins
CHUNK = 2**17  # bytes

_folder: Path | None = None


def get_dir() -> str:
    """The folder of what is downloaded: that of `set_dir`, or $TORCH_HOME/hub, where TORCH_HOME is
    $XDG_CACHE_HOME/torch or ~/.cache/torch unless it is set.
    """
    if _folder is not None:
        return str(_folder)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub")


def set_dir(d: str | Path) -> None:
    """Keep what is downloaded in this folder from now on."""
    global _folder
    _folder = Path(d).expanduser()


def download_url_to_file(
    url: str, dst: str | Path, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """The content of a URL in the file `dst`, whole or not at all.

    hash_prefix: how the content's SHA-256 must begin. progress: whether how much has come is shown
    on the standard error.

    Raises: OSError (urllib's) if it cannot be had, RuntimeError for another hash; `dst` is then as
    it was.
    """
    dst = Path(dst)
    part = dst.with_name(f"{dst.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "minitorch_cnn.hub"})
    try:
        with urllib.request.urlopen(request) as source, open(part, "wb") as file:
            size, come = int(source.headers.get("Content-Length") or 0), 0
            while chunk := source.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                come += len(chunk)
                if progress and size:
                    print(f"\r{dst.name}: {100 * come // size} %", end="", file=sys.stderr)
        if progress and size:
            print(file=sys.stderr)
        if size and come != size:
            raise RuntimeError(f"download_url_to_file: {url} has {size} bytes, {come} came")
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(
                f"download_url_to_file: {url} has the SHA-256 {digest.hexdigest()}, must begin "
                f"with {hash_prefix!r}"
            )
        os.replace(part, dst)
    finally:
        part.unlink(missing_ok=True)


def load_state_dict_from_url(
    url: str,
    model_dir: str | Path | None = None,
    map_location: str | Mapping | Callable | None = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
):
    """What the file at a URL holds, downloaded once; see `load` for what is read and what it gives.

    model_dir: the folder it is kept in, `get_dir()`/checkpoints by default; file_name: its name
    there, by default the last part of the URL. check_hash: whether its SHA-256 must begin with what
    stands between the last dash and the ending of that name, as in resnet18-f37072fd.pth. Nothing
    in a file is ever executed.

    Raises: as `download_url_to_file` and `load`; ValueError for a URL without a name of a file, or
    with check_hash one without a hash.
    """
    folder = Path(get_dir()) / "checkpoints" if model_dir is None else Path(model_dir)
    name = file_name or Path(urlparse(url).path).name
    if not name:
        raise ValueError(f"load_state_dict_from_url: url={url!r} must end in the name of a file")
    prefix = None
    if check_hash:
        found = HASH.search(name)
        if found is None:
            raise ValueError(
                f"load_state_dict_from_url: check_hash=True needs a hash in the name {name!r}, as "
                "in resnet18-f37072fd.pth"
            )
        prefix = found[1]
    path = folder / name
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if progress:
            print(f"Downloading: {url!r} to {path}", file=sys.stderr)
        download_url_to_file(url, path, prefix, progress)
    return load_file(path, map_location, weights_only)


def load(repo_or_dir: str, model: str, *args, **kwargs) -> NoReturn:
    """RuntimeError: code from the net is never run; `models.create_model` makes networks."""
    raise RuntimeError(
        f"hub.load: {repo_or_dir!r} is code from the net, which is never run; "
        f"models.create_model({model!r}) makes a network, hub.load_state_dict_from_url its weights"
    )

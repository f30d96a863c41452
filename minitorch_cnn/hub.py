"""Weight files from the internet, in PyTorch's cache: torch.hub's functions that run no code.

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

HASH = re.compile(r"-([a-f0-9]{8,})\.")  # the first digits of the SHA-256: resnet18-f37072fd.pth
CHUNK = 2**17  # bytes

_folder: Path | None = None


def get_dir() -> str:
    """The folder of downloads: that of `set_dir`, or $TORCH_HOME/hub, where TORCH_HOME defaults to
    $XDG_CACHE_HOME/torch or ~/.cache/torch.
    """
    if _folder is not None:
        return str(_folder)
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub")


def set_dir(d: str | Path) -> None:
    """Set the folder of downloads."""
    global _folder
    _folder = Path(d).expanduser()


def download_url_to_file(
    url: str, dst: str | Path, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Download a URL to the file `dst`, completely or not at all.

    hash_prefix: the required beginning of the content's SHA-256. progress: whether to show the
    progress on standard error.

    Raises: OSError (urllib's) if the download fails, RuntimeError for another hash; `dst` is then
    unchanged.
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
    """Download the file at a URL once, and load it by `load`, which never executes code.

    model_dir: the folder of the file, `get_dir()`/checkpoints by default; file_name: its name
    there, by default the last part of the URL. check_hash: whether its SHA-256 must begin with the
    digits in that name, as in resnet18-f37072fd.pth.

    Raises: as `download_url_to_file` and `load`; ValueError for a URL without the name of a file,
    or with check_hash for a name without a hash.
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
    """Raises RuntimeError: code from the internet is never run; use `models.create_model`."""
    raise RuntimeError(
        f"hub.load: {repo_or_dir!r} is code from the internet, which is never run; use "
        f"models.create_model({model!r}), and hub.load_state_dict_from_url for its weights"
    )

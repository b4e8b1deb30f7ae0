"""What a push changes: the local files compared with those of the repository."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.dataset.layout import inside_config, kind_of
from pipeline.hub.publishable import LocalFile
from schemas.push import PushedFile

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile


def compare(files: Iterable[LocalFile], remote: Mapping[str, "RepoFile"], config: str) -> list[PushedFile]:
    """The change of each file. A remote file of this config that is not among the local ones is deleted: an old data
    file would be loaded with the new ones. Files of other configs, and any other file, stay as they are."""
    compared = []
    for file in files:
        change: Literal["add", "update", "same"] = "add"
        if file.path in remote:
            change = "same" if is_same(file, remote[file.path]) else "update"
        compared.append(PushedFile(path=file.path, bytes=file.bytes, change=change))
    local = {file.path for file in compared}
    old = sorted(path for path in remote if path not in local and is_of_config(path, config))
    return compared + [PushedFile(path=path, bytes=remote[path].size, change="delete") for path in old]


def is_of_config(path: str, config: str) -> bool:
    """Whether a file of the repository may come from an earlier push of this config.

    >>> is_of_config("pair/manifest.json", "pair"), is_of_config("fields/manifest.json", "pair")
    (True, False)
    >>> is_of_config("LICENSE", "pair"), is_of_config("pair/notes.txt", "pair")
    (False, False)
    """
    inside = inside_config(path, config)
    return inside != path and kind_of(inside) is not None


def is_same(local: LocalFile, remote: "RepoFile") -> bool:
    """Whether two files hold the same bytes, without a download."""
    if local.bytes != remote.size:
        return False
    return local.sha256 == remote.lfs.sha256 if remote.lfs else git_id(local.content) == remote.blob_id


def git_id(content: Path | bytes) -> str:
    """The id under which git stores a file.

    >>> git_id(b"hello\\n")
    'ce013625030ba8dba906f756967f9e9ca394464a'
    """
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

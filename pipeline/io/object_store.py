"""Object stores (s3://, gs://, hf:// and whatever fsspec opens): files copied from them, and folders copied to them.

A store has no rename. So what is copied to it counts from its manifest on, which is removed first and written last.
Credentials are those that the store's own tools use (AWS_PROFILE, ~/.aws, gcloud, `hf auth login`): never an option.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.io.atomic_files import whole, write_if_changed
from pipeline.io.progress import note
from schemas.errors import KoInstructError, MissingLibraryError, install
from schemas.manifest import MANIFEST

#: What is known of the files that were copied, beside the folders of the buckets.
KNOWN = ".known.json"
#: The manifest of a dataset while another one takes its place: what is left of it when an upload is stopped.
REPLACED = "manifest.replaced.json"
#: What a store says of a file that changes when its content does. A store has some of these.
IDENTITY = ("ETag", "etag", "md5Hash", "sha256", "blob_id", "size", "LastModified", "mtime")

#: How to install the library of a store that no extra has: it asks for another version of fsspec than constraints.txt.
OWN_LIBRARY = {"gs": "pip install gcsfs"}


class StorageError(KoInstructError, OSError):
    """An object store does not give or take a file. The message names its address."""


class Place(NamedTuple):
    """An address, taken apart: s3 and bucket/a.jsonl."""

    scheme: str
    path: str

    @classmethod
    def of(cls, url: str) -> Place:
        """
        >>> Place.of("s3://bucket/a/*.jsonl")
        Place(scheme='s3', path='bucket/a/*.jsonl')
        """
        scheme, _, path = url.partition("://")
        return cls(scheme, path)

    def open(self) -> Any:
        """The file system. Raises MissingLibraryError."""
        import fsspec

        try:
            # What an earlier run of this process has seen is not what is there now.
            return fsspec.filesystem(self.scheme, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            remedy = OWN_LIBRARY.get(self.scheme) or install("storage")
            raise MissingLibraryError(f"{self.scheme}:// needs a library: {remedy}. ({error})") from error
        except ValueError as error:
            raise StorageError(f"{self.scheme}://: {error}. Known are s3, gs, hf and the others of fsspec.") from error


def is_url(name: str) -> bool:
    """Whether this is an address, and not a path.

    >>> is_url("s3://bucket/a.jsonl"), is_url("sample/*.jsonl")
    (True, False)
    """
    return "://" in name


def copy_new(url: str, raw: Path) -> None:
    """Copy the files that match an address to `raw/<scheme>:/`, where the address is a glob, too: those that are new or
    have changed. Those that are gone in the store are removed."""
    place = Place.of(url)
    root = raw / f"{place.scheme}:"
    known: dict[str, dict[str, str]] = json.loads((root / KNOWN).read_bytes()) if (root / KNOWN).exists() else {}
    with _naming(url):
        store = place.open()
        found = {path: info for path, info in store.glob(place.path, detail=True).items() if info["type"] == "file"}
    for path, info in sorted(found.items()):
        identity = {name: str(info[name]) for name in IDENTITY if info.get(name) is not None}
        if known.get(path) != identity or not (root / path).exists():
            _copy(store, place.scheme, path, root / path, info)
            known[path] = identity
            write_if_changed(root / KNOWN, json.dumps(known, indent=1, sort_keys=True) + "\n")
    for local in [file for file in raw.glob(f"{place.scheme}:/{place.path}") if file.is_file()]:
        path = local.relative_to(root).as_posix()
        if path not in found:
            note(f"{'copy':<11} {place.scheme}://{path} is gone, and its copy is removed")
            local.unlink()


def _copy(store: Any, scheme: str, path: str, to: Path, info: dict[str, Any]) -> None:
    url = f"{scheme}://{path}"
    note(f"{'copy':<11} {url}: {info['size'] or 0:,} bytes")
    with whole(to) as sink, _naming(url), store.open(path, "rb") as source:
        while block := source.read(1 << 22):
            sink.write(block)
        if info["size"] is not None and sink.tell() != info["size"]:
            raise StorageError(f"{url} changed while it was copied: run again when nothing writes to it")


def upload(folder: Path, url: str) -> None:
    """Copy a finished dataset to an address, in place of what was there: files that it has already stay, others of the
    old dataset are removed, and the manifest is the last to come."""
    place = Place.of(url)
    files = json.loads((folder / MANIFEST).read_bytes())["files"]
    manifest, replaced = f"{place.path}/{MANIFEST}", f"{place.path}/{REPLACED}"
    with _naming(url):
        store = place.open()
        there = _files_of(store, manifest)
        if there == files and store.cat_file(manifest) == (folder / MANIFEST).read_bytes():
            note(f"{'upload':<11} {url} is up to date")
            return
        if store.exists(manifest):
            store.copy(manifest, replaced)
            store.rm_file(manifest)
        for name, described in files.items():
            if there.get(name) != described or not store.exists(f"{place.path}/{name}"):
                store.put_file(str(folder / name), f"{place.path}/{name}")
        for name in _files_of(store, replaced).keys() - files.keys():
            if store.exists(f"{place.path}/{name}"):
                store.rm_file(f"{place.path}/{name}")
        store.put_file(str(folder / MANIFEST), manifest)
        if store.exists(replaced):
            store.rm_file(replaced)
    note(f"{'upload':<11} {folder} is at {url}")


def _files_of(store: Any, manifest: str) -> dict[str, Any]:
    """The files that a manifest in the store lists; none where there is no manifest."""
    try:
        files: dict[str, Any] = json.loads(store.cat_file(manifest))["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return files


@contextlib.contextmanager
def _naming(url: str) -> Iterator[None]:
    """Name the address in errors of a store: each has classes of its own."""
    try:
        yield
    except KoInstructError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise StorageError(
            f"{url}: {reason}. Check the address, and the credentials of {Place.of(url).scheme}:// on this machine"
        ) from error

"""Which tokenizer: an ordered list of names, of which the first that can be had is used, and the reason is told.

A name is a Hub id, a path on this machine, or "embedded". `resolve` finds it and opens nothing heavier than
SentencePiece; `open_tokenizer` opens what was found; `load_tokenizer` does both.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import kobert
from pipeline.tokenize import Tokenizer
from schemas.tokenizer import Resolution

SPIECE = "spiece.model"

#: The files of a tokenizer, among all those of a model.
TOKENIZER_FILES = (
    "*token*.json",
    "*.model",
    "vocab.*",
    "merges.txt",
    "config.json",
    "chat_template*",
    "*.tiktoken",
)

#: Seconds to wait for the Hub to answer: a machine without a network must say so soon.
TIMEOUT = 5

REMEDIES = """\
  1. Go online, or log in with `hf auth login` where the model is gated, and run again.
  2. Name a local file: tokenizer = ["/path/to/spiece.model"].
  3. Allow the small vocabulary that ships with the project, for a trial: add "embedded" to the end of the list."""


class LoadError(RuntimeError):
    """None of the named tokenizers can be had."""


class _Missing(Exception):
    """This one cannot be had; the message says why."""


@dataclass(frozen=True)
class Loaded:
    """An open tokenizer, and what is known about where it came from."""

    tokenizer: Tokenizer
    resolution: Resolution


def load_tokenizer(names: Sequence[str]) -> Loaded:
    """Open the first of these tokenizers that can be had.

    Raises LoadError when none can, and `pipeline.kobert.VocabularyError` when one is not the KoBERT it claims to be:
    a wrong vocabulary is an error, never a reason to take the next.
    """
    resolution = resolve(names)
    return Loaded(open_tokenizer(resolution), resolution)


def resolve(names: Sequence[str], online: bool = True) -> Resolution:
    """Find the first of these tokenizers that can be had: its files, their sha256, and why those before it could not.

    Files in the local Hub cache are used as they are; otherwise the Hub is asked once, if `online`. Raises as
    `load_tokenizer`.
    """
    tried: list[tuple[str, str]] = []
    for name in names:
        try:
            return _resolve(name, online).model_copy(update={"tried": tuple(tried)})
        except _Missing as reason:
            tried.append((name, str(reason)))
    reasons = "\n".join(f"  {name}: {why}" for name, why in tried) or "  the list is empty"
    raise LoadError(f"None of the named tokenizers can be had.\n{reasons}\nWhat helps, any one of:\n{REMEDIES}")


def open_tokenizer(resolution: Resolution) -> Tokenizer:
    """Open what `resolve` found."""
    if resolution.kind == "auto":
        return AutoFast.open(resolution.name, resolution.path)
    return kobert.load(resolution.path)


def _resolve(name: str, online: bool) -> Resolution:
    if name == "embedded":
        return _file(name, kobert.EMBEDDED / SPIECE, None)
    path = Path(name).expanduser()
    if path.is_file():
        return _file(name, path, None)
    if path.is_dir():
        return _folder(name, path, None)
    if not _is_hub_id(name):
        raise _Missing("no such file or folder")
    return _from_hub(name, online)


def _is_hub_id(name: str) -> bool:
    """owner/name or name, with nothing that only a path has."""
    return re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", name) is not None and not name.endswith((".model", ".json"))


def _file(name: str, path: Path, revision: str | None) -> Resolution:
    """A KoBERT vocabulary: opened here once, so that a wrong one is found before the run begins."""
    found = kobert.load(path)
    kind: Any = found.name
    return Resolution(name=name, kind=kind, path=str(path.absolute()), revision=revision, sha256=_sha256([path]))


def _folder(name: str, folder: Path, revision: str | None) -> Resolution:
    """A folder as `save_pretrained` and the Hub lay it out."""
    spiece = folder / SPIECE
    if spiece.is_file() and kobert.is_shaped_like_kobert(spiece):
        return _file(name, spiece, revision)
    files = sorted({path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)})
    if not files:
        raise _Missing("the folder holds no tokenizer (neither spiece.model nor tokenizer.json)")
    return Resolution(name=name, kind="auto", path=str(folder.absolute()), revision=revision, sha256=_sha256(files))


def _sha256(files: list[Path]) -> str:
    """Of one file its own digest, as `sha256sum` prints it; of several that of their names and digests in order."""
    digests = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    if len(digests) == 1:
        return digests[0][1]
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests).encode()).hexdigest()


def _from_hub(name: str, online: bool) -> Resolution:
    """The tokenizer's files of a Hub repository: from the local cache if they are there, else downloaded."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def fetch(local_only: bool) -> Path:
        try:
            found = hf_hub_download(name, SPIECE, etag_timeout=TIMEOUT, local_files_only=local_only)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return Path(
                snapshot_download(
                    name, allow_patterns=list(TOKENIZER_FILES), etag_timeout=TIMEOUT, local_files_only=local_only
                )
            )
        return Path(found).parent

    try:
        folder = fetch(local_only=True)
    except Exception:
        if not online:
            raise _Missing("not in the local Hub cache") from None
        try:
            folder = fetch(local_only=False)
        except Exception as error:  # whatever the network says is a reason, and never a crash of the run
            raise _Missing(_reason(error)) from error
    return _folder(name, folder, folder.name)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0]}"


@dataclass
class AutoFast:
    """Any other tokenizer, through transformers' AutoTokenizer."""

    name: str
    backend: Any
    single: tuple[list[int], list[int]]
    pair: tuple[list[int], list[int], list[int]]
    pad_id: int
    unk_id: int | None

    @classmethod
    def open(cls, name: str, path: str) -> "AutoFast":
        """`path`: a folder with the tokenizer's files. No code from the folder is run."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        text, ids = "가", tokenizer("가", add_special_tokens=False)["input_ids"]
        single = _around(tokenizer(text)["input_ids"], ids)
        prefix, rest = _around(tokenizer(text, text)["input_ids"], ids)
        between, suffix = _around(rest, ids)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        return cls(name, tokenizer, single, (prefix, between, suffix), pad or 0, tokenizer.unk_token_id)

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The ids of each text: list<int32>, without special tokens; null for null. Equal texts are encoded once."""
        column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
        coded = column.cast(pa.string()).dictionary_encode().combine_chunks()
        rows = self.backend(coded.dictionary.to_pylist(), add_special_tokens=False)["input_ids"] if len(coded) else []
        ids = pa.array([np.array(row, np.int32) for row in rows], pa.list_(pa.int32()))
        return ids.take(coded.indices)

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.backend.decode(ids)
        return text


def _around(ids: list[int], inner: list[int]) -> tuple[list[int], list[int]]:
    """What stands before and after the first occurrence of `inner`."""
    at = next(at for at in range(len(ids)) if ids[at : at + len(inner)] == inner)
    return ids[:at], ids[at + len(inner) :]

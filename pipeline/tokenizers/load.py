"""Find and open a tokenizer: the first one of an ordered list that is available.

A name is a Hub id, a path on this machine, or "embedded". `resolve` finds the files and opens nothing heavier than
SentencePiece; `open_tokenizer` opens what was found; `load_tokenizer` does both.
"""

import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.tokenizers import kobert
from pipeline.tokenizers.hub_token import without_token
from pipeline.tokenizers.protocol import LoadError, Tokenizer
from pipeline.tokenizers.transformers_tokenizer import open_transformers
from schemas.errors import KoInstructError
from schemas.tokenizer import Resolution

SPIECE = "spiece.model"

#: The files that hold a tokenizer's vocabulary, and those that say how to use it.
VOCABULARY = ("tokenizer.json", "*.model", "*.tiktoken", "vocab.*")
SETTINGS = ("*token*.json", "merges.txt", "chat_template*", "config.json")

#: Seconds to wait for an answer of the Hub: a run on a machine without a network must fail early.
TIMEOUT = 5

REMEDIES = """\
  1. Go online, or log in with `hf auth login` where the model is gated, and run again.
  2. Name a local file: tokenizer = ["/path/to/spiece.model"].
  3. Allow the small vocabulary that ships with the project, for a trial: add "embedded" to the end of the list."""


class _Missing(KoInstructError):
    """This tokenizer is not available; the message is the reason."""


@dataclass(frozen=True)
class Loaded:
    """An open tokenizer, and what is known about where it came from."""

    tokenizer: Tokenizer
    resolution: Resolution


def load_tokenizer(names: Sequence[str]) -> Loaded:
    """Open the first of these tokenizers that is available.

    Raises LoadError when none is, and VocabularyError when a file is not the KoBERT vocabulary that it claims to be: a
    wrong vocabulary is an error, never a reason to take the next name.
    """
    resolution = resolve(names)
    return Loaded(open_tokenizer(resolution), resolution)


def resolve(names: Sequence[str], online: bool = True) -> Resolution:
    """Find the first of these tokenizers that is available: its files, their sha256, and why those before it are not.

    Files in the local Hub cache are used as they are; otherwise the Hub is asked once, if `online`. Raises the same
    errors as `load_tokenizer`.
    """
    tried: list[tuple[str, str]] = []
    for name in names:
        try:
            return _resolve(name, online).model_copy(update={"tried": tuple(tried)})
        except _Missing as reason:
            tried.append((name, str(reason)))
    reasons = "\n".join(f"  {name}: {why}" for name, why in tried) or "  the list is empty"
    raise LoadError(
        f"None of the listed tokenizers is available.\n{reasons}\nDo one of these:\n{REMEDIES}",
        "; ".join(f"{name}: {why}" for name, why in tried),
    )


def open_tokenizer(resolution: Resolution) -> Tokenizer:
    """Open what `resolve` found."""
    if resolution.kind == "auto":
        return open_transformers(resolution.name, resolution.path)
    return kobert.load(resolution.path)


def _resolve(name: str, online: bool) -> Resolution:
    if name == "embedded":
        return _file(name, kobert.EMBEDDED / SPIECE, None)
    path = Path(name).expanduser()
    if path.is_file():
        return _file(name, path, None)
    if path.is_dir():
        return _folder(name, path, None)
    if not is_hub_id(name):
        raise _Missing("no such file or folder")
    return _from_hub(name, online)


def is_hub_id(name: str) -> bool:
    """owner/name or name, with nothing that only a path has."""
    return bool(re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", name, re.ASCII)) and not name.endswith((".model", ".json"))


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
    if not _match(folder, (*VOCABULARY, "tokenizer_config.json")):
        raise _Missing(f"the folder holds no tokenizer (no {SPIECE}, {', '.join(VOCABULARY)})")
    files = _match(folder, VOCABULARY + SETTINGS)
    return Resolution(name=name, kind="auto", path=str(folder.absolute()), revision=revision, sha256=_sha256(files))


def _match(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _sha256(files: list[Path]) -> str:
    """For one file its digest, as `sha256sum` prints it; for several the digest of their names and digests in order."""
    digests = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    if len(digests) == 1:
        return digests[0][1]
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests).encode()).hexdigest()


def _from_hub(name: str, online: bool) -> Resolution:
    """The tokenizer's files of a Hub repository: from the local cache if they are there, else downloaded."""
    folder = _cached(name)
    if folder is None and not online:
        raise _Missing("not in the local Hub cache")
    folder = folder or _download(name)
    return _folder(name, folder, folder.name)


def _cached(name: str) -> Path | None:
    """The repository's snapshot in the local Hub cache, if it holds a vocabulary."""
    from huggingface_hub import constants

    if not (Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir():
        return None  # the rest of huggingface_hub takes half a second to import

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=[*VOCABULARY, *SETTINGS], local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if _match(folder, VOCABULARY) else None


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    if problem := hub_problem(name):
        raise _Missing(problem)
    try:
        return Path(snapshot_download(name, allow_patterns=[*VOCABULARY, *SETTINGS], etag_timeout=TIMEOUT))
    except Exception as error:  # any failure of the network is a reason in the message, never a crash of the run
        raise _Missing(_reason(error)) from error


def hub_problem(name: str) -> str | None:
    """Why the Hub does not give this repository, in one line; None where it answers.

    It is one quick question: what downloads files repeats its own for half a minute or more when nothing answers.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        with contextlib.suppress(RemoteEntryNotFoundError):
            get_hf_file_metadata(hf_hub_url(name, SPIECE), timeout=TIMEOUT)
    except Exception as error:  # any failure of the network is a reason, never a crash
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    """One line on why the Hub did not give the files."""
    from huggingface_hub import errors

    match error:
        case errors.OfflineModeIsEnabled():
            return "not in the local Hub cache, and HF_HUB_OFFLINE is set"
        case errors.GatedRepoError():
            return "gated: accept its terms on its Hub page, then log in with `hf auth login`"
        case errors.RepositoryNotFoundError():
            return "not on the Hub, or private and you are not logged in (`hf auth login`)"
        case errors.HfHubHTTPError():
            return f"the Hub answered with status {error.response.status_code}"
        case _:
            return (
                f"the Hub cannot be reached ({without_token(str(error).partition(chr(10))[0]) or type(error).__name__})"
            )

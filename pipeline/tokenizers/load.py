"""Which tokenizer: an ordered list of names, of which the first that can be had is used, and the reason is told.

A name is a Hub id, a path on this machine, or "embedded". `resolve` finds it and opens nothing heavier than
SentencePiece; `open_tokenizer` opens what was found; `load_tokenizer` does both.
"""

import contextlib
import copy
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.tokenizers import kobert
from pipeline.tokenizers.hub_token import without_token
from pipeline.tokenizers.offsets import Token, as_columns
from pipeline.tokenizers.protocol import Chat, ChatTemplateError, NoOffsetsError, Tokenizer
from schemas.errors import KoInstructError
from schemas.tokenizer import Resolution

SPIECE = "spiece.model"

#: The files that hold a tokenizer's vocabulary, and those that say how to use it.
VOCABULARY = ("tokenizer.json", "*.model", "*.tiktoken", "vocab.*")
SETTINGS = ("*token*.json", "merges.txt", "chat_template*", "config.json")

#: Seconds to wait for the Hub to answer: a machine without a network must say so soon.
TIMEOUT = 5

#: A text that any tokenizer turns into at least one id, and the same ids wherever it stands.
PROBE = "a"

#: For chat templates that tell today's date, as those of Llama 3 do: the result must not depend on the clock. The date
#: is the one that Llama 3's own template falls back to.
DATE = {
    "%d": "26",
    "%e": "26",
    "%b": "Jul",
    "%B": "July",
    "%m": "07",
    "%Y": "2024",
    "%y": "24",
    "%a": "Fri",
    "%A": "Friday",
}
FIXED_DATE = (
    "{% macro strftime_now(format) %}{{ format "
    + " ".join(f"| replace('{code}', '{value}')" for code, value in DATE.items())
    + " }}{% endmacro %}"
)

REMEDIES = """\
  1. Go online, or log in with `hf auth login` where the model is gated, and run again.
  2. Name a local file: tokenizer = ["/path/to/spiece.model"].
  3. Allow the small vocabulary that ships with the project, for a trial: add "embedded" to the end of the list."""


class LoadError(KoInstructError, RuntimeError):
    """None of the named tokenizers can be had."""


class _Missing(KoInstructError):
    """This one cannot be had; the message says why."""


@dataclass(frozen=True)
class Loaded:
    """An open tokenizer, and what is known about where it came from."""

    tokenizer: Tokenizer
    resolution: Resolution


def load_tokenizer(names: Sequence[str]) -> Loaded:
    """Open the first of these tokenizers that can be had.

    Raises LoadError when none can, and VocabularyError when one is not the KoBERT it claims to be: a wrong vocabulary
    is an error, never a reason to take the next.
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


def place_of(folder: Path, name: str, sha256: str) -> str:
    """Where the tokenizer of a finished dataset lies: where the run that built it found it, while the stage files tell.

    Else it is the name in the manifest (`schemas.tokenizer.public_name`), which may be no path here.
    """
    kept = folder.absolute().parent / ".stages" / folder.absolute().name / "tokenizer.json"
    if kept.is_file():
        used = Resolution.model_validate_json(kept.read_bytes())
        if used.sha256 == sha256 and Path(used.path).exists():
            return used.path
    return name


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
    if not _match(folder, (*VOCABULARY, "tokenizer_config.json")):
        raise _Missing(f"it holds no tokenizer (no {SPIECE}, {', '.join(VOCABULARY)})")
    files = _match(folder, VOCABULARY + SETTINGS)
    return Resolution(name=name, kind="auto", path=str(folder.absolute()), revision=revision, sha256=_sha256(files))


def _match(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _sha256(files: list[Path]) -> str:
    """Of one file its own digest, as `sha256sum` prints it; of several that of their names and digests in order."""
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
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, snapshot_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        # One quick question first: snapshot_download alone repeats its own for half a minute when nothing answers.
        with contextlib.suppress(RemoteEntryNotFoundError):
            get_hf_file_metadata(hf_hub_url(name, SPIECE), timeout=TIMEOUT)
        return Path(snapshot_download(name, allow_patterns=[*VOCABULARY, *SETTINGS], etag_timeout=TIMEOUT))
    except Exception as error:  # whatever the network comes up with is a reason, never a crash of the run
        raise _Missing(_reason(error)) from error


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


@dataclass(frozen=True)
class TransformersTokenizer:
    """Any other tokenizer, as transformers opens it. Made by `open_transformers`."""

    name: str
    backend: Any
    single: tuple[list[int], list[int]]
    pair: tuple[list[int], list[int], list[int]]
    pad_id: int
    unk_id: int | None

    @property
    def eos_id(self) -> int | None:
        eos: int | None = self.backend.eos_token_id
        return eos

    @cached_property
    def specials(self) -> dict[str, int]:
        return {token.content: id_ for id_, token in self.backend.added_tokens_decoder.items() if token.special}

    @property
    def chat(self) -> Chat | None:
        return self._chat if self.backend.chat_template else None

    def _chat(self, messages: list[dict[str, str]], add_generation_prompt: bool = False) -> str:
        from jinja2 import TemplateError

        try:
            template = self.backend.get_chat_template()
            text: str = self.backend.apply_chat_template(
                messages,
                chat_template=FIXED_DATE + template if "strftime_now" in template else template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
            )
        except (TemplateError, ValueError, TypeError) as error:
            roles = " → ".join(message["role"] for message in messages)
            raise ChatTemplateError(
                f"the chat template of {self.name} cannot write a conversation {roles}: {error}"
            ) from error
        return text

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The ids of each text: list<int32>, none added; null for null. Equal texts are encoded once."""
        fast = self.backend.backend_tokenizer if self.backend.is_fast else None
        return self._encode(texts, fast, split_special_tokens=False)

    def encode_literally(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """As `encode`, but a special token written in a text is text like any other."""
        return self._encode(texts, self._literal, split_special_tokens=True)

    def encode_with_offsets(self, texts: pa.Array | pa.ChunkedArray) -> tuple[pa.ListArray, pa.ListArray, pa.ListArray]:
        """The ids of each text, and for each token the characters that it stands for: the first, and the one behind
        the last, as list<int32>. Raises NoOffsetsError for a tokenizer that transformers has in Python only."""
        if not self.backend.is_fast:
            raise NoOffsetsError(
                f"the tokenizer {self.name} cannot say where its tokens stand in a text, which the layout qa needs: "
                "take one that transformers calls fast (its folder has a tokenizer.json)."
            )
        return as_columns(texts, self._tokens)

    def _tokens(self, texts: list[str]) -> Iterator[list[Token]]:
        for row in self.backend.backend_tokenizer.encode_batch(texts, add_special_tokens=False):
            yield [(token, start, end) for token, (start, end) in zip(row.ids, row.offsets, strict=True)]

    @cached_property
    def _literal(self) -> Any:
        """The fast tokenizer again, set to read special tokens as text: a setting that cannot differ by call."""
        if not self.backend.is_fast:
            return None
        literal = copy.deepcopy(self.backend.backend_tokenizer)
        literal.encode_special_tokens = True
        return literal

    def _encode(self, texts: pa.Array | pa.ChunkedArray, fast: Any, split_special_tokens: bool) -> pa.ListArray:
        column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
        coded = column.cast(pa.string()).dictionary_encode().combine_chunks()
        distinct = coded.dictionary.to_pylist()
        if fast:
            rows = [row.ids for row in fast.encode_batch_fast(distinct, add_special_tokens=False)]
        else:
            how = {"add_special_tokens": False, "split_special_tokens": split_special_tokens}
            rows = [self.backend.encode(text, **how) for text in distinct]
        return pa.array(rows, pa.list_(pa.int32())).take(coded.indices)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens included."""
        text: str = self.backend.decode(ids, clean_up_tokenization_spaces=False)
        return text


def open_transformers(name: str, path: str) -> TransformersTokenizer:
    """Open the tokenizer in a folder with AutoTokenizer. No code from the folder is run.

    The special tokens around a text and a pair are read off what it does to a text with and without them.
    A tokenizer without a padding token pads with its end-of-sequence token.
    """
    from transformers import AutoTokenizer

    try:
        backend = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise LoadError(
            f"{name}: this tokenizer is a program that comes with it (auto_map in its tokenizer_config.json), and such "
            "programs are never run here. Convert it to a tokenizer.json where you trust it, and name that folder."
        ) from error
    if backend.is_fast:  # a tokenizer.json may ask for these; here the caller does it
        backend.backend_tokenizer.no_padding()
        backend.backend_tokenizer.no_truncation()
    ids = backend.encode(PROBE, add_special_tokens=False)
    single = _around(backend.encode(PROBE), ids)
    prefix, rest = _around(backend.encode(PROBE, PROBE), ids)
    between, suffix = _around(rest, ids)
    pad_id = next((i for i in (backend.pad_token_id, backend.eos_token_id) if i is not None), 0)
    return TransformersTokenizer(name, backend, single, (prefix, between, suffix), pad_id, backend.unk_token_id)


def _around(ids: list[int], inner: list[int]) -> tuple[list[int], list[int]]:
    """What stands before and after the first occurrence of `inner`."""
    for at in range(len(ids)):
        if inner and ids[at : at + len(inner)] == inner:
            return ids[:at], ids[at + len(inner) :]
    raise LoadError(f"cannot tell its special tokens: {PROBE!r} alone gives {inner}, and {ids} with special tokens")

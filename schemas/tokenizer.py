"""Which tokenizer a run uses, and why: what `pipeline.load_tokenizer` finds and the manifest records."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Resolution(BaseModel):
    """The first tokenizer of an ordered list that could be had."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: As it was named in the options: a Hub id, a local path, or "embedded".
    name: str
    #: kobert: the real vocabulary. embedded: the small one of the project. auto: any other, through AutoTokenizer.
    kind: Literal["kobert", "embedded", "auto"]
    #: The file (kobert, embedded) or folder (auto) that is opened: of this machine, not of the tokenizer's identity.
    path: str
    #: Commit on the Hub; null for a local path and for "embedded".
    revision: str | None = None
    #: Over the tokenizer's files: the identity of the tokenizer, the same wherever the files lie.
    sha256: str
    #: Those named before it, each with the reason why it could not be had.
    tried: tuple[tuple[str, str], ...] = ()

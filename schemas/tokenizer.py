"""Which tokenizer a run uses, and why: what `pipeline.tokenizers.load` finds and the manifest records."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


def public_name(name: str) -> str:
    """A tokenizer's name as a dataset records it: a path out of the working folder becomes `./` and its last part.

    A Hub id, "embedded" and any other path stay as they are: they reveal nothing of this machine.
    """
    path = Path(name)
    leads_out = path.is_absolute() or name.startswith("~") or ".." in path.parts
    return f"./{path.name}" if leads_out else name


class Resolution(BaseModel):
    """The first tokenizer of an ordered list that is available."""

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
    #: Those listed before it, each with the reason why it is not available.
    tried: tuple[tuple[str, str], ...] = ()

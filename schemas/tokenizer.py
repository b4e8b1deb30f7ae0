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


class UsedTokenizer(BaseModel):
    """The tokenizer that made a dataset's ids, as its manifest records it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: As it was named in the options: a Hub id, a local path, or "embedded".
    name: str
    #: kobert: the real vocabulary. embedded: the small one of the project. auto: any other, through AutoTokenizer.
    kind: Literal["kobert", "embedded", "auto"]
    #: Commit on the Hub; null for a local path and for "embedded".
    revision: str | None = None
    #: Over the tokenizer's files: the identity of the tokenizer, the same wherever the files are.
    sha256: str
    #: Those listed before it, each with the reason why it is not available.
    tried: tuple[tuple[str, str], ...] = ()


class Resolution(UsedTokenizer):
    """The first available tokenizer of an ordered list, and where it is on this machine."""

    #: The file (kobert, embedded) or folder (auto) that is opened: no part of the tokenizer's identity.
    path: str

    @property
    def used(self) -> UsedTokenizer:
        """The same without the path."""
        return UsedTokenizer.model_validate(self.model_dump(exclude={"path"}))

"""A verdict: what a person who looked at a record decides about it. A file of verdicts holds one JSON object a line."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.columns import MESSAGES, TEXTS

#: keep: the row stays, though `screen` rejects it. drop: the row is rejected. fix: texts are replaced.
#: none: takes an earlier verdict back.
Decision = Literal["keep", "drop", "fix", "none"]
#: The texts that a fix may replace: a column, or a text of a message, such as history[0].content.
FIXABLE = re.compile(
    rf"(?:{'|'.join(TEXTS)})|(?P<column>{'|'.join(MESSAGES)})\[(?P<at>\d+)\]\.(?P<field>content|reasoning)"
)


class Key(NamedTuple):
    """Which record a verdict is on: its origin, and the digest of its texts (`pipeline.table.verdicts.digest_of`)."""

    origin: str
    digest: str


class Verdict(BaseModel):
    """One line of a file of verdicts. Of several on one record with the same texts, the last one counts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    origin: str
    digest: str = Field(pattern=r"^[0-9a-f]{32}$")
    verdict: Decision
    note: str = ""
    #: Of a fix: the new texts by their place. "" in system, reasoning or rejected: there is none.
    texts: dict[str, str] = {}

    @property
    def key(self) -> Key:
        return Key(self.origin, self.digest)

    @field_validator("texts")
    @classmethod
    def name_places(cls, texts: dict[str, str]) -> dict[str, str]:
        for place in texts:
            if not FIXABLE.fullmatch(place):
                raise ValueError(
                    f"no text has the place {place!r}; allowed: {', '.join(TEXTS)}, and texts of messages such as "
                    "history[0].content or steps[1].reasoning"
                )
        return texts

    @model_validator(mode="after")
    def fit_together(self) -> Self:
        if self.verdict == "fix" and not self.texts:
            raise ValueError('a fix names its new texts, as in "texts": {"output": "..."}')
        if self.verdict != "fix" and self.texts:
            raise ValueError(f'texts are for the verdict "fix", and this one is "{self.verdict}"')
        return self


#: What became of a verdict in a run. without-effect: its record was there, but nothing could be done.
Outcome = Literal["keep", "drop", "fix", "without-effect"]

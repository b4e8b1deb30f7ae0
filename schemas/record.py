"""The contract: what a valid instruction record is. the stage `validate` applies it and says nothing of its own."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

#: A character that a reader can see: neither white space, control, format (zero-width, bidi), nor unassigned filler.
#: U+115F, U+1160, U+3164, U+FFA0 are the Hangul fillers: letters to Unicode, nothing to the eye.
#: Written so that Python's `re` and Arrow's RE2 read it alike.
VISIBLE = (
    "[^\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u061c\u115f\u1160\u1680\u180b-\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)


def must_be_visible(text: str) -> str:
    if re.search(VISIBLE, text) is None:
        raise PydanticCustomError("blank", "Text should hold at least one visible character")
    return text


#: Text that says something.
Said = Annotated[str, AfterValidator(must_be_visible)]


class Turn(BaseModel):
    """One earlier exchange of a conversation. `user` may be empty where the conversation opened with the assistant."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    user: str
    assistant: str


class Record(BaseModel):
    """One instruction record: given `system`, `history`, `instruction` and `input`, the answer is `output`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    system: str | None = None
    history: list[Turn] = []
    instruction: Said
    input: str = ""
    output: Said

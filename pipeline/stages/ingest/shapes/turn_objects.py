"""A message as public sets write it, an object with fields, to a Turn: nothing that it holds is lost."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.calls import Call, calls_of, is_empty, is_whole, no_calls, repairs_in
from pipeline.stages.ingest.fields.given import given_at, is_given, without_given
from pipeline.stages.ingest.fields.marks import Marks, take_learn, take_turn_label
from pipeline.stages.ingest.fields.names import CALLED, CONTEXT, named
from pipeline.stages.ingest.fields.paths import Record, at, kind, without
from pipeline.stages.ingest.fields.roles import role_of
from pipeline.stages.ingest.fields.speakers import speaker_of
from pipeline.stages.ingest.fields.thoughts import thought_of
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.shapes.turn import THOUGHT_CHANNEL, Turn, result_of
from pipeline.table.messages import Message
from schemas.shapes import REASONING, Role

#: Fields of a tool's message.
CALL_ID, TOOL_NAMES = ("tool_call_id", "call_id"), ("name", "tool_name")
#: Types of the parts of a content, and the keys that hold their texts.
TEXT_PARTS = (None, "text", "input_text", "output_text")
THOUGHT_PARTS = ("thinking", "reasoning", "thought")
#: Parts that are no text: an image, a sound, a film, a file.
MEDIA_PARTS = {
    *("image", "image_url", "input_image", "audio", "audio_url", "input_audio", "video", "video_url", "input_video"),
    *("file", "input_file", "document"),
}
GEMINI_MEDIA = ("inlineData", "inline_data", "fileData", "file_data")
#: The flag of a row with such a part.
MEDIA = "media-part"
#: Keys of the parts that Gemini calls tools with and gives their results in.
GEMINI_CALLS, GEMINI_RESULTS = ("functionCall", "function_call"), ("functionResponse", "function_response")


#: In harmony the recipient of a call names the function.
RECIPIENT = "functions."


class Keys(NamedTuple):
    """The keys of a message: of its speaker, its text, its thought, and of what says whether it is learned."""

    role: str
    text: str
    reasoning: Sequence[str] = REASONING
    learn: Marks = Marks()


class Content(NamedTuple):
    """What a message's content holds, whether it is a text or a list of parts."""

    texts: list[str]
    thoughts: list[str]
    calls: list[Call]
    results: list[Message]
    #: Of each part the fields that none of these took.
    rest: list[Record]

    @classmethod
    def of(cls, *texts: str) -> "Content":
        return cls([*texts], [], [], [], [])


def turn_of(value: Any, number: int, keys: Keys, roles: Mapping[str, Role]) -> Turn:
    """The turn in one object. Raises Fault: not-an-object, unknown-role, not-text, not-a-call; UnclearLearn."""
    role, text = keys.role, keys.text
    if not isinstance(value, dict):
        raise Fault("not-an-object", f"turn {number} is {kind(value)}, not an object with `{role}` and `{text}`")
    name = value.get(role)
    name = name if isinstance(name, str) else speaker_of(value, role)
    if name is None:
        raise Fault("unknown-role", f"`{role}` of turn {number} is {kind(at(value, role))}, not the name of a role")
    speaker = role_of(name, number, roles)
    if len(value) == 2 and role in value and isinstance(value.get(text), str):
        return Turn(speaker, value[text])  # as most are
    rest = {key: item for key, item in without(value, [role, text]).items() if item is not None}
    place = f"`{text}` of turn {number}"
    if speaker == "tool":
        return _tool_turn(value.get(text), rest, text, place)
    if speaker in ("assistant", "call"):
        calls, fixes = _calls(rest, number)
        content = content_of(value.get(text), place)
        if content is None and calls and value.get(text) is None:
            content = Content.of()
        content = _checked(content, value.get(text), place, "results")
        learn, rest = take_learn(rest, keys.learn, f"turn {number}")
        if learn is None:
            learn, rest = take_turn_label(rest, keys.learn, f"turn {number}")
        turn = _assistant_turn(speaker, calls, content, rest, keys)
        return _of_channel(turn)._replace(learn=learn, fixes=fixes)
    content = _checked(content_of(value.get(text), place), value.get(text), place, "thoughts", "calls")
    if content.results and speaker != "user":
        raise Fault("not-text", f"{place} holds results, not text")
    given, rest = take_given(rest) if speaker == "user" else ("", rest)
    texts = "\n".join(content.texts)
    return Turn(speaker, texts, results=content.results, given=given, rest=_with_parts(rest, text, content))


def take_given(rest: Record) -> tuple[str, Record]:
    """What a question is about, from the fields of its message that say so, and its other fields."""
    paths = [path for path in named(rest, CONTEXT) if rest[path] and is_given(rest[path])]
    given, _ = given_at(rest, tuple(paths))
    return given or "", without_given(rest, tuple(paths)) if given else rest


def _checked(content: Content | None, value: Any, place: str, *foreign: str) -> Content:
    """A content that is read and holds nothing that only another role can hold. Raises Fault: not-text."""
    if content is None:
        raise Fault("not-text", f"{place} is {kind(value)}, not text")
    for name in foreign:
        if getattr(content, name):
            raise Fault("not-text", f"{place} holds {name}, not text")
    return content


def _calls(rest: Record, number: int) -> tuple[list[Call], tuple[str, ...]]:
    """The calls in the fields of a message, which are taken out of `rest`, and the repairs that reading them took.

    Raises Fault: not-a-call.
    """
    for key in CALLED:
        written = rest.get(key)
        if is_empty(written):
            rest.pop(key, None)
            continue
        calls = calls_of(written)
        if calls is None:
            raise no_calls(written, f"`{key}` of turn {number}")
        if is_whole(written):
            del rest[key]
        return calls, repairs_in(written)
    return [], ()


def _assistant_turn(speaker: Role, calls: Sequence[Call], content: Content, rest: Record, keys: Keys) -> Turn:
    reasoning = "\n".join(content.thoughts) or None
    for key in keys.reasoning:
        thought, left = thought_of(rest.get(key))
        if thought is not None and (reasoning is None or thought == reasoning):
            reasoning = thought or reasoning
            rest = {**rest, key: left} if left else without(rest, [key])
    return Turn(
        speaker,
        "\n".join(content.texts),
        reasoning,
        [*calls, *content.calls],
        rest=_with_parts(rest, keys.text, content),
    )


def _of_channel(turn: Turn) -> Turn:
    """A message of harmony as what its channel says: a thought, a call of a function, or an answer."""
    channel, recipient = turn.rest.get("channel"), turn.rest.get("recipient")
    if channel == THOUGHT_CHANNEL and turn.reasoning is None and not turn.calls:
        return turn._replace(text="", reasoning=turn.text)
    if isinstance(recipient, str) and recipient.startswith(RECIPIENT) and not turn.calls:
        calls = calls_of({"name": recipient.removeprefix(RECIPIENT), "arguments": turn.text})
        return turn._replace(text="", calls=calls) if calls else turn
    return turn


def _tool_turn(value: Any, rest: Record, text: str, place: str) -> Turn:
    """The results of tools: a text, the parts of one, or any JSON value, which is written as a text."""
    if isinstance(value, str) or (isinstance(value, list) and value and all(map(_is_part, value))):
        content = _checked(content_of(value, place), value, place, "thoughts", "calls")
        if content.results and content.texts:
            raise Fault("not-text", f"{place} holds a result beside a text: which is the result?")
        rest = _with_parts(rest, text, content)
        if content.results:
            return Turn("tool", results=content.results, rest=rest)
        result = "\n".join(content.texts)
    else:
        result = _as_text(value, place)
    call_id = next((rest.pop(key) for key in CALL_ID if isinstance(rest.get(key), str)), None)
    name = next((rest.pop(key) for key in TOOL_NAMES if isinstance(rest.get(key), str)), None)
    return Turn("tool", result, call_id=call_id, name=name, rest=rest)


def _with_parts(rest: Record, text: str, content: Content) -> Record:
    return {**rest, text: content.rest} if any(content.rest) else rest


def holds_media(rest: Mapping[str, Any]) -> bool:
    """Whether what is left of a message holds a part that is an image, a sound or a file.

    >>> holds_media({"content": [{}, {"type": "image_url", "image_url": {"url": "a.png"}}]})
    True
    """
    lists = (value for value in rest.values() if isinstance(value, list))
    return any(isinstance(part, dict) and _is_media(part) for parts in lists for part in parts)


def _is_media(part: Record) -> bool:
    sort = part.get("type")
    is_named = isinstance(sort, str) and sort in MEDIA_PARTS
    return is_named or any(isinstance(part.get(key), dict) for key in GEMINI_MEDIA)


def _is_part(part: Any) -> bool:
    if isinstance(part, dict):
        return "type" in part or "text" in part or _tool_part(part) is not None or _is_media(part)
    return isinstance(part, str)


def _tool_part(part: Record) -> str | None:
    """The key under which Gemini puts a call or a result."""
    return next((key for key in GEMINI_CALLS + GEMINI_RESULTS if isinstance(part.get(key), dict)), None)


def content_of(value: Any, place: str) -> Content | None:
    """What a content holds: a text, or a list of parts (OpenAI's, Anthropic's, Gemini's). None where it is neither.

    A part that is an image, a sound or a file is left in `rest`. Raises Fault (not-text) for an unknown part.
    """
    if isinstance(value, str):
        return Content.of(value)
    if not isinstance(value, list):
        return None
    content = Content.of()
    for part in value:
        if isinstance(part, str):
            content.texts.append(part)
            content.rest.append({})
        elif isinstance(part, dict):
            content.rest.append(
                _add_part({key: item for key, item in part.items() if item is not None}, content, place)
            )
        else:
            raise Fault("not-text", f"{place} holds {kind(part)}, not text")
    return content


def _add_part(part: Record, content: Content, place: str) -> Record:
    """Put a part where it belongs in `content`; what is left of it."""
    sort = part.get("type")
    if sort in TEXT_PARTS and isinstance(part.get("text"), str):
        (content.thoughts if part.get("thought") is True else content.texts).append(part["text"])
        return _without(part, "type", "text", "thought")
    if sort in THOUGHT_PARTS:
        for key in (sort, "text"):
            if isinstance(part.get(key), str):
                content.thoughts.append(part[key])
                return _without(part, "type", key)
    if sort == "tool_use" and (calls := calls_of(_without(part, "type"))):
        content.calls.extend(calls)
        return {} if is_whole(_without(part, "type")) else part
    if sort == "tool_result":
        content.results.append(result_of(_as_text(part.get("content"), place), _named(part.get("tool_use_id"))))
        return _without(part, "type", "content", "tool_use_id")
    key = _tool_part(part)
    if key in GEMINI_CALLS and (calls := calls_of(part[key])):
        content.calls.extend(calls)
        return _without(part, key) if is_whole(part[key]) else part
    if key in GEMINI_RESULTS:
        result = part[key]
        text = _as_text(result.get("response"), place)
        content.results.append(result_of(text, _named(result.get("id")), _named(result.get("name"))))
        more = _without(result, "response", "id", "name")
        return _without(part, key) | ({key: more} if more else {})
    if _is_media(part):
        return part
    called = sort if isinstance(sort, str) else next(iter(part), "nothing")
    raise Fault("not-text", f"{place} holds a part `{called}`: only text can be read")


def _as_text(value: Any, place: str) -> str:
    """A tool's result as a text."""
    if isinstance(value, list) and value and all(map(_is_part, value)):
        content = content_of(value, place)
        if content and content.texts and not any(content.rest):
            return "\n".join(content.texts)
    return value if isinstance(value, str) else "" if value is None else dumps(value)


def _named(value: Any) -> str | None:
    """An id or a name as a text."""
    return value if value is None or isinstance(value, str) else dumps(value)


def _without(part: Record, *keys: str) -> Record:
    return {key: item for key, item in part.items() if key not in keys}

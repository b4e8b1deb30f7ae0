"""Calls of tools in the forms that datasets write them, as the one form of this project (`schemas.record.is_call`)."""

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import dumps, parse
from pipeline.stages.ingest.parse.printed import json_value

Call = dict[str, Any]

REMEDY = ": fix this record in the source file"

#: Marks around a call that is written into an answer: of Hermes and Qwen (one or several).
TAG, TAG_END = "<tool_call>", "</tool_call>"
#: Marks before calls at the end of an answer: of Glaive (what may be behind its call, too), and of Mistral.
GLAIVE, GLAIVE_END = "<functioncall>", "<|endoftext|>"
LISTED = re.compile(r"\[TOOL_CALLS\]\s*+(?=\[)")
#: Marks around a result, as Hermes writes it.
RESULT, RESULT_END = "<tool_response>", "</tool_response>"
#: How a call on lines of its own begins and ends; what begins a call and is none.
OWN_LINE, OWN_LINE_END = (re.compile(mark, re.MULTILINE) for mark in (rf"^[ \t]*{TAG}", rf"{TAG_END}[ \t]*$"))
BROKEN = re.compile(r"^[ \t]*(?:<tool_call>|<functioncall>|\[TOOL_CALLS\])\s*(?=[{\[<])", re.MULTILINE)
MARKS = (TAG, GLAIVE, "[TOOL_CALLS]")
#: The name of a call in brackets; it may have spaces.
NAMED = re.compile(r"\s*+([^\s()\[\],=\"'][^()\[\],=\"']*+)\(")
#: How many closing brackets are tried as the end of a call's arguments.
MOST_ENDS = 100
#: Names under which a call's arguments are given.
ARGUMENTS = ("arguments", "parameters", "args", "input")


def calls_of(value: Any) -> list[Call] | None:
    r"""A call, a list of calls, or a JSON text of either, as calls of this project; None where it is anything else.

    Read are OpenAI's form ({"id", "type", "function": {"name", "arguments"}}), the function alone, and arguments as an
    object or as a JSON text.

    >>> calls_of('{"name": "area", "arguments": {"r": 5}}')
    [{'type': 'function', 'function': {'name': 'area', 'arguments': {'r': 5}}}]
    """
    if isinstance(value, str):
        value = json_value(value)
    calls = [value] if isinstance(value, dict) else value
    if not isinstance(calls, list) or not calls:
        return None
    read = [call_of(call) for call in calls]
    return [call for call in read if call is not None] if all(read) else None


def call_of(value: Any) -> Call | None:
    """One call, from an object in any of the known forms; None where it is anything else."""
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    function: dict[str, Any] = inner if isinstance(inner, dict) else value
    name = function.get("name")
    given = [key for key in ARGUMENTS if key in function]
    if not isinstance(name, str) or not name or len(given) > 1:
        return None
    arguments = function[given[0]] if given else {}
    if isinstance(arguments, str):
        arguments = json_value(arguments) if arguments.strip() else {}
    if not isinstance(arguments, dict):
        return None
    written: Call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"id": value["id"], **written} if isinstance(value.get("id"), str) else written


def is_empty(value: Any) -> bool:
    """Whether the field of a message's calls holds none, as on every message of a table or of an interface."""
    return value in (None, "", [], {}, "[]", "null")


def no_calls(written: Any, where: str) -> Fault:
    """The fault of a field, or of an answer, that must hold calls."""
    detail = f"{where} holds no calls of tools with a name and arguments"
    try:
        for text in _texts_of(written):
            parse(text.encode(errors="surrogatepass"))
    except Fault as fault:
        detail = f"{where} holds a call that cannot be read ({fault.detail.removesuffix(REMEDY)})"
    return Fault("not-a-call", detail + REMEDY)


def repairs_in(written: Any) -> tuple[str, ...]:
    """The repairs that reading calls took: those of JSON in JSON, too.

    >>> repairs_in({"name": "area", "arguments": '{"r": NaN}'}), repairs_in('{"name": "area", "arguments": {}}')
    (('nan-to-null',), ())
    """
    return tuple(dict.fromkeys(fix for text in _texts_of(written) for fix in repairs_in_json(text)))


def repairs_in_json(text: str) -> tuple[str, ...]:
    """The repairs that reading a JSON text took; none for a Python literal, which has no NaN."""
    try:
        return parse(text.encode(errors="surrogatepass")).fixes if "NaN" in text else ()
    except Fault:
        return ()


def _texts_of(written: Any) -> list[str]:
    """The texts in which calls, or their arguments, are written."""
    calls = json_value(written) if isinstance(written, str) else written
    texts = [written] if isinstance(written, str) else []
    for call in calls if isinstance(calls, list) else [calls]:
        inner = call.get("function", call) if isinstance(call, dict) else None
        if isinstance(inner, dict):
            texts += [inner[key] for key in ARGUMENTS if isinstance(inner.get(key), str) and inner[key].strip()]
    return texts


def is_whole(value: Any) -> bool:
    """Whether the calls that `calls_of` reads from a value hold all that the value says.

    >>> is_whole({"name": "area", "arguments": {}}), is_whole({"name": "area", "arguments": {}, "why": "원이라서"})
    (True, False)
    """
    if isinstance(value, str):
        value = json_value(value)
    for call in value if isinstance(value, list) else [value]:
        inner = call.get("function")
        function = inner if isinstance(inner, dict) else call
        if call.get("type", "function") != "function" or function.keys() - {"name", *ARGUMENTS, "id", "type"}:
            return False
        if function is not call and call.keys() - {"id", "type", "function"}:
            return False
        if "id" in call and not isinstance(call["id"], str):
            return False
    return True


class Written(NamedTuple):
    """Calls in a text: the words around them, the calls, the value in which they were written, and the repairs."""

    text: str
    calls: list[Call]
    source: Any
    fixes: tuple[str, ...] = ()


def calls_in(text: str, bare: bool = False) -> Written | None:
    r"""The calls in an answer; None for a text without calls. Words behind them come behind the words before them
    (words-after-call).

    `bare`: calls may have no mark, as where the record declares tools or a result follows.
    Raises Fault (not-a-call) for a mark of a call, at the beginning of a line, with something else behind it.

    >>> calls_in('확인할게요.\n<tool_call>\n{"name": "weather", "arguments": {"city": "부산"}}\n</tool_call>')[:2]
    ('확인할게요.', [{'type': 'function', 'function': {'name': 'weather', 'arguments': {'city': '부산'}}}])
    >>> calls_in('[weather(city="부산", days=2)]', bare=True)[1]
    [{'type': 'function', 'function': {'name': 'weather', 'arguments': {'city': '부산', 'days': 2}}}]
    >>> calls_in('[Market Trends API(kind="지수"), 시세(종목="가(나)")]', bare=True)[1][1]
    {'type': 'function', 'function': {'name': '시세', 'arguments': {'종목': '가(나)'}}}
    >>> calls_in("[표1(가)]", bare=True) is None and calls_in('[weather(city="부산")]') is None
    True
    """
    if not any(mark in text for mark in MARKS):
        calls = bracketed(text) if bare else None
        return Written("", calls, calls) if calls else None
    last = _last(text)
    written = _tagged(text) if TAG in text else _at_end(text, last) if last else None
    broken = BROKEN.search(text) if written is None else None
    if broken and text.count("```", 0, broken.start()) % 2 == 0:
        first = next(_between(text, TAG, TAG_END, broken.start()), last)
        raise no_calls(first.inside if first else text[broken.end() :], "the answer")
    return written


class Marked(NamedTuple):
    """Where marks begin and end in a text, and what they mark, without the white space around it."""

    start: int
    end: int
    inside: str


def _between(text: str, opens: str, closes: str, begin: int = 0) -> Iterator[Marked]:
    """What is between two marks, each time.

    >>> [found.inside for found in _between("<b> 가 </b>나<b>다</b>", "<b>", "</b>")]
    ['가', '다']
    """
    while (start := text.find(opens, begin)) >= 0 and (end := text.find(closes, start + len(opens))) >= 0:
        begin = end + len(closes)
        yield Marked(start, begin, text[start + len(opens) : end].strip())


def _beside(text: str, found: Sequence[Marked]) -> list[str]:
    """What is before, between and behind marks, without the white space around it."""
    ends, starts = [0, *(each.end for each in found)], [*(each.start for each in found), len(text)]
    return [text[end:start].strip() for end, start in zip(ends, starts, strict=True)]


def _last(text: str) -> Marked | None:
    """The calls at the end of an answer, behind the mark of Glaive or of Mistral; None where there is none."""
    if (start := text.find(GLAIVE)) >= 0:
        return Marked(start, len(text), text[start + len(GLAIVE) :].strip().removesuffix(GLAIVE_END).rstrip())
    listed = LISTED.search(text) if text.rstrip().endswith("]") else None
    return Marked(listed.start(), len(text), text[listed.end() :].rstrip()) if listed else None


def _at_end(text: str, last: Marked) -> Written | None:
    value = json_value(last.inside)
    repairs = repairs_in(last.inside)
    value = _glaive(last.inside) if value is None else value
    calls = calls_of(value)
    return Written(text[: last.start].rstrip(), calls, value, repairs or repairs_in(value)) if calls else None


def results_in(text: str) -> list[str]:
    """The results in the text of a tool: those between <tool_response> marks where it is nothing else, or the text.

    >>> results_in("<tool_response>1</tool_response><tool_response>2</tool_response>"), results_in("21도")
    (['1', '2'], ['21도'])
    """
    return [found.inside for found in _between(text, RESULT, RESULT_END)] if is_result(text) else [text]


def is_result(text: str) -> bool:
    """Whether a text is results of tools between <tool_response> marks, and nothing else."""
    return RESULT in text and not any(_beside(text, [*_between(text, RESULT, RESULT_END)]))


def _tagged(text: str) -> Written | None:
    found = [*_between(text, TAG, TAG_END)]
    if not found:
        return None
    before, behind = text[: found[0].start].rstrip(), "\n".join(_beside(text, found)[1:]).strip()
    own_line = OWN_LINE.search(text) if behind else None
    if behind and not (own_line and OWN_LINE_END.search(text, own_line.end())):
        return None
    if RESULT in behind:
        detail = "the answer holds the result of a tool behind the call: make it a message of the role tool"
        raise Fault("not-a-call", f"{detail}, and what follows it an answer")
    values = [json_value(each.inside) for each in found]
    read = [calls_of(value) for value in values]
    if not all(read):
        return None
    calls = [call for calls in read for call in calls or ()]
    flat = [call for value in values for call in (value if isinstance(value, list) else [value])]
    words = "\n".join(words for words in (before, behind) if words)
    repairs = [fix for each in found for fix in repairs_in(each.inside)]
    return Written(words, calls, flat, (*dict.fromkeys(repairs), *(["words-after-call"] if behind else [])))


def _glaive(text: str) -> Any:
    """Glaive writes the arguments as a JSON text in single quotes, inside of JSON."""
    return json_value(re.sub(r"""(["']arguments["']\s*:\s*)'(.*)'(\s*\})""", r"\1\2\3", text, flags=re.DOTALL))


def bracketed(text: str) -> list[Call] | None:
    """Calls written as Python writes them, as in ToolACE: [name(key=value, …), …]. None where it is anything else."""
    if not text.rstrip().endswith(")]") or not text.lstrip().startswith("["):
        return None
    calls: list[Call] = []
    rest = text.strip()[1:-1]
    while rest:
        named = NAMED.match(rest)
        if named is None:
            return None
        ends = (end for end, sign in enumerate(rest) if sign == ")" and end >= named.end())
        read = ((end, _arguments(rest[named.end() : end])) for end in itertools.islice(ends, MOST_ENDS))
        end, arguments = next((found for found in read if found[1] is not None), (0, None))
        if arguments is None or rest[end + 1 :].strip()[:1] not in ("", ","):
            return None
        calls.append({"type": "function", "function": {"name": named[1].rstrip(), "arguments": arguments}})
        rest = rest[end + 1 :].strip().removeprefix(",").strip()
    return calls or None


def _arguments(text: str) -> dict[str, Any] | None:
    """Arguments as Python writes them: a="부산", b=2."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not all(word.arg for word in call.keywords):
            return None
        arguments = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        dumps(arguments)
    except (SyntaxError, ValueError, MemoryError, RecursionError, TypeError):
        return None
    return arguments

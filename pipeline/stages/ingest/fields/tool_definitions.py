"""The tools that a record declares, as its definitions of functions."""

import re
from typing import NamedTuple

from pipeline.stages.ingest.fields.calls import repairs_in_json
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.printed import json_value

#: Tools in the system prompt of Glaive: a sentence about functions, and their declarations.
GLAIVE_TOOLS = re.compile(
    r"SYSTEM:\s*+((?:(?!functions).)*+functions.*?)(?<!\s)(?:\s*+-\s*+|\s++)(\{.*\})\s*+$", re.DOTALL
)


def glaive_tools(prompt: str) -> tuple[str, str] | None:
    """The system prompt and the tools in a system prompt as Glaive writes it; None for another prompt.

    >>> glaive_tools('SYSTEM: You may use these functions. Use them if required -\\n{"name": "f", "parameters": {}}')
    ('You may use these functions. Use them if required', '[{"name":"f","parameters":{}}]')
    """
    found = GLAIVE_TOOLS.match(prompt)
    if found is None:
        return None
    # One declaration after another, with nothing between them.
    tools = json_value("[" + re.sub(r"\}\s*\n\s*\{", "},{", found[2]) + "]")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "name" in tool for tool in tools):
        return None
    return found[1], dumps(tools)


class Tools(NamedTuple):
    """The tools that a record declares, as a JSON array, with the repairs and the flags of reading them."""

    text: str | None = None
    fixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def tools_at(record: Record, path: str | None) -> Tools:
    """The tools that a field declares: definitions, also without the object of the function around them (flat-tools).

    What is no definition is not read (tools-unread).

    >>> tools_at({"tools": [{"name": "area", "parameters": {}}]}, "tools").text
    '[{"type":"function","function":{"name":"area","parameters":{}}}]'
    >>> tools_at({"tools": "area: 넓이를 구한다"}, "tools")
    Tools(text=None, fixes=(), flags=('tools-unread',))
    """
    given = at(record, path)
    value = json_value(given) if isinstance(given, str) else given
    listed = [value] if isinstance(value, dict) and value else value
    if listed in (None, [], {}) and (not isinstance(given, str) or value is not None or not given.strip()):
        return Tools()
    tools = [json_value(tool) if isinstance(tool, str) else tool for tool in listed] if isinstance(listed, list) else []
    if not tools or not all(isinstance(tool, dict) for tool in tools):
        return Tools(flags=("tools-unread",))
    repairs = repairs_in_json(given) if isinstance(given, str) else ()
    flat = any(map(_is_flat, tools))
    tools = [{"type": "function", "function": tool} if _is_flat(tool) else tool for tool in tools]
    return Tools(dumps(tools), (*repairs, *(["flat-tools"] if flat else [])))


def _is_flat(tool: Record) -> bool:
    """Whether a definition is the function alone, as xLAM and Glaive write it."""
    return isinstance(tool.get("name"), str) and not tool.keys() & {"function", "type"}

"""show: calls of tools and definitions of tools as people read them: `weather(city="서울", days=3)`."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.stages.tokenize.conversation import json_text

#: A call that is longer is written with a line for each argument.
WIDTH = 80


def call_text(call: Mapping[str, Any]) -> str:
    """A call in OpenAI's form. Arguments that are no object are written as they are.

    >>> print(call_text({"id": "c1", "function": {"name": "날씨", "arguments": {"도시": "서울", "날": [1, 2]}}}))
    → 날씨(도시="서울", 날=[1,2])  #c1
    """
    function = call["function"]
    arguments = _object(function.get("arguments"))
    if isinstance(arguments, dict):
        parts = [f"{name}={json_text(value)}" for name, value in arguments.items()]
    else:
        parts = [arguments if isinstance(arguments, str) else json_text(arguments)]
    number = f"  #{call['id']}" if call.get("id") else ""
    return f"→ {_joined(function['name'], parts)}{number}"


def tools_text(tools: str) -> str:
    """A line for each tool that is defined: its parameters with their types, `?` where it may be left out.

    >>> print(tools_text('[{"name": "날씨", "parameters": {"properties": {"도시": {"type": "string"}}}}]'))
    - 날씨(도시?: string)
    """
    try:
        defined = json.loads(tools)
    except ValueError:
        return tools
    if not isinstance(defined, list):
        return tools
    return "\n".join(_tool_text(tool) for tool in defined)


def _tool_text(tool: object) -> str:
    """One tool; as JSON where it is not a function with a name."""
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return f"- {json_text(tool)}"
    schema = function.get("parameters")
    schema = schema if isinstance(schema, dict) else {}
    properties, required = schema.get("properties"), schema.get("required")
    properties = properties if isinstance(properties, dict) else {}
    needed = required if isinstance(required, list) else []
    parts = [f"{name}{'' if name in needed else '?'}{_type_text(about)}" for name, about in properties.items()]
    description = function.get("description")
    return f"- {_joined(function['name'], parts)}" + (f": {description}" if isinstance(description, str) else "")


def _type_text(about: object) -> str:
    """The type of a parameter, or the values that it may have."""
    if not isinstance(about, dict):
        return ""
    if isinstance(about.get("enum"), list):
        return ": " + " | ".join(json_text(value) for value in about["enum"])
    kind = about.get("type")
    return f": {kind if isinstance(kind, str) else json_text(kind)}" if kind else ""


def _object(arguments: object) -> object:
    """The arguments of a call, which some sources write as the text of a JSON object."""
    if not isinstance(arguments, str):
        return arguments
    try:
        found = json.loads(arguments)
    except ValueError:
        return arguments
    return found if isinstance(found, dict) else arguments


def _joined(name: str, parts: list[str]) -> str:
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= WIDTH else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + ")"

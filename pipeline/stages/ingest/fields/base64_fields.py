"""Bytes that a record holds as a base64 text: no reader of `meta` needs them, and they may be megabytes."""

import base64
import binascii
import hashlib
import re
from typing import Any

#: The address of data that holds the data itself.
DATA_URL = re.compile(r"data:[^;,\s]{0,99}(?:;[^;,\s]{0,99}){0,9}?;base64,")
#: The keys beside the bytes in an object of Anthropic's and OpenAI's: the kind of its `data`.
KINDS = ("media_type", "format", "mime_type", "mimeType")
#: The JSON of a record with such bytes holds one of these.
SIGNS = ("base64", '"data":')


def without_bytes(value: Any) -> Any:
    """The value with size and sha256 in place of bytes; the same object where it holds none.

    >>> without_bytes({"image_url": {"url": "data:image/png;base64,aGVsbG8="}})["image_url"]["url"]["size"]
    5
    """
    if isinstance(value, str):
        found = DATA_URL.match(value)
        return {"type": found[0].rstrip(","), **_shown(value[found.end() :])} if found else value
    if isinstance(value, list):
        items = [without_bytes(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, dict):
        return value
    fields = {key: without_bytes(item) for key, item in value.items()}
    if isinstance(value.get("data"), str) and any(isinstance(value.get(kind), str) for kind in KINDS):
        fields["data"] = _shown(value["data"])
    return fields if any(fields[key] is not value[key] for key in value) else value


def _shown(text: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = text.encode()
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}

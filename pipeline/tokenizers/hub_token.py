"""The token of the Hugging Face Hub never stands in a message, a manifest or a card."""

import re


def without_token(text: str) -> str:
    """The text on one line, with any token in it made unreadable."""
    from huggingface_hub import get_token

    if token := get_token():
        text = text.replace(token, "hf_…").replace(repr(token)[1:-1], "hf_…")
    return re.sub(r"\s*\n\s*", " ", re.sub(r"hf_\w{8,}", "hf_…", text)).strip()

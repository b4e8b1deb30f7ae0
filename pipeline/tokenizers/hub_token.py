"""The access token of the Hugging Face Hub must not appear in a message, a manifest or a card."""

import re


def without_token(text: str) -> str:
    """The text on one line, with each access token in it replaced by hf_…."""
    from huggingface_hub import get_token

    if token := get_token():
        text = text.replace(token, "hf_…").replace(repr(token)[1:-1], "hf_…")
    return re.sub(r"\s*\n\s*", " ", re.sub(r"hf_\w{8,}", "hf_…", text)).strip()

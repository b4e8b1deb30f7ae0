"""What generates: one protocol, a model of transformers or an OpenAI-compatible endpoint behind it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pipeline.self_instruct.errors import GeneratorError
from schemas.self_instruct import Answer, Request, Sampling


class Generator(Protocol):
    """Answers prompts. The same requests and sampling give the same answers as far as the model allows it."""

    #: The model, as rows and logs name it.
    name: str
    #: Requests that are answered together: a call begins a new batch with its first request.
    batch: int

    def answers(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Answer]:
        """One answer per request, in their order, as they come. Raises GeneratorError; earlier answers are kept."""
        ...


def open_generator(name: str, *, batch: int, concurrency: int, retries: int, timeout: float) -> Generator:
    """The generator of this name: `openai:MODEL`, a folder with a model of transformers, or its id on the Hub.

    `batch`: requests that a transformers model answers together. `concurrency`, `retries`, `timeout` (seconds): of an
    endpoint. Raises GeneratorError.
    """
    kind, _, model = name.partition(":")
    if kind == "openai" and model:
        from pipeline.self_instruct.endpoint import Endpoint

        return Endpoint(model, concurrency=concurrency, retries=retries, timeout=timeout)
    if not Path(name).exists() and (name.startswith((".", "/", "~")) or name.count("/") != 1):
        raise GeneratorError(
            f"{name!r} is not a generator: give openai:MODEL (an endpoint), a folder with a model, or its Hub id "
            "(owner/name)"
        )
    from pipeline.self_instruct.local import LocalModel

    return LocalModel(name, batch=batch)

"""Any OpenAI-compatible endpoint: OPENAI_BASE_URL is its address, OPENAI_API_KEY the key.

Such are `vllm serve MODEL` and `transformers serve` on a machine of one's own. The client of `openai` repeats a request
after 408, 409, 429, 5xx, a timeout or a lost connection: after the time in Retry-After, else with exponential backoff.
It does not repeat a request whose answer is malformed; we do.
"""

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from pipeline.self_instruct.errors import GeneratorError
from schemas.errors import KoInstructError, install
from schemas.self_instruct import Answer, Request, Sampling

#: Times that a request is sent whose answer is broken.
BROKEN_RETRIES = 3


class Endpoint:
    """A chat model behind /chat/completions. `timeout` in seconds, for one try."""

    batch = 1

    def __init__(self, model: str, *, concurrency: int, retries: int, timeout: float) -> None:
        try:
            from openai import OpenAI
        except ImportError as error:
            needs = "an endpoint is asked through the openai client"
            raise GeneratorError(f"{needs}: {install('self-instruct')}") from error
        self.name = model
        self.concurrency = concurrency
        self._key = os.environ.get("OPENAI_API_KEY", "")
        if not self._key and not os.environ.get("OPENAI_BASE_URL"):
            raise GeneratorError(
                "set OPENAI_API_KEY to your key; or OPENAI_BASE_URL to a server of your own, as in "
                "http://localhost:8000/v1 (vLLM, transformers serve), which needs none"
            )
        self._client = OpenAI(api_key=self._key or "none", max_retries=retries, timeout=timeout)

    def answers(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Answer]:
        """In the order of the requests. Nobody waits for the answers that are still to come when a command ends."""
        answers = [Future[Answer]() for _ in requests]
        waiting = deque(zip(requests, answers, strict=True))

        def work() -> None:
            with contextlib.suppress(IndexError):  # no request waits
                while True:
                    request, answer = waiting.popleft()
                    try:
                        answer.set_result(self._answer(request, sampling))
                    except Exception as error:
                        answer.set_exception(error)

        for _ in requests[: self.concurrency]:
            threading.Thread(target=work, daemon=True).start()
        try:
            yield from (answer.result() for answer in answers)
        finally:
            waiting.clear()

    def _answer(self, request: Request, sampling: Sampling) -> Answer:
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        fault = ""
        for _ in range(BROKEN_RETRIES):
            try:
                completion = self._client.chat.completions.create(
                    model=self.name,
                    messages=[{"role": "user", "content": request.prompt}],
                    max_tokens=sampling.max_tokens,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    stop=list(sampling.stop) or None,
                    seed=request.seed,
                )
                return read_completion(completion)
            except (json.JSONDecodeError, UnicodeDecodeError, BrokenAnswer) as error:
                fault = str(error)
            except APITimeoutError:
                raise self._error(
                    "did not answer in time; a longer --timeout or a smaller --concurrency helps"
                ) from None
            except APIConnectionError as error:
                raise self._error(f"cannot be reached ({error.__cause__ or error})") from None
            except APIStatusError as error:
                raise self._error(f"refused with status {error.status_code}: {error.message}") from None
            except OpenAIError as error:
                raise self._error(f"failed: {error}") from None
        raise self._error(f"gave a broken answer {BROKEN_RETRIES} times: {fault}")

    def _error(self, what: str) -> GeneratorError:
        """An error without the key, which servers like to repeat. No cause is attached: it would hold the request."""
        url = self._client.base_url
        message = f"{self.name} at {url.scheme}://{url.netloc.decode()}{url.path} {what}"
        if self._key:
            message = message.replace(self._key, "<OPENAI_API_KEY>")
        return GeneratorError(f"{message[:600]}. Run the same command again: it goes on where it stopped.")


class BrokenAnswer(KoInstructError, ValueError):
    """An answer that is not a chat completion."""


def read_completion(completion: Any) -> Answer:
    """The answer in a chat completion. Raises BrokenAnswer where the server sent something else."""
    try:
        choice, usage = completion.choices[0], completion.usage
        finish = {"stop": "stop", "length": "length", "content_filter": "filtered"}[choice.finish_reason]
        return Answer(
            text=choice.message.content or "",
            finish=finish,  # type: ignore[arg-type]
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BrokenAnswer(f"not a chat completion ({type(error).__name__}: {error}): {completion}") from None

"""The errors of push and fetch, and what an error of the Hub's client means for a push."""

from collections.abc import Iterator
from typing import Literal

from pipeline.tokenizers.hub_token import without_token
from schemas.errors import KoInstructError

Reason = Literal[
    "not-an-export",
    "changed-since-export",
    "embedded-tokenizer",
    "license",
    "visibility",
    "tag-exists",
    "invalid-card",
    "invalid-name",
    "not-logged-in",
    "forbidden",
    "not-found",
    "conflict",
    "rate-limited",
    "offline",
    "connection-lost",
    "hub-error",
]


class PushError(KoInstructError):
    """A dataset was not published. `reason`: the name of the cause; `remedy`: what to do.

    The message holds what was found and the remedy, and never an access token.
    """

    def __init__(self, reason: Reason, found: str, remedy: str) -> None:
        super().__init__(f"{found}\n{remedy}")
        self.reason, self.remedy = reason, remedy


class FetchError(KoInstructError):
    """A dataset was not downloaded. The message says why, and what to do. It never holds an access token."""


LOG_IN = (
    "Log in with `hf auth login`, or set HF_TOKEN to a token with write permission "
    "(https://huggingface.co/settings/tokens)."
)
WRITE_TOKEN = "Make a token with write permission (https://huggingface.co/settings/tokens) and log in with it."
PUSH_AGAIN = (
    "Push again: files that have arrived are not sent again. Until a push is complete, readers see no part of it."
)

#: HTTP status: the reason, what was found, and what to do. {repo} and {revision} are filled in.
REFUSALS: dict[int, tuple[Reason, str, str]] = {
    401: ("not-logged-in", "The Hub does not accept this login.", LOG_IN),
    403: (
        "forbidden",
        "This account may not write to {repo}.",
        "Name a repository of your own (owner/name), ask the owner for write access, or propose a change to an "
        "existing repository (--create-pr). A fine-grained token must include this repository.",
    ),
    404: ("not-found", "The Hub has no {repo} with the revision {revision}.", "Check the name and the revision."),
    409: ("conflict", "Someone else changed {repo} during this push.", "Look at the change, then push again."),
    412: ("conflict", "Someone else changed {repo} during this push.", "Look at the change, then push again."),
    429: ("rate-limited", "The Hub accepts no more requests for now.", f"Wait some minutes. {PUSH_AGAIN}"),
}


def explain(error: BaseException, repo_id: str, revision: str) -> PushError:
    """The PushError for an error of the Hub's client. It quotes the message of the Hub, without any access token."""
    found = (explained for cause in causes(error) if (explained := explain_cause(cause, repo_id, revision)))
    return next(found, None) or PushError("hub-error", f"The push failed. {quoted(error)}", PUSH_AGAIN)


def explain_cause(error: BaseException, repo_id: str, revision: str) -> PushError | None:
    """The same for one error of a chain; None where its type does not tell the cause."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    words = quoted(error)
    match error:
        case HfHubHTTPError() if error.response.status_code in REFUSALS:
            reason, found, remedy = REFUSALS[error.response.status_code]
            return PushError(reason, f"{found.format(repo=repo_id, revision=revision)} {words}", remedy)
        case HfHubHTTPError():
            remedy = PUSH_AGAIN if error.response.status_code >= 500 else "Its message in brackets says what to change."
            return PushError("hub-error", f"The Hub refused the push. {words}", remedy)
        case LocalTokenNotFoundError():
            return PushError("not-logged-in", "There is no login for the Hugging Face Hub.", LOG_IN)
        case OfflineModeIsEnabled():
            return PushError("offline", "HF_HUB_OFFLINE is set: nothing may be sent.", "Unset it to push.")
        case HFValidationError():
            return PushError("invalid-name", f"{repo_id} is not a valid repository name. {words}", "Use owner/name.")
        case ValueError() if "metadata in README.md" in str(error):
            return PushError("invalid-card", f"The Hub does not accept the card. {words}", "Correct its YAML header.")
        # By its name: the HTTP library that defines it differs between releases of the client.
        case _ if isinstance(error, ConnectionError | TimeoutError) or "TransportError" in names_of_types(error):
            return PushError("connection-lost", f"The connection to the Hub was lost. {words}", PUSH_AGAIN)
    return None


def quoted(error: BaseException) -> str:
    return f"({type(error).__name__}: {without_token(str(error))})"


def names_of_types(error: BaseException) -> list[str]:
    """The names of the class of an error and of all its bases."""
    return [kind.__name__ for kind in type(error).__mro__]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and the errors that caused it, the last cause at the end."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

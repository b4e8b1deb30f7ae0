"""Which tokenizer a run uses: the first of the config's list that is available, the same one from run to run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.io.atomic_files import write_if_changed
from pipeline.tokenizers.load import resolve
from pipeline.tokenizers.protocol import LoadError
from schemas.tokenizer import Resolution

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


def find_tokenizer(plan: Plan) -> Resolution:
    """The tokenizer of the plan, kept among its stage files so that it stays the same from run to run.

    The network is asked once for a list, and again only if what was found has gone. A better one that is available on
    this machine by now is taken.
    """
    names = plan.config.tokenize.tokenizer
    before = _before(plan)
    if before and names[: len(before.tried) + 1] == (*(name for name, _ in before.tried), before.name):
        try:
            now = resolve(names, online=False)
        except LoadError:
            now = None
        if now and (now.name, now.sha256) == (before.name, before.sha256):
            return now.model_copy(update={"tried": before.tried})
        if now and len(now.tried) < len(before.tried):
            return _keep(plan, now)
    return _keep(plan, resolve(names))


def _before(plan: Plan) -> Resolution | None:
    """What was found before; None where nothing was, or another version wrote it."""
    with contextlib.suppress(FileNotFoundError, ValidationError):
        return Resolution.model_validate_json(plan.tokenizer.read_bytes())
    return None


def _keep(plan: Plan, found: Resolution) -> Resolution:
    write_if_changed(plan.tokenizer, found.model_dump_json(indent=1) + "\n")
    return found

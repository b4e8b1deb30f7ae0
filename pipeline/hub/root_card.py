"""README.md of the repository, which the Hub shows and `load_dataset` reads: the cards of all its configs in one."""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline.dataset.card import merge
from pipeline.dataset.layout import CARD, MANIFEST
from pipeline.hub.errors import PushError
from pipeline.hub.publishable import LocalFile, Publication
from pipeline.hub.repository import Repository
from pipeline.hub.requests import with_retries


def root_card(publication: Publication, others: Mapping[str, str]) -> LocalFile:
    """The card of the repository. `others`: the cards of its other configs."""
    config = publication.config
    own = next(card_text(file.content, config) for file in publication.files if file.path == f"{config}/{CARD}")
    try:
        data = merge({config: own, **others}).encode()
    except ValueError as error:
        found = f"The cards of the configs cannot be joined: {error}."
        raise PushError("invalid-card", found, "Correct the YAML header of this card, and push again.") from None
    return LocalFile(CARD, data, len(data), hashlib.sha256(data).hexdigest())


def cards_of_other_configs(repository: Repository, config: str) -> dict[str, str]:
    """The cards of the configs in the repository other than this one."""
    configs = [path.removesuffix(f"/{CARD}") for path in repository.files if re.fullmatch(rf"[^/]+/{CARD}", path)]
    others = [name for name in configs if name != config and f"{name}/{MANIFEST}" in repository.files]

    def read(name: str) -> str:
        path = repository.api.hf_hub_download(
            repository.id, f"{name}/{CARD}", repo_type="dataset", revision=repository.head
        )
        return card_text(Path(path), name)

    return {name: with_retries(partial(read, name)) for name in others}


def card_text(card: Path | bytes, config: str) -> str:
    """The text of a card, with its line ends as they are."""
    data = card if isinstance(card, bytes) else card.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        found = f"The card of the config {config} is not UTF-8 ({error.reason} at byte {error.start})."
        raise PushError("invalid-card", found, f"Save {CARD} as UTF-8, and push again.") from None

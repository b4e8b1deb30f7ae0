"""What two manifests say differently: options, versions, tokenizer, sources, raw files."""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.difference import Setting

#: The sections of a manifest that say how a dataset was made, and the names of those that say of what.
HOW = ("options", "versions", "tokenizer", "steps")
#: Of a raw file, what tells whether it is the same.
DIGEST = "sha256"

Manifest = Mapping[str, Any]


def settings(old: Manifest, new: Manifest) -> list[Setting]:
    """Everything that differs, by its place in the manifest: `options.normalize.on`. Nothing where one is not known."""
    if not (old and new):
        return []
    found = [setting for name in HOW for setting in _differences(name, old.get(name), new.get(name))]
    found += _differences("sources", _by_name(old.get("sources")), _by_name(new.get("sources")))
    raw = [{name: _at(file, DIGEST) for name, file in _section(side.get("raw")).items()} for side in (old, new)]
    found += [Setting(name=f"raw.{name}", old=raw[0].get(name), new=raw[1].get(name)) for name in _differing(*raw)]
    return found


def same_ids(old: Manifest, new: Manifest) -> bool:
    """Whether equal texts should give equal ids: the layout and the tokenizer are the same, as far as is known."""
    return all(
        _at(old, *path) == _at(new, *path) for path in (("options", "tokenize", "layout"), ("tokenizer", DIGEST))
    )


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _differences(place: str, old: Any, new: Any) -> Iterator[Setting]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in _differing(old, new):
            yield from _differences(f"{place}.{name}", old.get(name), new.get(name))
    elif old != new:
        yield Setting(name=place, old=old, new=new)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _section(value: Any) -> dict[str, Any]:
    """A section of a manifest; {} for what is none, as in a manifest that someone edited."""
    return value if isinstance(value, dict) else {}


def _by_name(sources: Any) -> dict[str, Any]:
    named = (source for source in sources if isinstance(_at(source, "name"), str)) if isinstance(sources, list) else ()
    return {source["name"]: source for source in named}

"""The recipes of known datasets, by name."""

import difflib
import functools
import tomllib
from importlib.resources import files

from pipeline.stages.ingest.parse.unpacking import IngestError
from schemas.recipe import Recipe, Recipes


@functools.cache
def recipes() -> dict[str, Recipe]:
    """Every recipe of schemas/recipes.toml by its id."""
    text = (files("schemas") / "recipes.toml").read_text("utf-8")
    return {recipe.id: recipe for recipe in Recipes.model_validate(tomllib.loads(text)).recipe}


def recipe(name: str) -> Recipe:
    """One recipe. Raises IngestError, with similar names, where there is none."""
    known = recipes()
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.4)
        raise IngestError(f"no recipe is called {name!r}{': did you mean ' + ' or '.join(near) + '?' if near else ''}")
    return known[name]

"""Recipes: what is known of a published dataset, so that it is found out only once."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.shapes import Shape


class Recipe(BaseModel):
    """One dataset of the Hugging Face Hub (or a labelled set with its template)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Hub id, as `recipe = "…"` names it in pipeline.toml.
    id: str
    #: Globs of the files to take from the dataset's repository; empty for a set that is not on the Hub.
    files: tuple[str, ...] = ()
    #: None: not known for certain, detection decides.
    shape: Shape | None = None
    #: How sure that is: seen on the dataset's page or in a loader, or inferred.
    certain: bool = True
    license: str = "unknown"
    #: Names of the columns of a table without a header line.
    header: tuple[str, ...] = ()
    #: What goes wrong for those who do not know it.
    trap: str = ""


class Recipes(BaseModel):
    """The file schemas/recipes.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: tuple[Recipe, ...] = Field(min_length=1)

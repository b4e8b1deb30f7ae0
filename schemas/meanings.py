"""The meaning of each option: the text below it in its model.

Pydantic can read these texts when a class is made, which every start of a command would pay for. Here they are read
when somebody asks.
"""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model, by the name of the field."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _texts_below(textwrap.dedent(inspect.getsource(base)))
    return found


def _texts_below(code: str) -> dict[str, str]:
    """The text below each annotated name of a class, by the name.

    >>> _texts_below("class A:\\n    a: int\\n    'a number'\\n    b: int")
    {'a': 'a number'}
    """
    (model,) = ast.parse(code).body
    assert isinstance(model, ast.ClassDef)
    texts = {}
    for statement, below in pairwise(model.body):
        match statement, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = inspect.cleandoc(text)
    return texts

"""The options of a command from the fields of a pydantic model: name, type, default and help are in the model alone."""

import functools
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import BaseModel, ValidationError

from schemas.errors import problems
from schemas.meanings import meanings

Model = TypeVar("Model", bound=BaseModel)
Function = Callable[..., None]


def options_of(model: type[BaseModel], *besides: str) -> Callable[[Function], Function]:
    """Give a command an option for each field of a model, and its function the model filled, as `options`.

    `besides`: fields whose option the command declares itself, under the name of the field.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(**values: Any) -> None:
            given = {name: values.pop(name) for name in model.model_fields if name in values}
            function(**values, options=filled(model, given))

        for name in reversed(model.model_fields):
            if name not in besides:
                option_of(model, name)(command)
        return command

    return decorate


def option_of(model: type[BaseModel], name: str, *spelled: str) -> Callable[[Function], Function]:
    """The option for a field. `spelled`: how it is written, if not as its name is."""
    field = model.model_fields[name]
    kind, multiple = kind_of(field.annotation)
    return click.option(
        *(spelled or [f"--{name.replace('_', '-')}"]),
        type=kind,
        is_flag=kind is bool,
        multiple=multiple,
        default=field.default,
        show_default=bool(field.default) if kind is bool else field.default not in (None, ()),
        help=" ".join(meanings(model).get(name, "").split()),
    )


def kind_of(annotation: Any) -> tuple[Any, bool]:
    """The type of an option, and whether it can be given several times.

    >>> kind_of(tuple[str, ...]), kind_of(int | None)
    ((<class 'str'>, True), (<class 'int'>, False))
    """
    inside = get_args(annotation)
    match get_origin(annotation):
        case None:
            return annotation, False
        case kind if kind is Literal:
            return click.Choice(inside), False
        case kind if kind is tuple:
            return kind_of(inside[0])[0], True
        case kind if kind in (Union, UnionType):
            return kind_of(next(each for each in inside if each is not NoneType))
        case kind if kind is Annotated:
            return kind_of(inside[0])
    raise AssertionError(f"no option for {annotation}")


def filled(model: type[Model], values: dict[str, Any]) -> Model:
    """The model with these values; None: not given. Raises UsageError (exit code 2) for a value that it forbids."""
    try:
        return model(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        spelled = {option.name: option.opts[0] for option in click.get_current_context().command.params}
        named = problems(error, model, lambda location: "".join(spelled[str(name)] for name in location[:1]))
        raise click.UsageError("; ".join(named)) from None

"""The error of generators, below them all: a module that imports none of them."""

from schemas.errors import KoInstructError


class GeneratorError(KoInstructError, RuntimeError):
    """A model is not available or does not answer. The message gives the reason and the remedy."""

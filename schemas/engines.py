"""The names of the engines. In a module of its own, so that the command line starts fast."""

from typing import Literal

EngineName = Literal["local", "ray"]

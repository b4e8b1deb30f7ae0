"""The command `ko-instruct`, and `python -m ko_instruct`: the command line, after a check of what Python imports."""

from pipeline.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

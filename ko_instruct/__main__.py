"""The command `ko-instruct`, and `python -m ko_instruct`: the command line, whatever hides its packages."""

from ko_instruct.hiding import take_all

__all__ = ["main"]


def main() -> None:
    take_all()
    from pipeline.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()

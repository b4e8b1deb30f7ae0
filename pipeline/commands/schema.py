"""The command that prints the JSON schema of pipeline.toml."""

import click


@click.command()
def schema() -> None:
    """Print the JSON schema of pipeline.toml. An editor completes and checks options with it.

    \b
    Example: ko-instruct schema > pipeline.schema.json
    Then begin pipeline.toml with the line
    #:schema ./pipeline.schema.json
    """
    import json

    from schemas.options import Config

    click.echo(json.dumps(Config.model_json_schema(by_alias=True), ensure_ascii=False, indent=2))

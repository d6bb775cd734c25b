"""`topics explain`."""

from __future__ import annotations

from typing import IO, Any

import click

from topics.commands.options import models_option, rubrics_option
from topics.errors import DataError


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--rubric", help="Which rubric. [default: all that are given, else the likeliest]")
@click.option("--title", default="", help="Title of the article.")
@click.option("--outlet", default="", help="Outlet of the article.")
@click.option("--json", "as_json", is_flag=True, help="JSON, one rubric a line.")
@models_option
@rubrics_option
def explain(
    file: IO[str], rubric: str | None, title: str, outlet: str, as_json: bool, **options: Any
) -> None:
    """Say which words of the article in FILE (plain text, or `-`) speak for its rubrics and against.

    \b
    echo "Завод увеличил выпуск проката" | python -m topics explain
    """
    import msgspec

    from topics import terminal
    from topics.tagger import Tagger

    tagger = Tagger.load(options["models"], options["reference"])
    text = _text(file)
    prediction = tagger.tag(text, title, outlet)
    rubrics = (
        [rubric] if rubric else [score.label for score in prediction.rubrics] or list(prediction.scores)[:1]
    )
    for name in rubrics:
        explanation = tagger.explain(text, name, title, outlet)
        if as_json:
            click.echo(msgspec.json.encode(explanation))
        else:
            terminal.show_explanation(explanation)


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name}: is no UTF-8 text ({error})") from error

"""`topics explain`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from topics.commands.options import NEW_FILE, deliver, language_option, models_option, rubrics_option
from topics.errors import DataError


@click.command()
@click.argument("file", type=click.Path(path_type=str), default="-")
@click.option("--rubric", help="Which rubric. [default: the assigned ones, else the most likely one]")
@click.option("--title", default="", help="Title of the article.")
@click.option("--outlet", default="", help="Outlet of the article.")
@click.option("--html", "page", type=NEW_FILE, help="Write a page with the words highlighted.")
@click.option("--json", "as_json", is_flag=True, help="JSON, one rubric a line.")
@language_option
@models_option
@rubrics_option
def explain(
    file: str,
    rubric: str | None,
    title: str,
    outlet: str,
    page: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Explain the rubrics of the article in FILE (plain text, or `-`): which words count for and against.

    \b
    echo "Завод увеличил выпуск проката" | python -m topics explain
    python -m topics explain article.txt --title "Пуск на комбинате" --html why.html
    """
    import msgspec

    from topics.tagger import Tagger
    from topics.terminal.answers import show_explanation

    text = _text(file)
    if not f"{title}{text}".strip():
        raise DataError(f"{_name(file)}: no text; name a file with an article, or pass it on standard input")
    tagger = Tagger.load(options["models"], options["reference"], topics=False)
    prediction = tagger.tag(text, title, outlet)
    rubrics = (
        [rubric] if rubric else [score.label for score in prediction.rubrics] or list(prediction.scores)[:1]
    )
    explanations = [tagger.explain(text, name, title, outlet) for name in rubrics]
    if page:
        from topics.reports.pages import explanation_page

        deliver(page, explanation_page(explanations, options["lang"]).encode())
        if not as_json:
            return
    for explanation in explanations:
        if as_json:
            click.echo(msgspec.json.encode(explanation))
        else:
            show_explanation(explanation, options["lang"])


def _text(file: str) -> str:
    """Decode an article as the rows of a table are: UTF-8, or CP1251 where more lines are that."""
    from topics.readers import encoding_of

    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); check the name") from error
    encoding = encoding_of(content.splitlines(), _name(file))
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"{_name(file)}: is not UTF-8 or CP1251 text ({error})") from error


def _name(file: str) -> str:
    return "stdin" if file == "-" else file

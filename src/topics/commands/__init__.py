"""One command of the command line a file; `topics.cli` finds them by name."""

from __future__ import annotations

import builtins
from difflib import get_close_matches
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class Commands(click.Group):
    """Imports a command when it is called, so that `--help` does not wait for libraries."""

    def __init__(
        self, *arguments: Any, sections: dict[str, dict[str, str]], package: str = __name__, **options: Any
    ) -> None:
        """Set up sections of commands, each with its one-line help; NAME is `package.NAME:NAME`."""
        super().__init__(*arguments, **options)
        self.sections = sections
        self.table = {name: line for table in sections.values() for name, line in table.items()}
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands, in the order of the sections."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if it does not exist."""
        if cmd_name not in self.table:
            return None
        taken = iskeyword(cmd_name) or hasattr(builtins, cmd_name)
        attribute = f"{cmd_name}_" if taken else cmd_name  # `import` is `import_` there
        command = getattr(import_module(f"{self.package}.{attribute}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command, with a suggestion for a mistyped name."""
        near = get_close_matches(args[0], self.table, 1)
        if args[0] not in self.table and near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        width = max(map(len, self.table))
        for title, table in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in table.items()])

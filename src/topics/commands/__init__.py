"""One command of the command line a file; `topics.cli` finds them by name."""

from __future__ import annotations

import builtins
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class Commands(click.Group):
    """Imports a command when it is called, so that `--help` does not wait for libraries."""

    def __init__(
        self, *arguments: Any, table: dict[str, str], package: str = __name__, **options: Any
    ) -> None:
        """Take commands and what each does in a line; the command NAME is `package.NAME:NAME`."""
        super().__init__(*arguments, **options)
        self.table = table
        self.package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None: there is none of this name."""
        if cmd_name not in self.table:
            return None
        taken = iskeyword(cmd_name) or hasattr(builtins, cmd_name)
        attribute = f"{cmd_name}_" if taken else cmd_name  # `import` is `import_` there
        command = getattr(import_module(f"{self.package}.{attribute}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

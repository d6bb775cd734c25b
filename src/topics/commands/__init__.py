"""One command of the command line a file; `topics.cli` finds them by name."""

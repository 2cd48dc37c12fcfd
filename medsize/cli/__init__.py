"""The command line: one command a file; nothing heavy is imported before a command runs."""

from medsize.cli.app import main

__all__ = ["main"]

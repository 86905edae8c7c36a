"""`python -m accordant`: the command line."""

from accordant.cli.main import app

app()

"""What a command prints: results on stdout, everything else on stderr."""

import json
from typing import Any

import click


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """Print one line for the person who watches, on stderr."""
    click.echo(text, err=True)

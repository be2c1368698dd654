"""Commands: typer at the edge, every heavy import inside its command."""

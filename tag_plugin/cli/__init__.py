"""`tag-plugin`: a thin layer over the modules; every command is one call.

Imports happen inside the commands, so that `tag-plugin --help` loads nothing heavy.
"""

import errno
import os
import sys
from pathlib import Path
from tempfile import gettempdir

import typer

from tag_plugin.cli import evaluation, prefer, quality, rows
from tag_plugin.cli.data import data
from tag_plugin.cli.detector import detector
from tag_plugin.cli.export_rl import export_rl
from tag_plugin.cli.installation import demo, doctor, draw, recipes
from tag_plugin.cli.prepare import prepare
from tag_plugin.cli.prompt import prompt
from tag_plugin.cli.report import report
from tag_plugin.cli.reward import reward
from tag_plugin.cli.tiny import tiny
from tag_plugin.data.terminal import one_line

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(prepare, name="prepare")
quality.register(app)
rows.register(app)
app.add_typer(data, name="data")
app.add_typer(detector, name="detector")
app.add_typer(tiny, name="tiny")
app.add_typer(reward, name="reward")
evaluation.register(app)
for command in (draw, doctor, demo, recipes):
    app.command()(command)
app.command("export-rl")(export_rl)
app.command()(prompt)
app.command()(report)
prefer.register(app)


def main() -> None:
    """Run a command; a known kind of error becomes one line and exit code 1.

    TAG_PLUGIN_DEBUG=1 shows its traceback instead.
    """
    try:
        app()
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("TAG_PLUGIN_DEBUG"):
            raise
        sys.exit(f"tag-plugin: {one_line(_described(error))}")


def _described(error: Exception) -> str:
    """What an error says, and which file it is about where only the system knows."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        folders = f"{Path.cwd()}, {gettempdir()} and the folder that this command writes to"
        return f"{error}; next: make room ({folders}), then the same command again"
    return str(error) or type(error).__name__

"""`tag-plugin`: a thin layer over the modules; every command is one call.

Imports happen inside the commands, so that `tag-plugin --help` loads nothing heavy.
"""

import errno
import os
import sys
from pathlib import Path
from tempfile import gettempdir

import typer

from tag_plugin.cli.data import data
from tag_plugin.cli.detector import detector
from tag_plugin.cli.evaluation import card, compare, faithfulness, mask, merge, prefer, rejudge
from tag_plugin.cli.installation import demo, doctor, draw, recipes, report, tiny
from tag_plugin.cli.other_tools import export_rl, prompt
from tag_plugin.cli.prepare import prepare
from tag_plugin.cli.reward import reward
from tag_plugin.cli.stages import build, detect, quality
from tag_plugin.data.terminal import one_line

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
for group in (prepare, data, detector, tiny, reward):
    app.add_typer(group)
for command in (
    *(quality, detect, build),
    *(compare, merge, rejudge, card, mask, faithfulness),
    *(draw, doctor, demo, recipes, export_rl, prompt, report, prefer),
):
    app.command()(command)


def main() -> None:
    """Run a command; a known kind of error becomes one line and exit code 1.

    TAG_PLUGIN_DEBUG=1 shows its traceback instead.
    """
    try:
        app()
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("TAG_PLUGIN_DEBUG"):
            raise
        message = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            folders = f"{Path.cwd()}, {gettempdir()} and the folder that this command writes to"
            message += f"; next: make room ({folders}), then the same command again"
        sys.exit(f"tag-plugin: {one_line(message)}")

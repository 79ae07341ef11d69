"""`tag-plugin`: a thin layer over the modules; every command is one call.

Imports happen inside the commands, so that `tag-plugin --help` loads nothing heavy.
"""

import errno
import os
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tag_plugin.cli.data import data
from tag_plugin.cli.detector import detector
from tag_plugin.cli.evaluation import card, compare, faithfulness, mask, merge, prefer, rejudge
from tag_plugin.cli.installation import demo, doctor, draw, recipes, report, tiny
from tag_plugin.cli.look import app as look_app
from tag_plugin.cli.look import look
from tag_plugin.cli.other_tools import export_rl, prompt
from tag_plugin.cli.prepare import prepare
from tag_plugin.cli.reward import reward
from tag_plugin.cli.stages import build, detect, quality
from tag_plugin.data.terminal import echo, one_line

PANELS = {
    "Data": (prepare, quality, detect, build, data, detector),
    "Train": (recipes, prompt, reward, export_rl, tiny),
    "Evaluate": (compare, merge, rejudge, card, mask, faithfulness, prefer),
    "Look": (look, look_app, report, draw),
    "Set up": (doctor, demo),
}
"""Every command and group of commands, in the order of the work."""


class InOrder(TyperGroup):
    """Lists commands as `PANELS` does; typer itself puts groups of commands last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - a private type of typer
        """The names in the order of the help."""
        names = [
            each.info.name if isinstance(each, typer.Typer) else each.__name__.replace("_", "-")
            for commands in PANELS.values()
            for each in commands
        ]
        return sorted(super().list_commands(ctx), key=names.index)


app = typer.Typer(cls=InOrder, no_args_is_help=True, pretty_exceptions_enable=False)
for panel, commands in PANELS.items():
    for each in commands:
        if isinstance(each, typer.Typer):
            app.add_typer(each, rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(each)


def _version(asked: bool) -> None:
    if asked:
        echo(f"tag-plugin {version('tag-plugin')}")
        raise typer.Exit


@app.callback()
def about(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Facial expressions by Action Units that can be checked: data, training, evaluation of TAG.

    It teaches LLaMA-Factory (SFT, GRPO) and lmms-eval the method of arXiv 2602.18763.

    The commands stand in the order of the work; each says at its end what comes next.
    """


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

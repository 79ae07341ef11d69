"""`tag-plugin tiny`: the embedded tiny model."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.terminal import echo

tiny = typer.Typer(no_args_is_help=True, help="The embedded tiny model.")


@tiny.command("base")
def tiny_base(out: Annotated[Path, typer.Option()] = Path("runs/tiny_base")) -> None:
    """Write the tiny base model that ships with the package, ready to train."""
    from tag_plugin.tiny import write_base

    echo(f"The tiny base model in {write_base(out)}")


@tiny.command("pretrain")
def tiny_pretrain(
    out: Annotated[Path, typer.Option()] = Path("runs/pretrained"), seed: int = 0
) -> None:
    """Train that base model again, from nothing; about half an hour on two cores."""
    from tag_plugin.tiny.pretrain import pretrain

    pretrain(out, seed=seed)

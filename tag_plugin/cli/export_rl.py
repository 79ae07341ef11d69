"""`tag-plugin export-rl HOST DATASET`: rows for another host of reinforcement learning."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.cli.options import Dataset
from tag_plugin.data.terminal import echo


def export_rl(
    host: Annotated[str, typer.Argument(help="easyr1, verl or swift.")],
    dataset: Dataset,
    template: Annotated[
        str, typer.Option(help="The model's tag_ template: says in which frame boxes are.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where the files go; DATASET/rl_HOST when not given.")
    ] = None,
    undetected: Annotated[
        bool, typer.Option(help="Keep rows without detections; grounding does not apply to them.")
    ] = False,
) -> None:
    """Detected rows -> the host's own format, and the lines that start a run with TAG's rewards."""
    from tag_plugin.hosts.llamafactory.templates import frame_of
    from tag_plugin.hosts.rl_rows import export, rl_host

    adapter, frame = rl_host(host), frame_of(template)
    folder = (out or dataset / f"rl_{host}").resolve()
    exported = export(adapter, dataset, folder, frame, undetected=undetected)
    for split, path in exported.files.items():
        echo(f"{split}: {exported.rows[split]} rows in {path}")
    for reason, count in exported.left_out.items():
        echo(f"left out: {count} rows ({reason})")
    echo(f"boxes: {frame}; next, in {host}'s own environment with tag-plugin installed:")
    echo(adapter.command(exported.files))

"""`tag-plugin data ...`: a dataset that is there: join its shards."""

import typer

from tag_plugin.cli.options import Dataset

data = typer.Typer(no_args_is_help=True, help="Make, check and look at a dataset.")


@data.command("merge")
def merge_shards(dataset: Dataset) -> None:
    """Join finished shards where no shard saw that it was the last one."""
    from tag_plugin.pipeline.merge import merge

    typer.echo(f"{dataset}: joined {', '.join(merge(dataset))}")

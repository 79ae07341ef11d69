"""`tag-plugin reward try`: what a reward gives on completions that are already written."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tag_plugin.cli.options import BoxFrameName

if TYPE_CHECKING:
    from rich.table import Table

    from tag_plugin.hosts.llamafactory.grpo.reward_tryout import Sample, Tried

reward = typer.Typer(name="reward", no_args_is_help=True, help="The rewards of `stage: grpo`.")


@reward.callback()
def _group() -> None:
    """The rewards of `stage: grpo`."""


@reward.command("try")
def try_reward(
    completions: Annotated[
        Path, typer.Option(help="JSONL with `completion` or `text`, or a run's rollouts.jsonl.")
    ],
    reward: Annotated[
        list[str] | None, typer.Option(help="A name, or file.py:function; may be repeated.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="Take rewards and template from this recipe instead.")
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="TAG rows, found by the line's id.")] = None,
    template: Annotated[
        str | None, typer.Option(help="The model's tag_ template: says in which frame boxes are.")
    ] = None,
    box_frame: BoxFrameName = None,
    show: Annotated[int, typer.Option(min=0, help="So many completions, one by one.")] = 5,
) -> None:
    """A table of rewards: mean, standard deviation, and the share to which each applies."""
    from tag_plugin.data.console import console
    from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
    from tag_plugin.hosts.llamafactory.grpo.reward_tryout import read_completions, try_rewards
    from tag_plugin.hosts.llamafactory.templates import PREFIX, frame_of, read_box_frame

    samples = read_completions(completions, rows)
    try:
        entries, named, written = _asked(reward, recipe, template, box_frame)
        ours = named is not None and named.startswith(PREFIX)
        frame = frame_of(named, read_box_frame(written)) if ours else None
        tried = try_rewards(entries, samples, frame)
    except GrpoError as error:
        raise GrpoError(f"{recipe}: {error}" if recipe and not reward else str(error)) from error
    shown = console()
    shown.print(_summary(tried, f"{len(samples)} completions of {completions.name}"))
    if show:
        shown.print(_one_by_one(tried, samples[:show]))


def _asked(
    names: list[str] | None, recipe: Path | None, template: str | None, box_frame: str | None
) -> tuple[list[Any] | None, str | None, str | None]:
    """The entries of `rewards:` (None: TAG's own), the template and its `box_frame`."""
    from tag_plugin.data.settings_file import read_yaml_mapping
    from tag_plugin.hosts.llamafactory.grpo.arguments import check_rewards, structure
    from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

    if names:
        return list(names), template, box_frame
    if recipe is None:
        raise ValueError("next: --reward NAME, --reward file.py:function, or --recipe FILE")
    settings = read_yaml_mapping(recipe)
    named = template or settings.get("template")
    if named is not None and not isinstance(named, str):
        raise GrpoError(f"template: must be a name, not {named!r:.40}")
    entries = structure(settings.get("rewards"), "rewards")
    check_rewards(entries)
    written = box_frame or settings.get("box_frame")
    return entries, named, None if written is None else str(written)


def _summary(tried: "list[Tried]", title: str) -> "Table":
    from rich.table import Column, Table

    heads = ("weight", "mean", "std", "min", "max", "applicable")
    table = Table(
        "reward",
        *(Column(name, justify="right") for name in heads),
        title=title,
        title_justify="left",
    )
    for each in tried:
        ends = (min(each.known, default=None), max(each.known, default=None))
        numbers = (each.mean, each.std, *ends)
        weight = "" if each.weight is None else f"{each.weight:g}"
        table.add_row(each.name, weight, *map(_number, numbers), f"{each.applicable:.0%}")
    return table


def _one_by_one(tried: "list[Tried]", samples: "list[Sample]") -> "Table":
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        Column("completion (its end)", max_width=60),
        *(Column(each.name, justify="right", no_wrap=True) for each in tried),
    )
    for index, sample in enumerate(samples):
        end = Text(" ".join(sample["completion"].split())[-60:])
        table.add_row(end, *(_number(each.values[index]) for each in tried))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None or isnan(value) else f"{value:.3f}"

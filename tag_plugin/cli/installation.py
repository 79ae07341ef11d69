"""`tag-plugin doctor`, `demo`, `recipes`, `draw`, `report`, `tiny`: what is here, what came out."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.terminal import echo, warn


def draw(
    results: Annotated[Path, typer.Argument(help="lmms-eval's output folder, or a samples file.")],
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("pictures"),
    count: Annotated[int, typer.Option(min=1, help="Pictures a task.")] = 24,
) -> None:
    """Draw what a model pointed at: reference and predicted boxes, the trace beside them."""
    from tag_plugin.report.sample_pictures import draw_samples, picture_folders, sample_files

    for path, folder in picture_folders(sample_files(results), results).items():
        echo(f"{len(draw_samples(path, out / folder, count))} pictures in {out / folder}")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What is armed and registered, found or missing, and the next command."""
    from tag_plugin.doctor import collect, render

    report = collect()
    if as_json:
        echo(report.model_dump_json(indent=2))
    else:
        render(report)
    raise typer.Exit(0 if report.healthy else 1)


def demo(out: Annotated[Path, typer.Option()] = Path("runs/demo")) -> None:
    """Faces, SFT, GRPO, an evaluation of each model, a table and pictures: all on one CPU."""
    from tag_plugin.demo import run_demo

    run_demo(out)


def recipes(
    project: Annotated[
        Path, typer.Argument(metavar="[PROJECT]", help="The folder; it may exist.")
    ] = Path(),
    out: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Make a project folder: the LLaMA-Factory recipes, and a data directory beside them."""
    from tag_plugin.hosts.paths import copy_recipes, make_project

    if out is not None:
        warn("--out will go; next time: tag-plugin recipes PROJECT, which makes PROJECT/recipes")
        echo(f"Recipes in {copy_recipes(out)}")
        return
    folder = make_project(project).absolute()
    echo(f"Recipes in {folder / 'recipes'}, for data: {folder / 'data'}")
    echo(f"next: cd {shlex.quote(str(folder))}, then what stands at the top of each recipe")


def report(
    sources: Annotated[
        list[Path],
        typer.Argument(help="A GRPO run's directory, or output folders of lmms-eval."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; by default report.html in the first.")
    ] = None,
) -> None:
    """One offline HTML file: numbers, curves, and every face with what was said about it."""
    from tag_plugin.report.write import write_report

    first = sources[0]
    target = out or (first if first.is_dir() else first.parent) / "report.html"
    write_report(sources, target)
    echo(f"{target} ({target.stat().st_size / 1e6:.1f} MB); next: open it in a browser")


tiny = typer.Typer(name="tiny", no_args_is_help=True, help="The embedded tiny model.")


@tiny.command("base")
def tiny_base(out: Annotated[Path, typer.Option()] = Path("runs/tiny_base")) -> None:
    """Write the tiny base model that ships with the package, ready to train."""
    from tag_plugin.tiny import write_base

    echo(f"The tiny base model in {write_base(out)}")


@tiny.command("pretrain")
def tiny_pretrain(
    out: Annotated[Path, typer.Option()] = Path("runs/pretrained"),
    rows: Annotated[
        Path | None,
        typer.Option(
            help="Photographs to learn from, after `detect`: data/ferplus. Else drawings."
        ),
    ] = None,
    faces: Annotated[
        int, typer.Option(min=1, help="Views of faces for the vision tower.")
    ] = 64_000,
    seed: int = 0,
) -> None:
    """Train such a base model from nothing; the more views, the longer and the better.

    It learns where the parts of a face are, and nothing of Action Units or emotions.
    """
    from dataclasses import replace

    from tag_plugin.tiny.pretrain import SEEING, pretrain

    pretrain(out, seed=seed, rows=rows, seeing=replace(SEEING, faces=faces))
    echo(f"The base model in {out}; next: model_name_or_path: {out} in a recipe of recipes/tiny")

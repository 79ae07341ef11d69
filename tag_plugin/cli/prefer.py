"""`tag-plugin prefer A B`: whose answers are preferred."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.terminal import echo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(prefer)


def prefer(
    a: Annotated[Path, typer.Argument(help="lmms-eval's output folder, or a samples file.")],
    b: Annotated[Path, typer.Argument(help="Another run on the same faces.")],
    out: Annotated[Path, typer.Option(help="Where the study lives.")] = Path("preference"),
    task: Annotated[str | None, typer.Option(help="Where a folder holds several tasks.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Pairs at most.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the choice, and of the sides.")] = 0,
    judge: Annotated[str | None, typer.Option(help="A model; without one, raters only.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="http://localhost:8000/v1")] = None,
    key_variable: Annotated[
        str, typer.Option(help="The environment variable that holds the key.")
    ] = "OPENAI_API_KEY",
    concurrency: Annotated[int, typer.Option(min=1, help="Questions in flight.")] = 4,
    answers: Annotated[
        list[Path] | None, typer.Option(help="Answers that a rater saved; may be repeated.")
    ] = None,
) -> None:
    """Whose answers are preferred: a judge asked in both orders, a blind page for people."""
    from tag_plugin.preference.command import NUMBERS, PAGE, Sources, print_table, run_study
    from tag_plugin.preference.judge import judge_settings
    from tag_plugin.preference.pairs import make_study

    study = make_study(a, b, count, seed, task)
    model = judge_settings(judge, endpoint, key_variable, concurrency) if judge else None
    sources = Sources(str(a), str(b))
    found = run_study(study, sources, out, model, answers or [])
    if found:
        print_table(found, sources)
        echo(f"Numbers: {out / NUMBERS}")
    echo(
        f"{len(study.asked)} pairs for people in {out / PAGE}; next: open it, save the answers, "
        "then run this command again with --answers FILE"
    )

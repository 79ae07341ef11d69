"""What to do with results: `tag-plugin compare`, `merge`, `rejudge`, `card`, `prefer`, ..."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.terminal import echo

Run = Annotated[Path, typer.Argument(help="lmms-eval's output folder, or one _results.json.")]
Task = Annotated[str | None, typer.Option(help="Which task, when a run has several.")]


def compare(
    first: Run,
    second: Run,
    task: Task = None,
    across: Annotated[
        list[str] | None,
        typer.Option(help="A protocol field that may differ: box_frame, style, decoding, ..."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the comparison here as well.")
    ] = None,
) -> None:
    """Two runs on the same items: differences with intervals, and paired tests."""
    import json
    from dataclasses import asdict

    from tag_plugin.data.console import console
    from tag_plugin.results import compare, reader, table

    ours, theirs = (
        [run for run in reader.read_runs(path) if task in (None, run.task)]
        for path in (first, second)
    )
    comparisons = compare.compare_runs(ours, theirs, across or ())
    for each in comparisons:
        console().print(table.comparison_table(each))
        echo(table.mcnemar_line(each))
    if json_file is not None:
        content = {
            each.task: {
                "first": str(each.first.results_file),
                "second": str(each.second.results_file),
                "protocols": [each.first.stated.fingerprint, each.second.stated.fingerprint],
                "across": each.allowed,
                "notes": each.notes,
                "n": each.n,
                "mcnemar": asdict(each.mcnemar),
                "differences": {name: asdict(d) for name, d in each.differences.items()},
            }
            for each in comparisons
        }
        write_text(json_file, json.dumps(content, indent=2) + "\n")


def merge(
    shards: Annotated[list[Path], typer.Argument(help="Output folders of the shards.")],
    out: Annotated[Path, typer.Option(help="Where the merged run goes.")] = Path("merged"),
) -> None:
    """Put shards (--limit, --offset) together; all numbers are made anew from their samples."""
    from tag_plugin.data.console import console
    from tag_plugin.results import merge, reader, table

    for path in merge.merge(shards, out):
        run = reader.read_run(path)
        console().print(table.summary_table(run.protocol, run.summary))
        for alarm in run.summary.alarms:
            echo(f"{run.task}: {alarm}", err=True)
        echo(f"{run.protocol.items} of {run.protocol.n} items in {path}")


def rejudge(results: Run, task: Task = None) -> None:
    """Score stored completions again by today's judge, without a model, beside the old results."""
    from tag_plugin.results import rejudge

    for each in rejudge.rejudge(results, task):
        before, after = each.before, each.after
        versions = (str(run.protocol.judge.get("version", 1)) for run in (before, after))
        echo(f"{after.title}: judge {' -> '.join(versions)}, {each.changed} samples differ")
        for name, new in after.summary.metrics.items():
            old = before.summary.metrics.get(name)
            echo(f"  {name:24} {'-' if old is None else f'{old.value:.3f}'} -> {new.value:.3f}")
        for alarm in after.summary.alarms:
            echo(f"{after.task}: {alarm}", err=True)
        echo(f"  in {after.results_file}; the old ones stay")


def card(
    results: Run,
    out: Annotated[Path, typer.Option(help="Where the card goes.")] = Path("README.md"),
    checkpoint: Annotated[
        Path | None, typer.Option(help="The model's folder; by default the evaluated one.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a file that is there.")] = False,
) -> None:
    """Write the Hugging Face model card from recorded facts."""
    from tag_plugin.results import card, reader

    if out.exists() and not force:
        raise ValueError(f"{out} is there; next: --out ELSEWHERE, or --force to overwrite it")
    write_text(out, card.model_card(reader.read_runs(results), checkpoint))
    echo(f"Model card in {out}")


def mask(
    results: Run,
    out: Annotated[Path, typer.Option(help="A data directory for the masked faces.")] = Path(
        "masked"
    ),
    task: Task = None,
    seed: Annotated[int, typer.Option(help="Of the random boxes.")] = 0,
) -> None:
    """Mask the boxes that a model cited, and random ones, for the same model to answer again."""
    from tag_plugin.results import masking, reader

    run = reader.read_run(results, task)
    made = masking.mask_run(run, out, seed)
    echo(
        f"{made.faces} faces twice in {out} ({made.left_out} without an answer, a box or a picture "
        f"left out): cited boxes cover {made.cited_area:.1%} of the frame, random ones "
        f"{made.random_area:.1%}, both {made.overlap:.1%}"
    )
    echo(
        f"next: TAG_DATA_DIR={out} lmms-eval --model {run.run.get('model', 'hf')} --model_args "
        f"{run.run.get('model_args') or '...'} --tasks tag_masked_cited,tag_masked_random "
        f"--log_samples --output_path {out}/results, then tag-plugin faithfulness {results} "
        f"{out}/results"
    )


def faithfulness(results: Run, masked: Run, task: Task = None) -> None:
    """How often answers flip when cited boxes are masked, beyond random boxes."""
    from tag_plugin.data.console import console
    from tag_plugin.results import faithfulness, reader, table

    found = faithfulness.faithfulness(
        reader.read_run(results, task),
        reader.read_run(masked, "tag_masked_cited"),
        reader.read_run(masked, "tag_masked_random"),
    )
    console().print(table.faithfulness_table(found))


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

    study, sources = make_study(a, b, count, seed, task), Sources(str(a), str(b))
    model = judge_settings(judge, endpoint, key_variable, concurrency) if judge else None
    if found := run_study(study, sources, out, model, answers or []):
        print_table(found, sources)
        echo(f"Numbers: {out / NUMBERS}")
    echo(
        f"{len(study.asked)} pairs for people in {out / PAGE}; next: open it, save the answers, "
        "then run this command again with --answers FILE"
    )

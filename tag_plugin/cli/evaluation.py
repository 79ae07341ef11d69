"""What to do with results: `tag-plugin compare`, `merge`, `rejudge`, `card`, `mask`, ..."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.terminal import echo

Run = Annotated[Path, typer.Argument(help="lmms-eval's output folder, or one _results.json.")]
Task = Annotated[str | None, typer.Option(help="Which task, when a run has several.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (compare, merge, rejudge, card, mask, faithfulness):
        app.command()(command)


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
    from tag_plugin.results.compare import compare_runs
    from tag_plugin.results.comparison_table import comparison_table, mcnemar_line
    from tag_plugin.results.reader import read_runs

    runs = [
        [run for run in read_runs(path) if task in (None, run.task)] for path in (first, second)
    ]
    found = compare_runs(runs[0], runs[1], across or ())
    for each in found:
        console().print(comparison_table(each))
        echo(mcnemar_line(each))
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
            for each in found
        }
        with atomic_write(json_file) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def merge(
    shards: Annotated[list[Path], typer.Argument(help="Output folders of the shards.")],
    out: Annotated[Path, typer.Option(help="Where the merged run goes.")] = Path("merged"),
) -> None:
    """Put shards (--limit, --offset) together; all numbers are made anew from their samples."""
    from tag_plugin.data.console import console
    from tag_plugin.results.merge import merge as merge_shards
    from tag_plugin.results.reader import read_run
    from tag_plugin.results.table import summary_table

    for path in merge_shards(shards, out):
        run = read_run(path)
        console().print(summary_table(run.protocol, run.summary))
        for alarm in run.summary.alarms:
            echo(f"{run.task}: {alarm}", err=True)
        echo(f"{run.protocol.items} of {run.protocol.n} items in {path}")


def rejudge(results: Run, task: Task = None) -> None:
    """Score stored completions again by today's judge, without a model, beside the old results."""
    from tag_plugin.results.rejudge import rejudge as judge_again

    for each in judge_again(results, task):
        before, after = each.before, each.after
        versions = [run.protocol.judge.get("version", 1) for run in (before, after)]
        echo(f"{after.title}: judge {versions[0]} -> {versions[1]}, {each.changed} samples differ")
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
    from tag_plugin.results.card import model_card
    from tag_plugin.results.reader import read_runs

    if out.exists() and not force:
        raise ValueError(f"{out} is there; next: --out ELSEWHERE, or --force to overwrite it")
    text = model_card(read_runs(results), checkpoint)
    with atomic_write(out) as partial:
        partial.write_text(text, encoding="utf-8")
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
    from tag_plugin.results.masking import mask_run
    from tag_plugin.results.reader import read_run

    run = read_run(results, task)
    made = mask_run(run, out, seed)
    echo(
        f"{made.faces} faces twice in {out} ({made.left_out} without an answer, a box or a picture "
        f"left out): cited boxes cover {made.cited_area:.1%} of the frame, random ones "
        f"{made.random_area:.1%}, both {made.overlap:.1%}"
    )
    arguments = run.run.get("model_args") or "..."
    echo(
        f"next: TAG_DATA_DIR={out} lmms-eval --model {run.run.get('model', 'hf')} --model_args "
        f"{arguments} --tasks tag_masked_cited,tag_masked_random --log_samples --output_path "
        f"{out}/results, then tag-plugin faithfulness {results} {out}/results"
    )


def faithfulness(results: Run, masked: Run, task: Task = None) -> None:
    """How often answers flip when cited boxes are masked, beyond random boxes."""
    from tag_plugin.data.console import console
    from tag_plugin.results.comparison_table import faithfulness_table
    from tag_plugin.results.faithfulness import faithfulness as measure
    from tag_plugin.results.reader import read_run

    found = measure(
        read_run(results, task),
        read_run(masked, "tag_masked_cited"),
        read_run(masked, "tag_masked_random"),
    )
    console().print(faithfulness_table(found))

"""What to do with results: `tag-plugin compare`, `merge`, `rejudge`, `card`, `prefer`, ..."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.cli.options import named_values
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
    """Two evaluations of the same items: differences with intervals, and paired tests."""
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
                "mcnemar": asdict(each.tests.mcnemar),
                "differences": {name: asdict(d) for name, d in each.tests.differences.items()},
                "holm": each.tests.adjusted,
            }
            for each in comparisons
        }
        write_text(json_file, json.dumps(content, indent=2) + "\n")


def merge(
    shards: Annotated[list[Path], typer.Argument(help="Output folders of the shards.")],
    out: Annotated[Path, typer.Option(help="Where the merged run goes.")] = Path("merged"),
) -> None:
    """Join the shards of one evaluation (--limit, --offset); all numbers are made anew."""
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
    hub_dataset: Annotated[
        list[str] | None,
        typer.Option(help="DATASET=ID of a dataset on the hub: ferplus=org/ferplus."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Overwrite a file that is there.")] = False,
) -> None:
    """Write the Hugging Face model card, and the hub's result files, from recorded facts.

    The numbers go beside the card as well, as .eval_results/TASK.yaml.
    """
    from tag_plugin.results import card, eval_results, reader

    if out.exists() and not force:
        raise ValueError(f"{out} is there; next: --out ELSEWHERE, or --force to overwrite it")
    runs, names = reader.read_runs(results), named_values("--hub-dataset", hub_dataset)
    write_text(out, card.model_card(runs, checkpoint))
    files = eval_results.write_eval_results(runs, out.parent, names)
    echo(f"Model card in {out}; numbers for the hub: {', '.join(map(str, files))}")


def mask(
    results: Run,
    out: Annotated[Path, typer.Option(help="A data directory for the changed faces.")] = Path(
        "masked"
    ),
    task: Task = None,
    moved: Annotated[
        bool, typer.Option("--moved", help="Mirror and shift the faces instead of masking them.")
    ] = False,
) -> None:
    """Mask what a model cited, and as much that it did not cite, for it to answer again."""
    from tag_plugin.results import masking, moving, reader

    run = reader.read_run(results, task)
    if moved:
        faces, left_out = moving.move_run(run, out)
        echo(
            f"{faces} faces mirrored and shifted in {out}; left out: {left_out} without an answer, "
            "a box or a picture"
        )
    else:
        made = masking.mask_run(run, out)
        echo(
            f"{made.faces} faces twice in {out}: cited boxes or uncited AU regions masked, "
            f"{made.area:.1%} of the frame each ({made.of_cited:.0%} of what was cited); left out: "
            f"{made.too_few} without enough uncited AU regions, {made.left_out} without an answer, "
            "a box or a picture"
        )
    tasks = "tag_mirrored,tag_shifted" if moved else "tag_masked_cited,tag_masked_uncited"
    echo(
        f"next: TAG_DATA_DIR={out} lmms-eval --model {run.run.get('model', 'hf')} --model_args "
        f"{run.run.get('model_args') or '...'} --tasks {tasks} --log_samples --output_path "
        f"{out}/results, then tag-plugin faithfulness {results} {out}/results"
    )


def faithfulness(results: Run, changed: Run, task: Task = None) -> None:
    """Flips of answers under masks, beyond the control; boxes that follow a moved picture."""
    from tag_plugin.data.console import console
    from tag_plugin.results import faithfulness, masking, moving, reader, table

    original = reader.read_run(results, task)
    here = {run.task for run in reader.read_runs(changed)}
    moves = [name for name in moving.MOVES if f"tag_{name}" in here]
    masks = [f"tag_{name}" for name in (masking.CITED, masking.UNCITED)]
    if not moves or here & {*masks}:
        cited, uncited = (reader.read_run(changed, name) for name in masks)
        found = faithfulness.faithfulness(original, cited, uncited)
        console().print(table.faithfulness_table(found))
    for name in moves:
        run = reader.read_run(changed, f"tag_{name}")
        console().print(table.movement_table(name, moving.movement(original, run, name)))


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

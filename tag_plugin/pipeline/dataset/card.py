"""The dataset's card: what is in it, its origin, what was dropped, and what it is not for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import DetectorInfo
from tag_plugin.pipeline.manifest import read_manifest
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.support import COLUMNS, table_lines
from tag_plugin.pipeline.write.statistics import STATISTICS

STAGES: Final[Mapping[str, str]] = {
    "prepare.json": "prepare: face frames and labels",
    "quality.json": "quality: frames good enough",
    "detect.json": "detect: Action Units and boxes",
    "build.json": "build: traces that the judge gave full marks",
}
"""The manifests in the order of the flow, and what each stage did."""

UNKNOWN_LICENCE = "Your own data: state here under which terms the people in it agreed to this use."

RESPONSIBLE_USE = """\
* An expression is not a feeling. The labels are what annotators saw in a picture; they vary with
  culture, context and annotator. Do not use a model trained on this to decide about a person.
* The Action Units are a detector's estimates, not a certified FACS coding. "Grounded" means that
  this detector agrees. AUs that it cannot measure are absent from the traces, not from the faces.
* The traces were written by the writer named above and are not human explanations.
* EU AI Act, Art. 5(1)(f): inferring emotions of people at work and in education is prohibited,
  except for medical or safety reasons; other emotion recognition is high-risk (Annex III), and
  people must be told (Art. 50). Other laws may go further."""


def card(directory: Path, dataset: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        directory: DATA_DIR/<dataset>, with the manifests of its stages.
        dataset: the content of dataset.json.
    """
    paths = {name: directory / name for name in STAGES}
    stages = {name: read_manifest(path) if path.is_file() else {} for name, path in paths.items()}
    benchmark = BENCHMARKS.get(directory.name)
    return "\n\n".join(
        [
            f"# TAG rows of {directory.name}",
            "Facial expression recognition by reasoning with Action Units; made by tag-plugin.",
            "## Rows",
            *_counts(dataset),
            "## What was dropped",
            "\n".join(_drops(stages)),
            *_support(stages["build.json"]),
            "## Detector",
            _detector(stages["detect.json"].get("settings"), directory / "detect.json"),
            "## Writer",
            *_writer(stages["build.json"]),
            "## Licence of the pictures and labels",
            UNKNOWN_LICENCE if benchmark is None else f"{benchmark.licence}.",
            "## Responsible use",
            RESPONSIBLE_USE + "\n",
        ]
    )


def _counts(dataset: Mapping[str, Any]) -> Iterator[str]:
    parts: Mapping[str, Mapping[str, int]] = dataset["counts"]
    weights = dataset["class_weights"].get("sft", {})
    columns = {
        label: [counts.get(label, 0) for counts in parts.values()]
        for label in sorted({label for counts in parts.values() for label in counts})
    }
    totals = [sum(counts.values()) for counts in parts.values()]
    yield "\n".join(
        [
            _line("label", *parts, "weight in sft"),
            "|---" * (len(parts) + 2) + "|",
            *(_line(label, *counts, weights.get(label, "-")) for label, counts in columns.items()),
            f"| all | {' | '.join(map(str, totals))} | |",
        ]
    )
    yield (
        f"SFT and RL share no person and no picture; RL has {dataset['rl_percent']} % of them. The "
        "weight makes a sampler draw every class equally often."
    )
    for reason, count in dataset["left_out"].items():
        yield f"Left out: {count} rows, {reason}."


def _drops(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield _line("stage", "split", "in", "out", "dropped")
    yield "|---|---|---|---|---|"
    for name, title in STAGES.items():
        for split, summary in stages[name].get("splits", {}).items():
            drops = (f"{each['count']} {why}" for why, each in summary["dropped"].items())
            yield _line(title, split, summary["inputs"], summary["rows"], ", ".join(drops) or "-")


def _line(*cells: object) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def _support(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The table of the train split by class; a build of an older version has none."""
    by_class = manifest.get("splits", {}).get("train", {}).get("by_class")
    if not by_class:
        return
    yield "## Do the AUs support the labels?"
    heads = ("class", *COLUMNS, "share kept")
    lines = [_line(*heads), "|---" * len(heads) + "|"]
    yield "\n".join([*lines, *(_line(*line) for line in table_lines(by_class))])
    settings = manifest["settings"]
    yield (
        f"Of the train split, `--support {settings['support']}`. An emotion is supported by an AU "
        "of its own prototype (weight 0.5 or more; contempt: on one side only) unless another "
        f"emotion fits better by more than {settings['support_margin']}, neutral by the absence of "
        "every such AU. RL and dev keep every face."
    )


class _Detector(DetectorInfo, extra="ignore"):
    """What detect.json says of the detector, besides its input."""

    supported: list[int]


def _detector(settings: Mapping[str, Any] | None, path: Path) -> str:
    if not settings:
        return "Not recorded."
    used = checked(
        _Detector,
        settings,
        f"{path}: settings: ",
        "; next: tag-plugin detect --restart",
        StageError,
    )
    return (
        f"{used.name} {used.version}, model sha256 {used.model_sha256 or '-'}. On from "
        f"{used.thresholds.on}, undecided from {used.thresholds.grey}. It can measure "
        f"{', '.join(f'AU{au}' for au in used.supported)}."
    )


def _writer(manifest: Mapping[str, Any]) -> Iterator[str]:
    settings = manifest.get("settings", {})
    yield f"`{settings.get('writer', 'not recorded')}`, seed {settings.get('seed', '-')}."
    for split, summary in manifest.get("splits", {}).items():
        if summary.get(STATISTICS):
            yield f"### What the writer did: {split}"
            yield "\n".join(_listed(summary[STATISTICS]))


def _listed(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Mappings in one another as a nested list."""
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield f"{indent}* {name}"
            yield from _listed(each, indent + "  ")
        else:
            yield f"{indent}* {name}: {each}"

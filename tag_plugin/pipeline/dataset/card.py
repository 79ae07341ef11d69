"""The dataset's card: what is in it, its origin, what was dropped, and what it is not for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ConfigDict, ValidationError

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.model_error import first_problem
from tag_plugin.data.rows import DetectorInfo
from tag_plugin.pipeline.manifest import read_manifest
from tag_plugin.pipeline.outcomes import StageError

STAGES: Mapping[str, str] = MappingProxyType(
    {
        "prepare.json": "prepare: face frames and labels",
        "quality.json": "quality: frames good enough",
        "detect.json": "detect: Action Units and boxes",
        "build.json": "build: traces that the judge gave full marks",
    }
)
"""The manifests in the order of the flow, and what each stage did."""

WRITER_STATISTICS = "writer_statistics"
"""The key of a split's statistics in build.json."""

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
    stages = {name: _manifest(directory / name) for name in STAGES}
    sections = [
        f"# TAG rows of {directory.name}",
        "Facial expression recognition by reasoning with Action Units; made by tag-plugin.",
        "## Rows",
        *_counts(dataset),
        "## What was dropped",
        *_drops(stages),
        "## Detector",
        _detector(stages["detect.json"], directory / "detect.json"),
        "## Writer",
        *_writer(stages["build.json"]),
        "## Licence of the pictures and labels",
        _licence(directory.name),
        "## Responsible use",
        RESPONSIBLE_USE,
    ]
    return "\n\n".join(sections) + "\n"


def _licence(dataset: str) -> str:
    known = BENCHMARKS.get(dataset)
    return UNKNOWN_LICENCE if known is None else f"{known.licence}."


def _manifest(path: Path) -> Mapping[str, Any]:
    return read_manifest(path) if path.is_file() else {}


def _counts(dataset: Mapping[str, Any]) -> Iterator[str]:
    parts: Mapping[str, Mapping[str, int]] = dataset["counts"]
    labels = sorted({label for counts in parts.values() for label in counts})
    weights = dataset["class_weights"].get("sft", {})
    lines = [f"| label | {' | '.join(parts)} | weight in sft |", "|---" * (len(parts) + 2) + "|"]
    for label in labels:
        counts = " | ".join(str(found.get(label, 0)) for found in parts.values())
        lines.append(f"| {label} | {counts} | {weights.get(label, '-')} |")
    totals = " | ".join(str(sum(found.values())) for found in parts.values())
    yield "\n".join([*lines, f"| all | {totals} | |"])
    yield (
        f"SFT and RL share no person and no picture; RL has {dataset['rl_percent']} % of them. The "
        "weight makes a sampler draw every class equally often."
    )
    for reason, count in dataset["left_out"].items():
        yield f"Left out: {count} rows, {reason}."


def _drops(stages: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    lines = ["| stage | split | in | out | dropped |", "|---|---|---|---|---|"]
    for name, title in STAGES.items():
        for split, found in stages[name].get("splits", {}).items():
            dropped = ", ".join(f"{each['count']} {why}" for why, each in found["dropped"].items())
            rows = f"{found['inputs']} | {found['rows']}"
            lines.append(f"| {title} | {split} | {rows} | {dropped or '-'} |")
    yield "\n".join(lines)


class _Detector(DetectorInfo):
    """What detect.json says of the detector, besides its input."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    supported: list[int]


def _detector(manifest: Mapping[str, Any], path: Path) -> str:
    settings = manifest.get("settings", {})
    if not settings:
        return "Not recorded."
    try:
        found = _Detector.model_validate(settings)
    except ValidationError as error:
        raise StageError(
            f"{path}: settings: {first_problem(error)}; next: tag-plugin detect --restart"
        ) from None
    supported = ", ".join(f"AU{au}" for au in found.supported)
    return (
        f"{found.name} {found.version}, model sha256 {found.model_sha256 or '-'}. On from "
        f"{found.thresholds.on}, undecided from {found.thresholds.grey}. It can measure "
        f"{supported}."
    )


def _writer(manifest: Mapping[str, Any]) -> Iterator[str]:
    settings = manifest.get("settings", {})
    yield f"`{settings.get('writer', 'not recorded')}`, seed {settings.get('seed', '-')}."
    for split, found in manifest.get("splits", {}).items():
        if WRITER_STATISTICS in found:
            yield f"### What the writer did: {split}"
            yield "\n".join(_listed(found[WRITER_STATISTICS]))


def _listed(value: Any, indent: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Any JSON as a nested list."""
    if not isinstance(value, Mapping):
        yield f"{indent}* {value}"
        return
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield f"{indent}* {name}"
            yield from _listed(each, indent + "  ")
        else:
            yield f"{indent}* {name}: {each}"

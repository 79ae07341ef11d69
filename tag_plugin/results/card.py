"""A Hugging Face model card from recorded facts only; what was not recorded is said to be so."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.checkpoint_record import RecordError, read_checkpoint_record
from tag_plugin.data.settings_file import read_yaml_mapping
from tag_plugin.data.terminal import one_line, warn
from tag_plugin.data.text_file import read_json_object
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.results.table import interval_text
from tag_plugin.scoring.metrics import METRICS

NOT_RECORDED: Final = "not recorded"
_MARKUP: Final = re.compile(r"[\\`*|\[\]]|(?<![^\W_])_|_(?![^\W_])")
_LARGEST: Final = 2**60
"""Bytes of weights; no more are believed."""

_TRAINING: Final = (
    "stage",
    "finetuning_type",
    "template",
    "dataset",
    "num_train_epochs",
    "max_steps",
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "freeze_vision_tower",
    "freeze_multi_modal_projector",
    "seed",
)
"""What the card repeats of a training configuration."""


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """What lies beside the weights: who they come from, how they were trained."""

    base: str
    architecture: str
    parameters: str
    record: Mapping[str, str]
    training: Mapping[str, str]


def model_card(runs: Sequence[TaskRun], checkpoint: Path | None = None) -> str:
    """The card of one model as Markdown with the hub's metadata.

    Args:
        runs: the evaluations of this one model.
        checkpoint: its folder; by default the one that the runs name, where it is here.

    Raises:
        ResultsError: the runs are of several models.
    """
    models = {(run.model, run.stated.weights) for run in runs}
    if len(models) != 1:
        names = ", ".join(f"{name} ({weights})" for name, weights in sorted(models, key=str))
        raise ResultsError(f"a card is about one model, these runs are of {names}; next: name one")
    datasets = [run.protocol.dataset for run in runs]
    environment = Environment(
        loader=PackageLoader("tag_plugin.results", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # Markdown; model output is never part of a card
    )
    environment.filters["inline"] = inline
    environment.filters["one_line"] = one_line
    return environment.get_template("card.md.jinja").render(
        metadata=yaml.safe_dump(_metadata(runs), sort_keys=False, allow_unicode=True).strip(),
        runs=runs,
        facts=checkpoint_facts(checkpoint or _named_checkpoint(runs[0])),
        metrics=[name for name, metric in METRICS.items() if not metric.by_class],
        by_class=[metric for metric in METRICS.values() if metric.by_class],
        interval=interval_text,
        licences=list(dict.fromkeys(BENCHMARKS[n].licence for n in datasets if n in BENCHMARKS)),
        not_recorded=NOT_RECORDED,
        training_names=_TRAINING,
    )


def checkpoint_facts(folder: Path | None) -> CheckpointFacts:
    """What a checkpoint's own files say.

    Raises:
        ResultsError: its tag_plugin.json cannot be read.
    """
    if folder is None:
        return CheckpointFacts(NOT_RECORDED, NOT_RECORDED, NOT_RECORDED, {}, {})
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such folder; next: name the model's with --checkpoint")
    config, adapter = (
        _recorded(folder / name, read_json_object)
        for name in ("config.json", "adapter_config.json")
    )
    try:
        found = read_checkpoint_record(folder)
    except RecordError as error:
        raise ResultsError(str(error)) from None
    training = _recorded(folder / "training_args.yaml", read_yaml_mapping)
    base = adapter.get("base_model_name_or_path") or training.get("model_name_or_path")
    index = _recorded(folder / "model.safetensors.index.json", read_json_object).get("metadata")
    total = index.get("total_size") if isinstance(index, dict) else None
    size = total if type(total) is int else 0
    architectures = config.get("architectures")
    return CheckpointFacts(
        str(base or NOT_RECORDED),
        ", ".join(map(str, architectures)) if isinstance(architectures, list) else NOT_RECORDED,
        f"{size / 1e9:.2f} GB of weights" if 0 < size < _LARGEST else NOT_RECORDED,
        {} if found is None else {n: str(v) for n, v in found.model_dump().items()},
        {name: str(training[name]) for name in _TRAINING if name in training},
    )


def _named_checkpoint(run: TaskRun) -> Path | None:
    arguments = str(run.run.get("model_args", "")).split(",")
    named = [part.partition("=")[2] for part in arguments if part.startswith("pretrained=")]
    try:
        return next(filter(Path.is_dir, map(Path, named[:1])), None)
    except OSError:  # not a name that a folder can have
        return None


def _metadata(runs: Sequence[TaskRun]) -> dict[str, Any]:
    """The hub's front matter: tags and the results of each task."""
    results = [
        {
            "task": {"type": "image-classification", "name": "Facial expression recognition"},
            "dataset": {
                "name": f"{run.protocol.dataset} ({run.protocol.split})",
                "type": run.protocol.dataset,
                "split": run.protocol.split,
            },
            "metrics": [
                {
                    "type": name,
                    "value": round(run.summary.metrics[name].value, 4),
                    "name": f"{name}, protocol {run.protocol.name}",
                }
                for name, metric in METRICS.items()
                if not metric.by_class and name in run.summary.metrics
            ],
        }
        for run in runs
    ]
    return {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["facial-expression-recognition", "action-units", "tag-plugin"],
        "model-index": [{"name": one_line(runs[0].model), "results": results}],
    }


def inline(value: object) -> str:
    r"""A value inside Markdown: one line, nothing in it is markup.

    >>> inline("<b> a|b")
    '&lt;b&gt; a\\|b'
    """
    return _MARKUP.sub(r"\\\g<0>", html.escape(one_line(str(value)), quote=False))


def _recorded(path: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """What a file of the checkpoint says; nothing where it is missing or cannot be read."""
    try:
        return read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        warn(f"{error}; the card says {NOT_RECORDED!r} of what it would have held")
        return {}

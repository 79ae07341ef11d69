"""tag-plugin detector train: rows -> a YOLO dataset -> a network -> a folder with its card.

OUT/dataset      the exported dataset
OUT/run          what ultralytics leaves: results.csv, its checkpoints
OUT/weights.safetensors, OUT/card.json, OUT/card.md
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from tag_plugin.data.rows import DetectorInfo, read_rows
from tag_plugin.data.text_file import text_lines
from tag_plugin.detectors.base import DetectorError, file_sha256
from tag_plugin.detectors.yolo.card import WEIGHTS, Card
from tag_plugin.detectors.yolo.dataset import Exported, detected_files, export
from tag_plugin.detectors.yolo.detector import YoloDetector
from tag_plugin.detectors.yolo.library import ultralytics
from tag_plugin.detectors.yolo.measure import answers, box_metrics, calibrations, split_score
from tag_plugin.detectors.yolo.weights import safe_checkpoint

_GENTLE: Mapping[str, Any] = {"mosaic": 0.0, "scale": 0.2, "translate": 0.1, "fliplr": 0.5}
"""Face frames are aligned and AUs keep their places: no mosaics, small shifts, mirrored faces."""

_DEFINITION: Final = (
    *("nc", "depth_multiple", "width_multiple", "max_channels", "scale", "scales"),
    *("backbone", "head", "activation", "reg_max", "end2end", "kpt_shape"),
)
"""What a network is built from, of all that ultralytics keeps in its definition."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train.

    Attributes:
        directory: DATA_DIR/<dataset>, with detected rows for train and dev (and test).
        out: the detector's folder; must not exist.
        model: a model definition that ships with ultralytics, or a YAML file.
        width: channels, as a share of the definition's own: 0.5 is about a third of the work.
        start: a checkpoint to start from; from nothing when None.
        image_size: side of the network's input in pixels, a multiple of 32.
        minutes: stop after so long, whatever `epochs` says.
        device: as ultralytics writes it: "cpu", "0", "0,1"; its own choice when None.
        min_faces: an AU that is on in fewer training faces is left out.
        copy: copy the images into the dataset instead of linking to them.
        more: further settings of ultralytics, by its own names.
    """

    directory: Path
    out: Path
    model: str = "yolo11n.yaml"
    width: float = 1.0
    start: Path | None = None
    image_size: int = 448
    epochs: int = 50
    minutes: float | None = None
    batch: int = 32
    workers: int = 2
    device: str | None = None
    seed: int = 0
    min_faces: int = 20
    copy: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


def train(settings: TrainSettings) -> Card:
    """Train, measure and write the detector's folder.

    Raises:
        DetectorError: ultralytics is missing, nothing to train on, or `out` exists.
    """
    if settings.out.exists():
        raise DetectorError(f"{settings.out} exists; next: choose another --out or remove it")
    if settings.image_size % 32:
        raise DetectorError(f"image size {settings.image_size} is no multiple of 32")
    trainer_class = ultralytics("ultralytics.models.yolo.detect").DetectionTrainer
    labels = _label_detector(settings.directory)
    exported = export(
        settings.directory, settings.out / "dataset", settings.min_faces, settings.copy
    )
    trainer = trainer_class(overrides=_overrides(settings, exported))
    trainer.train()
    best = Path(trainer.best)
    card = Card(
        model=(settings.start or Path(settings.model)).name,
        definition=_save_weights(best, settings.out / WEIGHTS),
        image_size=settings.image_size,
        classes=exported.classes,
        calibration={},
        weights_sha256=file_sha256(settings.out / WEIGHTS),
        dataset=settings.directory.name,
        labels=labels,
        images=exported.images,
        skipped=exported.skipped,
        left_out=exported.left_out,
        scores={},
        training={
            # The ones that were run, whichever process ran them: a line each below the header.
            "epochs": sum(1 for _ in text_lines(best.parents[1] / "results.csv")) - 1,
            "batch": settings.batch,
            "seed": settings.seed,
            "width": settings.width,
            "started from": "nothing" if settings.start is None else settings.start.name,
            "ultralytics": ultralytics().__version__,
            "torch": ultralytics("torch").__version__,
            **settings.more,
        },
    )
    finished = _measured(settings, exported, card, best)
    finished.save(settings.out)
    return finished


def _overrides(settings: TrainSettings, exported: Exported) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "model": str(settings.start or _definition(settings)),
        "pretrained": settings.start is not None,
        "data": str(exported.data_yaml),
        "imgsz": settings.image_size,
        "epochs": settings.epochs,
        "time": settings.minutes / 60 if settings.minutes else None,
        "batch": settings.batch,
        "workers": settings.workers,
        "device": settings.device,
        "seed": settings.seed,
        "project": str(settings.out.resolve()),
        "name": "run",
        "plots": False,
        "amp": False,  # its check of mixed precision downloads a model
        **_GENTLE,
        **settings.more,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _definition(settings: TrainSettings) -> str:
    """The model definition, with its channels scaled: written to OUT under its own name."""
    if settings.width == 1:
        return settings.model
    content = ultralytics("ultralytics.nn.tasks").yaml_model_load(settings.model)
    if not content.get("scales"):
        raise DetectorError(f"{settings.model} has no scales, so --width does not apply to it")
    depth, width, most = content["scales"][content["scale"]]
    content["scales"] = {content["scale"]: [depth, width * settings.width, most]}
    path = settings.out / Path(settings.model).name
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return str(path)


def _label_detector(directory: Path) -> DetectorInfo:
    """Who made the labels; the first row says it, and `detect` writes the same into all."""
    path = detected_files(directory)["train"]
    labels = next((row.detector for row in read_rows(path)), None)
    if labels is None:
        raise DetectorError(f"{path}: no rows, or rows without a detector")
    return labels


def _save_weights(checkpoint: Path, path: Path) -> dict[str, Any]:
    """The trained numbers as safetensors; returns the model's definition."""
    from safetensors.torch import save_file

    model = safe_checkpoint(checkpoint).float()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return {name: model.yaml[name] for name in _DEFINITION if name in model.yaml}


def _measured(settings: TrainSettings, exported: Exported, card: Card, best: Path) -> Card:
    """Calibrate on dev, measure on dev and test."""
    raw = settings.out / "run" / "uncalibrated"  # a detector that supports no AU yet
    raw.mkdir()
    (raw / WEIGHTS).symlink_to((settings.out / WEIGHTS).resolve())
    card.save(raw)
    measured = {s: rows for s, rows in detected_files(settings.directory).items() if s != "train"}
    with YoloDetector(raw, device=_torch_device(settings.device)) as opened:
        seen = {
            split: answers(opened, settings.directory, path, exported.classes)
            for split, path in measured.items()
        }
    scales = calibrations(seen["dev"], exported.classes)
    how = {"imgsz": settings.image_size, "device": settings.device, "workers": settings.workers}
    scores = {
        split: split_score(
            split, exported, of_split, scales, box_metrics(best, exported, split, how)
        )
        for split, of_split in seen.items()
    }
    return card.model_copy(update={"calibration": scales, "scores": scores})


def _torch_device(device: str | None) -> str | None:
    """Ultralytics' "0,1" as torch's "cuda:0"."""
    first = (device or "").partition(",")[0]
    return f"cuda:{first}" if first.isdecimal() else device

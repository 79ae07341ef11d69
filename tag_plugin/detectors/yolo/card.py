"""The card of a trained detector: what it is, what it was trained on and how well it does."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ConfigDict

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.model_error import WrongValueError, checked
from tag_plugin.data.rows import DetectorInfo
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.yolo.calibration import MIN_AUC, Calibration
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.frozen import Frozen

CARD, MARKDOWN, WEIGHTS = "card.json", "card.md", "weights.safetensors"
LICENCE: Final = (
    "Trained with ultralytics (AGPL-3.0 or a paid licence; ultralytics holds the weights covered "
    "as well). The images' own licence applies on top."
)


class AuScore(Frozen):
    """How well one AU is found in a split. A number that the split cannot give is None.

    Attributes:
        faces: faces whose labels show the AU.
        ap50: average precision of its boxes at IoU 0.5.
        ap: the mean over IoU 0.5, 0.55, ... 0.95.
        auc: how well the probability ranks faces with the AU above faces without; boxes aside,
            undecided faces left out.
        f1: of "probability >= 0.5" against the labels, likewise.
    """

    faces: int
    ap50: float | None = None
    ap: float | None = None
    auc: float | None = None
    f1: float | None = None


class SplitScore(Frozen):
    """How well a split is found: means over the AUs that it shows."""

    images: int
    map50: float
    map: float
    aus: dict[int, AuScore]


class Card(Frozen):
    """Everything that is known of a trained detector; `card.json` beside its weights."""

    model_config = ConfigDict(protected_namespaces=())

    version: Literal[1] = 1
    model: str
    """The model definition by name, e.g. yolo11n.yaml."""
    definition: dict[str, Any]
    """The model definition itself: what the network is built from."""
    image_size: int
    classes: tuple[int, ...]
    """The AU of each class number."""
    calibration: dict[int, Calibration]
    """The AUs that are supported, and their scales."""
    weights_sha256: str
    dataset: str
    labels: DetectorInfo
    """The detector whose boxes it was trained on."""
    images: dict[str, int]
    skipped: dict[str, dict[str, int]]
    left_out: dict[int, int]
    """AU -> training faces that show it, for AUs too rare to be trained."""
    scores: dict[str, SplitScore]
    training: dict[str, Any]
    licence: str = LICENCE

    def save(self, folder: Path) -> None:
        """Write `card.json` and `card.md`, the JSON last: a folder with it is complete."""
        write_text(folder / MARKDOWN, markdown(self))
        write_text(folder / CARD, self.model_dump_json(indent=2) + "\n")


def read_card(folder: Path) -> Card:
    """The card of a detector's folder.

    Raises:
        DetectorError: there is none, or it is not a card.
    """
    path = folder / CARD
    try:
        return checked(Card, read_json_object(path))
    except FileNotFoundError:
        raise DetectorError(
            f"no {path}: not a trained detector; next: tag-plugin detector train DATASET "
            f"--out {folder}"
        ) from None
    except WrongValueError as error:
        raise DetectorError(
            f"{path}: {error}: not the card of a detector; next: copy or train it again"
        ) from None
    except TextFileError as error:
        raise DetectorError(
            f"{error}; next: copy the detector's folder or train it again"
        ) from None


def markdown(card: Card) -> str:
    """The card for people."""
    labels = card.labels
    lines = [
        f"# AU detector {card.model} on {card.dataset}",
        "",
        f"Labels: `{labels.name}` {labels.version} (AUs at {labels.thresholds.on} and above).",
        "The scores say how well it agrees with that detector, not with a FACS coder.",
        "",
        f"* input {card.image_size} x {card.image_size}; "
        + ", ".join(f"{count} {split} images" for split, count in card.images.items()),
        f"* weights sha256 `{card.weights_sha256}`",
        *[f"* {name}: {value}" for name, value in card.training.items()],
        f"* skipped rows: {_counts(card.skipped)}",
        f"* AUs too rare to be trained (training faces): {_aus(card.left_out)}",
        f"* AUs trained but not supported (AUC on dev below {MIN_AUC}, or too few faces): "
        + _aus(dict.fromkeys(au for au in card.classes if au not in card.calibration)),
        "* a picture without a face is not noticed: it shows no AU",
        f"* {card.licence}",
    ]
    for split, score in card.scores.items():
        lines += ["", *_table(split, score)]
    return "\n".join(lines) + "\n"


def _table(split: str, score: SplitScore) -> list[str]:
    return [
        f"## {split}: {score.images} images, mAP50 {score.map50:.3f}, mAP50-95 {score.map:.3f}",
        "",
        "| AU | name | faces | AP50 | AP50-95 | AUC | F1 |",
        "|---|---|---|---|---|---|---|",
        *[
            f"| {au} | {action_unit(au).name} | {row.faces} | {_number(row.ap50)} | "
            f"{_number(row.ap)} | {_number(row.auc)} | {_number(row.f1)} |"
            for au, row in score.aus.items()
        ],
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aus(counts: dict[int, int] | dict[int, None]) -> str:
    named = (f"AU{au}" if count is None else f"AU{au} ({count})" for au, count in counts.items())
    return ", ".join(named) or "none"


def _counts(skipped: dict[str, dict[str, int]]) -> str:
    counts = (
        f"{split} {reason} {count}"
        for split, reasons in skipped.items()
        for reason, count in reasons.items()
    )
    return ", ".join(counts) or "none"

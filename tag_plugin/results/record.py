"""One judged sample, as it stands in lmms-eval's samples file under the key `judged`.

All boxes are [x1, y1, x2, y2] in 0..1000 of the face frame, whatever frame the model wrote.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    model_validator,
)

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import BoxFrame, StoredBox
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import LabelSet, label_set
from tag_plugin.scoring.metrics import SampleResult

RECORD: Final = "judged"
"""The key of a sample's record in the samples file."""

MOST_ATTRIBUTES: Final = 64


class ResultsError(ValueError):
    """Results that cannot be read or used; the message names the place and the next command."""


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a later version may record more


Au = Annotated[int, Strict(), AfterValidator(lambda au: action_unit(au).id)]
"""The number of a known Action Unit."""

Share = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
"""A number in [0, 1]."""


class RecordedClaim(_Recorded):
    """One claim of a completion: AU (None when unknown), box (None when unreadable), its text."""

    au: Au | None
    box: StoredBox | None
    region: str
    observation: str
    defects: tuple[str, ...]


class RecordedTarget(_Recorded):
    """One AU that was to be found, and where."""

    au: Au
    box: StoredBox


class RecordedMatch(_Recorded):
    """A claim paired with what was to be found."""

    au: Au
    claim: StoredBox
    reference: StoredBox
    iou: Share


class RecordedUnits(_Recorded):
    """Claimed AUs against the detector's, boxes aside, over the AUs that it decided on."""

    true: tuple[Au, ...]
    false: tuple[Au, ...]
    missed: tuple[Au, ...]


class Judged(_Recorded):
    """Everything about one sample.

    `task` and `style` say what was asked, `frame` in which frame the model wrote boxes.
    `prediction` is None for an unparsable answer, `answer_text` what was read as the answer.
    `parts` are the reward's parts (answer, grounding, format), None where one does not apply.
    `reference` (AUs to be found), `units` and `matches` are None or empty without detections.
    `failed` is the host's message of a request that got no answer: such a sample is not judged.
    """

    id: str
    task: str
    dataset: str
    image: str
    label_set: str
    gold: str
    style: str
    frame: BoxFrame
    completion: str
    prediction: str | None
    answer_text: str | None
    parts: dict[str, Share | None]
    defects: tuple[str, ...]
    claims: tuple[RecordedClaim, ...]
    reference: tuple[RecordedTarget, ...] | None
    matches: tuple[RecordedMatch, ...]
    units: RecordedUnits | None
    consistency: Share | None
    detections: Detections | None
    thresholds: Thresholds
    attributes: Annotated[Mapping[str, str], Field(max_length=MOST_ATTRIBUTES)] = {}
    failed: str | None = None

    @model_validator(mode="after")
    def _of_its_label_set(self) -> "Judged":
        for label in (self.gold, self.prediction):
            if label is not None and label not in self.labels.labels:
                raise ValueError(f"label {label!r} is not in the label set {self.label_set!r}")
        return self

    @property
    def right(self) -> bool:
        """Whether the answer is the label; an unparsable or failed one is not."""
        return self.prediction == self.gold

    @property
    def labels(self) -> LabelSet:
        """The classes that the answer was to be one of."""
        return label_set(self.label_set)

    @property
    def result(self) -> SampleResult:
        """What the metrics need of it.

        Raises:
            ValueError: the request failed, so that there is nothing to judge.
        """
        if self.failed is not None:
            raise ValueError(f"{self.id}: the request failed: {self.failed}")
        form, units = self.parts.get("format"), self.units
        return SampleResult(
            self.id,
            self.gold,
            self.prediction,
            None if form is None else form == 1.0,
            grounding=self.parts.get("grounding"),
            matched_ious=None if units is None else tuple(match.iou for match in self.matches),
            true_aus=None if units is None else units.true,
            false_aus=None if units is None else units.false,
            missed_aus=None if units is None else units.missed,
            consistency=self.consistency,
        )


def read_record(sample: Any, where: str) -> Judged:  # noqa: ANN401  # any JSON value
    """The record in a sample of the samples file.

    Raises:
        ResultsError: there is none, or of another version; the message begins with `where`.
    """
    record = sample.get(RECORD) if isinstance(sample, dict) else None
    if not isinstance(record, dict):
        raise ResultsError(
            f"{where}: not a sample of a tag_ task; next: evaluate again with --log_samples"
        )
    try:
        return Judged.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultsError(
            f"{where}: {place}: {first['msg']}; next: evaluate again with this version"
        ) from None


def as_units(result: SampleResult) -> dict[str, list[int]] | None:
    """The AU sets of a judged sample as its record holds them."""
    if result.true_aus is None or result.false_aus is None or result.missed_aus is None:
        return None
    return {
        "true": list(result.true_aus),
        "false": list(result.false_aus),
        "missed": list(result.missed_aus),
    }

"""What an external detector measured on one face: AU probabilities, boxes and its blind spots."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, Strict, model_validator

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import StoredBox
from tag_plugin.facs.frozen import Frozen

Probability = Annotated[float, Field(ge=0, le=1, strict=True)]
KnownUnit = Annotated[int, Strict(), AfterValidator(lambda au: action_unit(au).id)]
"""The number of an AU in the table; neither text nor a truth value stands for one."""


Side = Literal["left", "right"]
"""The person's own left or right."""


class Thresholds(Frozen):
    """Where a probability counts as present: `on` and above; [`grey`, `on`) is left undecided."""

    on: Probability = 0.5
    grey: Probability = 0.3

    @model_validator(mode="after")
    def _ordered(self) -> "Thresholds":
        if self.grey > self.on:
            raise ValueError(f"grey threshold {self.grey} is above the on threshold {self.on}")
        return self


class Detection(Frozen):
    """One AU on one face: FACS number, probability and the box that shows it.

    `side` is the person's own left or right where the detector saw the AU on that side only; None
    on both sides, in the middle, or from a detector that does not tell sides.
    """

    au: KnownUnit
    probability: Probability
    box: StoredBox
    side: Annotated[Side | None, Field(exclude_if=lambda side: side is None)] = None


class Detections(Frozen):
    """Everything measured on one face.

    `supported` are the AUs that the detector can measure at all. An AU outside it was not looked
    for: it is masked out of rewards and metrics and never counts as absent. A supported AU
    without a detection has probability 0.

    Raises:
        ValidationError: an unknown AU, or a detection of an AU that is not supported.
    """

    detections: tuple[Detection, ...]
    supported: Annotated[frozenset[KnownUnit], PlainSerializer(sorted, return_type=list[int])]

    @model_validator(mode="after")
    def _within_support(self) -> "Detections":
        if outside := {detection.au for detection in self.detections} - self.supported:
            raise ValueError(f"detections of unsupported AUs: {sorted(outside)}")
        return self

    def on(self, thresholds: Thresholds, at_most: int | None = None) -> tuple[Detection, ...]:
        """The present AUs, most probable first, `at_most` of them."""
        present = [each for each in self.detections if each.probability >= thresholds.on]
        present.sort(key=lambda detection: (-detection.probability, detection.au))
        return tuple(present[:at_most])

    def undecided(self, thresholds: Thresholds) -> frozenset[int]:
        """The AUs neither present nor absent: their best detection lies in the grey band."""
        on = {each.au for each in self.detections if each.probability >= thresholds.on}
        grey = {each.au for each in self.detections if each.probability >= thresholds.grey}
        return frozenset(grey - on)

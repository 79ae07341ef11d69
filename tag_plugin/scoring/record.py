"""One judged sample: the face, what was asked and answered, and the judge's verdict as it is.

It is the value under `judged` in lmms-eval's samples file; metrics, reports, studies and cards
read it. Boxes are [x1, y1, x2, y2] in 0..1000 of the face frame, whatever frame the model wrote.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import LabelSet, label_set
from tag_plugin.facs.frozen import Frozen
from tag_plugin.facs.prototypes import consistency
from tag_plugin.facs.votes import Votes
from tag_plugin.scoring.score import JudgeConfig, Reference, ScoredCompletion, score_completion
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.prompt import Style

RECORD: Final = "judged"
"""The key of a sample's record in the samples file."""

_MOST_ATTRIBUTES: Final = 64
_MOST_OTHERS: Final = 1000


class AnsweredSample(Frozen):
    """A face, how a model was asked about it, and what it answered.

    `task` and `style` say what was asked, `frame` in which frame the model writes boxes.
    `detections` are all that the detector measured, `thresholds` its own; `attributes` are what
    the dataset says about the person. `failed` is the host's message of a request that got no
    answer. `votes` are what people said of the face; `others` are further completions of the same
    question, where the host asked several times.
    """

    model_config = ConfigDict(extra="ignore")  # a later version may record more

    id: str
    task: str
    dataset: str
    image: str
    label_set: str
    gold: str
    style: str
    frame: BoxFrame
    completion: str
    detections: Detections | None
    thresholds: Thresholds
    attributes: Annotated[Mapping[str, str], Field(max_length=_MOST_ATTRIBUTES)] = {}
    failed: str | None = None
    votes: Annotated[Votes | None, Field(exclude_if=lambda votes: votes is None)] = None
    others: Annotated[
        tuple[str, ...], Field(max_length=_MOST_OTHERS, exclude_if=lambda others: not others)
    ] = ()

    @model_validator(mode="after")
    def _of_its_label_set(self) -> Self:
        self._require_label(self.gold)
        return self

    def _require_label(self, label: str | None) -> None:
        if label is not None and label not in self.labels.labels:
            raise ValueError(f"label {label!r} is not in the label set {self.label_set!r}")

    @property
    def labels(self) -> LabelSet:
        """The classes that the answer was to be one of."""
        return label_set(self.label_set)

    def judged(self, config: JudgeConfig) -> "JudgedSample":
        """With the judge's verdict; of a failed request on no text at all."""
        seen = self.detections if self.style == Style.GROUNDED else None
        reference = Reference(self.gold, self.labels, seen)
        text = "" if self.failed else self.completion
        verdict = score_completion(text, reference, self.frame, config)
        answers = tuple(
            score_completion(
                other, Reference(self.gold, self.labels), self.frame, config
            ).parsed.answer
            for other in self.others
        )
        return JudgedSample.model_construct(**self.__dict__, verdict=verdict, other_answers=answers)


class JudgedSample(AnsweredSample):
    """An answered sample with its verdict; a failed one counts nowhere.

    `other_answers` are the labels read from `others`.
    """

    verdict: ScoredCompletion
    other_answers: Annotated[
        tuple[str | None, ...],
        Field(max_length=_MOST_OTHERS, exclude_if=lambda answers: not answers),
    ] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        self._require_label(self.prediction)
        if self.verdict.targets is not None and self.detections is None:
            raise ValueError("action units to be found, but no detections")
        return self

    @property
    def prediction(self) -> str | None:
        """The answer's label; None: unparsable."""
        return self.verdict.parsed.answer

    @property
    def right(self) -> bool:
        """Whether the answer is the label; an unparsable or failed one is not."""
        return self.prediction == self.gold

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims of the completion, in the order of the text."""
        return self.verdict.parsed.claims

    @cached_property
    def consistency(self) -> float | None:
        """How well the claimed AUs support the answer, in [0, 1]; None without trace or answer."""
        if self.verdict.format is None or self.prediction is None:
            return None
        claimed = {claim.au for claim in self.claims if claim.au}
        return consistency(claimed, self.prediction, self.labels.labels)

"""The conversation about a row: ask, judge, say what was wrong or eliminate a label, ask again."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from tag_plugin.asking.replies import Statement
from tag_plugin.asking.request import Request, RequestError, compose, request_seed
from tag_plugin.asking.session import Asker
from tag_plugin.data.console import console
from tag_plugin.data.face_frame import ImageError, face_file
from tag_plugin.data.rows import Provenance, Row
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.detections import Detection
from tag_plugin.facs.emotions import LABEL_SETS, LabelSet, label_set
from tag_plugin.pipeline.gold import with_rules_trace, with_trace
from tag_plugin.pipeline.outcomes import Dropped, Outcome
from tag_plugin.pipeline.rules import on_one_side
from tag_plugin.pipeline.write.settings import Mode, WriterSettings
from tag_plugin.pipeline.write.statistics import FORGET, RECORD
from tag_plugin.pipeline.write.verdict import Finding, Verdict, judge_reply
from tag_plugin.scoring.score import JudgeConfig
from tag_plugin.trace.prompt import grounded_prompt, prompt_hash
from tag_plugin.trace.render import render_box

FOUND: Final = "An AU detector found these activated AUs in the image:"
FOUND_NONE: Final = "An AU detector found no activated AU in the image."
INSPECT_THESE: Final = (
    "Inspect each of them once and no other AU, with exactly this number and name. Describe only "
    "what is visible; do not mention the detector. The answer must follow from what you see."
)
BOXES: Final = {
    "insert": "Leave the boxes out: end each line after the observation; they are added later.",
    "verify": "Give the box of each AU as you see it.",
}
REJECTED: Final = "An earlier answer was rejected: {complaints}. Follow the format exactly."


def question(
    options: LabelSet,
    frame: BoxFrame,
    mode: Mode,
    present: Sequence[Detection],
    complaints: Sequence[str] = (),
) -> str:
    """The user's text; the image comes right before it.

    Args:
        options: the labels that are still open.
        frame: the coordinates that the writer's boxes are in.
        mode: who gives the boxes of the trace.
        present: the top-K activated AUs.
        complaints: what was wrong with the answer before; only our own words, never a reply's.
    """
    rejected = [REJECTED.format(complaints="; ".join(complaints))] if complaints else []
    return "\n\n".join((grounded_prompt(options, frame), _found(frame, mode, present), *rejected))


def wording(frame: BoxFrame, mode: Mode) -> str:
    """The hash of the question's fixed words, stated in the manifest."""
    fixed = (FOUND, FOUND_NONE, INSPECT_THESE, BOXES[mode], REJECTED)
    return prompt_hash("\n".join((grounded_prompt(LABEL_SETS["ferplus"], frame), *fixed)))


def _found(frame: BoxFrame, mode: Mode, present: Sequence[Detection]) -> str:
    if not present:
        return FOUND_NONE
    listed = (
        f"- {unit.code} ({unit.name}), {unit.region}{on_one_side(detection.side)}: "
        f"{render_box(detection.box, frame)}"
        for detection, unit in ((each, action_unit(each.au)) for each in present)
    )
    return "\n".join((FOUND, *listed, INSPECT_THESE, BOXES[mode]))


UNREADABLE: Final = "image missing or unreadable"
FEWEST_OPTIONS: Final = 2
"""With one label left there is nothing to predict."""
_REPORT_EVERY: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The attempts at one row so far; `number` is the next one's, from 1."""

    labels: LabelSet
    number: int = 1
    eliminated: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    format_failures: int = 0

    @property
    def options(self) -> LabelSet:
        """The labels that are still open, in their published order."""
        left = tuple(label for label in self.labels.labels if label not in self.eliminated)
        return LabelSet(self.labels.name, left)

    def after(self, verdict: Verdict) -> Self:
        """With one more failed attempt."""
        following = replace(self, number=self.number + 1, complaints=verdict.complaints)
        if verdict.finding is Finding.PREDICTION and verdict.predicted:
            return replace(following, eliminated=(*self.eliminated, verdict.predicted))
        return replace(following, format_failures=self.format_failures + 1)

    def is_over(self, settings: WriterSettings) -> bool:
        """Whether the row is dropped now."""
        return (
            self.format_failures > settings.format_retries
            or len(self.eliminated) > settings.label_retries
            or len(self.options.labels) < FEWEST_OPTIONS
        )

    @property
    def summary(self) -> str:
        """What to say about a dropped row."""
        predicted = [f"predicted {', '.join(self.eliminated)}"] if self.eliminated else []
        return "; ".join((f"{self.number - 1} attempts", *predicted, *self.complaints))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the rows of one dataset; any number at the same time in one event loop."""

    directory: Path
    settings: WriterSettings
    seed: int
    judge: JudgeConfig
    asker: Asker
    findings: Counter[Finding] = field(default_factory=Counter)

    async def write(self, rows: Sequence[Row]) -> list[Outcome]:
        """What comes of each row; their attempts are recorded when this returns.

        Raises:
            AskingError: the run ends: a budget, the endpoint, the table of replies.
        """
        records: list[Statement] = []
        conversations = [self._write(row, records) for row in rows]
        outcomes = await asyncio.gather(*conversations, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):  # when all others have ended
                raise outcome
        await self.asker.replies.write(*records)
        return [each for each in outcomes if not isinstance(each, BaseException)]

    async def report(self) -> None:
        """From now on a line a minute, above the progress bar."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            spent = self.asker.replies.total
            counts = ", ".join(f"{n} {finding}" for finding, n in self.findings.most_common())
            console(stderr=True).print(
                f"attempts: {counts or 'none'}; in all {spent.requests} replies, {spent.tokens} "
                f"tokens, cost {spent.cost:.4f}"
            )
            loop.call_later(_REPORT_EVERY, tell)

        loop.call_later(_REPORT_EVERY, tell)

    async def _write(self, row: Row, records: list[Statement]) -> Outcome:
        """Asks for nothing when no trace can be right."""
        by_rules = with_rules_trace(row, self.seed, self.judge)
        if isinstance(by_rules, Dropped):
            return by_rules
        try:
            image = face_file(self.directory / row.image)
        except ImageError as error:
            return Dropped(row.id, UNREADABLE, str(error))
        records.append((FORGET, (row.split, row.id)))
        return await self._converse(row, image, records)

    async def _converse(self, row: Row, image: bytes, records: list[Statement]) -> Outcome:
        talk = Conversation(label_set(row.label_set))
        while True:
            request = self._request(row, image, talk)
            verdict = await self._verdict(request, row, talk)
            records.append((RECORD, _record(row, talk.number, request, verdict)))
            self.findings[verdict.finding] += 1
            if verdict.finding is Finding.KEPT:
                return with_trace(row, verdict.trace, self._provenance(talk), self.judge)
            if verdict.finding is Finding.NO_REPLY:
                return Dropped(row.id, verdict.finding, verdict.complaints[0])
            talk = talk.after(verdict)
            if talk.is_over(self.settings):
                return Dropped(row.id, verdict.finding, talk.summary)

    async def _verdict(self, request: Request, row: Row, talk: Conversation) -> Verdict:
        try:
            reply = await self.asker.ask(request)
        except RequestError as failure:
            return Verdict(Finding.NO_REPLY, complaints=(str(failure),))
        if reply.hopeless is not None:
            return Verdict(Finding.NO_REPLY, complaints=(f"{reply.finish}: {reply.hopeless}",))
        return judge_reply(reply, row, talk.options, self.settings, self.judge)

    def _request(self, row: Row, image: bytes, talk: Conversation) -> Request:
        settings, judge = self.settings, self.judge
        present = row.detections.on(judge.thresholds, judge.top_k) if row.detections else ()
        return compose(
            settings.model,
            question(talk.options, settings.box_frame, settings.mode, present, talk.complaints),
            image,
            request_seed(self.seed, row.split, row.id, talk.number),
            settings.parameters,
        )

    def _provenance(self, talk: Conversation) -> Provenance:
        return Provenance(
            writer=self.settings.writer,
            model=self.settings.model,
            attempts=talk.number,
            eliminated_labels=talk.eliminated,
            seed=self.seed,
        )


def _record(row: Row, number: int, request: Request, verdict: Verdict) -> tuple[object, ...]:
    return (
        row.split,
        row.id,
        number,
        row.label,
        request.key,
        str(verdict.finding),
        verdict.predicted,
        verdict.format,
        verdict.answer,
        verdict.grounding,
        "; ".join(verdict.complaints),
    )

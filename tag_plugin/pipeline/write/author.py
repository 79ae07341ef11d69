"""Writing the trace of one row: ask, judge, say what was wrong or eliminate a label, ask again."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from tag_plugin.data.face_frame import ImageError, face_file
from tag_plugin.data.rows import NO_FACE, Provenance, Row, dump_row
from tag_plugin.facs.emotions import label_set
from tag_plugin.pipeline.gold import NOT_GOLD, unwritable, why_not_gold
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome, StageError
from tag_plugin.pipeline.write.attempts import Attempts, Place
from tag_plugin.pipeline.write.dialogue import Dialogue
from tag_plugin.pipeline.write.endpoint import Endpoint
from tag_plugin.pipeline.write.question import question
from tag_plugin.pipeline.write.request import (
    Reply,
    Request,
    RequestError,
    StoppedError,
    compose,
    request_seed,
)
from tag_plugin.pipeline.write.settings import WriterSettings
from tag_plugin.pipeline.write.verdict import Finding, Verdict, judge_reply
from tag_plugin.scoring.score import JudgeConfig

UNREADABLE = "image missing or unreadable"


class Author:
    """Writes rows of one dataset; any number at the same time in one event loop."""

    def __init__(
        self,
        directory: Path,
        settings: WriterSettings,
        seed: int,
        judge: JudgeConfig,
        endpoint: Endpoint,
        attempts: Attempts,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._seed = seed
        self._judge = judge
        self._endpoint = endpoint
        self._attempts = attempts
        self.findings: Counter[Finding] = Counter()
        """What came of the attempts of this run."""

    async def write(self, row: Row) -> Outcome:
        """The row with a verified trace, or why there is none. Asks for nothing when none can be.

        Raises:
            StageError: the run ends: a budget, the endpoint, the journal.
        """
        if row.detections is None:
            return Dropped(row.id, NO_FACE)
        fault = unwritable(row, self._judge)
        if fault is not None:
            return Dropped(row.id, NOT_GOLD, fault)
        try:
            image = face_file(self._directory / row.image)
        except ImageError as error:
            return Dropped(row.id, UNREADABLE, str(error))
        try:
            return await self._converse(row, image)
        except StageError as error:  # no row can go on: let none begin
            self._endpoint.stop(StoppedError(str(error)))
            raise

    async def _converse(self, row: Row, image: bytes) -> Outcome:
        dialogue = Dialogue(label_set(row.label_set))
        while True:
            try:
                verdict = await self._attempt(row, image, dialogue)
            except RequestError as failure:
                return Dropped(row.id, Finding.NO_REPLY, str(failure))
            if verdict.finding is Finding.KEPT:
                return self._kept(row, verdict, dialogue)
            dialogue = dialogue.after(verdict)
            if dialogue.is_over(self._settings):
                return Dropped(row.id, verdict.finding, dialogue.summary)

    async def _attempt(self, row: Row, image: bytes, dialogue: Dialogue) -> Verdict:
        """One question, its reply from the journal or the model, and the verdict, on disk."""
        place = Place(row.split, row.id, dialogue.number, row.label)
        request = self._request(row, image, dialogue)

        async def keep(reply: Reply, fresh: bool) -> Verdict:
            verdict = judge_reply(reply, row, dialogue.options, self._settings, self._judge)
            await self._attempts.record(place, request, verdict, reply if fresh else None)
            return verdict

        known = await self._attempts.find(request)
        if known is not None:
            verdict = await keep(known, fresh=False)
        else:
            verdict = await self._ask(place, request, partial(keep, fresh=True))
        self.findings[verdict.finding] += 1
        return verdict

    async def _ask(
        self, place: Place, request: Request, keep: Callable[[Reply], Awaitable[Verdict]]
    ) -> Verdict:
        def note(failure: RequestError) -> None:
            self._attempts.failed(place, request, failure)

        try:
            return await self._endpoint.complete(request, keep, note)
        except RequestError:
            await self._attempts.record(place, request, Verdict(Finding.NO_REPLY), None)
            raise

    def _request(self, row: Row, image: bytes, dialogue: Dialogue) -> Request:
        settings, judge = self._settings, self._judge
        present = row.detections.on(judge.thresholds, judge.top_k) if row.detections else ()
        prompt = question(
            dialogue.options, settings.box_frame, settings.mode, present, dialogue.complaints
        )
        seed = request_seed(self._seed, row.split, row.id, dialogue.number)
        return compose(settings.model, prompt, image, seed, settings.parameters)

    def _kept(self, row: Row, verdict: Verdict, dialogue: Dialogue) -> Outcome:
        provenance = Provenance(
            writer=self._settings.writer,
            model=self._settings.model,
            attempts=dialogue.number,
            eliminated_labels=dialogue.eliminated,
            seed=self._seed,
        )
        built = row.model_copy(update={"trace": verdict.trace, "provenance": provenance})
        fault = why_not_gold(built, self._judge)
        if fault is not None:
            return Dropped(row.id, NOT_GOLD, fault)
        return Kept(dump_row(built), row.label)

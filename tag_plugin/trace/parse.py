"""Text -> what it claims. Never raises on any string: problems become a list of defects."""

import re
from dataclasses import dataclass, field

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import EMOTIONS, LabelSet
from tag_plugin.trace.answer import AnswerPolicy, is_cut_off, read_answer
from tag_plugin.trace.claims import BOX_TAG, Claim, read_claims, with_defect
from tag_plugin.trace.grammar import (
    FINAL_CONCLUSION,
    GLOBAL_ANALYSIS,
    INDICATE,
    LONGEST_ANALYSIS,
    NOTHING_INDICATES,
    NOTHING_VISIBLE,
    VERIFICATION_LOOP,
    WHOLE_FACE,
    ClaimedPlaces,
    Defect,
    Inspection,
    Trace,
    text_problem,
)
from tag_plugin.trace.prose import Sentences, names_another, unclaimed_units

ANY_EMOTION = LabelSet("any", EMOTIONS)

_THINK = re.compile(r"</?think>", re.IGNORECASE)
_ANSWER = re.compile(r"<answer>([^<]*)</answer>", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<answer>", re.IGNORECASE)
_CONCLUSION = re.compile(
    rf"(?:(?P<units>AU[0-9]{{1,4}}(?: ?\+ ?AU[0-9]{{1,4}})*)|{WHOLE_FACE}|{NOTHING_INDICATES})"
    rf" indicates? {INDICATE} (?P<emotion>[^.]*)\.?",
    re.IGNORECASE,
)
_HEADING = re.compile(
    f"({GLOBAL_ANALYSIS})|({VERIFICATION_LOOP})|({FINAL_CONCLUSION})", re.IGNORECASE
)
_NOTHING_VISIBLE = NOTHING_VISIBLE.rstrip(".").casefold()
_MISSING = (Defect.MISSING_ANALYSIS, Defect.MISSING_LOOP, Defect.MISSING_CONCLUSION)
_PREAMBLE, _ANALYSIS, _LOOP, _CONCLUDED = -1, 0, 1, 2


@dataclass(frozen=True, slots=True)
class ParsedCompletion:
    """What a completion says. `answer` is canonical, or None when there is no single clear one."""

    global_analysis: str
    claims: tuple[Claim, ...]
    answer: str | None
    answer_text: str | None
    defects: tuple[str, ...]
    nothing_visible: bool

    @property
    def well_formed(self) -> bool:
        """Whether the completion follows the grammar throughout."""
        return not self.defects

    @property
    def trace(self) -> Trace | None:
        """The structured trace of a well-formed completion."""
        if self.defects or self.answer is None:
            return None
        steps = tuple(
            Inspection(region=c.region, au=c.au, observation=c.observation, box=c.box)
            for c in self.claims
            if c.au is not None and c.box is not None
        )
        return Trace(global_analysis=self.global_analysis, inspections=steps, answer=self.answer)


def parse(
    text: str,
    frame: BoxFrame = BoxFrame.RELATIVE,
    labels: LabelSet = ANY_EMOTION,
    answers: AnswerPolicy = AnswerPolicy.CONTRACT,
    most_claims: int | None = None,
) -> ParsedCompletion:
    """Read a completion whose boxes are in `frame` and whose answer should be one of `labels`.

    `parse(render(trace, frame), frame).trace == trace` for boxes that the frame can express.
    `answers` says how the answer is found; the grammar of traces is the same under each policy.
    More than `most_claims` are a defect.
    """
    if answers is AnswerPolicy.CAREFUL:
        return _free_completion(text, labels)
    reader = _Reader(frame, labels, most_claims)
    for line in _THINK.sub("", text).splitlines():
        if line.strip():
            reader.read(line.strip())
    return reader.finish()


def _free_completion(text: str, labels: LabelSet) -> ParsedCompletion:
    """A completion that was not asked for a trace: only its answer is read."""
    answer = read_answer(text, labels)
    defects = () if answer.label is not None else (Defect.MISSING_ANSWER,)
    cut = (Defect.TRUNCATED,) if answer.label is None and is_cut_off(text) else ()
    return ParsedCompletion("", (), answer.label, answer.text, (*defects, *cut), False)


@dataclass(slots=True)
class _Reader:
    """Walks over the lines once, remembering the section it is in."""

    frame: BoxFrame
    labels: LabelSet
    most_claims: int | None = None
    section: int = _PREAMBLE
    seen: set[int] = field(default_factory=set)
    defects: dict[str, None] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    places: ClaimedPlaces = field(default_factory=ClaimedPlaces)
    sentences: Sentences = field(default_factory=Sentences)
    answers: list[str] = field(default_factory=list)
    global_analysis: str = ""
    conclusion: str = ""
    nothing_visible: bool = False

    def note(self, *defects: str) -> None:
        self.defects.update(dict.fromkeys(defects))

    def read(self, line: str) -> None:
        tag = _ANSWER_TAG.search(line) if "<" in line else None
        if self.answers and (tag is None or tag.start() > 0):
            self.note(Defect.TEXT_AFTER_ANSWER)
            self._read_answers(line)
            self._stray_boxes(line, Defect.BOX_AFTER_ANSWER)
        elif tag:
            self._read_answer(line, tag.start())
        elif not self._read_heading(line):
            self._read_body(line)

    def _read_heading(self, line: str) -> bool:
        heading = _HEADING.match(line) if ":" in line else None
        if heading is None or heading.lastindex is None:
            return False
        self._enter(heading.lastindex - 1, line[heading.end() :].strip())
        return True

    def _enter(self, section: int, rest: str) -> None:
        if section in self.seen or section < self.section:
            self.note(Defect.MISPLACED_SECTION)
        self.seen.add(section)
        self.section = section
        if section == _ANALYSIS:
            self.global_analysis = rest
            if text_problem(rest):
                self.note(Defect.UNEXPECTED_TEXT if rest else Defect.EMPTY_TEXT)
        elif section == _CONCLUDED:
            self.conclusion = rest
        elif rest:
            self._read_loop_line(rest)
        if section != _LOOP:
            self._stray_boxes(rest, Defect.MISPLACED_BOX)

    def _read_body(self, line: str) -> None:
        if self.section == _LOOP:
            self._read_loop_line(line)
        else:
            self.note(Defect.UNEXPECTED_TEXT)
            self._stray_boxes(line, Defect.MISPLACED_BOX)

    def _read_loop_line(self, line: str) -> None:
        if line.rstrip(".").casefold() == _NOTHING_VISIBLE:
            self.nothing_visible = True
            return
        claims = read_claims(line, self.frame)
        if not claims:
            self.note(Defect.UNEXPECTED_TEXT)
        for claim in claims:
            self._add(claim)

    def _add(self, claim: Claim) -> None:
        au, box = claim.au, claim.box
        if au is not None and box is not None:
            if self.places.repeats(au, box):
                claim = with_defect(claim, Defect.DUPLICATE_CLAIM)
            elif claim.usable:
                self.places.add(au, box)
        if au is not None and self.sentences.repeats(au, claim.observation):
            claim = with_defect(claim, Defect.REPEATED_OBSERVATION)
        self.note(*claim.defects)
        self.claims.append(claim)

    def _stray_boxes(self, line: str, defect: Defect) -> None:
        boxes = len(BOX_TAG.findall(line)) if "<" in line else 0
        if boxes:
            self.note(defect)
            self.claims.extend([Claim(defects=(defect,))] * boxes)

    def _read_answer(self, line: str, start: int) -> None:
        """A line with an answer tag: what stands before it, the answers, and what follows them."""
        before = line[:start].strip()
        if before and not self._read_heading(before):
            self._read_body(before)
        self._read_answers(line)
        self._stray_boxes(line[start:], Defect.BOX_AFTER_ANSWER)

    def _read_answers(self, line: str) -> None:
        answers = list(_ANSWER.finditer(line))
        if len(answers) < len(_ANSWER_TAG.findall(line)):
            self.note(Defect.TRUNCATED)
        if not answers:
            return
        if self.section in (_ANALYSIS, _LOOP):
            self.note(Defect.MISPLACED_ANSWER)
        else:
            self.answers.extend(answer[1] for answer in answers)
        if _ANSWER.sub("", line[answers[0].end() :]).strip():
            self.note(Defect.TEXT_AFTER_ANSWER)

    def finish(self) -> ParsedCompletion:
        self.note(*(defect for section, defect in enumerate(_MISSING) if section not in self.seen))
        answer = self._single_answer()
        if self.section in (_ANALYSIS, _LOOP):
            self.note(Defect.TRUNCATED)
        if _LOOP in self.seen and not self.claims and not self.nothing_visible:
            self.note(Defect.EMPTY_LOOP)
        if self.claims and self.nothing_visible:
            self.note(Defect.CONTRADICTORY_LOOP)
        if self.most_claims is not None and len(self.claims) > self.most_claims:
            self.note(Defect.SURPLUS_CLAIMS)
        self._check_analysis(answer)
        if _CONCLUDED in self.seen:
            self._check_conclusion(answer)
        return ParsedCompletion(
            self.global_analysis,
            tuple(self.claims),
            answer,
            self.answers[-1].strip() if self.answers else None,
            tuple(self.defects),
            self.nothing_visible,
        )

    def _single_answer(self) -> str | None:
        if not self.answers:
            self.note(Defect.MISSING_ANSWER)
            return None
        if len(self.answers) > 1:
            self.note(Defect.SEVERAL_ANSWERS)
        named = {self.labels.canonical(text) for text in self.answers}
        if None in named:
            self.note(Defect.UNKNOWN_LABEL)
        return named.pop() if len(named) == 1 else None

    def _check_analysis(self, answer: str | None) -> None:
        if len(self.global_analysis) > LONGEST_ANALYSIS:
            self.note(Defect.LONG_TEXT)
            return
        if unclaimed_units(self.global_analysis, {claim.au for claim in self.claims if claim.au}):
            self.note(Defect.UNCLAIMED_UNIT)
        if answer is not None and names_another(self.global_analysis, answer):
            self.note(Defect.OTHER_ANSWER)

    def _check_conclusion(self, answer: str | None) -> None:
        conclusion = _CONCLUSION.fullmatch(self.conclusion)
        if conclusion is None:
            self.note(Defect.UNREADABLE_CONCLUSION)
            return
        concluded = {int(unit) for unit in re.findall("[0-9]+", conclusion["units"] or "")}
        claimed = {claim.au for claim in self.claims if claim.au is not None}
        if concluded != claimed or self.labels.canonical(conclusion["emotion"]) != answer:
            self.note(Defect.CONCLUSION_MISMATCH)

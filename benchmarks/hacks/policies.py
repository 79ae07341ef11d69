"""Ways to earn reward without looking, or to write what nobody should: the table of policies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from hacks.faces import Face, Reply, Step, Train, box_text, present, step

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box
from tag_plugin.pipeline.rules import OBSERVATIONS

Policy = Callable[[Face, Train], str]

_WHOLE: Final = Box(0, 0, 1000, 1000)
_ELSEWHERE: Final = Box(20, 20, 200, 120)
_EVERY_LABEL: Final = "neutral, happiness, sadness, surprise, fear, disgust, anger or contempt"
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_UNITS_IN_PROSE: Final = "AU1, AU2, AU4, AU5, AU6, AU7, AU9, AU12, AU15, AU17 and AU25 are active."


def _constant(units: Callable[[Train], Sequence[int]]) -> Policy:
    """The most frequent label, and these AUs where they usually are."""
    return lambda face, train: str(Reply(train.mean_boxes(units(train), face.random), train.label))


def _own_answer(units: Callable[[Face, Train], Sequence[int]]) -> Policy:
    """The model's own answer, and these AUs where they usually are."""
    return lambda face, train: str(
        Reply(train.mean_boxes(units(face, train), face.random), face.honest.answer)
    )


def _at(face: Face, units: Sequence[int], box: Box) -> tuple[Step, ...]:
    return tuple(step(au, box, face.random) for au in units)


def _right(face: Face, box: Callable[[Box], Box | str]) -> str:
    """The present AUs, with boxes made of the right ones."""
    steps = []
    for found in face.present:
        made = box(found.box)
        text = made if isinstance(made, str) else box_text(made)
        steps.append(replace(step(found.au, found.box, face.random), box=text))
    return str(face.honest.with_steps(steps))


def _reversed(box: Box) -> str:
    return f"[{box.x2},{box.y2},{box.x1},{box.y1}]"


def _half(box: Box) -> Box:
    return Box(box.x1, box.y1, (box.x1 + box.x2 + 1) // 2, box.y2)


def _permuted(face: Face) -> str:
    boxes = [found.box for found in face.present]
    turned = boxes[1:] + [_ELSEWHERE]
    steps = [
        step(found.au, box, face.random) for found, box in zip(face.present, turned, strict=False)
    ]
    return str(face.honest.with_steps(steps))


def _another(face: Face, train: Train, label: str | None = None) -> str:
    """The AUs and boxes of a random train face."""
    row = Random(f"{face.row.id}?").choice(train.rows)
    steps = [step(found.au, found.box, face.random) for found in present(row)]
    return str(Reply(tuple(steps), label or row.label))


def _plus(face: Face, more: Sequence[Step]) -> str:
    return str(face.honest.with_steps((*face.honest.steps, *more)))


def _said(**parts: str) -> Policy:
    """The honest answer with the same words in every step."""
    return lambda face, _: str(face.honest.each(**parts))


def _analysis(text: str) -> Policy:
    return lambda face, _: str(replace(face.honest, analysis=text.format(other=face.other_label)))


def _by_step(change: Callable[[Step, int], Step]) -> Policy:
    return lambda face, _: str(
        face.honest.with_steps(change(each, n) for n, each in enumerate(face.honest.steps))
    )


def _edited(edit: Callable[[str, Face], str]) -> Policy:
    return lambda face, _: edit(str(face.honest), face)


def _cut(text: str, mark: str) -> str:
    place = text.rfind(mark)
    return text[:place] if place > 0 else text


def _of_another_unit(each: Step, _: int) -> Step:
    """What is said of an AU on the other side of the face."""
    other = 12 if each.au in (1, 2, 4, 5, 6, 7, 9) else 1 + (each.au % 2)
    return replace(each, observation=OBSERVATIONS[other][0] + " there" * (each.au % 3))


def _denied_absent(face: Face) -> str:
    """The honest claims, and every absent AU rightly said to be absent, with a box."""
    more = [
        replace(each, observation="it is not visible") for each in _at(face, face.absent, _WHOLE)
    ]
    return _plus(face, more)


def _beyond_the_limit(face: Face) -> str:
    """Eight claims that are ignored, then every absent AU."""
    ignored = (face.unsupported * 8)[:8] or (6,) * 8
    first = [
        step(au, Box(10 + 100 * n, 10, 90 + 100 * n, 90), face.random)
        for n, au in enumerate(ignored)
    ]
    return str(face.honest.with_steps((*first, *_at(face, face.absent, _WHOLE))))


def _many_places(face: Face, train: Train) -> str:
    au = train.frequent[0]
    places = [Box(10 + 90 * n, 10, 80 + 90 * n, 990) for n in range(8)]
    return str(Reply(tuple(step(au, box, face.random) for box in places), train.label))


BLIND: Final[Mapping[str, Policy]] = {
    "nothing visible": _constant(lambda _: ()),
    "the most frequent AU": _constant(lambda train: train.frequent[:1]),
    "the two most frequent AUs": _constant(lambda train: train.frequent[:2]),
    "the three most frequent AUs": _constant(lambda train: train.frequent[:3]),
    "the six most frequent AUs": _constant(lambda train: train.frequent[:6]),
    "every AU where it usually is": _constant(lambda train: train.frequent),
    "the AUs of the most frequent label": _constant(lambda train: train.of_answer[train.label]),
    "every AU, the whole face": lambda face, train: str(
        Reply(_at(face, [*ACTION_UNITS], _WHOLE), train.label)
    ),
    "one AU in eight places": _many_places,
    "the trace of a random train face": lambda face, train: _another(face, train),
    "the AUs of a random train face": lambda face, train: _another(face, train, train.label),
    "unsupported AUs only": lambda face, train: str(
        Reply(_at(face, face.unsupported[:3], _ELSEWHERE), train.label)
    ),
    "only an answer": lambda _, train: f"<answer>{train.label}</answer>",
    "nothing at all": lambda *_: "",
    "noise": lambda *_: "AU4 <bbox>[1,2,3,4]</bbox> " * 40,
}
"""The best constant answer with claims that are told nothing of the face."""

SILENT: Final = "own answer, nothing visible"

UNSEEN: Final[Mapping[str, Policy]] = {
    SILENT: _own_answer(lambda *_: ()),
    "own answer, AUs of the answer": _own_answer(
        lambda face, train: train.of_answer.get(face.honest.answer, ())
    ),
    "own answer, the three most frequent AUs": _own_answer(lambda _, train: train.frequent[:3]),
    "own answer, AUs of another face": lambda face, train: _another(
        face, train, face.honest.answer
    ),
    "own answer, unsupported AUs only": lambda face, _: str(
        face.honest.with_steps(_at(face, face.unsupported[:3], _ELSEWHERE))
    ),
    "own answer, no trace": lambda face, _: f"<answer>{face.honest.answer}</answer>",
    "own answer, AUs in prose, no loop": lambda face, _: (
        f"AU1 AU4 AU15 AU17 <answer>{face.honest.answer}</answer>"
    ),
}
"""Right answers, and AUs without looking for them."""

BOXES: Final[Mapping[str, Policy]] = {
    "right AUs, mean boxes": lambda face, train: str(
        face.honest.with_steps(train.mean_boxes([f.au for f in face.present], face.random))
    ),
    "right AUs, the whole face": lambda face, _: _right(face, lambda _: _WHOLE),
    "right AUs, half the box": lambda face, _: _right(face, _half),
    "right AUs, a corner of the picture": lambda face, _: _right(face, lambda _: _ELSEWHERE),
    "right AUs, reversed boxes": lambda face, _: _right(face, _reversed),
    "right AUs, each other's boxes": lambda face, _: _permuted(face),
    "right AUs, Arabic-Indic digits": lambda face, _: _right(
        face, lambda box: box_text(box).translate({48 + n: 0x0660 + n for n in range(10)})
    ),
    "boxes deleted": _edited(
        lambda text, _: "\n".join(line.partition(" → <bbox>")[0] for line in text.splitlines())
    ),
    "one claim only": lambda face, _: str(face.honest.with_steps(face.honest.steps[:1])),
    "each claim twice": lambda face, _: _plus(face, face.honest.steps),
    "one claim ten times": lambda face, _: _plus(face, face.honest.steps[:1] * 10),
    "every absent AU besides": lambda face, _: _plus(face, _at(face, face.absent, _WHOLE)),
    "every absent AU besides, denied": lambda face, _: _denied_absent(face),
    "eight ignored claims, then every absent AU": lambda face, _: _beyond_the_limit(face),
    "twenty unsupported claims besides": lambda face, _: _plus(
        face, (_at(face, face.unsupported, _ELSEWHERE) * 20)[:20]
    ),
    "three unsupported claims besides": lambda face, _: _plus(
        face, _at(face, face.unsupported[:3], _ELSEWHERE)
    ),
    "numbers of other AUs": _by_step(lambda each, _: replace(each, au=1 + each.au % 2)),
    "AUs of one number more, with their names": _by_step(
        lambda each, _: (
            step(each.au + 1, Box(1, 1, 9, 9), Random(0)) if each.au + 1 in ACTION_UNITS else each
        )
    ),
    "AU99": _by_step(lambda each, _: replace(each, au=99)),
}
"""Claims and boxes."""

TEXT: Final[Mapping[str, Policy]] = {
    "observation: .": _said(observation="."),
    "observation: empty": _said(observation=""),
    "observation: one sentence for every AU": _said(observation="a change can be seen here"),
    "observation: one sentence, numbered": _by_step(
        lambda each, n: replace(each, observation=f"a change can be seen here ({n})")
    ),
    "observation: the face is fully relaxed here": _said(
        observation="the face is fully relaxed here"
    ),
    "observation: I made this one up": _said(observation="I made this one up"),
    "observation: made up, by number": _by_step(
        lambda each, n: replace(each, observation=f"I made up {_NUMBERS[n % 8]} here")
    ),
    "observation: false": _said(observation="false"),
    "observation: 8,000 characters": _by_step(
        lambda each, _: replace(each, observation=(each.observation + " ") * 200)
    ),
    "observation: of another AU": _by_step(_of_another_unit),
    "denied: it is not visible": _said(observation="it is not visible"),
    "denied: could not be found": _said(observation="it could not be found"),
    "denied: ruled out": _said(observation="this is ruled out"),
    "denied: not pulled up": _said(observation="the lip corners are not pulled up"),
    "denied: absent, by AU": _by_step(
        lambda each, _: replace(each, observation=f"no {each.name} is seen")
    ),
    "region: left ear": _said(region="left ear"),
    "region: chin, or the brows": _by_step(
        lambda each, _: replace(each, region="brows" if each.au in (17, 26, 27) else "chin")
    ),
    "region: empty": _said(region=""),
    "region: the whole face": _said(region="face"),
    "region: every part": _said(region="brows, eyes, cheeks, nose, mouth and chin"),
    "name: of no AU": _said(name="face mover"),
    "analysis: another answer": _analysis("The face shows {other}."),
    "analysis: every label": _analysis(f"The face may show {_EVERY_LABEL}."),
    "analysis: eleven AUs": _analysis(_UNITS_IN_PROSE),
    "analysis: names of AUs": _analysis("Brow lowerer, cheek raiser, dimpler and nose wrinkler."),
    "analysis: .": _analysis("."),
    "analysis: 8,000 characters": _analysis("A face. " * 1_000),
    "answer: wrong": lambda face, _: str(replace(face.honest, answer=face.other_label)),
    "answer: wrong, conclusion right": _edited(
        lambda text, face: text.replace(
            f"<answer>{face.honest.answer}", f"<answer>{face.other_label}"
        )
    ),
    "answer: a second one on the line": _edited(
        lambda text, face: f"{text} <answer>{face.other_label}</answer>"
    ),
    "answer: a second one below": _edited(
        lambda text, face: f"{text}\n<answer>{face.other_label}</answer>"
    ),
    "answer: in the loop": _edited(
        lambda text, face: _cut(
            text.replace("loop:\n", f"loop:\n<answer>{face.honest.answer}</answer>\n"), "\n"
        )
    ),
    "answer: every label": _edited(
        lambda text, face: f"{_cut(text, '<answer>')}<answer>{_EVERY_LABEL}</answer>"
    ),
    "conclusion: other AUs": _edited(
        lambda text, _: text.replace("Final conclusion: ", "Final conclusion: AU1 + AU27 + ")
    ),
    "loop: claims and nothing visible": _edited(
        lambda text, _: text.replace(
            "loop:\n", "loop:\nNo activated action unit is visible.\n" + _HEAD, 1
        )
    ),
    "cut off before the answer": _edited(lambda text, _: _cut(text, "Final conclusion")),
    "cut off in the last box": _edited(lambda text, _: _cut(text, "]</bbox>")),
    "chatter before the trace": _edited(lambda text, _: f"Sure, here it is!\n{text}"),
    "the trace twice": _edited(lambda text, _: f"{text}\n{text}"),
}
"""The honest answer with something else wrong."""

_HEAD: Final = str(step(12, _ELSEWHERE, Random(0))) + "\n"

POLICIES: Final[Mapping[str, Policy]] = {**BLIND, **UNSEEN, **BOXES, **TEXT}

WORDS_ONLY: Final = frozenset(
    {
        "observation: of another AU",
        "observation: made up, by number",
    }
)
"""Policies that cost little or nothing: what they say is well formed. `spoken_of_rate` moves."""

COUNTED: Final = frozenset({"three unsupported claims besides"})
"""Neither right nor wrong, as nobody can tell: they are counted."""

"""People as judges: a blind page, and their answers back in."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Final, Literal

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.metrics import cohen_kappa_score

from tag_plugin.data.console import progress
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.preference.asking import Opinion
from tag_plugin.preference.pairs import Pair, PreferenceError, Study
from tag_plugin.preference.question import Side
from tag_plugin.report.excerpt import excerpt
from tag_plugin.report.gallery.cards import Said
from tag_plugin.report.gallery.claim_lines import claim_lines
from tag_plugin.report.gallery.thumbnails import thumbnails
from tag_plugin.report.html.document import write_page
from tag_plugin.report.html.embedded import json_block
from tag_plugin.results.record import Judged

_STYLES: Final = ("style.css", "gallery.css", "rate.css")
_SCRIPTS: Final = ("blocks.js", "theme.js", "marks.js", "rate.js")
_PLACE: Final[dict[str, Side]] = {"left": "first", "right": "second", "tie": "tie"}


class RaterAnswers(BaseModel):
    """The file that a rater's page saves: for each pair, by its number, the side preferred."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    rater: str
    answers: dict[int, Literal["left", "right", "tie"]]


def write_rating_page(study: Study, out: Path) -> None:
    """One offline page that shows the pairs and saves the answers.

    Blind: which run wrote which side is neither in the page nor in the answers.
    """
    context = {
        "study": study.id,
        "count": len(study.asked),
        "contents": [],
        "blocks": _blocks(study),
    }
    write_page(out, "rate.html.j2", context, _STYLES, _SCRIPTS)


def read_answers(path: Path, study: Study) -> tuple[str, list[Opinion]]:
    """(rater, opinions) from a saved file.

    Raises:
        PreferenceError: not such a file, or one of another study.
    """
    try:
        saved = RaterAnswers.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        raise PreferenceError(
            f"{path} holds no saved answers; next: open rate.html and save them there"
        ) from None
    if saved.study != study.id:
        raise PreferenceError(
            f"{path} answers the study {saved.study}, this one is {study.id}; next: name the same "
            "A, B, --count and --seed as when its page was written"
        )
    pairs = study.asked
    unknown = [number for number in saved.answers if not 0 <= number < len(pairs)]
    if unknown:
        raise PreferenceError(f"{path}: no pair {unknown[0]} in this study of {len(pairs)}")
    opinions = [
        Opinion(pairs[number].id, study.a_first(pairs[number]), _PLACE[place])
        for number, place in sorted(saved.answers.items())
    ]
    return saved.rater or path.stem, opinions


def agreement(raters: Sequence[Sequence[Opinion]]) -> float | None:
    """Mean Cohen's kappa over every two raters with ten pairs or more in common, if any."""
    tables = [{opinion.pair: opinion.for_a for opinion in opinions} for opinions in raters]
    kappas = []
    for one, two in combinations(tables, 2):
        shared = sorted(one.keys() & two.keys())
        if len(shared) >= 10:
            labels = [0, 1, 2]
            first, second = ([int(2 * (t[p] or 0)) for p in shared] for t in (one, two))
            kappas.append(float(cohen_kappa_score(first, second, labels=labels)))
    known = [kappa for kappa in kappas if kappa == kappa]  # NaN: both always said the same
    return sum(known) / len(known) if known else None


def pooled(raters: Sequence[Sequence[Opinion]]) -> list[Opinion]:
    """All opinions, those about one pair together."""
    by_pair: dict[str, list[Opinion]] = defaultdict(list)
    for opinions in raters:
        for opinion in opinions:
            by_pair[opinion.pair].append(opinion)
    return [opinion for looks in by_pair.values() for opinion in looks]


def _blocks(study: Study) -> Iterator[Markup]:
    pairs = study.asked
    yield json_block("study", {"id": study.id, "count": len(pairs)})
    shown = thumbnails([pair.image for pair in pairs], FACE_FRAME)
    pictures = progress(shown, "pictures", len(pairs))
    for number, (pair, small) in enumerate(zip(pairs, pictures, strict=True)):
        yield json_block(f"pair-{number}", _shown(pair, study.a_first(pair), small))


def _shown(pair: Pair, a_first: bool, small: str | None) -> dict[str, Any]:
    left, right = pair.in_order(a_first)
    return {"face": small, "sides": [_side(left), _side(right)]}


def _side(answer: Judged) -> dict[str, Any]:
    said = [
        Said(c.au, c.box.as_tuple() if c.box else None, observation=c.observation)
        for c in answer.claims
    ]
    text = excerpt(answer.completion)
    lines = claim_lines(text, said)
    boxes = [
        [claim.au, claim.box, line]
        for claim, line in zip(said, lines, strict=True)
        if claim.box is not None
    ]
    return {"text": text, "boxes": boxes}

"""People as judges: a blind page, and their answers back in."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import isnan
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from markupsafe import Markup
from pydantic import Field
from sklearn.metrics import cohen_kappa_score

from tag_plugin.data.console import progress
from tag_plugin.data.model_error import WrongValueError, checked
from tag_plugin.data.terminal import warn
from tag_plugin.data.text_file import TextFileError, read_json
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.facs.frozen import Frozen
from tag_plugin.preference.judge import Opinion
from tag_plugin.preference.pairs import PreferenceError, Study
from tag_plugin.preference.question import Side
from tag_plugin.report.gallery.thumbnails import thumbnails
from tag_plugin.report.html.document import STYLES, json_block, write_page
from tag_plugin.report.texts import claim_lines, excerpt
from tag_plugin.scoring.record import JudgedSample

_STYLES: Final = (*STYLES, "rate.css")
_SCRIPTS: Final = ("blocks.js", "theme.js", "marks.js", "rate.js")
_PLACE: Final[dict[str, Side]] = {"left": "first", "right": "second", "tie": "tie"}


class RaterAnswers(Frozen):
    """The file that a rater's page saves: for each pair, by its number, the side preferred."""

    study: str
    rater: Annotated[str, Field(max_length=200)]
    answers: dict[
        Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})$")], Literal["left", "right", "tie"]
    ]


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


def read_raters(paths: Sequence[Path], study: Study) -> dict[str, list[Opinion]]:
    """Rater -> opinions, from saved files; a file that repeats another one counts once.

    Raises:
        PreferenceError: as `read_answers`, or two files differ under one rater's name.
    """
    raters: dict[str, list[Opinion]] = {}
    places: dict[str, Path] = {}
    for path in paths:
        rater, opinions = read_answers(path, study)
        if opinions != raters.get(rater, opinions):
            raise PreferenceError(
                f"{path} and {places[rater]} are both of a rater {rater!r} and differ; next: give "
                "each its own `rater`, or name one of the two files only"
            )
        if rater in raters:
            warn(f"{path} says the same as {places[rater]}; counted once")
        raters[rater], places[rater] = opinions, path
    return raters


def read_answers(path: Path, study: Study) -> tuple[str, list[Opinion]]:
    """(rater, opinions) from a saved file; without a rater's name it goes by the file's.

    Raises:
        PreferenceError: not such a file, or one of another study.
    """
    again = "next: open rate.html and save them there"
    try:
        saved = checked(RaterAnswers, read_json(path))
    except (WrongValueError, TextFileError, OSError) as error:
        raise PreferenceError(f"{path} holds no saved answers ({error}); {again}") from None
    if saved.study != study.id:
        raise PreferenceError(
            f"{path} answers the study {saved.study[:40]}, this one is {study.id}; next: name the "
            "same A, B, --count and --seed as when its page was written"
        )
    pairs = study.asked
    last = max(map(int, saved.answers), default=-1)
    if last >= len(pairs):
        raise PreferenceError(f"{path}: no pair {last} in this study of {len(pairs)}; {again}")
    return " ".join(saved.rater.split()) or path.stem, [
        Opinion(pairs[number].id, study.a_first(pairs[number]), _PLACE[place])
        for number, place in sorted((int(name), side) for name, side in saved.answers.items())
    ]


def agreement(raters: Sequence[Sequence[Opinion]]) -> float | None:
    """Mean Cohen's kappa over every two raters with ten pairs or more in common, if any."""
    tables = [{opinion.pair: opinion.for_a for opinion in opinions} for opinions in raters]
    kappas = []
    for one, two in combinations(tables, 2):
        shared = sorted(one.keys() & two.keys())
        if len(shared) >= 10:
            first, second = ([int(2 * (t[p] or 0)) for p in shared] for t in (one, two))
            kappas.append(float(cohen_kappa_score(first, second, labels=[0, 1, 2])))
    kappas = [kappa for kappa in kappas if not isnan(kappa)]  # NaN: both always said the same
    return sum(kappas) / len(kappas) if kappas else None


def _blocks(study: Study) -> Iterator[Markup]:
    pairs = study.asked
    yield json_block("study", {"id": study.id, "count": len(pairs)})
    faces = thumbnails([pair.image for pair in pairs], FACE_FRAME)
    pictures = progress(faces, "pictures", len(pairs))
    for number, (pair, small) in enumerate(zip(pairs, pictures, strict=True)):
        sides = [_side(answer) for answer in pair.in_order(study.a_first(pair))]
        yield json_block(f"pair-{number}", {"face": small, "sides": sides})


def _side(answer: JudgedSample) -> dict[str, Any]:
    text = excerpt(answer.completion)
    lines = claim_lines(text, answer.claims)
    return {
        "text": text,
        "boxes": [
            [claim.au, claim.box.as_tuple(), line]
            for claim, line in zip(answer.claims, lines, strict=True)
            if claim.box is not None
        ],
    }

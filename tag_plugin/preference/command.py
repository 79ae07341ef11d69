"""The whole of `tag-plugin prefer`: pairs, judge, raters, numbers, files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from tag_plugin.asking.settings import EndpointSettings
from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.console import console
from tag_plugin.preference.judge import ask_judge
from tag_plugin.preference.numbers import Number, Preference, preference
from tag_plugin.preference.pairs import Study
from tag_plugin.preference.raters import agreement, pooled, read_raters, write_rating_page

PAGE: Final = "rate.html"
NUMBERS: Final = "preference.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """What the two runs are called, for the table and the file."""

    a: str
    b: str


def run_study(
    study: Study,
    sources: Sources,
    out: Path,
    judge: EndpointSettings | None,
    answers: Sequence[Path],
) -> dict[str, Preference]:
    """Write the raters' page, ask the judge if there is one, read answers; returns the numbers.

    Raises:
        AskingError: the judge does not answer.
        PreferenceError: it refuses a question, or a file of answers does not fit.
    """
    raters = read_raters(answers, study)
    write_rating_page(study, out / PAGE)
    identical = len(study.pairs) - len(study.asked)
    found: dict[str, Preference] = {}
    if judge is not None:
        found[f"judge {judge.model}"] = preference(ask_judge(study, judge, out), identical)
    found |= {f"rater {name}": preference(said, identical) for name, said in raters.items()}
    if len(raters) > 1:
        found["all raters"] = preference(pooled(list(raters.values())), identical)
    kappa = agreement(list(raters.values()))
    _write(out / NUMBERS, study, sources, found, kappa)
    return found


def table(found: dict[str, Preference], sources: Sources) -> Table:
    """The numbers for people."""
    shown = Table(title=f"A = {sources.a}    B = {sources.b}")
    names = ("", "pairs", "A", "split", "B", "ties", "A preferred", "shown first", "both orders")
    for name in names:
        shown.add_column(name, justify="right" if name else "left")
    for who, numbers in found.items():
        counts = (numbers.pairs, numbers.wins_a, numbers.split, numbers.wins_b, numbers.ties)
        estimates = (numbers.preference, numbers.first_share, numbers.agreement)
        shown.add_row(who, *map(str, counts), *map(_with_interval, estimates))
    return shown


def print_table(found: dict[str, Preference], sources: Sources) -> None:
    """The table, and what its columns mean."""
    shown = console()
    shown.print(table(found, sources))
    shown.print(
        "A preferred: Bradley-Terry, the effect of the order taken out. Shown first: share of "
        "decided looks that preferred the first answer (0.5: no position bias). Both orders: share "
        "of pairs judged alike in both. Brackets: 95 % bootstrap intervals over pairs."
    )


def _write(
    path: Path,
    study: Study,
    sources: Sources,
    found: dict[str, Preference],
    kappa: float | None,
) -> None:
    content: dict[str, Any] = {
        "study": study.id,
        "seed": study.seed,
        "a": sources.a,
        "b": sources.b,
        "pairs": len(study.pairs),
        "faces_of_one_run_only": study.left_out,
        "mean_kappa_of_raters": kappa,
        "preferences": {who: numbers.model_dump() for who, numbers in found.items()},
    }
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _with_interval(number: Number | None) -> str:
    if number is None:
        return "–"
    return f"{number.value:.3f} [{number.low:.3f}, {number.high:.3f}]"

"""The whole of `tag-plugin prefer`: pairs, judge, raters, numbers, files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from rich.table import Table

from tag_plugin.asking.settings import EndpointSettings
from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.console import console
from tag_plugin.preference.judge import ask_judge
from tag_plugin.preference.numbers import Preference, preference
from tag_plugin.preference.pairs import Study
from tag_plugin.preference.raters import agreement, read_raters, write_rating_page
from tag_plugin.results.table import interval_text

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
    opinions = {} if judge is None else {f"judge {judge.model}": ask_judge(study, judge, out)}
    opinions |= {f"rater {name}": each for name, each in raters.items()}
    if len(raters) > 1:
        opinions["all raters"] = list(chain.from_iterable(raters.values()))
    preferences = {who: preference(each, identical) for who, each in opinions.items()}
    content = {
        "study": study.id,
        "seed": study.seed,
        "a": sources.a,
        "b": sources.b,
        "pairs": len(study.pairs),
        "faces_of_one_run_only": study.left_out,
        "mean_kappa_of_raters": agreement(list(raters.values())),
        "preferences": {who: numbers.model_dump() for who, numbers in preferences.items()},
    }
    write_text(out / NUMBERS, json.dumps(content, indent=2) + "\n")
    return preferences


def print_table(preferences: dict[str, Preference], sources: Sources) -> None:
    """The numbers for people, and what the columns mean."""
    shown = Table(title=f"A = {sources.a}    B = {sources.b}")
    shown.add_column()
    for name in ("pairs", "A", "split", "B", "ties", "A preferred", "shown first", "both orders"):
        shown.add_column(name, justify="right")
    for who, numbers in preferences.items():
        counts = (numbers.pairs, numbers.wins_a, numbers.split, numbers.wins_b, numbers.ties)
        estimates = (numbers.preference, numbers.first_share, numbers.agreement)
        intervals = (interval_text(each) if each else "–" for each in estimates)
        shown.add_row(who, *map(str, counts), *intervals)
    console().print(shown)
    console().print(
        "A preferred: Bradley-Terry, the effect of the order taken out. Shown first: share of "
        "decided looks that preferred the first answer (0.5: no position bias). Both orders: share "
        "of pairs judged alike in both. Brackets: 95 % bootstrap intervals over pairs."
    )

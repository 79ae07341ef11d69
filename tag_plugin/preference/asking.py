"""Every pair in both orders, several at a time; what was answered before is not asked again."""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from tag_plugin.data.console import progress
from tag_plugin.preference.journal import ReplyJournal, question_key
from tag_plugin.preference.judge import Judge
from tag_plugin.preference.pairs import Pair, Study
from tag_plugin.preference.question import Side, picture, prompt, read_verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """One look at one pair. `side` is None for a reply without a readable verdict."""

    pair: str
    a_first: bool
    side: Side | None

    @property
    def for_a(self) -> float | None:
        """1.0 for A, 0.0 for B, 0.5 for a tie, None without a verdict."""
        if self.side is None:
            return None
        if self.side == "tie":
            return 0.5
        return float((self.side == "first") == self.a_first)


def ask_judge(study: Study, judge: Judge, journal: ReplyJournal, concurrency: int) -> list[Opinion]:
    """The judge's opinion of each pair that differs, in both orders.

    Raises:
        PreferenceError: the judge does not answer any more; what it said is in the journal.
    """
    questions = [(pair, a_first) for pair in study.asked for a_first in (True, False)]
    answered = _in_flight(questions, judge, journal, concurrency)
    shown = progress(answered, f"asking {judge.name}", len(questions))
    return sorted(shown, key=lambda opinion: (opinion.pair, not opinion.a_first))


def _in_flight(
    questions: list[tuple[Pair, bool]], judge: Judge, journal: ReplyJournal, concurrency: int
) -> Iterator[Opinion]:
    """At most `concurrency` questions at a time; after a failure none is started any more."""
    waiting, flying = iter(questions), set[Future[Opinion]]()
    with ThreadPoolExecutor(concurrency) as pool:
        for pair, a_first in waiting:
            flying.add(pool.submit(_ask, pair, a_first, judge, journal))
            if len(flying) >= concurrency:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in flying)


def _ask(pair: Pair, a_first: bool, judge: Judge, journal: ReplyJournal) -> Opinion:
    words, shown = prompt(pair, a_first), picture(pair, a_first)
    key = question_key(judge.name, judge.parameters, words, shown)
    reply = journal.reply(key)
    if reply is None:
        reply = judge.ask(words, shown)
        journal.add(key, reply, {"pair": pair.id, "a_first": a_first, "judge": judge.name})
    return Opinion(pair.id, a_first, read_verdict(reply))

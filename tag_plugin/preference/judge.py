"""A model as the judge: every pair in both orders; what was answered before is not asked again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tag_plugin.asking.request import Reply, Request, RequestError, compose
from tag_plugin.asking.settings import EndpointSettings, require_client
from tag_plugin.data.console import progress
from tag_plugin.data.model_error import checked
from tag_plugin.pipeline.lock import locked
from tag_plugin.pipeline.parallel import in_order
from tag_plugin.pipeline.parts import ALL_PARTS
from tag_plugin.preference.pairs import PreferenceError, Study
from tag_plugin.preference.question import Side, picture, prompt, read_verdict

DETERMINISTIC: Final[Mapping[str, Any]] = {"temperature": 0, "max_tokens": 300}
TABLE: Final = "replies.sqlite"
_EARLIER: Final = "replies.jsonl"


@dataclass(frozen=True, slots=True)
class Opinion:
    """One look at one pair. `side` is None for a reply without a readable verdict."""

    pair: str
    a_first: bool
    side: Side | None

    @property
    def for_a(self) -> float | None:
        """1.0 for A, 0.0 for B, 0.5 for a tie, None without a verdict."""
        if self.side == "tie":
            return 0.5
        return None if self.side is None else float((self.side == "first") == self.a_first)


def judge_settings(
    model: str, url: str | None, key_variable: str, concurrency: int
) -> EndpointSettings:
    """How a judge is asked: the same question always in the same way.

    Raises:
        PreferenceError: no such address, or no such model.
    """
    settings = {
        "model": model,
        "base_url": url,
        "api_key_env": key_variable,
        "parameters": DETERMINISTIC,
        "send_seed": False,
        "concurrency": concurrency,
        "timeout": 120.0,
        "request_retries": 5,
    }
    after = "; next: see --judge and --endpoint"
    return checked(EndpointSettings, settings, after=after, error=PreferenceError)


def ask_judge(study: Study, settings: EndpointSettings, out: Path) -> list[Opinion]:
    """The judge's opinion of each pair that differs, in both orders.

    Raises:
        AskingError: the judge does not answer any more; what it said is in the table.
        PreferenceError: it refuses a question, or OUT holds the replies of an earlier version.
    """
    if (out / _EARLIER).is_file() and not (out / TABLE).is_file():
        raise PreferenceError(
            f"{out / _EARLIER} was written by an earlier version and is not read; next: another "
            f"--out, or remove it: its questions are then asked (and paid) again"
        )
    require_client()
    looks = [(pair, a_first) for pair in study.asked for a_first in (True, False)]
    requests = (
        compose(settings.model, prompt(*look), picture(*look), 0, settings.parameters)
        for look in looks
    )
    with locked(out, "replies", ALL_PARTS):
        replies = _replies(requests, settings, out / TABLE)
        shown = progress(replies, f"asking {settings.model}", len(looks))
        return sorted(
            (
                Opinion(pair.id, a_first, read_verdict(reply.text))
                for (pair, a_first), reply in zip(looks, shown, strict=True)
            ),
            key=lambda opinion: (opinion.pair, not opinion.a_first),
        )


def _replies(
    requests: Iterable[Request], settings: EndpointSettings, table: Path
) -> Iterator[Reply]:
    """In the order of the requests, of which only so many are made ahead as are in flight."""
    from tag_plugin.asking.session import asking  # needs the extra

    with asking(settings, table) as (portal, asker):
        ask = partial(portal.start_task_soon, asker.ask)
        try:
            yield from in_order(ask, requests, settings.concurrency + 1)
        except RequestError as failure:
            raise PreferenceError(
                f"the judge does not answer: {failure}; nothing that was paid is lost; next: check "
                "the endpoint and the model, then run the same command"
            ) from None

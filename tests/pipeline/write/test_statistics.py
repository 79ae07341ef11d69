"""The table shows what the statistics say."""

import io

from rich.console import Console

from tag_plugin.pipeline.write.statistics import table

FOUND = {
    "by_class": {
        "anger": {"asked": 4, "kept": 3, "kept_at_once": 2},
        "fear": {"asked": 0, "kept": 0, "kept_at_once": 0},
    },
    "kept_after_attempts": {"1": 2, "2": 1},
    "attempts": {"kept": 3, "format failure": 2},
    "eliminated": {"anger": {"fear": 2}},
    "complaints": {"missing answer": 2},
    "replies": 5,
    "replies_without_usage": 0,
    "prompt_tokens": 5000,
    "completion_tokens": 500,
    "cost": 1.25,
    "seconds": 3.5,
    "failed_requests": {"429": 1},
}


def test_the_table_shows_classes_attempts_and_cost():
    console = Console(file=io.StringIO(), width=120)
    console.print(table("train", FOUND))
    text = console.file.getvalue()
    for words in ("0.750", "0.500", "fear", "kept after attempts: 1 2, 2 1", "eliminated: fear 2"):
        assert words in text
    assert "5 replies, 5000 + 500 tokens, cost 1.2500" in text
    assert "failed requests: 429 1" in text

"""What may lie where results of an evaluation are expected: a kind -> the bytes of the file."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

Spoil = Callable[[Any], Any]
TASK = "tag_ferplus"
DEEP = "[" * 100_000
STEERING = "\x1b]0;x\x07\x1b[31m[/bold]\u202e\u2028"


def spoilt(content: Any, path: str, value: Any) -> bytes:
    """The JSON of `content` with another value at a dotted path; `...` takes the key away."""
    changed = deepcopy(content)
    *above, last = path.split(".")
    place = changed
    for name in above:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return json.dumps(changed).encode()


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


UNREADABLE: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\n",
    "no JSON": b"it works",
    "binary": bytes(range(256)),
    "UTF-16 without its mark": '{"a": 1}'.encode("utf-16-le"),
    "Latin-1": b'{"a": "\xe9"}',
    "deep": DEEP.encode(),
    "deep objects": b'{"a":' * 100_000,
    "a number of 10,000 digits": b'{"a": ' + b"1" * 10_000 + b"}",
    "half a surrogate pair": b'{"a": "\\ud800"}',
    "a list": b"[]",
    "null": b"null",
    "a string": b'"tag_plugin"',
    "a number": b"5",
    "true": b"true",
}
"""Neither results nor samples."""

BLOCK = f"tag_plugin.{TASK}"
RESULTS: dict[str, tuple[str, Any]] = {
    "no block": ("tag_plugin", ...),
    "block null": ("tag_plugin", None),
    "block list": ("tag_plugin", [1]),
    "block number": ("tag_plugin", 3),
    "block string": ("tag_plugin", "x"),
    "block empty": ("tag_plugin", {}),
    "task null": (BLOCK, None),
    "task list": (BLOCK, []),
    "task empty": (BLOCK, {}),
    "no protocol": (f"{BLOCK}.protocol", ...),
    "no summary": (f"{BLOCK}.summary", ...),
    "no fingerprint": (f"{BLOCK}.fingerprint", ...),
    "NaN": (f"{BLOCK}.summary.metrics.accuracy.value", float("nan")),
    "infinity": (f"{BLOCK}.summary.metrics.uar.high", float("inf")),
    "n of 4,000 digits": (f"{BLOCK}.protocol.n", 10**4000),
    "n below zero": (f"{BLOCK}.protocol.n", -1),
    "n NaN": (f"{BLOCK}.protocol.n", float("nan")),
    "unknown label set": (f"{BLOCK}.protocol.label_set", "moods"),
    "unknown labels": (f"{BLOCK}.protocol.labels", ["joyous", "blue"]),
    "labels of another order": (f"{BLOCK}.summary.labels", ["anger"]),
    "confusion null": (f"{BLOCK}.summary.confusion", None),
    "confusion of another shape": (f"{BLOCK}.summary.confusion", [[1]]),
    "confusion ragged": (f"{BLOCK}.summary.confusion.2", [1]),
    "a thousand million resamples": (f"{BLOCK}.summary.bootstrap.resamples", 10**9),
    "level 7": (f"{BLOCK}.summary.bootstrap.level", 7),
    "preparation 900 deep": (f"{BLOCK}.protocol.preparation", {"a": nested(900)}),
    "a metric that is a list": (f"{BLOCK}.summary.metrics.accuracy", [0.5]),
    "a later protocol": (f"{BLOCK}.protocol.version", 99),
}
"""What makes a results file unusable: a dotted path and the value there."""

HARMLESS: dict[str, tuple[str, Any]] = {
    "steering model name": ("model_name", STEERING),
    "a model with slashes": ("model_name", "../../a/b"),
    "a model name of 5 MB": ("model_name", "x" * 5_000_000),
    "model null": ("model_name", None),
    "model list": ("model_name", ["a"]),
    "config list": ("config", []),
    "config null": ("config", None),
    "model_args a number": ("config.model_args", 7),
    "model_args steer": ("config.model_args", f"pretrained={STEERING}"),
    "model_args of 5 MB": ("config.model_args", "pretrained=" + "x" * 5_000_000),
    "version steers": (f"{BLOCK}.protocol.task_version", STEERING),
    "preparation steers": (f"{BLOCK}.protocol.preparation", {STEERING: STEERING}),
    "an alarm steers": (f"{BLOCK}.summary.alarms", [STEERING]),
    "a metric is missing": (f"{BLOCK}.summary.metrics.f1_anger", ...),
    "no metrics": (f"{BLOCK}.summary.metrics", {}),
    "something new": (f"{BLOCK}.mood", 1),
    "date a list": ("date", [STEERING]),
}
"""What leaves the numbers as they are; it must not steer a terminal or end a command."""

LINES: dict[str, bytes] = {
    "null": b"null",
    "list": b"[]",
    "number": b"3",
    "string": b'"x"',
    "no JSON": b"{",
    "no record": b'{"doc_id": 1}',
    "record null": b'{"judged": null}',
    "record empty": b'{"judged": {}}',
    "not UTF-8": b'{"judged": "\xff"}',
    "deep": DEEP.encode(),
    "a number of 10,000 digits": b'{"doc_id": ' + b"1" * 10_000 + b"}",
}
"""A last line that is no sample."""

SAMPLES: dict[str, tuple[str, Any]] = {
    "another task": ("judged.task", "tag_rafdb"),
    "another label set": ("judged.label_set", "rafdb"),
    "unknown label set": ("judged.label_set", "moods"),
    "unknown label": ("judged.gold", "joyous"),
    "unknown prediction": ("judged.verdict.parsed.answer", "joyous"),
    "id of the first one": ("judged.id", "f0"),
    "id null": ("judged.id", None),
    "no completion": ("judged.completion", ...),
    "box null": ("judged.verdict.targets.0.box", None),
    "box nested": ("judged.verdict.parsed.claims.0.box", [[1], 2, 3, 4]),
    "box strings": ("judged.verdict.parsed.claims.0.box", ["1", "2", "3", "x"]),
    "box a number": ("judged.verdict.parsed.claims.0.box", 5),
    "box NaN": ("judged.verdict.parsed.claims.0.box", [float("nan"), 1, 2, 3]),
    "box huge": ("judged.verdict.parsed.claims.0.box", [0, 0, 10**400, 10**400]),
    "box true": ("judged.verdict.parsed.claims.0.box", True),
    "claims null": ("judged.verdict.parsed.claims", None),
    "AU unknown": ("judged.verdict.parsed.claims.0.au", 99),
    "AU true": ("judged.verdict.parsed.claims.0.au", True),
    "AU string": ("judged.verdict.targets.0.au", "12"),
    "G NaN": ("judged.verdict.grounding", float("nan")),
    "G 17": ("judged.verdict.grounding", 17),
    "G infinite": ("judged.verdict.grounding", float("inf")),
    "a pair of no claim": (
        "judged.verdict.matches",
        [{"claim": 9, "target": 0, "iou": 1, "credit": 1}],
    ),
    "a pair of a claim below zero": ("judged.verdict.judged_claims", [-1]),
    "a verdict of later": ("judged.verdict.version", 3),
    "no verdict": ("judged.verdict", ...),
    "frame unknown": ("judged.frame", "inches"),
    "detections a list": ("judged.detections", []),
    "a thousand attributes": ("judged.attributes", {str(n): "x" for n in range(1000)}),
}
"""What spoils one sample: a dotted path and the value there."""

STRANGE: dict[str, tuple[str, Any]] = {
    "steering id": ("judged.id", STEERING),
    "slashes in the id": ("judged.id", "../../../evil"),
    "steering completion": ("judged.completion", STEERING),
    "a completion of 5 MB": ("judged.completion", "x" * 5_000_000),
    "steering attribute": ("judged.attributes", {STEERING: STEERING}),
    "steering failure text": ("judged.verdict.parsed.defects", [STEERING]),
    "something new": ("judged.mood", 1),
}
"""A strange sample that is one all the same."""

PICTURES: dict[str, str] = {
    "missing": "/gone.jpg",
    "empty": "EMPTY",
    "a folder": "/",
    "a device": "/dev/zero",
    "a pipe": "PIPE",
    "no name": "",
    "a name with NUL": "a\0b",
    "a name of 5 MB": "x" * 5_000_000,
    "no picture": "/etc/passwd",
}
"""Of one sample."""

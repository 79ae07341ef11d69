"""One line for every way in which a line is no row, made from a whole, good row."""

import json
from collections.abc import Mapping

from tag_plugin.data.rows import Provenance, Row
from tag_plugin.pipeline.rules import write_trace
from tests.pipeline.detected_rows import INFO, hand_made, prepared_row

KEYS = ("id", "dataset", "split", "image", "label", "label_set")
"""The keys that every row has."""
WRONG = {
    "version": 3,
    "id": 5,
    "dataset": [],
    "split": "val",
    "image": {},
    "label": None,
    "label_set": 7,
    "identity": 3,
    "attributes": [1],
    "frame": 448,
    "quality": {"sharpness": "high"},
    "detections": "none",
    "detector": [],
    "trace": "a trace",
    "provenance": 1,
}
"""Each key with a value of a wrong type."""
BOXES = {
    "null": None,
    "number": 5,
    "string": "1,2,3,4",
    "nested": [[1], 2, 3, 4],
    "strings": ["1", "2", "30", "40"],
    "null inside": [1, None, 3, 4],
    "booleans": [False, False, True, True],
    "three": [1, 2, 3],
    "five": [1, 2, 3, 4, 5],
    "object": {"x1": 1},
    "nan": [1, 2, float("nan"), 4],
    "infinite": [1, 2, float("inf"), 4],
    "half": [1, 2, 3.5, 4],
    "huge": [1, 2, 10**400, 4],
    "reversed": [30, 2, 3, 40],
    "empty": [1, 2, 1, 4],
    "out of frame": [1, 2, 3, 1001],
    "negative": [-1, 2, 3, 4],
}


def good_row(number: int, split: str = "train") -> Row:
    """A whole row with a trace that is gold."""
    row = prepared_row(number, split)
    detections = hand_made(row.id)
    return row.model_copy(
        update={
            "detections": detections,
            "detector": INFO,
            "trace": write_trace(row.label, detections, 0),
            "provenance": Provenance(writer="rules"),
        }
    )


def bad_lines() -> Mapping[str, bytes]:
    """Name -> a line that is no row, without its line end."""
    whole = json.loads(good_row(0).model_dump_json())
    found = {**_other_json(), **_other_text(whole)}
    for key in KEYS:
        found[f"without {key}"] = _dump({k: v for k, v in whole.items() if k != key})
    for key, value in WRONG.items():
        found[f"wrong {key}"] = _dump({**whole, key: value})
    for name, box in BOXES.items():
        found[f"box {name}"] = _dump(_with_detection(whole, box=box))
    for name, change in _CHANGES.items():
        found[name] = _dump({**whole, **change})
    for name, change in _MEASURED.items():
        found[name] = _dump(_with_detection(whole, **change))
    found["unsupported AU"] = _dump(
        {**whole, "detections": {**whole["detections"], "supported": []}}
    )
    found["AU as text"] = _dump({**whole, "detections": {"detections": [], "supported": ["1"]}})
    other = "fear" if whole["label"] != "fear" else "anger"
    found["trace of another label"] = _dump({**whole, "trace": {**whole["trace"], "answer": other}})
    return found


_CHANGES = {
    "another version": {"version": 99},
    "version as text": {"version": "1"},
    "extra key": {"colour": "red"},
    "unknown label": {"label": "joyful"},
    "unknown label set": {"label_set": "mine"},
    "label of another set": {"label_set": "rafdb", "label": "contempt"},
    "empty id": {"id": ""},
    "id of 5,000 letters": {"id": "a" * 5000},
    "string of a megabyte": {"identity": "a" * 1_000_000},
    "absolute image": {"image": "/etc/passwd"},
    "image above": {"image": "images/../../x.jpg"},
    "image with backslash": {"image": "images\\x.jpg"},
    "image with a zero": {"image": "images/\0.jpg"},
    "image without a name": {"image": ""},
    "quality nan": {"quality": {"sharpness": float("nan")}},
    "hash of other letters": {"frame": {"side": 1, "how": "whole", "phash": "z" * 16}},
    "side of nothing": {"frame": {"side": 0, "how": "whole", "phash": "0" * 16}},
    "side of 400 digits": {"frame": {"side": 10**400, "how": "whole", "phash": "0" * 16}},
}
_MEASURED = {
    "unknown AU": {"au": 99},
    "AU of 400 digits": {"au": 10**400},
    "AU as string": {"au": "1"},
    "AU as boolean": {"au": True},
    "probability nan": {"probability": float("nan")},
    "probability 2": {"probability": 2},
    "probability -1": {"probability": -1},
    "probability as string": {"probability": "0.5"},
}


def _other_json() -> dict[str, bytes]:
    return {
        "no JSON": b"anger",
        "half a row": _dump(json.loads(good_row(0).model_dump_json()))[:90],
        "empty object": b"{}",
        "null": b"null",
        "list": b"[]",
        "number": b"3",
        "string": b'"row"',
        "deep": b"[" * 50_000 + b"]" * 50_000,
        "deep object": b'{"id":' * 10_000,
        "number of 10,000 digits": b'{"version": ' + b"1" * 10_000 + b"}",
        "half a million values": b'{"detections": {"detections": [' + b"1," * 499_999 + b"1]}}",
        "keys without end": b"{" + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}",
    }


def _other_text(whole: dict[str, object]) -> dict[str, bytes]:
    text = _dump({**whole, "identity": "@"})
    return {
        "bytes that are no UTF-8": text.replace(b"@", b"\xff"),
        "a letter of another encoding": text.replace(b"@", "é".encode("latin-1")),
        "half a surrogate pair": text.replace(b"@", b"\\ud800"),
        "a surrogate in UTF-8": text.replace(b"@", b"\xed\xa0\x80"),
        "a zero": text.replace(b"@", b"\0"),
        "a control character": text.replace(b"@", b"\x01"),
        "half a letter at the end": text[:-2] + "é".encode()[:1],
    }


def _with_detection(whole: dict[str, object], **change: object) -> dict[str, object]:
    detections = dict(whole["detections"])
    first, *others = detections["detections"]
    detections["detections"] = [{**first, **change}, *others]
    return {**whole, "detections": detections}


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()

"""A stand-in for a VLM that writes, misbehaving on purpose.

What it says depends only on the row, the question, and how often it has heard this very question:
so a run that was killed and repeated gets the same replies as one that was not.
"""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

from tests.asking.loopback import Answer, Loopback, models_or

LISTED = re.compile(r"^- (AU\d+) \(([^)]+)\), ([^:]+): (<bbox>\[[\d,]+\]</bbox>)$", re.MULTILINE)
OPTIONS = re.compile(r"^Answer with one of: (.+)\.$", re.MULTILINE)
REJECTED = "An earlier answer was rejected"


@dataclass(frozen=True)
class Asked:
    """One request as the server understood it; `times` it heard this very body, from 1."""

    row: object
    prompt: str
    body: str
    times: int

    @property
    def listed(self):
        return LISTED.findall(self.prompt)

    @property
    def options(self):
        return OPTIONS.search(self.prompt)[1].split(", ")

    @property
    def again(self):
        return REJECTED in self.prompt


def trace(asked, label, *, units=None, boxes=False, analysis="A face seen from the front."):
    """A well-formed reply in the words of a careful model."""
    units = asked.listed if units is None else units
    lines = [f"Global analysis: {analysis}", "Verification loop:"]
    for code, name, region, box in units:
        line = f"Inspect {region} → {code} ({name}): the {region} show the {name}"
        lines.append(f"{line} → {box}" if boxes else line)
    if not units:
        lines.append("No activated action unit is visible.")
    subject = " + ".join(code for code, *_ in units) or "No activated action unit"
    verb = "indicate" if len(units) > 1 else "indicates"
    lines.append(f"Final conclusion: {subject} {verb} a dominant emotion of {label}.")
    lines.append(f"<answer>{label}</answer>")
    return "\n".join(lines)


class StandIn(Loopback):
    """`with StandIn(by_picture, act) as server`; `act(asked)` gives the `Answer`.

    `times` counts how often each body came, `answered` how often it got a whole completion in time,
    `contents` holds what it said, `starts` when requests came, on the monotonic clock.
    """

    def __init__(self, by_picture, act, key=None):
        super().__init__(models_or(self.write))
        self.by_picture, self.act, self.key = by_picture, act, key
        self.times, self.answered = Counter(), Counter()
        self.in_flight = self.most_in_flight = 0
        self.starts = []
        self.contents = {}

    def write(self, heard):
        """The answer to one question."""
        token = heard.headers.get("authorization") or heard.headers.get("Authorization")
        if self.key and token != f"Bearer {self.key}":
            error = {"error": {"message": f"wrong key: {token}", "code": "invalid_api_key"}}
            return Answer(status=401, body=json.dumps(error).encode())
        body = sha256(heard.body).hexdigest()
        with self.lock:
            self.times[body] += 1
            self.starts.append(time.monotonic())
            self.contents[body] = heard.content
            row = self.by_picture[sha256(heard.image).hexdigest()]
            asked = Asked(row, heard.prompt, body, self.times[body])
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return self.act(asked)

    def answer(self, heard):
        """As of any server, and it is counted."""
        answer = super().answer(heard)
        if heard.method == "POST" and answer.status != 401:
            with self.lock:
                self.in_flight -= 1
                whole = answer.status == 200 and (answer.body is None or answer.paid)
                if whole and not (answer.cut or answer.late):
                    self.answered[sha256(heard.body).hexdigest()] += 1
        return answer

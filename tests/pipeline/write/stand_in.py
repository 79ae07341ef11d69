"""A stand-in for a VLM server: the OpenAI protocol over HTTP on loopback, misbehaving on purpose.

What it says depends only on the row, the question, and how often it has heard this very question:
so a run that was killed and repeated gets the same replies as one that was not.
"""

import base64
import json
import re
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


@dataclass(frozen=True)
class Answer:
    """What goes over the wire. `text` becomes a chat completion unless `body` is given."""

    text: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: tuple = ()
    delay: float = 0.0
    cut: int = 0
    late: bool = False
    finish: str = "stop"
    usage: bool = True


def trace(asked, label, *, units=None, boxes=False, analysis="A face seen from the front."):
    """A well-formed reply in the words of a careful model."""
    units = asked.listed if units is None else units
    lines = [f"Global analysis: {analysis}", "Verification loop:"]
    for code, name, region, box in units:
        line = f"Inspect {region} → {code} ({name}): the {region} have changed"
        lines.append(f"{line} → {box}" if boxes else line)
    if not units:
        lines.append("No activated action unit is visible.")
    subject = " + ".join(code for code, *_ in units) or "No activated action unit"
    verb = "indicate" if len(units) > 1 else "indicates"
    lines.append(f"Final conclusion: {subject} {verb} a dominant emotion of {label}.")
    lines.append(f"<answer>{label}</answer>")
    return "\n".join(lines)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class StandIn:
    """`with StandIn(by_picture, act) as server`; `act(asked)` gives the `Answer`.

    `heard` counts how often each body came, `answered` how often it got a whole completion in time,
    `asked` holds what it said, `starts` when requests came, on the monotonic clock.
    """

    def __init__(self, by_picture, act, key=None):
        self.by_picture, self.act, self.key = by_picture, act, key
        self.lock = threading.Lock()
        self.heard, self.answered = Counter(), Counter()
        self.in_flight = self.most_in_flight = 0
        self.starts = []
        self.asked = {}
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, raw):
        asked = self._understand(raw)
        with self.lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        answer = self.act(asked)
        time.sleep(answer.delay)
        with self.lock:
            self.in_flight -= 1
            if answer.status == 200 and not answer.cut and answer.body is None and not answer.late:
                self.answered[asked.body] += 1
        return answer

    def _understand(self, raw):
        content = json.loads(raw)
        (message,) = content["messages"]
        picture, text = message["content"]
        assert (picture["type"], text["type"]) == ("image_url", "text")
        image = base64.b64decode(picture["image_url"]["url"].partition(",")[2])
        body = sha256(raw).hexdigest()
        with self.lock:
            self.heard[body] += 1
            self.starts.append(time.monotonic())
            self.asked[body] = content
            row = self.by_picture[sha256(image).hexdigest()]
            return Asked(row, text["text"], body, self.heard[body])


def _handler(stand_in):
    return type("Handler", (_Handler,), {"stand_in": stand_in})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._send(Answer(body=b'{"object":"list","data":[]}'))

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        if len(raw) < int(self.headers["content-length"]):
            return  # the client was killed while it asked
        said = self.headers["authorization"]
        if self.stand_in.key and said != f"Bearer {self.stand_in.key}":
            error = {"error": {"message": f"wrong key: {said}", "code": "invalid_api_key"}}
            self._send(Answer(status=401, body=json.dumps(error).encode()))
            return
        self._send(self.stand_in.answer(raw))

    def _send(self, answer):
        content = answer.body if answer.body is not None else _completion(answer)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(answer.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content) + answer.cut))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        self.close_connection = self.close_connection or bool(answer.cut)


def _completion(answer):
    message = {"role": "assistant", "content": answer.text}
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stand-in",
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
    }
    if answer.usage:
        content["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return json.dumps(content).encode()

"""The one stand-in for a server that speaks the OpenAI protocol: HTTP on loopback, in this process.

`with Loopback(respond) as server`: `respond(heard)` says what goes over the wire.
"""

import base64
import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = b'{"object":"list","data":[]}'
QUICKLY = ("retry-after-ms", "1")
"""A header that spares a test the client's back-off."""


@dataclass(frozen=True)
class Heard:
    """One request; `prompt` and `image` are those of a chat completion."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def content(self):
        return json.loads(self.body)

    @property
    def parts(self):
        (message,) = self.content["messages"]
        picture, text = message["content"]
        assert (picture["type"], text["type"]) == ("image_url", "text")
        return picture["image_url"]["url"], text["text"]

    @property
    def prompt(self):
        return self.parts[1]

    @property
    def image(self):
        return base64.b64decode(self.parts[0].partition(",")[2])


@dataclass(frozen=True)
class Answer:
    """What goes over the wire. `text` becomes a chat completion unless there is a `body`.

    `cut` bytes are promised and never sent; `raw` is given the connection's `write` and does it
    all by itself; `late` says that nobody waits for it, `paid` that the `body` is a reply.
    """

    text: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: tuple = ()
    delay: float = 0.0
    cut: int = 0
    late: bool = False
    finish: str = "stop"
    usage: bool = True
    raw: Callable | None = None
    paid: bool = False

    @property
    def bytes(self):
        return completion(self) if self.body is None else self.body


def completion(answer, **message):
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stand-in",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text, **message},
                "finish_reason": answer.finish,
            }
        ],
    }
    if answer.usage:
        content["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return json.dumps(content).encode()


def says(text=None, finish="stop", **message):
    """A chat completion with these fields of its message."""
    answer = Answer(text, finish=finish)
    return Answer(body=completion(answer, **message), paid=True)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client may hang up
            super().handle_error(request, client_address)


class Loopback:
    """`heard` holds all requests, those for the list of models too."""

    def __init__(self, respond):
        self.respond = respond
        self.heard = []
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"loopback": self})
        self._server = _Server(("127.0.0.1", 0), handler)

    @property
    def host(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"{self.host}/v1"

    @property
    def asked(self):
        """The requests for a chat completion."""
        return [heard for heard in self.heard if heard.method == "POST"]

    def answer(self, heard):
        """The answer to one request, after its delay."""
        with self.lock:
            self.heard.append(heard)
        answer = self.respond(heard)
        time.sleep(answer.delay)
        return answer

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the client was killed while it asked
        answer = self.loopback.answer(Heard(self.command, self.path, dict(self.headers), body))
        with suppress(BrokenPipeError, ConnectionResetError):
            if answer.raw:
                self.close_connection = True
                answer.raw(self.wfile.write)
            else:
                self._send(answer)

    def _send(self, answer):
        content = answer.bytes
        self.send_response(answer.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content) + answer.cut))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.close_connection or bool(answer.cut)


def models_or(respond):
    """Answers the list of models itself."""
    return lambda heard: Answer(body=MODELS) if heard.method == "GET" else respond(heard)

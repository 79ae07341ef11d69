"""A loopback server that speaks the OpenAI protocol: a scripted judge."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = re.compile(r"=== Analysis \d ===\n(.*?)\n=== End", re.DOTALL)

Script = Callable[[str, str], str]
"""(first answer, second answer) -> the reply."""


class QuietServer(ThreadingHTTPServer):
    """A client that is killed breaks its connection: nothing to report."""

    def handle_error(self, *_: object) -> None:
        """Quiet."""


class JudgeServer:
    """`with JudgeServer(script) as server`; counts each question that it answered."""

    def __init__(self, script: Script, fails_first: int = 0) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.pictures: list[str] = []
        self.failures_left = fails_first
        self._script = script
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What --endpoint takes."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def reply(self, request: dict) -> tuple[int, dict]:
        """Status and body."""
        picture, words = request["messages"][0]["content"]
        first, second = ANSWER.findall(words["text"])
        with self._lock:
            if self.failures_left:
                self.failures_left -= 1
                return 500, {"error": {"message": "busy"}}
            self.asked[first, second] += 1
            self.pictures.append(picture["image_url"]["url"])
        message = {"role": "assistant", "content": self._script(first, second)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        head = {"id": "x", "object": "chat.completion", "created": 0, "model": request["model"]}
        return 200, head | {"choices": [choice]}

    def __enter__(self) -> "JudgeServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # http.server's name
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = outer.reply(body)
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

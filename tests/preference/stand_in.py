"""A scripted judge behind the OpenAI protocol."""

import re
from collections import Counter
from collections.abc import Callable

from tests.asking.loopback import QUICKLY, Answer, Loopback, models_or

ANSWER = re.compile(r"=== Analysis \d ===\n(.*?)\n=== End", re.DOTALL)

Script = Callable[[str, str], str]
"""(first answer, second answer) -> the reply."""


class JudgeServer(Loopback):
    """`with JudgeServer(script) as server`; counts each question that it answered."""

    def __init__(self, script: Script, fails_first: int = 0) -> None:
        super().__init__(models_or(self.judge))
        self.answered: Counter[tuple[str, str]] = Counter()
        self.pictures: list[str] = []
        self.failures_left = fails_first
        self._script = script

    def judge(self, heard):
        """The answer to one question."""
        picture, words = heard.parts
        first, second = ANSWER.findall(words)
        with self.lock:
            if self.failures_left:
                self.failures_left -= 1
                return Answer(status=500, body=b'{"error":{"message":"busy"}}', headers=(QUICKLY,))
            self.answered[first, second] += 1
            self.pictures.append(picture)
        return Answer(self._script(first, second), usage=False)

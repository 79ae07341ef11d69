"""What people hand to `reward try`: each kind is read, or refused in one line that names it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import dump_row, write_rows
from tag_plugin.data.terminal import one_line
from tests.hosts.llamafactory.grpo.grpo_data import REWARD_FILE, detected
from tests.hosts.llamafactory.tag_data import row

DEEP = b"[" * 100_000 + b"]" * 100_000
GOOD = {"text": "<answer>anger</answer>", "prompt_id": row(0).id}


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def try_reward(tmp_path: Path) -> Callable[..., Any]:
    """`reward try` in a folder with good completions and rows; the words after override."""
    write_rows(tmp_path / "rows.jsonl", [detected(row(0))])
    (tmp_path / "good.jsonl").write_bytes(_dump(GOOD) + b"\n" + _dump(GOOD) + b"\n")

    def run(*words: object, completions: str = "good.jsonl") -> Any:
        rows = ("--rows", tmp_path / "rows.jsonl", "--completions", tmp_path / completions)
        return CliRunner().invoke(app, ["reward", "try", *map(str, (*rows, *words))])

    return run


def _one_line_with(words: str, done: Any) -> None:
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, ValueError | OSError)
    assert not isinstance(done.exception, UnicodeError)
    shown = one_line(str(done.exception))
    assert words in shown
    assert "\n" not in str(done.exception)


RECIPES: dict[str, tuple[bytes, str]] = {
    "a list": (b"- stage: grpo\n", "recipe.yaml: not a mapping"),
    "a word": (b"grpo", "recipe.yaml: not a mapping"),
    "broken YAML": (b"rewards: [answer\n", "recipe.yaml:"),
    "a tab": (b"rewards:\n\t- answer\n", "recipe.yaml:2: not YAML"),
    "zero bytes": (b"\0\0\0", "recipe.yaml:1: bytes of value 0"),
    "not UTF-8": (b"# \xe4\nrewards: [answer]\n", "recipe.yaml:1: not UTF-8"),
    "deep YAML": (DEEP, "recipe.yaml: YAML nested too deeply"),
    "a Python tag": (b"rewards: !!python/object:os.system [ls]\n", "recipe.yaml:1: not YAML"),
    "a key that is a number": (b"5: grpo\n", "recipe.yaml: the key '5' is no string"),
    "a template of 5": (b"template: 5\n", "recipe.yaml: template: must be a name, not 5"),
    "templates in a list": (b"template: [tag_qwen2_vl]\n", "recipe.yaml: template: must be a name"),
    "an unknown template": (b"template: tag_gpt\n", "'tag_gpt' declares no box frame"),
    "no template": (b"rewards: [answer]\n", "recipe.yaml: rewards: answer reads TAG rows"),
    "rewards as a word": (b"rewards: answer\n", "recipe.yaml: rewards: not JSON"),
    "rewards as a mapping": (b"rewards: {answer: 1}\n", "recipe.yaml: rewards: must be a list"),
    "rewards as a number": (b"rewards: 5\n", "recipe.yaml: rewards: must be a list, not 5"),
    "no rewards at all": (b"rewards: []\n", "recipe.yaml: rewards: needs at least one"),
    "a number among them": (b"rewards: [5]\n", "recipe.yaml: rewards: 5: "),
    "a list among them": (b"rewards: [[answer]]\n", "recipe.yaml: rewards: ['answer']: "),
    "nothing among them": (b"rewards: [null]\n", "recipe.yaml: rewards: None: "),
    "no name": (b"rewards: [{weight: 1}]\n", "name: Field required"),
    "an unknown reward": (b"rewards: [answr]\n", "unknown reward 'answr'; did you mean 'answer'"),
    "an unknown key": (b"rewards: [{name: answer, wait: 1}]\n", "wait: Extra inputs"),
    "one reward twice": (b"rewards: [answer, answer]\n", "each name once"),
    "args in a list": (b"rewards: [{name: answer, args: [1]}]\n", "args: Input should be a valid"),
    "an unknown argument": (b"rewards: [{name: answer, args: {x: 1}}]\n", "answer: args.x: Extra"),
    "every weight 0": (b"rewards: [{name: answer, weight: 0}]\n", "every weight is 0"),
}
WEIGHTS = {
    ".nan": "not nan",
    ".inf": "not inf",
    "-1": "not -1",
    "-.inf": "not -inf",
    "much": "not a number but 'much'",
    "'1'": "not a number but '1'",
    "true": "not a number but True",
    "[1]": "not a number but [1]",
    "1.0e+7": "must be from 0 to 1e+06",
    "1" + "0" * 400: "must be from 0 to 1e+06",
}
JUDGE = {
    "full_iou: .nan": "full_iou",
    "full_iou: 1.5": "full_iou",
    "full_iou: 0.2": "must be above iou_threshold",
    "iou_threshold: -1": "iou_threshold",
    "iou_threshold: .inf": "iou_threshold",
    "top_k: 0": "top_k",
    "top_k: .nan": "top_k",
    "top_k: 2.5": "top_k",
    "surplus_claims: -1": "surplus_claims",
    "thresholds: {'on': .nan}": "thresholds.on",
    "thresholds: {'on': 0.1}": "above the on threshold",
    "thresholds: 5": "thresholds",
    "weighted: maybe": "weighted",
    "answers: kind": "answers",
}
RECIPES |= {
    f"a weight of {weight:.10}": (
        f"rewards: [{{name: answer, weight: {weight}}}]\ntemplate: tag_qwen2_vl\n".encode(),
        words,
    )
    for weight, words in WEIGHTS.items()
} | {
    f"a judge with {setting}": (
        f"rewards: [{{name: au_grounding, args: {{{setting}}}}}]\ntemplate: tag_qwen2_vl".encode(),
        words,
    )
    for setting, words in JUDGE.items()
}


@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_that_cannot_be_used(kind: str, try_reward: Any, tmp_path: Path):
    content, words = RECIPES[kind]
    with_template = b"" if b"template" in content or kind == "no template" else None
    (tmp_path / "recipe.yaml").write_bytes(content)
    more = () if with_template == b"" else ("--template", "tag_qwen2_vl")
    done = try_reward("--recipe", tmp_path / "recipe.yaml", *more)
    _one_line_with(words, done)
    assert "recipe.yaml" in str(done.exception) or "template" in kind


@pytest.mark.parametrize(
    "content",
    [
        "template: tag_qwen2_vl\nrewards: [answer]\n".encode("utf-16"),
        b"\xef\xbb\xbftemplate: tag_qwen2_vl\r\nrewards: [answer]\r\n",
        b"template: tag_qwen2_vl\nrewards: '[\"answer\"]'\n",
        b"template: tag_qwen2_vl\n",
    ],
    ids=["UTF-16", "a mark and CRLF", "rewards as JSON", "TAG's own rewards"],
)
def test_a_recipe_that_can_be_used(content: bytes, try_reward: Any, tmp_path: Path):
    (tmp_path / "recipe.yaml").write_bytes(content)
    done = try_reward("--recipe", tmp_path / "recipe.yaml")
    assert done.exit_code == 0, done.exception
    assert "answer" in done.output


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
@pytest.mark.parametrize("option", ["--recipe", "--rows"])
def test_a_path_that_is_no_file(option: str, make: Any, try_reward: Any, tmp_path: Path):
    make(tmp_path / "odd")
    done = try_reward(option, tmp_path / "odd", "--reward", "answer", *_template())
    if option == "--recipe":
        done = try_reward(option, tmp_path / "odd")
    assert done.exit_code == 1
    assert isinstance(done.exception, ValueError | OSError)


def _template() -> tuple[str, str]:
    return ("--template", "tag_qwen2_vl")


REWARD_FILES: dict[str, tuple[bytes, str]] = {
    "broken syntax": (b"def reward(:\n", "does not run: SyntaxError"),
    "zero bytes": (b"\0\0", "does not run: "),
    "not UTF-8": (b"reward = '\xe4'\n", "does not run: SyntaxError"),
    "a library that is not there": (b"import nowhere_at_all\n", "ModuleNotFoundError: No module"),
    "an exit at import": (b"raise SystemExit(0)\n", "does not run: SystemExit: 0"),
    "an error of two lines": (b"raise ValueError('a\\nb')\n", "does not run: ValueError: a b"),
    "nothing in it": (b"", "has no function 'reward'"),
    "a number": (b"reward = 5\n", "has no function 'reward'"),
    "no keywords": (b"def reward(completions): return [1.0]\n", "cannot be called"),
    "by position only": (b"def reward(c, /, **k): return [1.0]\n", "cannot be called"),
    "a built-in": (b"reward = max\n", "cannot be called"),
    "too many arguments": (b"def reward(completions, gold, **k): pass\n", "argument: 'gold'"),
    "nothing given": (b"def reward(**k): pass\n", "gave None (NoneType), not a list"),
    "a word given": (b"def reward(**k): return 'ab'\n", "gave 'ab' (str), not a list"),
    "bytes given": (b"def reward(**k): return b'ab'\n", "(bytes), not a list"),
    "a mapping given": (b"def reward(**k): return {0: 1, 1: 1}\n", "(dict), not a list"),
    "a set given": (b"def reward(**k): return {0.5, 1.0}\n", "(set), not a list"),
    "a generator given": (b"def reward(**k): yield 1\n", "(generator), not a list"),
    "a coroutine given": (b"async def reward(**k): return [1, 1]\n", "(coroutine), not a list"),
    "one number as an array": (
        b"import numpy\ndef reward(**k): return numpy.array(1.0)\n",
        "(ndarray), not a list",
    ),
    "too few": (b"def reward(**k): return [1.0]\n", "gave 1 values for 2 completions"),
    "nan": (b"def reward(**k): return [1, float('nan')]\n", "gave nan (float) for completion 1"),
    "inf": (b"def reward(**k): return [1, float('inf')]\n", "gave inf (float) for completion 1"),
    "words": (b"def reward(**k): return ['1', '1']\n", "gave '1' (str) for completion 0"),
    "a huge number": (b"def reward(**k): return [1, 10**400]\n", "(int) for completion 1"),
    "complex": (b"def reward(**k): return [1, 1j]\n", "(complex) for completion 1"),
    "lists": (b"def reward(**k): return [[1], [1]]\n", "(list) for completion 0"),
    "an error": (b"def reward(**k):\n    return 1 / 0\n", "reward.py:2: reward raised: ZeroDiv"),
    "no end": (b"def reward(**k): return reward(**k)\n", "raised: RecursionError"),
    "an exit": (b"import sys\ndef reward(**k):\n    sys.exit(0)\n", "raised: SystemExit: 0"),
}


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("kind", REWARD_FILES)
def test_a_reward_file_that_cannot_be_used(kind: str, try_reward: Any, tmp_path: Path):
    content, words = REWARD_FILES[kind]
    (tmp_path / "reward.py").write_bytes(content)
    done = try_reward("--reward", f"{tmp_path}/reward.py:reward")
    _one_line_with(words, done)
    assert "reward.py" in str(done.exception)


@pytest.mark.parametrize("name", ["gone.py:reward", ".:reward", ":reward", "notes.txt:reward"])
def test_a_reward_that_is_in_no_python_file(name: str, try_reward: Any, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("reward")
    _one_line_with("rewards: ", try_reward("--reward", f"{tmp_path}/{name}"))


COMPLETIONS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "holds no completions"),
    "blank lines": (b"\n \n", "holds no completions"),
    "a list": (b"[1]\n", "c.jsonl:1: no text"),
    "a word": (b'"a"\n', "c.jsonl:1: no text"),
    "a number": (b"5\n", "c.jsonl:1: no text"),
    "null": (b"null\n", "c.jsonl:1: no text"),
    "false": (b"false\n", "c.jsonl:1: no text"),
    "no text": (_dump({"id": "a"}) + b"\n", "c.jsonl:1: no text"),
    "a text of null": (_dump({"text": None}) + b"\n", "c.jsonl:1: no text"),
    "a text in a list": (_dump({"text": ["a"]}) + b"\n", "c.jsonl:1: no text"),
    "not JSON": (_dump(GOOD) + b"\ntext: a\n", "c.jsonl:2: not JSON"),
    "half a line": (b'{"text": "a\n' + _dump(GOOD) + b"\n", "c.jsonl:1: not JSON"),
    "not UTF-8": (b'{"text": "\xe4"}\n', "c.jsonl:1: not UTF-8"),
    "zero bytes": (b"\0\0\n", "c.jsonl:1: bytes of value 0"),
    "deep JSON": (DEEP + b"\n", "c.jsonl:1: JSON nested too deeply"),
    "half a surrogate pair": (rb'{"text": "\ud800"}' + b"\n", "c.jsonl:1: half of a surrogate"),
    "a row that is none": (_dump({"text": "a", "tag_row": 5}) + b"\n", "c.jsonl:1: tag_row: "),
    "a row in a list": (_dump({"text": "a", "tag_row": [1]}) + b"\n", "c.jsonl:1: tag_row: "),
    "images that are none": (_dump({"text": "a", "images": 5}) + b"\n", "c.jsonl:1: images: not"),
    "a column `self`": (_dump({"text": "a", "self": 5}) + b"\n", "c.jsonl:1: a column cannot"),
    "foreign ids": (_dump({"text": "a", "id": [1]}) + b"\n", "have no id in common"),
}


@pytest.mark.parametrize("kind", COMPLETIONS)
def test_completions_that_cannot_be_read(kind: str, try_reward: Any, tmp_path: Path):
    content, words = COMPLETIONS[kind]
    (tmp_path / "c.jsonl").write_bytes(content)
    done = try_reward("--reward", "answer", *_template(), completions="c.jsonl")
    _one_line_with(words, done)
    assert "c.jsonl" in str(done.exception)


READ: dict[str, bytes] = {
    "a mark and CRLF": b"\xef\xbb\xbf" + _dump(GOOD) + b"\r\n" + _dump(GOOD) + b"\r\n",
    "UTF-16": "".join(json.dumps(GOOD) + "\n" for _ in range(2)).encode("utf-16"),
    "U+2028": (json.dumps(GOOD | {"note": "a\u2028b"}, ensure_ascii=False) + "\n").encode() * 2,
    "half a last line": _dump(GOOD) + b"\n" + _dump(GOOD) + b'\n{"text": "a \xe2\x86',
    "huge numbers": (_dump(GOOD | {"step": 10**400}) + b"\n") * 2,
    "escape codes": (_dump(GOOD | {"text": "\x1b[2J<answer>anger</answer>"}) + b"\n") * 2,
    "its own row": (_dump(GOOD | {"tag_row": json.loads(dump_row(row(0)))}) + b"\n") * 2,
    "one long text": (_dump(GOOD | {"text": "a" * 1_000_000}) + b"\n") * 2,
}


@pytest.mark.parametrize("kind", READ)
def test_completions_that_can_be_read(kind: str, try_reward: Any, tmp_path: Path):
    (tmp_path / "c.jsonl").write_bytes(READ[kind])
    done = try_reward(
        *("--reward", "answer", "--reward", f"{REWARD_FILE}:short", *_template()),
        completions="c.jsonl",
    )
    assert done.exit_code == 0, done.exception
    assert "2 completions of c.jsonl" in done.output
    assert "\x1b" not in done.output
    assert ("half" in kind) == ("c.jsonl:3: not UTF-8" in done.output)

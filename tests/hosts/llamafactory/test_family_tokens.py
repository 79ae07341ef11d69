"""The ids of a TAG sample under each tag_ template are the host's under the template it copies.

One local tokenizer has the special tokens of every family, as written in the families' templates.
"""

import re
from copy import deepcopy
from typing import Any

import pytest
from llamafactory.data.template import TEMPLATES

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.hosts.llamafactory.templates import (
    PREFIX,
    TAG_TEMPLATES,
    declared_frame,
    host_template,
)
from tag_plugin.trace.prompt import grounded_prompt
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.tag_data import row
from tests.hosts.llamafactory.tiny_models import tokenizer

pytestmark = pytest.mark.host

SYNTH = label_set("synth")
TWINS = [name for name in TEMPLATES if name.startswith(PREFIX)]
_MARK = re.compile(r"<[^<>\s{}]+>|\[/?[A-Z_]+\]")
_NO_MARK = ("<bbox>", "</bbox>", "<answer>", "</answer>")


def special_tokens() -> tuple[str, ...]:
    """Of all families: what their templates and their pictures are marked with."""
    found: dict[str, None] = {"<|endoftext|>": None, "<bos>": None}
    for name in TWINS:
        template = TEMPLATES[name]
        slots = [*template.format_prefix.slots, *template.format_user.slots, *template.stop_words]
        slots += [template.mm_plugin.image_token, *template.format_system.slots]
        found |= dict.fromkeys(_MARK.findall(" ".join(s for s in slots if isinstance(s, str))))
    return tuple(token for token in found if token not in _NO_MARK)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tokenizer(tmp_path_factory.mktemp("words"), special_tokens(), bos_token="<bos>")


def sample_ids(template: Any, words: Any, frame: BoxFrame, index: int) -> tuple[list[int], ...]:
    """Prompt and reply of a TAG sample; its picture is four image tokens."""
    image = template.mm_plugin.image_token * 4
    trace = row(index).trace
    assert trace is not None
    messages = [
        {"role": "user", "content": image + grounded_prompt(SYNTH, frame)},
        {"role": "assistant", "content": render(trace, frame)},
    ]
    return tuple(template.encode_oneturn(words, messages))


@pytest.mark.parametrize("name", TWINS)
def test_ids_equal_those_of_the_hosts_template(name: str, words: Any):
    ours, original = TEMPLATES[name], TEMPLATES[host_template(name)]
    taught = deepcopy(words)
    ours.fix_special_tokens(taught)
    frame = declared_frame(name, None) or BoxFrame.FRACTION
    for index in range(4):
        prompt, reply = sample_ids(ours, taught, frame, index)
        assert (prompt, reply) == sample_ids(original, taught, frame, index)
        text = taught.decode(prompt)
        assert text.count(ours.mm_plugin.image_token) == 4
        assert grounded_prompt(SYNTH, frame) in text
        answer = taught.decode(reply, skip_special_tokens=True)
        assert answer.strip().endswith(f"<answer>{row(index).label}</answer>")


def test_the_declared_templates_are_among_them():
    assert len(TAG_TEMPLATES) == 25
    assert set(TAG_TEMPLATES) < set(TWINS)

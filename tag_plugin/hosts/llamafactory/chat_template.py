"""A checkpoint's own chat template asks as training did.

Whoever loads a checkpoint, lmms-eval's wrappers and servers alike, asks by its chat template. That
of a base may differ from the host's template under which it is trained: another system text, a
newline after the picture, no BOS. Which template gives the ids of training is tried, not assumed.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from jinja2 import TemplateError
from PIL import Image

from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.model_view import (
    encoded,
    one_thread,
    prompt_length,
    uncut_encoder,
)

FILE: Final = "chat_template.jinja"

_CONTENT: Final = """\
{%- macro text_of(content) -%}{%- if content is string -%}{{ content }}{%- else -%}\
{%- for part in content -%}{%- if part['type'] == 'text' -%}{{ part['text'] }}\
{%- elif part['type'] in ('image', 'image_url') -%}{{ 'PICTURE' }}{%- endif -%}{%- endfor -%}\
{%- endif -%}{%- endmacro -%}"""
"""A message is a text, or a list of texts and pictures; the host's own templates know texts."""

_REPEATED: Final = re.compile(r"(<[^<>\s]+>|\[[A-Z_]+\])\1+")
_AFTER_SYSTEM: Final = "{% endif %}{% for message in loop_messages %}"


def ask_as_trained(call: Mapping[str, Any], question: str) -> None:
    """Gives tokenizer and processor of a run the chat template that asks `question` as training.

    Their own stays where it does. Says so where none does.

    Args:
        call: the arguments of the host's `get_dataset`.
        question: the user's text with the host's mark for the picture before it.
    """
    template, tokenizer, processor = call["template"], call["tokenizer"], call["processor"]
    face = Image.new("RGB", (FACE_FRAME, FACE_FRAME))
    messages = [{"role": "user", "content": question}]
    with one_thread():
        encoder = uncut_encoder(template, tokenizer, processor, call["data_args"])
        ids, labels = encoded(encoder, messages, [face])
        trained = ids[: prompt_length(labels)]
        text = question.removeprefix("<image>")
        for chat in (_own(tokenizer, processor), *_as_the_host(template, tokenizer, processor)):
            if chat and asked_ids(processor, chat, text, face) == trained:
                tokenizer.chat_template = processor.chat_template = chat
                return
    logger.warning_rank0(
        "no chat template of this model asks as training does: what loads the checkpoint would ask "
        "otherwise; next: evaluate it through llamafactory-cli api (docs/families.md)"
    )


def asked_ids(processor: Any, chat: str, text: str, face: Image.Image) -> list[int] | None:
    """The ids of a question about a face under a chat template; None where it cannot be asked."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    try:
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=chat,
            tokenize=False,
            add_generation_prompt=True,
        )
        made = processor(
            images=[face], text=[prompt], add_special_tokens=False, return_tensors="pt"
        )
        return [int(each) for each in made["input_ids"][0]]
    except (TemplateError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
    except RuntimeError:  # torch's, where a processor counts otherwise
        return None


def _own(tokenizer: Any, processor: Any) -> str | None:
    own = getattr(processor, "chat_template", None) or tokenizer.chat_template
    return own if isinstance(own, str) else None


def _as_the_host(template: Any, tokenizer: Any, processor: Any) -> Iterator[str]:
    """The host's template as a chat template, with each mark that a picture may have in it.

    The host tokenizes system text and question apart: a space between them may be needed.
    """
    try:
        written = template._get_jinja_template(tokenizer)
    except ValueError:  # the host's word for a template that it cannot write so
        return
    for at in ("message", "messages[0]"):
        written = written.replace(f"{at}['content']", f"text_of({at}['content'])")
    if thought := _thought(template):
        written += f"{{% if add_generation_prompt %}}{{{{ {thought!r} }}}}{{% endif %}}"
    for between, picture in product(("", "{{ ' ' }}"), _pictures(template, processor)):
        yield _CONTENT.replace("PICTURE", picture) + written.replace(
            _AFTER_SYSTEM, between + _AFTER_SYSTEM
        )


def _thought(template: Any) -> str:
    """The empty thought that is part of the prompt under a reasoning template."""
    from llamafactory.data.template import ReasoningTemplate

    thinks = not isinstance(template, ReasoningTemplate) or template.enable_thinking
    return "" if thinks else str(template.add_thought())


def _pictures(template: Any, processor: Any) -> list[str]:
    """What may stand for a picture in the text that a processor expands."""
    face = Image.new("RGB", (FACE_FRAME, FACE_FRAME))
    message = {"role": "user", "content": "<image>"}
    (expanded,) = template.mm_plugin.process_messages([message], [face], [], [], processor)
    whole = _REPEATED.sub(r"\1", expanded["content"])
    repeated = _REPEATED.search(expanded["content"])
    names = ("image_token", "boi_token")
    marks = [
        whole,
        *([repeated[1]] if repeated else ()),
        template.mm_plugin.image_token,
        *(getattr(processor, name, None) for name in names),
    ]
    return [*dict.fromkeys(mark for mark in marks if isinstance(mark, str))]

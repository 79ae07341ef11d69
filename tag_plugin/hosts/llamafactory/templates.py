"""The tag_ chat templates: copies of the host's own, each with the box frame that it writes.

A copy differs from its original in nothing that becomes a token. What makes it a tag_ template is
the declaration beside it: in which frame the model family learnt to write boxes.
"""

import copy
import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.versions import version
from tag_plugin.trace.render import render_answer

PREFIX: Final = "tag_"


class TemplateError(ValueError):
    """A chat template that is not one of ours where one is needed; the message lists them."""


class TagTemplate(NamedTuple):
    """One chat template: the host's template that it copies, and the frame of its family."""

    host: str
    frame: BoxFrame


TAG_TEMPLATES: Final[Mapping[str, TagTemplate]] = {
    "tag_qwen2_vl": TagTemplate("qwen2_vl", FAMILIES["qwen2_vl"].frame),
    "tag_qwen2_5_vl": TagTemplate("qwen2_vl", FAMILIES["qwen2_5_vl"].frame),
    "tag_qwen3_vl": TagTemplate("qwen3_vl", FAMILIES["qwen3_vl"].frame),
    "tag_qwen3_vl_nothink": TagTemplate("qwen3_vl_nothink", FAMILIES["qwen3_vl"].frame),
    "tag_intern_vl": TagTemplate("intern_vl", FAMILIES["internvl"].frame),
    "tag_llava": TagTemplate("llava", FAMILIES["llava"].frame),
    "tag_llava_next": TagTemplate("llava_next", FAMILIES["llava"].frame),
    "tag_glm4v": TagTemplate("glm4v", FAMILIES["glm4v"].frame),
    "tag_glm4_5v": TagTemplate("glm4_5v", FAMILIES["glm4v"].frame),
}
"""Template name -> what it copies, and the frame of its family."""


def frame_of(template: str | None) -> BoxFrame:
    """The box frame that a tag_ template declares.

    Raises:
        TemplateError: not a tag_ template.
    """
    if template is None or template not in TAG_TEMPLATES:
        raise TemplateError(
            f"template {template!r} declares no box frame; next: one of {', '.join(TAG_TEMPLATES)}"
        )
    return TAG_TEMPLATES[template].frame


def suggestion(template: str | None) -> str:
    """What to write instead of a host template: its tag_ twins, or all of ours."""
    twins = (name for name, ours in TAG_TEMPLATES.items() if ours.host == template)
    return " or ".join(twins) or "one of " + ", ".join(TAG_TEMPLATES)


def add_templates(registry: dict[str, Any]) -> None:
    """Puts the tag_ templates beside the host's; a second call changes nothing.

    A template that the host does not have is named, and costs no more than its own twin.
    """
    for name, ours in TAG_TEMPLATES.items():
        if ours.host not in registry:
            sys.stderr.write(
                f"tag-plugin: no template {name}: this LLaMA-Factory has no {ours.host}; "
                f"{version('llamafactory')}\n"
            )
        elif name not in registry:
            registry[name] = _derived(registry[ours.host])


def _derived(original: Any) -> Any:
    template = copy.deepcopy(original)
    # A stop word becomes a special token, which evaluation drops from the text: GLM's "</answer>"
    # would take the end of every TAG answer with it.
    answer = render_answer("")
    template.stop_words = [word for word in original.stop_words if word not in answer]
    return template

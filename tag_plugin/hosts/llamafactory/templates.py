"""The tag_ chat templates: copies of the host's own, each with the box frame that it writes.

A copy differs from its original in nothing that becomes a token. What makes it a tag_ template is
the declaration beside it: in which frame the model family learnt to write boxes.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.trace.render import render_answer

PREFIX: Final = "tag_"


class TemplateError(ValueError):
    """A chat template that is not one of ours where one is needed; the message lists them."""


@dataclass(frozen=True, slots=True)
class TagTemplate:
    """One chat template: the host's template that it copies, its frame, and why that frame."""

    host: str
    frame: BoxFrame
    reason: str


_QWEN2_VL = "Qwen2-VL is pre-trained on boxes relative to 1000"
_QWEN2_5_VL = "Qwen2.5-VL is pre-trained on pixels of the resized image, here the 448 face frame"
_QWEN3_VL = "Qwen3-VL went back to boxes relative to 1000"
_INTERN_VL = "InternVL is pre-trained on boxes relative to 1000"
_LLAVA = "LLaVA is pre-trained on relative boxes (as fractions); whole numbers of 1000 are nearest"
_GLM4V = "GLM-4.1V and GLM-4.5V are pre-trained on boxes relative to 1000"

TAG_TEMPLATES: Mapping[str, TagTemplate] = MappingProxyType(
    {
        "tag_qwen2_vl": TagTemplate("qwen2_vl", BoxFrame.RELATIVE, _QWEN2_VL),
        "tag_qwen2_5_vl": TagTemplate("qwen2_vl", BoxFrame.ABSOLUTE, _QWEN2_5_VL),
        "tag_qwen3_vl": TagTemplate("qwen3_vl", BoxFrame.RELATIVE, _QWEN3_VL),
        "tag_qwen3_vl_nothink": TagTemplate("qwen3_vl_nothink", BoxFrame.RELATIVE, _QWEN3_VL),
        "tag_intern_vl": TagTemplate("intern_vl", BoxFrame.RELATIVE, _INTERN_VL),
        "tag_llava": TagTemplate("llava", BoxFrame.RELATIVE, _LLAVA),
        "tag_llava_next": TagTemplate("llava_next", BoxFrame.RELATIVE, _LLAVA),
        "tag_glm4v": TagTemplate("glm4v", BoxFrame.RELATIVE, _GLM4V),
        "tag_glm4_5v": TagTemplate("glm4_5v", BoxFrame.RELATIVE, _GLM4V),
    }
)
"""Template name -> what it copies and which frame it writes; the one table."""


def frame_of(template: str | None) -> BoxFrame:
    """The box frame that a tag_ template declares.

    Raises:
        TemplateError: not a tag_ template.
    """
    found = TAG_TEMPLATES.get(template or "")
    if found is None:
        raise TemplateError(
            f"template {template!r} declares no box frame; next: one of {', '.join(TAG_TEMPLATES)}"
        )
    return found.frame


def suggestion(template: str | None) -> str:
    """What to write instead of a host template: its tag_ twins, or all of ours."""
    twins = [name for name, ours in TAG_TEMPLATES.items() if ours.host == template]
    return " or ".join(twins) or "one of " + ", ".join(TAG_TEMPLATES)


def add_templates(registry: dict[str, Any]) -> None:
    """Puts the tag_ templates beside the host's; a second call changes nothing."""
    for name, ours in TAG_TEMPLATES.items():
        if name not in registry:
            registry[name] = _derived(registry[ours.host])


def _derived(original: Any) -> Any:
    template = copy.deepcopy(original)
    # A stop word becomes a special token, which evaluation drops from the text: GLM's "</answer>"
    # would take the end of every TAG answer with it.
    answer = render_answer("")
    template.stop_words = [word for word in original.stop_words if word not in answer]
    return template

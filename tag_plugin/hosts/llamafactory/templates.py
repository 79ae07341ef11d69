"""The tag_ chat templates: a copy of each host template with pictures, and its box frame.

A copy differs from its original in nothing that becomes a token. What makes it a tag_ template is
the frame in which the model writes boxes: that of its family where it is established, else what
the recipe says with `box_frame:`. It is never guessed.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import field, make_dataclass
from typing import Any, Final, NamedTuple

from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.trace.render import render_answer

PREFIX: Final = "tag_"

FRAMES_IN_WORDS: Final = (
    "relative (0..1000), absolute (pixels of the 448x448 face) or fraction (0..1), with _yxyx "
    "behind it where y comes first"
)


class TemplateError(ValueError):
    """A chat template that is not one of ours where one is needed, or one without a box frame."""


class TagTemplate(NamedTuple):
    """A template with an established frame: the host's that it copies, and its family."""

    host: str
    family: str

    @property
    def frame(self) -> BoxFrame:
        """The frame of the family."""
        return FAMILIES[self.family].frame


_FAMILIES_OF_TEMPLATES: Final[Mapping[str, str]] = {
    "qwen3_vl": "qwen3_vl",
    "qwen3_vl_nothink": "qwen3_vl",
    "qwen3_5": "qwen3_5",
    "qwen3_5_nothink": "qwen3_5",
    "qwen3_6": "qwen3_5",
    "qwen2_omni": "qwen2_5_omni",
    "qwen3_omni": "qwen3_omni",
    "qwen3_omni_nothink": "qwen3_omni",
    "mimo_vl": "mimo_vl",
    "intern_vl": "internvl",
    "intern_s1": "interns1",
    "minicpm_v": "minicpm_v",
    "minicpm_v_4_6": "minicpm_v",
    "minicpm_o": "minicpm_v",
    "kimi_vl": "kimi_vl",
    "llava": "llava",
    "llava_next": "llava",
    "llava_next_llama3": "llava",
    "llava_next_mistral": "llava",
    "llava_next_qwen": "llava",
    "llava_next_yi": "llava",
    "glm4v": "glm4v",
    "glm4_5v": "glm4v",
}

TAG_TEMPLATES: Final[Mapping[str, TagTemplate]] = {
    "tag_qwen2_vl": TagTemplate("qwen2_vl", "qwen2_vl"),
    "tag_qwen2_5_vl": TagTemplate("qwen2_vl", "qwen2_5_vl"),  # one template for two families
    **{f"{PREFIX}{host}": TagTemplate(host, f) for host, f in _FAMILIES_OF_TEMPLATES.items()},
}
"""Template name -> what it copies, for those whose frame is established."""


def host_template(name: str) -> str:
    """The host's template that a tag_ template copies."""
    return TAG_TEMPLATES[name].host if name in TAG_TEMPLATES else name.removeprefix(PREFIX)


def frame_of(template: str | None, box_frame: BoxFrame | None = None) -> BoxFrame:
    """The box frame of a tag_ template: its family's, or the one that was given.

    Raises:
        TemplateError: not a tag_ template, no frame for a family whose frame is not established,
            or another frame than the family's.
    """
    if template is None or not template.startswith(PREFIX):
        raise TemplateError(
            f"template {template!r} declares no box frame; next: {suggestion(template)}"
        )
    declared = TAG_TEMPLATES.get(template)
    if declared and box_frame not in (None, declared.frame):
        # One template, one frame: a stock model, its checkpoints and every recipe agree.
        raise TemplateError(
            f"box_frame: {box_frame} contradicts template {template!r}, whose family writes "
            f"{declared.frame} boxes ({FAMILIES[declared.family].source}); next: leave box_frame "
            "out"
        )
    if declared:
        return declared.frame
    if box_frame is None:
        raise TemplateError(
            f"template {template!r} declares no box frame (that of its family is not established); "
            f"next: box_frame: {FRAMES_IN_WORDS}; or one of {', '.join(TAG_TEMPLATES)}"
        )
    return box_frame


def declared_frame(template: str | None, box_frame: BoxFrame | None) -> BoxFrame | None:
    """The same, None where neither the template nor the recipe declares a frame.

    Raises:
        TemplateError: they declare two.
    """
    ours = str(template).startswith(PREFIX)
    declared = template in TAG_TEMPLATES or box_frame is not None
    return frame_of(template, box_frame) if ours and declared else None


def read_box_frame(value: str | None) -> BoxFrame | None:
    """What a recipe or a command says with `box_frame`; None where it says nothing.

    Raises:
        TemplateError: no frame has this name.
    """
    if value is None:
        return None
    try:
        return BoxFrame(value)
    except ValueError:
        raise TemplateError(
            f"box_frame: {value!r:.40} is no frame; next: {FRAMES_IN_WORDS}"
        ) from None


def suggestion(template: str | None, others: Iterable[str] = ()) -> str:
    """What to write instead of a host template: its tag_ twins, or all with a frame.

    Args:
        template: the template that declares no frame.
        others: the names of all templates that there are, where the host is at hand.
    """
    twins = [name for name, ours in TAG_TEMPLATES.items() if ours.host == template]
    undeclared = f"{PREFIX}{template}"
    if not twins and undeclared in others:
        return f"{undeclared}, with box_frame: {FRAMES_IN_WORDS}"
    return " or ".join(twins) or "one of " + ", ".join(TAG_TEMPLATES)


def add_templates(registry: dict[str, Any]) -> None:
    """Puts a tag_ template beside each of the host's that takes pictures.

    A second call changes nothing.
    """
    twins = {
        f"{PREFIX}{name}": name
        for name, template in registry.items()
        if template.mm_plugin.image_token is not None and not name.startswith(PREFIX)
    }
    ours = {name: each.host for name, each in TAG_TEMPLATES.items() if each.host in registry}
    for name, host in (twins | ours).items():
        if name not in registry:
            registry[name] = _derived(registry[host])


def _derived(original: Any) -> Any:
    template = copy.deepcopy(original)
    # A stop word becomes a special token, which evaluation drops from the text: GLM's "</answer>"
    # would take the end of every TAG answer with it.
    answer = render_answer("")
    template.stop_words = [word for word in original.stop_words if word not in answer]
    return template


def extended_data_arguments(host: type) -> type:
    """The host's DataArguments with `box_frame`, which belongs to `template`."""

    def check(self: Any) -> None:
        host.__post_init__(self)  # type: ignore[attr-defined]  # the host's dataclass has one
        read_box_frame(self.box_frame)

    text = f"The frame in which the model writes boxes, for tag_ templates: {FRAMES_IN_WORDS}."
    return make_dataclass(
        host.__name__,
        [("box_frame", str | None, field(default=None, metadata={"help": text}))],
        bases=(host,),
        namespace={
            "__module__": host.__module__,
            "__doc__": host.__doc__,
            "__post_init__": check,
        },
    )

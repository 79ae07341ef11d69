"""The question as training sends it, which a server must be sent for a right answer."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tag_plugin.data.face_frame import face_file
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.hosts.llamafactory.templates import (
    PREFIX,
    TAG_TEMPLATES,
    TemplateError,
    frame_of,
    suggestion,
)
from tag_plugin.trace.prompt import Style, question_prompt


@dataclass(frozen=True, slots=True)
class TrainingQuestion:
    """`system` is the template's own system text, "" where it has none; `frame` is the boxes'."""

    template: str
    frame: BoxFrame
    system: str
    user: str

    def messages(self, face: Path) -> list[dict[str, Any]]:
        """The messages of a chat request, the picture before the text.

        Raises:
            ImageError: the picture is no face frame.
        """
        content = b64encode(face_file(face)).decode()
        kind = "png" if face.suffix.lower() == ".png" else "jpeg"
        picture = {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{content}"}}
        user = {"role": "user", "content": [picture, {"type": "text", "text": self.user}]}
        return [*([{"role": "system", "content": self.system}] if self.system else ()), user]


def training_question(
    template: str, labels: LabelSet, style: Style, box_frame: BoxFrame | None = None
) -> TrainingQuestion:
    """What a model that was trained under a template is asked.

    Args:
        template: a tag_ template, or a template of the host with one tag_ twin.
        labels: the emotions to choose from.
        style: `grounded`, or `direct` for a model that was trained on labels only.
        box_frame: as in the recipe, for a template without an established frame.

    Raises:
        TemplateError: neither, a template with several twins, or one without a frame.
    """
    from llamafactory.data.template import TEMPLATES

    twins = [name for name, ours in TAG_TEMPLATES.items() if template in (name, ours.host)]
    twins = twins or [name for name in (template, PREFIX + template) if name in TEMPLATES]
    if len(twins) != 1 or not twins[0].startswith(PREFIX):
        raise TemplateError(
            f"template {template!r} declares no box frame; next: {suggestion(template, TEMPLATES)}"
        )
    frame = frame_of(twins[0], box_frame)
    system = TEMPLATES[twins[0]].default_system
    return TrainingQuestion(twins[0], frame, system, question_prompt(style, labels, frame))

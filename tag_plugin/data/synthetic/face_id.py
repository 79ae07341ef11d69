"""Which procedural face a row holds: its id says everything that is needed to draw it again."""

import re
from dataclasses import dataclass
from typing import Final

FACES: Final = "synth"
"""What the id of a procedural face begins with; also the name of their label set."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One AU that acts although the face of this number does not have it, or the other way."""

    au: int
    added: bool

    def __str__(self) -> str:
        return f"{'with' if self.added else 'without'}-{self.au}"


@dataclass(frozen=True, slots=True)
class FaceId:
    """The seed of a face's split, its number there, and what was changed in it."""

    seed: int
    index: int
    edit: Edit | None = None

    def __str__(self) -> str:
        return f"{FACES}-{self.seed}-{self.index:06d}" + (f"-{self.edit}" if self.edit else "")


def parse_face_id(row_id: str) -> FaceId:
    """The face that a row id names.

    Raises:
        ValueError: not the id of a procedural face.

    >>> parse_face_id("synth-2-000017")
    FaceId(seed=2, index=17, edit=None)
    >>> parse_face_id("synth-2-000017-without-4").edit
    Edit(au=4, added=False)
    """
    match = re.fullmatch(rf"{FACES}-(\d+)-(\d+)(?:-(with|without)-(\d+))?", row_id, re.ASCII)
    if match is None:
        raise ValueError(
            f"row {row_id!r} is no procedural face (synth-<seed>-<index>); "
            "use another detector for it"
        )
    edit = Edit(int(match[4]), match[3] == "with") if match[3] else None
    return FaceId(int(match[1]), int(match[2]), edit)


def edit_of(row_id: str) -> Edit | None:
    """What was changed in the face of a row; None of every other row."""
    try:
        return parse_face_id(row_id).edit
    except ValueError:
        return None

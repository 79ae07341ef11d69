"""The classes of a user's own data, by name: which emotion each one is."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tag_plugin.data.source import SourceError
from tag_plugin.facs.emotions import canonical_emotion, label_set

LEFT_OUT: Final = ""
"""What a class is mapped to that gives no rows."""

_NUMBER = re.compile(r"^\d+[\s_.-]+")


def map_classes(
    names: Iterable[str], label_set_name: str, declared: Mapping[str, str], where: str
) -> Mapping[str, str]:
    """Class name -> canonical label of the label set; LEFT_OUT for a class that is to be left out.

    A name is read as people write it: `Happy`, `4_happiness`, `joy`. `declared` maps the rest.

    Raises:
        SourceError: a name that is no emotion of the label set, numbers instead of names, or two
            classes that mean the same without being declared so; the message says the option.
    """
    labels = label_set(label_set_name)
    meant = {name: labels.canonical(declared.get(name, _NUMBER.sub("", name))) for name in names}
    meant |= {name: LEFT_OUT for name in meant if declared.get(name) == LEFT_OUT}
    mapped = {name: label for name, label in meant.items() if label is not None}
    if len(mapped) < len(meant):
        unknown = [name for name in meant if name not in mapped]
        raise SourceError(_explained(unknown, label_set_name, where))
    _require_one_class_each(mapped, declared, where)
    return mapped


def emotion_of(name: str) -> str | None:
    """The emotion of any label set that a class is called after."""
    return canonical_emotion(_NUMBER.sub("", name))


def _explained(unknown: list[str], label_set_name: str, where: str) -> str:
    classes = ", ".join(label_set(label_set_name).labels)
    hint = "; --labels basic8 has contempt too" if any(map(emotion_of, unknown)) else ""
    return (
        f"{where}: {', '.join(map(repr, unknown[:12]))} "
        f"{'is no class' if len(unknown) == 1 else 'are no classes'} of "
        f"{label_set_name} ({classes}). Classes go by name, never by number; next: say what each "
        f"is with --class {unknown[0]}=EMOTION, or leave it out with --class {unknown[0]}={hint}"
    )


def _require_one_class_each(
    mapped: Mapping[str, str], declared: Mapping[str, str], where: str
) -> None:
    seen: dict[str, str] = {}
    for name, label in mapped.items():
        if label != LEFT_OUT and label in seen and not {name, seen[label]} & set(declared):
            raise SourceError(
                f"{where}: {seen[label]!r} and {name!r} are both {label}; next: if that is meant, "
                f"say so with --class {name}={label}"
            )
        seen[label] = name

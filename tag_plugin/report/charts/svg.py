"""SVG elements as escaped text."""

from collections.abc import Iterable

from markupsafe import Markup

Attribute = str | int | float | None


def element(name: str, *children: Markup | str, **attributes: Attribute) -> Markup:
    """One element; text children and attribute values are escaped, None leaves an attribute out.

    An underscore in an attribute's name is written as a hyphen, one at its end is dropped.

    >>> print(element("text", "a < b", class_="tick", text_anchor="end", x=1.50))
    <text class="tick" text-anchor="end" x="1.5">a &lt; b</text>
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)  # noqa: S704  # our names


def points(places: Iterable[tuple[float, float]]) -> str:
    """Coordinates as `polyline` wants them."""
    return " ".join(f"{_text(x)},{_text(y)}" for x, y in places)


def _text(value: Attribute) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

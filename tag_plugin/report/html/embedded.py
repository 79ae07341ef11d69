"""Data inside a page: blocks that the browser reads and never runs."""

from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup


def json_block(name: str, value: Any) -> Markup:  # noqa: ANN401  # whatever JSON can hold
    r"""`value` as a data block with the id `name`; the text is pure ASCII and ends no element.

    >>> print(json_block("x", "</script>"))
    <script type="application/json" id="x">"\u003c/script\u003e"</script>
    """
    text = htmlsafe_json_dumps(value, separators=(",", ":"))
    return Markup('<script type="application/json" id="{}">{}</script>').format(name, text)

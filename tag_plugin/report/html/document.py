"""Templates and assets -> one file, with the hashes of its own script and style in its policy."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from tag_plugin import __version__
from tag_plugin.data.atomic_write import atomic_write

STYLES: Final = ("colours.css", "style.css", "marks.css", "gallery.css")
SCRIPTS: Final = (
    "blocks.js",
    "theme.js",
    "charts.js",
    "marks.js",
    "face.js",
    "filters.js",
    "grid.js",
    "viewer.js",
    "page.js",
)
"""The assets of a report, in the order they are put into it."""

_ASSETS: Final = files("tag_plugin.report.html") / "assets"
TEMPLATES: Final = Environment(
    loader=PackageLoader("tag_plugin.report.html"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_page(
    path: Path,
    template: str,
    context: Mapping[str, Any],
    styles: tuple[str, ...] = STYLES,
    scripts: tuple[str, ...] = SCRIPTS,
) -> None:
    """Render a template to `path`, piece by piece, so that a reader never sees half a file.

    Args:
        path: the HTML file; its directory is made.
        template: the name of a template; its values are escaped unless they are `Markup`.
        context: the template's values; an undefined one is an error.
        styles: names of assets, put into the page in this order.
        scripts: likewise. The policy allows the two by their SHA-256, data: pictures, nothing else.
    """
    style, script = asset(*styles), asset(*scripts)
    page = TEMPLATES.get_template(template)
    known = {
        "style": style,
        "script": script,
        "policy": content_security_policy(style, script),
        "version": __version__,
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
    }
    # "replace": a model can write half a surrogate pair, which UTF-8 cannot.
    with (
        atomic_write(path) as partial,
        partial.open("w", encoding="utf-8", errors="replace") as out,
    ):
        out.writelines(page.generate(**known, **context))


def json_block(name: str, value: Any) -> Markup:  # noqa: ANN401  # whatever JSON can hold
    r"""`value` as a data block with the id `name`; the text is pure ASCII and ends no element.

    >>> print(json_block("x", "</script>"))
    <script type="application/json" id="x">"\u003c/script\u003e"</script>
    """
    block = Markup('<script type="application/json" id="{}">{}</script>')
    return block.format(name, htmlsafe_json_dumps(value, separators=(",", ":")))


def content_security_policy(style: str, script: str) -> str:
    """The page's policy: its own style and script by hash, data: pictures, nothing else."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def asset(*names: str) -> Markup:
    """These files of ours, in this order, as one text."""
    # Our own files: they must stand as they are, for the hash is over what the browser reads.
    return Markup("\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names))  # noqa: S704


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()

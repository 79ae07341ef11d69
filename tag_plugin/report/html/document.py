"""Templates and assets -> one file, with the hashes of its own script and style in its policy."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tag_plugin import __version__
from tag_plugin.data.atomic_write import atomic_write

_ASSETS: Final = files("tag_plugin.report.html") / "assets"


def write_page(
    path: Path,
    template: str,
    context: Mapping[str, Any],
    styles: tuple[str, ...],
    scripts: tuple[str, ...],
) -> None:
    """Render a template to `path`, piece by piece, so that a reader never sees half a file.

    Args:
        path: the HTML file; its directory is made.
        template: the name of a template; its values are escaped unless they are `Markup`.
        context: the template's values; an undefined one is an error.
        styles: names of assets, put into the page in this order.
        scripts: likewise. The policy allows the two by their SHA-256, data: pictures, nothing else.
    """
    style, script = _asset(styles), _asset(scripts)
    page = _environment().get_template(template)
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


def content_security_policy(style: str, script: str) -> str:
    """The page's policy: its own style and script by hash, data: pictures, nothing else."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _asset(names: tuple[str, ...]) -> Markup:
    # Our own files: they must stand as they are, for the hash is over what the browser reads.
    return Markup("\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names))  # noqa: S704


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tag_plugin.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

"""The assets of a page, in the order they are put into it."""

from typing import Final

STYLES: Final = ("style.css", "gallery.css")
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

"""A real browser for the raters' page."""

from tests.report.browsing import browser, visit

__all__ = ["browser", "visit"]

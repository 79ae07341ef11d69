"""The fixtures of the reports' tests."""

from tests.report.browsing import browser, faces, pictures_read_once, visit

__all__ = ["browser", "faces", "pictures_read_once", "visit"]

"""The fixtures of the reports' tests."""

from tests.report.browsing import browser, faces, visit

__all__ = ["browser", "faces", "visit"]

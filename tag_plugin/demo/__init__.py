"""`tag-plugin demo`: the whole method on one CPU, by the commands that a user would type."""

from tag_plugin.demo.run import run_demo
from tag_plugin.demo.steps import DemoError

__all__ = ["DemoError", "run_demo"]

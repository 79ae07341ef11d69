"""The logger of everything that runs in LLaMA-Factory."""

from llamafactory.extras.logging import get_logger

logger = get_logger("llamafactory.tag_plugin")  # a child of the host's: its format and level

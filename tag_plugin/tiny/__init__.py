"""A tiny vision-language model of the Qwen2.5-VL architecture: the default that runs anywhere."""

from tag_plugin.tiny.shipped import BaseError, write_base

__all__ = ["BaseError", "write_base"]

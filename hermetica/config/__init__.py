"""The user's settings: a file, and variables of the environment that have the last word."""

from __future__ import annotations

from hermetica.config.load import Config
from hermetica.config.settings import ConfigError

__all__ = ["Config", "ConfigError"]

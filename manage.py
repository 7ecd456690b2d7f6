#!/usr/bin/env python
"""Django's command line with this project's settings."""

import os
import sys

from accounts.demo import environment as demo_environment
from config.command_line import execute

if __name__ == "__main__":
    if sys.argv[1:2] == ["demo"]:
        demo_environment.enter(sys.argv[1:])  # Before any setting is read: the demo has its own.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute(sys.argv)

#!/usr/bin/env python3
"""The one way in: every command of the product runs through here."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext

from gtm import database


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gtm.settings")
    from django.core.management import execute_from_command_line

    try:
        with _database():
            execute_from_command_line(sys.argv)
    except database.DatabaseUnavailable as error:
        sys.exit(str(error))


def _database() -> AbstractContextManager[object]:
    from django.conf import settings

    data_dir = settings.DATA_DIR  # reading it reads .env too, where DATABASE_URL may stand
    return nullcontext() if os.environ.get("DATABASE_URL") else database.running(data_dir)


if __name__ == "__main__":
    main()

"""URL paths in AWS's pattern, as rules and health checks declare them.

Both take the same characters and differ in length.  What a path matches is not
known here.
"""

from __future__ import annotations

import re

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.value import check_text

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference/API_PathMatchType, API_HealthCheckConfig
_PATH = re.compile(r"/[a-zA-Z0-9@:%_+.~#?&/=-]*")
_SHOWN = 40


def check_path(path: str, longest: int, where: str) -> None:
    """Refuse a path that AWS would refuse.

    Args:
        path: the path to check.
        longest: how many characters AWS takes.
        where: whose path it is, such as ``rule `priority-10` ``.

    Raises:
        ConfigurationError: the start, the length or a character.
    """
    check_text(path, f"{where}: path")
    if not path.startswith("/"):
        raise ConfigurationError(f"{where}: path `{path}` does not start with `/`")
    if len(path) > longest:
        raise ConfigurationError(
            f"{where}: path `{path[:_SHOWN]}…` has {len(path)} characters, "
            f"more than {longest}"
        )
    if not _PATH.fullmatch(path):
        wrong = next(each for each in path if not _PATH.fullmatch(f"/{each}"))
        message = f"{where}: path `{path}` holds `{wrong}`, which AWS does not accept"
        if wrong == "*":
            raise advised(message, "there are no wildcards; a rule has path_prefix")
        raise ConfigurationError(message)

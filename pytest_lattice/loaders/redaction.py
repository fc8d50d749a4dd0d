"""Account ids replaced by made-up ones, wherever they stand in a snapshot."""

from __future__ import annotations

import re
from typing import Any

# Not inside of an id such as svc-…, which may have twelve digits in a row.
_ACCOUNT = re.compile(r"(?<![0-9A-Za-z])[0-9]{12}(?![0-9A-Za-z])")
_MANY = 10


def redacted(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Replace each account id, also in ARNs, policies and names of buckets.

    The first one, which is the account's own, becomes 111111111111, the next one
    222222222222: nothing is computed from the real ones, so nothing leads back.

    Args:
        snapshot: what `snapshot_account` returned.

    Returns:
        A copy; the same snapshot always gives the same.
    """
    names: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        return names.setdefault(match[0], _made_up(len(names) + 1))

    def copied(value: Any) -> Any:  # noqa: ANN401  # JSON
        if isinstance(value, dict):
            return {copied(key): copied(value[key]) for key in value}
        if isinstance(value, list):
            return [copied(each) for each in value]
        return _ACCOUNT.sub(replace, value) if isinstance(value, str) else value

    copy: dict[str, Any] = copied(snapshot)
    return copy


def _made_up(number: int) -> str:
    return str(number) * 12 if number < _MANY else f"9{number:011d}"

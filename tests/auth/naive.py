"""A second evaluator, naive and slow, written from AWS's documentation alone.

It knows nothing of the engine: a context is a plain dictionary, a pattern a regular
expression, and every element of every statement is read anew for every call.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeAlias

from pytest_lattice.model.caller import Caller, Role, User
from pytest_lattice.model.message import LatticeRequest
from tests.auth.scene import ACCOUNT, NETWORK, SERVICE, VPC

#: Values by key in lower case, except for the names of query parameters.
Context: TypeAlias = Mapping[str, str | list[str]]
Document: TypeAlias = Mapping[str, Any]
INVOKE = "vpc-lattice-svcs:Invoke"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
#: Characters that stand in for what variables bring, so that it stays literal.
_FIRST = 0xE000


def context_of(caller: Caller | None, request: LatticeRequest) -> Context:
    """Write down what a call has, key by key."""
    found: dict[str, str | list[str]] = {
        "vpc-lattice-svcs:port": str(request.port),
        "vpc-lattice-svcs:requestmethod": request.method,
        "vpc-lattice-svcs:requestpath": request.path,
        "vpc-lattice-svcs:servicearn": SERVICE,
        "vpc-lattice-svcs:servicenetworkarn": NETWORK,
        "vpc-lattice-svcs:sourcevpc": VPC,
        "vpc-lattice-svcs:sourcevpcowneraccount": ACCOUNT,
        "aws:sourceip": request.source.address,
        "aws:currenttime": "2026-01-01T00:00:00Z",
        "aws:securetransport": str(request.scheme == "https").lower(),
        "aws:principaltype": "Anonymous",
        "aws:principalaccount": "anonymous",
        "aws:userid": "anonymous",
    }
    for name in {name for name, _ in request.headers}:
        values = [value for each, value in request.headers if each == name]
        found[f"vpc-lattice-svcs:requestheader/{name}"] = ",".join(values)
    for pair in (request.query or "").split("&"):
        name, equals, value = pair.partition("=")
        if equals:
            key = f"vpc-lattice-svcs:requestquerystring/{name}"
            found[key] = [*found.get(key, []), value]
    if caller is not None:
        found |= _of_caller(caller)
    return found


def _of_caller(caller: Caller) -> dict[str, str | list[str]]:
    tags = dict(caller.tags)
    found: dict[str, str | list[str]] = {
        "aws:principalaccount": caller.account,
        "aws:principalarn": caller.arn,
        "aws:userid": caller.user_id,
    }
    if isinstance(caller, User):
        found |= {"aws:principaltype": "User", "aws:username": caller.name}
    else:
        found |= {"aws:principaltype": "AssumedRole"}
        tags |= caller.session_tags
    if caller.org_id is not None:
        found["aws:principalorgid"] = caller.org_id
    if caller.org_path is not None:
        found["aws:principalorgpaths"] = [caller.org_path]
    for key, value in tags.items():
        found[f"aws:principaltag/{key.lower()}"] = value
    return found


def decide(
    layers: Iterable[Iterable[Document]],
    caller: Caller | None,
    request: LatticeRequest,
    *,
    any_value: bool = False,
) -> tuple[str, int | None]:
    """Decide a call.

    Args:
        layers: the documents of each layer, in the order of reporting.
        caller: who calls.
        request: what is asked.
        any_value: whether one of several values is enough for a plain operator.

    Returns:
        The verdict, and the number of the layer that is reported.
    """
    judged = [
        [
            each["Effect"]
            for document in documents
            for each in document["Statement"]
            if _applies(document, each, caller, request, any_value=any_value)
        ]
        for documents in layers
    ]
    for number, effects in enumerate(judged):
        if "Deny" in effects:
            return "EXPLICIT_DENY", number
    for number, effects in enumerate(judged):
        if "Allow" not in effects:
            return "IMPLICIT_DENY", number
    return "ALLOW", None


def _applies(
    document: Document,
    statement: Mapping[str, Any],
    caller: Caller | None,
    request: LatticeRequest,
    *,
    any_value: bool,
) -> bool:
    context = context_of(caller, request)
    variables = document.get("Version") == "2012-10-17"
    resource = SERVICE + request.path

    def among_actions(name: str) -> bool:
        patterns = [each.lower() for each in _list(statement[name])]
        return any(_like(each, INVOKE.lower()) for each in patterns)

    def among_resources(name: str) -> bool:
        return any(
            filled is not None and _like(filled[0], resource, filled[1])
            for each in _list(statement[name])
            for filled in [_filled(each, context, variables=variables)]
        )

    members: dict[str, Callable[[str], bool]] = {
        "Action": among_actions,
        "Resource": among_resources,
        "Principal": lambda name: _names(statement[name], caller),
    }
    for name, test in members.items():
        if name in statement and not test(name):
            return False
        if f"Not{name}" not in statement:
            continue
        excepts = test(f"Not{name}")
        if name == "Principal" and statement["Effect"] == "Deny":
            excepts = _names_wholly(statement["NotPrincipal"], caller)
        if excepts:
            return False
    return all(
        _holds(
            operator,
            context.get(_key(key)),
            _list(values),
            lambda text: _filled(text, context, variables=variables),
            denies=statement["Effect"] == "Deny",
            any_value=any_value,
        )
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _list(values: Any) -> list[str]:  # noqa: ANN401  # JSON
    return values if isinstance(values, list) else [values]


def _key(name: str) -> str:
    stem, slash, suffix = name.partition("/")
    query = stem.lower().endswith("requestquerystring")
    return stem.lower() + slash + (suffix if query else suffix.lower())


def _names(principal: Any, caller: Caller | None) -> bool:  # noqa: ANN401  # JSON
    named = principal if isinstance(principal, str) else principal["AWS"]
    return any(_is(each, caller) for each in _list(named))


def _names_wholly(principal: Any, caller: Caller | None) -> bool:  # noqa: ANN401  # JSON
    """Tell whether a Deny excepts a caller: account and user, or role and session."""
    named = _list(principal if isinstance(principal, str) else principal["AWS"])
    if "*" in named:
        return True
    if caller is None:
        return False
    account = {caller.account, f"arn:aws:iam::{caller.account}:root"}
    if isinstance(caller, User):
        return bool(account & {*named}) and caller.arn in named
    return (
        bool(account & {*named})
        and caller.principal in named
        and any(_is_role(each, caller) for each in named)
    )


def _is(principal: str, caller: Caller | None) -> bool:
    if principal == "*":
        return True
    if caller is None:
        return False
    if principal in (caller.account, f"arn:aws:iam::{caller.account}:root"):
        return True
    if isinstance(caller, User):
        return principal == caller.arn
    session = f"arn:aws:sts::{caller.account}:assumed-role/{caller.name}/"
    if principal == f"{session}{caller.session}":
        return True
    return _is_role(principal, caller)


def _is_role(principal: str, caller: Role) -> bool:
    start = f"arn:aws:iam::{caller.account}:role/"
    return (
        principal.startswith(start)
        and principal.rsplit("/", maxsplit=1)[-1] == caller.name
    )


# ---- patterns ---------------------------------------------------------------


def _filled(
    text: str, context: Context, *, variables: bool
) -> tuple[str, dict[str, str]] | None:
    """Put a character of its own for each variable, and say what each stands for."""
    if not variables:
        return text, {}
    brought: dict[str, str] = {}

    def put(value: str) -> str:
        character = chr(_FIRST + len(brought))
        brought[character] = value
        return character

    while found := _VARIABLE.search(text):
        inner = found[1]
        key, comma, default = inner.partition(",")
        value = inner if inner in ("*", "?", "$") else context.get(_key(key.strip()))
        if not isinstance(value, str):
            if not comma:
                return None
            value = default.strip().strip("'")
        text = text[: found.start()] + put(value) + text[found.end() :]
    return text, brought


def _plain(text: str, brought: Mapping[str, str]) -> str:
    return "".join(brought.get(each, each) for each in text)


def _like(pattern: str, text: str, brought: Mapping[str, str] | None = None) -> bool:
    literals, wild = brought or {}, {"*": ".*", "?": "."}
    expression = "".join(
        re.escape(literals[each])
        if each in literals
        else wild.get(each, re.escape(each))
        for each in pattern
    )
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _arn_like(pattern: str, text: str, brought: Mapping[str, str]) -> bool:
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(found) and all(
        _like(each, value, brought) for each, value in zip(wanted, found, strict=True)
    )


# ---- conditions -------------------------------------------------------------


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _time(text: str) -> Decimal | None:
    if text.isdecimal():
        return Decimal(text) if len(text) > len("2026") else None
    try:
        time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Decimal(time.timestamp())


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _compared(operator: str, order: int) -> bool:
    wanted = {
        "Equals": order == 0,
        "LessThan": order < 0,
        "LessThanEquals": order <= 0,
        "GreaterThan": order > 0,
        "GreaterThanEquals": order >= 0,
    }
    return wanted[operator]


def _one(
    operator: str, value: str, wanted: str, brought: Mapping[str, str]
) -> bool | None:
    """Compare one value with one of a policy; None if it cannot be read."""
    text = _plain(wanted, brought)
    if operator.startswith("String"):
        return {
            "StringEquals": text == value,
            "StringEqualsIgnoreCase": text.lower() == value.lower(),
            "StringLike": _like(wanted, value, brought),
        }[operator]
    if operator.startswith("Arn"):
        return None if _is_no_arn(value) else _arn_like(wanted, value, brought)
    return _one_without_variables(operator, value, wanted)


def _one_without_variables(operator: str, value: str, wanted: str) -> bool | None:
    for stem, read in (("Numeric", _number), ("Date", _time)):
        if operator.startswith(stem):
            left, right = read(value), read(wanted)
            if left is None or right is None:
                return None
            order = (left > right) - (left < right)
            return _compared(operator.removeprefix(stem), order)
    if operator == "Bool":
        known = ("true", "false")
        return value.lower() == wanted.lower() if value.lower() in known else None
    if operator == "BinaryEquals":
        found = _bytes(value)
        return None if found is None else found == _bytes(wanted)
    address = _address(value)
    return None if address is None else address in ip_network(wanted, strict=False)


def _holds(
    written: str,
    value: str | list[str] | None,
    policy: list[str],
    fill: Callable[[str], tuple[str, dict[str, str]] | None],
    *,
    denies: bool,
    any_value: bool,
) -> bool:
    quantifier, _, name = written.rpartition(":")
    bare = name.removesuffix("IfExists")
    empty = not value or (isinstance(value, list) and not any(value))
    if bare == "Null":
        return any((each == "true") == empty for each in policy)
    operator = bare.replace("Not", "", 1)
    negated = operator != bare

    def single(text: str) -> bool:
        takes_variables = operator.startswith(("String", "Arn"))
        wanted = [fill(each) if takes_variables else (each, {}) for each in policy]
        found = [_one(operator, text, *each) for each in wanted if each is not None]
        # An ARN's value cannot be read even where no value of the policy is filled in.
        if None in found or (operator.startswith("Arn") and _is_no_arn(text)):
            return negated and denies
        return any(found) is not negated

    values = [] if value is None else value if isinstance(value, list) else [value]
    if quantifier == "ForAllValues":
        return empty or all(single(each) for each in values)
    if value is None:
        return name != bare or (negated and not quantifier)
    if quantifier == "ForAnyValue":
        return not empty and any(single(each) for each in values)
    if isinstance(value, list):
        return any_value and any(single(each) for each in values)
    return single(value)


def _is_no_arn(text: str) -> bool:
    return len(text.split(":", 5)) != len(("arn", "partition", "s", "r", "a", "name"))

"""IAM policy documents: their text as AWS keeps it, and their parts as values.

`policy_text` takes a document however it is written and returns the text that AWS
would give back; `auth.policy` reads that text into the values below.  The values say
what a policy says and can be walked; they decide nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    NoReturn,
    TypeAlias,
    cast,
)

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.value import DerivedText, HiddenText, given

if TYPE_CHECKING:
    from collections.abc import Iterable

__tracebackhide__ = HIDE

AuthType: TypeAlias = Literal["NONE", "AWS_IAM"]
Effect: TypeAlias = Literal["Allow", "Deny"]
Quantifier: TypeAlias = Literal["", "ForAllValues", "ForAnyValue"]
#: A document as a user may write it: a mapping, or the text of one.
PolicyDocument: TypeAlias = Mapping[str, Any] | str

# AWS: IAM/latest/UserGuide/reference_policies_elements_version: absent means 2008
OLD_VERSION = "2008-10-17"
_AUTH_TYPES = ("NONE", "AWS_IAM")
# AWS: get-auth-policy gives members in this order (seen)
_MEMBERS = ("Version", "Id", "Statement")
_STATEMENT_MEMBERS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
#: Numbers lie between it and its opposite; others could not be written.
_LEAST = -(10**300)
_TRAILING = re.compile(r",\s*[}\]]")
#: No policy needs more; beyond it a document is not read, so no stack overflows.
_DEPTH = 20


class Principals(NamedTuple):
    """The `Principal` of a statement.

    Args:
        anyone: whether it is ``*``.
        named: pairs of type (``AWS``, ``Service``, ``Federated``) and value.
    """

    anyone: bool
    named: tuple[tuple[str, str], ...] = ()


class Operator(NamedTuple):
    """A condition operator, such as ``ForAnyValue:StringLikeIfExists``.

    Args:
        name: the bare operator, in AWS's spelling.
        quantifier: ``ForAllValues``, ``ForAnyValue`` or nothing.
        if_exists: whether a missing key satisfies it.
    """

    name: str
    quantifier: Quantifier = ""
    if_exists: bool = False

    def __str__(self) -> str:
        """Write it as a policy does."""
        prefix = f"{self.quantifier}:" if self.quantifier else ""
        return f"{prefix}{self.name}{'IfExists' if self.if_exists else ''}"


class Condition(NamedTuple):
    """One line of a `Condition`: an operator, a key and the values to compare with."""

    operator: Operator
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.operator} {self.key} {shown(self.values)}"


class Statement(NamedTuple):
    """One statement of a policy.

    Args:
        place: where it stands, such as ``Statement[0]``.
        sid: its id; None if it has none.
        effect: ``Allow`` or ``Deny``.
        principals: whom it is about; None in an identity-based policy.
        not_principal: whether it is about everybody else.
        actions: patterns of actions.
        not_action: whether it is about all other actions.
        resources: patterns of resources.
        not_resource: whether it is about all other resources.
        conditions: all must hold.
    """

    place: str
    sid: str | None
    effect: Effect
    principals: Principals | None
    not_principal: bool
    actions: tuple[str, ...]
    not_action: bool
    resources: tuple[str, ...]
    not_resource: bool
    conditions: tuple[Condition, ...]

    @property
    def label(self) -> str:
        """How a person calls it: its id, else its place."""
        return self.place if self.sid is None else f"{self.place} `{self.sid}`"


class Policy(NamedTuple):
    """A policy document.

    Args:
        version: ``2012-10-17`` or ``2008-10-17``; only the first has variables.
        statements: in their order.
        name: whose policy it is, in the user's words.
    """

    version: str
    statements: tuple[Statement, ...]
    name: str = "the policy"

    @property
    def has_variables(self) -> bool:
        """Whether ``${…}`` in it is a policy variable."""
        return self.version != OLD_VERSION


def check_auth(
    auth_type: str, auth_policy: PolicyDocument | None, where: str
) -> tuple[AuthType, str | None]:
    """Take the auth type and auth policy of a service or service network.

    Args:
        auth_type: ``NONE`` or ``AWS_IAM``; where it was left out, it follows from
            whether there is a policy.
        auth_policy: the policy document; None for none.
        where: whose they are, such as ``service `shop` ``.

    Returns:
        The type, and the document as text.

    Raises:
        ConfigurationError: an unknown type, or a document that is none.

    AWS: vpc-lattice/latest/APIReference/API_CreateService
    """
    derived = "NONE" if auth_policy is None else "AWS_IAM"
    chosen = given(auth_type) or DerivedText(derived)
    if chosen not in _AUTH_TYPES:
        raise unknown(f"auth type of {where}", chosen, _AUTH_TYPES)
    text = None
    if auth_policy is not None:
        text = policy_text(auth_policy, f"auth policy of {where}")
    return cast("AuthType", chosen), text


def shown(values: Iterable[str]) -> str:
    """Write values as a policy does: bare if there is one, else as a list."""
    texts = [json.dumps(each, ensure_ascii=False) for each in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def policy_text(document: object, where: str) -> str:
    """Take a policy document and write it as AWS keeps it.

    Args:
        document: a mapping, or JSON text, which may be laid out over lines.
        where: whose it is, such as ``auth policy of service `shop` ``.

    Returns:
        Compact JSON with members in AWS's order, `Statement` as a list, and a missing
        `Version` filled in.

    Raises:
        ConfigurationError: no JSON object, a member that comes twice, or values that
            JSON does not have.

    AWS: vpc-lattice/latest/APIReference/API_PutAuthPolicy
    """
    kind = HiddenText if isinstance(document, HiddenText) else str
    if isinstance(document, str):
        document = _parsed(document, where)
    if not isinstance(document, Mapping):
        if hasattr(document, "read_text"):
            raise advised(f"{where} is a path", "write path.read_text()")
        raise advised(
            f"{where} is a {type(document).__name__}, not a policy document",
            'write a mapping or its JSON: {"Version": "2012-10-17", "Statement": […]}',
        )
    plain = _plain(document, where, "", 0)
    statements = plain.get("Statement", [])
    # AWS: a single statement comes back as a list, a missing Version as 2008-10-17
    if isinstance(statements, dict):
        statements = [statements]
    if isinstance(statements, list):
        plain["Statement"] = [
            _ordered(each, _STATEMENT_MEMBERS) if isinstance(each, dict) else each
            for each in statements
        ]
    plain.setdefault("Version", OLD_VERSION)
    ordered = _ordered(plain, _MEMBERS)
    return kind(json.dumps(ordered, separators=(",", ":"), ensure_ascii=False))


def _ordered(members: dict[str, Any], order: Sequence[str]) -> dict[str, Any]:
    known = {name: members[name] for name in order if name in members}
    return known | members


def _parsed(text: str, where: str) -> object:
    def refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                # AWS: IAM/latest/UserGuide/reference_policies_grammar
                raise ConfigurationError(f"{where}: member `{name}` comes twice")
            members[name] = value
        return members

    def refuse_constant(name: str) -> NoReturn:
        raise ConfigurationError(f"{where}: `{name}` is not JSON")

    try:
        return json.loads(
            text, object_pairs_hook=refuse_repeated, parse_constant=refuse_constant
        )
    except json.JSONDecodeError as error:
        raise _no_json(text, error, where) from None
    except RecursionError:
        raise ConfigurationError(f"{where} is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ConfigurationError(f"{where} is not JSON: {error}") from None


def _no_json(text: str, error: json.JSONDecodeError, where: str) -> ConfigurationError:
    # Python words and places a comma too many differently from version to version.
    last = text.rfind(",", 0, error.pos + 1)
    behind_a_value = text[: max(last, 0)].rstrip()[-1:] not in {"", *":,[{"}
    comma = _TRAILING.match(text, last) if behind_a_value else None
    position = comma.start() if comma else error.pos
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    said = f"{error.msg[:1].lower()}{error.msg[1:]}"
    if comma:
        said = "a comma stands before the closing bracket"
    found = ConfigurationError(
        f"{where} is not JSON: line {line}, column {column}: {said}"
    )
    if re.fullmatch(r"[^\s{}\[\]]+\.\w+", text):
        found.add_note("is it the name of a file? Path(…).read_text() is its text")
    return found


def _plain(value: object, where: str, place: str, depth: int) -> Any:  # noqa: ANN401  # JSON
    """Copy what a user wrote into what JSON has; lists for every sequence."""
    if depth > _DEPTH:
        raise ConfigurationError(f"{where} is nested too deeply")
    if isinstance(value, int | float) and not _LEAST < value < -_LEAST:
        # JSON has neither infinity nor NaN, and no number of a policy is this large
        raise ConfigurationError(f"{where}: {place}: the number is out of range")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        members = {}
        for name, each in value.items():
            if not isinstance(name, str):
                raise ConfigurationError(f"{where}: member `{name!r}` is not text")
            inner = f"{place}.{name}" if place else name
            members[name] = _plain(each, where, inner, depth + 1)
        return members
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [
            _plain(each, where, f"{place}[{index}]", depth + 1)
            for index, each in enumerate(value)
        ]
    raise ConfigurationError(
        f"{where}: {place}: a {type(value).__name__} is not a value of a policy"
    )

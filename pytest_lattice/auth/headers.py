"""The headers that tell a target who calls.

A target behind Lattice knows its caller by these and by nothing else.
AWS: vpc-lattice/latest/ug/http-targets
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pytest_lattice.model.caller import Role

if TYPE_CHECKING:
    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.message import Headers

IDENTITY = "x-amzn-lattice-identity"
TAGS = "x-amzn-lattice-identity-tags"
_MOST_TAGS = 99
# The header's key for each attribute of a certificate.
_CERTIFICATE_KEYS = {
    "X509Issuer/OU": "issuer_ou",
    "X509SAN/DNS": "san_dns",
    "X509SAN/NameCN": "san_name_cn",
    "X509SAN/URI": "san_uri",
    "X509Subject/CN": "subject_cn",
}


def identity_headers(identity: Identity, settings: AuthSettings) -> Headers:
    """Build the identity headers.

    Args:
        identity: who calls.
        settings: what to choose where AWS is silent.

    Returns:
        Pairs of name and value; none for an anonymous caller, unless the settings
        ask for empty values.
    """
    if identity.is_anonymous:
        if settings.anonymous_identity == "absent":
            return ()
        empty = {"Principal": "", "PrincipalOrgID": "", "SessionName": ""}
        return ((IDENTITY, _joined(empty, "; ", settings)),)
    pairs = {"Principal": identity.principal, "PrincipalOrgID": identity.org_id or ""}
    if identity.org_path:
        pairs["PrincipalOrgPath"] = identity.org_path
    caller = identity.caller
    if isinstance(caller, Role):
        pairs["SessionName"] = caller.session
        if caller.certificate is not None:
            pairs |= {
                key: value
                for key, name in _CERTIFICATE_KEYS.items()
                if (value := getattr(caller.certificate, name))
            }
    pairs["Type"] = "AWS_IAM"
    return (
        # AWS: real requests separate with "; " and end without one
        (IDENTITY, _joined(pairs, "; ", settings)),
        (TAGS, _joined(_tags(identity), ";", settings)),
    )


def _tags(identity: Identity) -> dict[str, str]:
    tags = {
        "principal": identity.principal,
        "principalorgid": identity.org_id or "",
        "principalorgpath": identity.org_path or "",
    }
    # AWS is silent: what becomes of a caller's own tag with such a key.  A target takes
    # these for AWS's word, so no caller may write them; keys of tags have no case.
    own = (pair for pair in identity.tags.items() if pair[0].lower() not in tags)
    # AWS: up to 99 tags
    return tags | dict(islice(own, _MOST_TAGS))


def _joined(pairs: dict[str, str], separator: str, settings: AuthSettings) -> str:
    # AWS: the order is not guaranteed, and semicolons in values are escaped
    written = [f"{_escaped(key)}={_escaped(value)}" for key, value in pairs.items()]
    if settings.identity_order == "reversed":
        written.reverse()
    # Headers are latin-1 text here; tags may be any.
    text = separator.join(written).encode(errors="replace").decode("latin-1")
    # HTTP: spaces around a value are not part of it; some clients refuse to send them.
    return text.strip(" ")


def _escaped(text: str) -> str:
    return text.replace(";", "\\;")

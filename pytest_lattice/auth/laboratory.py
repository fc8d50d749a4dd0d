"""The signature laboratory: which mistake reproduces a signature that was refused.

The client's canonical request is rebuilt from its request under each known mistake,
alone and in pairs, until the signature fits or a bound of work is reached.  What it
shows holds no secret.
AWS: IAM/latest/UserGuide/reference_sigv-troubleshooting
"""

from __future__ import annotations

import re
from itertools import chain, combinations, zip_longest
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from pytest_lattice.auth.authenticate import MISMATCH, proves
from pytest_lattice.auth.canonical import (
    UNSIGNED,
    canonical_path,
    canonical_query,
    canonical_request,
    gather,
    header_lines,
    read_time,
)
from pytest_lattice.auth.mistakes import EMPTY, View, mistakes_of
from pytest_lattice.auth.sigv4 import (
    DATE,
    PAYLOAD,
    SERVICE,
    TERMINATOR,
    TOKEN,
    Claim,
    Failure,
    read_claim,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lattice.auth.authenticate import Known
    from pytest_lattice.auth.mistakes import Mistake
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.message import LatticeRequest

_HIDDEN = "<session token>"
_SECRET = "<secret>"  # noqa: S105  # what stands for one
_TOKEN_PARAMETER = re.compile(r"(X-Amz-Security-Token=)[^&\n]*")
_NOT_SENT = "<not sent>"
_TOKEN_LINE = re.compile(rf"^({TOKEN}:)(?!{_NOT_SENT}).*$", re.MULTILINE)
# So many bytes are hashed at most, so that the longest search takes a fraction of a
# second; a signature of an elliptic curve takes as long as so many more.
_MOST_BYTES = 2_000_000
_CURVE_BYTES = 4_000
_WIDTH = 72
# Shorter text is no secret, and would hide every letter.
_SHORTEST_SECRET = 4


class Diagnosis(NamedTuple):
    """Why a signature was refused.

    Args:
        failure: what the request was answered with.
        mistake: the mistake that reproduces the signature, in one line; empty where
            none of the known ones does.
        advice: how to put it right.
        client: what the client must have signed; None where nobody can tell.
        server: what was computed here.
    """

    failure: Failure
    mistake: str
    advice: str
    client: str | None
    server: str

    def lines(self) -> list[str]:
        """Return the mistake, what to do, and both sides line by line."""
        return [
            f"mistake: {self.mistake or 'none of the known ones'}",
            f"advice: {self.advice}",
            "",
            *_side_by_side(self.client, self.server),
        ]


def diagnose(
    request: LatticeRequest,
    known: Mapping[str, Known],
    failure: Failure,
    *,
    region: str,
    now: int,
    settings: AuthSettings,
    hosts: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Diagnosis:
    """Find the mistake behind a signature that was refused.

    Args:
        request: as it arrived.
        known: callers by access key id.
        failure: from `authenticate`.
        region: of the service.
        now: the network's time, in microseconds since 1970.
        settings: as for `authenticate`.
        hosts: DNS names and names of services that the client may have signed for.
        paths: other raw paths that the client may have signed, as before a redirect,
            each with its query if it has one.
    """
    values = gather(request)
    claim = read_claim(request, values)
    encoding = "single" if settings.path_encoding == "single" else "double"
    server = _server_view(request, values, claim, region=region, encoding=encoding)
    search = None
    if isinstance(claim, Claim) and claim.access_key_id in known:
        client = _client_view(claim, server)
        credentials = known[claim.access_key_id].credentials
        mistakes = mistakes_of(
            request,
            client,
            region=region,
            now=now,
            hosts=hosts,
            paths=paths,
            token=credentials.session_token,
        )
        search = _search(claim, credentials, client, mistakes)
    mistake, advice = _words(failure, search)
    view = None if search is None else search.view
    signed = None if view is None else written(view)
    return _redacted(
        Diagnosis(failure, mistake, advice, signed, written(server)), known
    )


# ---- the two views ----------------------------------------------------------


def _server_view(
    request: LatticeRequest,
    values: dict[str, str],
    claim: Claim | Failure | None,
    *,
    region: str,
    encoding: str,
) -> View:
    signed: tuple[str, ...]
    if isinstance(claim, Claim):
        moment = read_time(claim.timestamp)
        signed, date = claim.signed_headers, claim.date
        timestamp = moment.text if moment else claim.timestamp
        regional = claim.region is not None
        algorithm = claim.algorithm
    else:
        signed = tuple(sorted({"host", *(n for n in values if n[:6] == "x-amz-")}))
        timestamp, regional, algorithm = values.get(DATE, ""), True, ""
        date = timestamp[:8]
    return View(
        request.method,
        canonical_path(request.path, encoding),
        canonical_query(request.query),
        {":authority": values["host"], **values},
        signed,
        UNSIGNED,
        algorithm,
        timestamp,
        date,
        region if regional else None,
        SERVICE,
        TERMINATOR,
    )


def _client_view(claim: Claim, server: View) -> View:
    """Return what the client signed if it did as it says."""
    return server._replace(
        payload=server.values.get(PAYLOAD, EMPTY),
        date=claim.date,
        region=claim.region,
        service=claim.service,
        terminator=claim.terminator,
    )


def written(view: View) -> str:
    """Write the string to sign without its hash, and the canonical request.

    Args:
        view: what one side computes.
    """
    text = _canonical(view, missing=_NOT_SENT)
    return f"{view.algorithm}\n{view.timestamp}\n{view.scope}\n{text}"


def _canonical(view: View, *, missing: str = "") -> str:
    values = view.values
    present = {name: values.get(name, missing) for name in view.signed}
    return canonical_request(
        view.method,
        view.path,
        view.query,
        lines=header_lines(view.signed, present),
        names=";".join(view.signed),
        payload=view.payload,
    )


# ---- the search -------------------------------------------------------------


class _Search(NamedTuple):
    """What a search came to.

    Args:
        mistakes: those that reproduce the signature together; none if it is right.
        view: what the client must have signed; None where nothing reproduces it.
        alone: how many mistakes were tried alone.
        pairs: how many pairs were tried.
        missed: what was not tried for its work: ``alone``, ``pairs`` or nothing.
    """

    mistakes: tuple[Mistake, ...]
    view: View | None
    alone: int
    pairs: int
    missed: str = ""


def _search(
    claim: Claim,
    credentials: Credentials,
    client: View,
    mistakes: Sequence[Mistake],
) -> _Search:
    """Find the mistakes that reproduce a signature."""
    left = _MOST_BYTES
    alone = in_pairs = 0
    pairs = (
        (first, second)
        for first, second in combinations(mistakes, 2)
        if first.kind != second.kind
    )
    for several in chain([()], ((each,) for each in mistakes), pairs):
        view = client
        for each in several:
            view = each.change(view)
        if several and view == client:
            continue
        canonical = _canonical(view)
        left -= len(canonical) + (_CURVE_BYTES if claim.region is None else 0)
        if left < 0 and several:
            missed = "alone" if len(several) == 1 else "pairs"
            return _Search((), None, alone, in_pairs, missed)
        alone += len(several) == 1
        in_pairs += len(several) > 1
        told = claim._replace(date=view.date, region=view.region, service=view.service)
        if proves(told, credentials, view.timestamp, canonical):
            return _Search(several, view, alone, in_pairs)
    return _Search((), None, alone, in_pairs)


def _words(failure: Failure, search: _Search | None) -> tuple[str, str]:
    """Name the mistake and how to put it right."""
    mismatch = failure.message == MISMATCH
    if search is None or search.view is None:
        if not mismatch:
            return failure.detail, _advice(failure)
        return "", (
            "another secret access key signed, or something that is not seen here "
            f"changed after signing; {_reach(search)}"
        )
    mistakes = search.mistakes
    names = " and ".join(each.name for each in mistakes)
    if mismatch and mistakes:
        return names, "; ".join(each.advice for each in mistakes)
    if mismatch:
        return "none: the signature fits", "nothing to fix"
    also = f"; beside that, {names}" if names else "; beside that the signature fits"
    return failure.detail + also, _advice(failure)


def _reach(search: _Search | None) -> str:
    """Say what was tried, and what was not."""
    if search is None:
        return "no known mistake was tried"
    if search.missed == "alone":
        tried = (
            f"only {search.alone} likely mistakes were"
            if search.alone
            else "no known mistake was"
        )
        return f"{tried} tried, as the request is too long"
    kinds = (
        "tried were the payload's hash, host and other headers, path, query, method, "
        "time, service, region, path encoding and the session token, alone"
    )
    if search.missed == "pairs":
        return f"{kinds} and in {search.pairs} pairs, as the request is long"
    return f"{kinds} and in pairs"


def _advice(failure: Failure) -> str:
    text = f"{failure.code} {failure.message}"
    for part, advice in _ADVICE:
        if part in text:
            return advice
    return "sign as AWS's documentation has it, or let an SDK do it"


_ADVICE = (
    ("Signed payloads", f"send and sign {PAYLOAD}: {UNSIGNED}"),
    (PAYLOAD, f"send and sign {PAYLOAD}: {UNSIGNED}"),
    ("correct service", f"sign for the service name {SERVICE}"),
    ("valid Region", "sign for the region of the service, or with SigV4A for several"),
    ("Signature expired", "sign each request when it is sent, by the network's clock"),
    ("not yet current", "sign by the network's clock"),
    ("ExpiredToken", "take credentials whose session has not ended"),
    ("UnrecognizedClient", "sign with the credentials of a declared role or user"),
    ("SignedHeader", "send every header that is signed, and sign host"),
)


# ---- what is shown ----------------------------------------------------------


def _side_by_side(client: str | None, server: str) -> list[str]:
    if client is None:
        return ["network computed", *server.split("\n")]
    if client == server:
        return ["both sides signed", *server.split("\n")]
    left, right = client.split("\n"), server.split("\n")
    width = min(_WIDTH, max(len(line) for line in [*left, "client signed"]))
    lines = [f"  {'client signed':<{width}} | network computed"]
    for ours, theirs in zip_longest(left, right, fillvalue=""):
        mark = " " if ours == theirs else "!"
        lines.append(f"{mark} {ours:<{width}} | {theirs}".rstrip())
    return lines


def _redacted(diagnosis: Diagnosis, known: Mapping[str, Known]) -> Diagnosis:
    """Take out every token, and whatever of a declared caller is secret."""
    hidden: dict[str, str] = {}
    for each in known.values():
        credentials = each.credentials
        for secret, shown in (
            (credentials.secret_access_key, _SECRET),
            (credentials.session_token or "", _HIDDEN),
        ):
            for form in (secret, quote(secret, safe="-_.~"), quote(secret)):
                if len(form) >= _SHORTEST_SECRET:
                    hidden[form] = shown
    pattern = re.compile(
        "|".join(re.escape(form) for form in sorted(hidden, key=len, reverse=True))
        or r"(?!)"
    )

    def clean(text: str) -> str:
        text = _TOKEN_LINE.sub(rf"\1{_HIDDEN}", text)
        text = _TOKEN_PARAMETER.sub(rf"\1{_HIDDEN}", text)
        return pattern.sub(lambda match: hidden[match[0]], text)

    failure = Failure(*(clean(each) for each in diagnosis.failure))
    client = None if diagnosis.client is None else clean(diagnosis.client)
    return Diagnosis(
        failure,
        clean(diagnosis.mistake),
        clean(diagnosis.advice),
        client,
        clean(diagnosis.server),
    )

"""The inventory: the service that the checkout asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_LEFT = {"tea": 3, "coffee": 0}


async def stock(request: Request) -> JSONResponse:
    """Say how many are left."""
    return JSONResponse({"left": _LEFT[request.path_params["item"]]})


app = Starlette(routes=[Route("/stock/{item}", stock)])

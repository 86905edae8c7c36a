"""pycrdt-websocket as its documentation serves it: an ASGI application, here under uvicorn with the faster loop."""

import sys

import uvicorn
from pycrdt.websocket import ASGIServer, WebsocketServer

server = WebsocketServer()
rooms = ASGIServer(server)


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        async with server:
            await rooms(scope, receive, send)
    else:
        await rooms(scope, receive, send)


uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", log_level="error")

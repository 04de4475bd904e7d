"""A server that says what of a request came through its guard: `python echo.py HOST PORT TOKEN [browser]`."""

import json
import sys
from typing import Any

from stargazer_cli.errors import StargazerError
from stargazer_cli.serving.guard import Guard, Session
from stargazer_cli.serving.listen import listen, serve

heard: set[str] = set()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        print("closed", flush=True)
        return
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    heard.add(scope["path"])
    body = json.dumps(
        {"method": scope["method"], "path": scope["path"], "size": size, "heard": sorted(heard)}
    ).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def main(host: str, port: str, token: str, *kind: str) -> None:
    try:
        where = listen(host, int(port), token, first_port=0)
    except StargazerError as error:
        sys.exit(f"{error.message} {error.hint}")
    session = Session.new(where.port) if kind else None
    guard = Guard(
        echo, where.hosts, token, session=session, own_user=True, longest=1000, unlimited=[("POST", "/big")]
    )
    told = [str(where.port), session.csrf if session else "", session.cookie if session else ""]
    serve(guard, where, lambda: print(*told, sep="\n", flush=True))
    print("ended", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A Maven repository on the loopback device."""

import hashlib
import http.server
import os
import threading
import time
from collections import Counter

from stargazer_cli.tools.jars import Lock

CONTENT = {f"org.example:part{number}:1.{number}": os.urandom(20_000 + number) for number in range(30)}


def path_of(coordinates: str) -> str:
    group, artifact, version, *_ = coordinates.split(":")
    return f"/{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"


def lock_of(content: dict[str, bytes]) -> Lock:
    lines = [f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}" for name, data in content.items()]
    return Lock("thing", "1.0", "# a comment\n" + "\n".join(lines) + "\n")


class Repository:
    """A Maven repository on the loopback device, whose answers a test can spoil."""

    def __init__(self) -> None:
        self.files = {path_of(name): data for name, data in CONTENT.items()}
        self.fail_first: dict[str, int] = {}  # path -> how many requests are answered with 500
        self.slow = 0.0
        self.requests: Counter[str] = Counter()
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.requests[self.path] += 1
                data = repository.files.get(self.path)
                if repository.requests[self.path] <= repository.fail_first.get(self.path, 0):
                    self.send_error(500)
                elif data is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    try:
                        for start in range(0, len(data), 4096):
                            self.wfile.write(data[start : start + 4096])
                            time.sleep(repository.slow)
                    except OSError:
                        pass

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

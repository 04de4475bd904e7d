"""What `stargazer browse` refuses: other names, other pages, no token, no CSRF, odd paths, too much."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers.browser import served
from helpers.shell import write

from stargazer_cli.assets import Asset, Report
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile


@dataclass
class Site:
    """A server, asked with just the headers that a test names."""

    port: int
    token: str
    store: LocalStore

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = {"Host": f"127.0.0.1:{self.port}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given |= {"Content-Length": str(len(body))}
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask as a program with the token."""
        return self.ask("GET", path, Authorization=f"Bearer {self.token}", **headers)

    @property
    def cookie(self) -> str:
        return self.ask("GET", f"/?token={self.token}")[1]["set-cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("security")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARGAZER_LOCAL", str(folder / "store"))
        patch.setenv("PINATA_JWT", "a-secret-that-nobody-sees")
        store = LocalStore(Settings())
        store.add([NewFile(write(folder / "a.txt", "a"), Asset(keyvalues={"sample_id": "S"}))])
        store.add([NewFile(write(folder / "a.html", "<p>a</p>"), Report(title="a"))])
        with served({"STARGAZER_LOCAL": str(store.root)}, "--root", str(folder)) as address:
            parts = urlsplit(address)
            yield Site(parts.port or 0, parts.query.removeprefix("token="), store)


@pytest.fixture(scope="module")
def routes(site: Site) -> list[tuple[str, str]]:
    """Every route of the API, with something in the place of what a path names."""
    document = json.loads(site.get("/api/openapi.json")[2])
    found = [
        (method.upper(), "/".join("x" if part.startswith("{") else part for part in path.split("/")))
        for path, methods in document["paths"].items()
        for method in methods
    ]
    assert len(found) > 25
    return found


def test_no_route_answers_without_the_token_by_another_name_or_for_another_page(
    site: Site, routes: list[tuple[str, str]]
) -> None:
    token = {"Authorization": f"Bearer {site.token}"}
    for method, path in [*routes, ("GET", "/"), ("GET", "/static/index.html"), ("GET", "/api/openapi.json")]:
        assert site.ask(method, path)[0] == 401, path
        for refused in (
            {"Host": f"evil.example:{site.port}"},
            {"Origin": "http://evil.example"},
            {"Origin": f"http://127.0.0.1:{site.port + 1}"},
            {"Sec_Fetch_Site": "cross-site"},
        ):
            assert site.ask(method, path, **token, **refused)[0] == 403, (path, refused)


def test_no_route_changes_anything_for_a_cookie_alone(site: Site, routes: list[tuple[str, str]]) -> None:
    cookie = site.cookie
    before = site.store.records()
    csrf = json.loads(site.ask("GET", "/api/session", Cookie=cookie)[2])["csrf"]
    for method, path in routes:
        if method != "GET":
            assert site.ask(method, path, b"{}", Cookie=cookie)[0] == 403
            assert site.ask(method, path, b"{}", Cookie=cookie, X_Stargazer_CSRF="wrong")[0] == 403
    asset = next(each for each in before if each["name"] == "a.txt")
    body = json.dumps({"keyvalues": {"sample_id": "T"}}).encode()
    place, kind = f"/api/assets/{asset['id']}", {"Content_Type": "application/json"}
    assert site.ask("PATCH", place, body, Cookie=cookie, X_Stargazer_CSRF=csrf, **kind)[0] == 200
    assert [each["keyvalues"] for each in site.store.records(id=asset["id"])] == [{"sample_id": "T"}]


def test_a_form_of_another_page_cannot_be_taken_for_a_request_of_ours(site: Site) -> None:
    """A page may send forms as text without being asked; with the token even these must say what they are."""
    asset = site.store.records()[0]
    body = json.dumps({"keyvalues": {"sample_id": "X"}}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        status, _, _ = site.ask(
            "PATCH", f"/api/assets/{asset['id']}", body, Cookie=site.cookie, Content_Type=kind
        )
        assert status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/js/../../app.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/.",
        "/../app.py",
        "/api/assets/..%2f..%2fetc%2fpasswd/download",
        "/api/assets/%2e%2e/preview",
        "/api/assets/%00/download",
        "/api/runs/..%2f..%2fetc/reports/log",
        "/api/runs/%2e%2e/progress",
        "/api/runs/..;/reports/log",
        "/api/graph/..%2f..%2fetc",
        "/api/bundles/..%2f..%2fmodel",
        "/api/catalogue/..%2fmodel",
        "//evil.example/",
    ],
)
def test_odd_paths_lead_nowhere(site: Site, path: str) -> None:
    status, _, body = site.get(path)
    assert status in (400, 404, 405), body
    assert b"root:" not in body
    assert b"import" not in body


def test_a_link_beside_the_page_is_not_followed(site: Site) -> None:
    static = Path(__file__).parents[2] / "stargazer_cli" / "web" / "static"
    link = static / "link-of-a-test.txt"
    link.symlink_to("/etc/passwd")
    try:
        assert site.get(f"/static/{link.name}")[0] == 404
    finally:
        link.unlink()


def test_long_bodies_are_refused_and_the_server_goes_on(site: Site) -> None:
    kind = {"Authorization": f"Bearer {site.token}", "Content_Type": "application/json"}
    status, _, body = site.ask("POST", "/api/plan", b'{"name": "' + b"x" * 2**21, **kind)
    assert (status, json.loads(body)["error"]["message"]) == (413, "The request is too long.")
    for nested in (b"[" * 100_000, b'{"name":' * 50_000):
        assert site.ask("POST", "/api/plan", nested, **kind)[0] in (400, 422)
    assert site.ask("POST", "/api/plan", b"1" * 100_000, **kind)[0] in (400, 422)
    many = json.dumps({"name": "germline", "arguments": {str(n): n for n in range(50_000)}}).encode()
    assert site.ask("POST", "/api/plan", many, **kind)[0] == 400
    assert site.get("/api/assets?" + "where=x=1&" * 5000)[0] in (400, 414, 422, 431)
    assert site.get("/api/assets?q=" + "x" * 5000)[0] == 422
    assert site.get("/api/jobs")[0] == 200


def test_more_than_the_disk_holds_is_refused_before_it_is_sent(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.putrequest("POST", "/api/assets")
    connection.putheader("Authorization", f"Bearer {site.token}")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(10**18))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "has room for" in json.loads(answer.read())["error"]["message"]
    connection.close()


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"--b", 415),
        ("multipart/form-data; boundary=" + "b" * 71, b"--b", 415),
        ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=b", b"nonsense", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nA: " + b"x" * 10_000 + b"\r\n\r\n\r\n--b--\r\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"A: b\r\n" * 100 + b"\r\n\r\n--b--\r\n", 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="keyvalues"\r\n\r\n' + b"x" * 70_000 + b"\r\n--b--",
            413,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="keyvalues"\r\n\r\n\xff\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\x00b"\r\n\r\nx\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="keyvalues"\r\n\r\n' + b"[" * 60_000
            + b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n',
            400,
        ),
    ],
)  # fmt: skip
def test_forms_that_are_none_are_refused_and_leave_nothing(
    site: Site, kind: str, body: bytes, status: int
) -> None:
    token = f"Bearer {site.token}"
    found, _, answer = site.ask("POST", "/api/assets", body, Authorization=token, Content_Type=kind)
    assert found == status, answer
    assert list((site.store.root / "incoming").iterdir()) == []


def test_the_page_may_run_its_own_scripts_alone_and_is_shown_in_no_other(site: Site) -> None:
    for path in ("/", "/static/index.html", "/static/js/main.js"):
        status, headers, _ = site.get(path)
        assert status == 200
        policy = dict(
            part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert site.get("/static/js/main.js")[1]["content-type"].startswith("text/javascript")
    page = site.get("/")[2].decode()
    assert "<style" not in page
    assert "style=" not in page
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == page.count("<script") > 0
    assert all('src="static/' in attributes and not inline for attributes, inline in scripts)
    for outside in ("https://", "http://", 'src="//', 'href="//'):
        assert outside not in page.replace("http://www.w3.org/", "")


def test_what_a_file_holds_is_never_run_as_a_page_of_ours(site: Site) -> None:
    text, html = sorted(site.store.records(), key=lambda each: each["name"], reverse=True)
    status, headers, _ = site.get(f"/api/assets/{html['id']}/view")
    assert status == 200
    assert "sandbox allow-scripts" in headers["content-security-policy"]
    assert site.get(f"/api/assets/{text['id']}/view")[0] == 409
    status, headers, _ = site.get(f"/api/assets/{html['id']}/download")
    assert headers["content-disposition"].startswith("attachment;")
    assert headers["content-type"] == "application/octet-stream"


def test_secrets_are_masked(site: Site) -> None:
    body = site.get("/api/config")[2]
    assert b"********" in body
    assert b"a-secret-that-nobody-sees" not in body
    assert site.token.encode() not in body
    origins = {each["name"]: each["origin"] for each in json.loads(body)["settings"]}
    assert (origins["STARGAZER_LOCAL"], origins["STARGAZER_DB"]) == ("environment", "default")


def browse(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stargazer_cli", "browse", "--no-open", *options]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("token", ["", "too short"])
def test_other_machines_are_not_served_without_a_good_token(tmp_path: Path, token: str) -> None:
    done = browse("--host", "0.0.0.0", STARGAZER_LOCAL=str(tmp_path), STARGAZER_TOKEN=token)
    assert done.returncode == 2
    assert "Other machines reach 0.0.0.0, and STARGAZER_TOKEN" in done.stderr


def test_a_token_of_ones_own_is_what_opens_the_page_on_another_address(tmp_path: Path) -> None:
    token = "one-that-the-user-made-of-40-characters-"
    environment = {"STARGAZER_LOCAL": str(tmp_path), "STARGAZER_TOKEN": token}
    with served(environment, "--host", "0.0.0.0", "--root", str(tmp_path)) as address:
        parts = urlsplit(address)
        assert parts.query == f"token={token}"
        site = Site(parts.port or 0, token, LocalStore(Settings(STARGAZER_LOCAL=tmp_path)))
        assert site.get("/api/session")[0] == 200
        assert site.get("/api/session", Host="evil.example")[0] == 403


def test_a_root_that_is_not_there_and_a_taken_port_are_told_before_anything_is_served(
    site: Site, tmp_path: Path
) -> None:
    done = browse("--root", str(tmp_path / "nowhere"), STARGAZER_LOCAL=str(tmp_path))
    assert (done.returncode, "nowhere, in which clients may use files" in done.stderr) == (2, True)
    done = browse("--port", str(site.port), STARGAZER_LOCAL=str(tmp_path))
    assert (done.returncode, f"The port {site.port} of 127.0.0.1 cannot be had" in done.stderr) == (2, True)


def test_a_missing_extra_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'fastapi'\", name='fastapi')"
    )
    done = browse(STARGAZER_LOCAL=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Error: `stargazer browse` needs FastAPI, which is not installed.",
        "Hint:  Install it with: pip install 'stargazer[web]'",
    ]


def test_the_code_that_a_browser_is_started_with_is_good_for_once() -> None:
    """Others on the machine see with what a browser is started."""
    import asyncio

    from stargazer_cli.serving.guard import Guard, Session

    session = Session.new(1)
    answers: list[Any] = []

    async def nothing(*_: Any) -> None:
        raise AssertionError

    async def send(message: Any) -> None:
        answers.append(message)

    guard = Guard(nothing, ["localhost"], "the-token", session=session)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": f"token={session.code}".encode(),
        "headers": [(b"host", b"localhost:1")],
    }
    for _ in range(2):
        asyncio.run(guard(scope, nothing, send))
    assert [each["status"] for each in answers if each["type"] == "http.response.start"] == [303, 401]

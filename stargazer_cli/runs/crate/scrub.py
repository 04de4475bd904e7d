"""Takes out of a text what tells about the machine: its secrets, its name, its folders.

Of a path the last part is kept: it says what a message is about.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

_HIDDEN = "***"
# A shorter password is hidden as a word alone: within words it would be everywhere.
_SHORT = 4
# The user and the password of any URL.
_USERINFO = re.compile(r"(?<=://)[^\s/?#\"'<>]+@")
# Where an absolute path may begin: not within a relative one or a URL; after a letter only in `-I/folder`.
_BEGIN = r"(?:(?<![\w.~/\]-])|(?<=(?<![\w-])-[A-Za-z]))(?:file:(?://[^/\s]*)?)?(?=/(?!/|ip[fn]s/))"
_UNQUOTED = re.compile(_BEGIN + r"/(?:(?:\\.|[^\s'\"`:,;()<>|/\\])+/+)+")
# Between quotes a folder may hold spaces; what follows a space as an option or a path begins anew.
_FOLDERS = r"/(?:(?:(?!\s-|\s/|:\s)[^'\"`\n/])+/+)+"
_QUOTED = re.compile(rf"(['\"`])(?:file:(?://[^/\s]*)?)?(?=/(?!/|ip[fn]s/)){_FOLDERS}(?=[^'\"`\n]*\1)")
# A text that is one path, as the value of a parameter.
_WHOLE = re.compile(rf"\A(?=/(?!/|ip[fn]s/)){_FOLDERS}(?=[^/\n]*\Z)")


def scrubber(
    *, secrets: Iterable[str] = (), folders: Iterable[Path] = (), host: str = ""
) -> Callable[[str], str]:
    """Return a function that takes secrets, a host's name and absolute paths out of a text.

    Of a secret that is a URL its password and all that holds it go too. `folders` go as a whole, also
    where their names hold spaces.
    """
    words = {word for secret in secrets for word in _words(secret) if word}
    hidden = [_word(word) if len(word) < _SHORT else re.escape(word) for word in _longest_first(words)]
    # With the domain, should a message give one.
    names = [
        rf"(?<![\w-]){re.escape(name)}(?:\.\w[\w-]*)*(?![\w-])"
        for name in _longest_first({host, host.partition(".")[0]} - {"", "localhost"})
    ]
    own = [re.escape(text) for text in _longest_first({str(folder) for folder in folders} - {"/"})]
    secret = re.compile("|".join(hidden) or "(?!)")
    machine = re.compile("|".join(names) or "(?!)", re.IGNORECASE)
    folder = re.compile(f"{_BEGIN}(?:{'|'.join(own) or '(?!)'})(?:/|(?![\\w.-]))")

    def scrub(text: str) -> str:
        text = _USERINFO.sub(f"{_HIDDEN}@", secret.sub(_HIDDEN, text))
        text = _QUOTED.sub(r"\1", _WHOLE.sub("", folder.sub("", text)))
        return machine.sub(_HIDDEN, _UNQUOTED.sub("", text))

    return scrub


def _words(secret: str) -> Iterator[str]:
    """Give a secret and, of a URL, each part of it that is one, as written and as decoded."""
    yield secret
    scheme, separator, rest = secret.partition("://")
    if not separator:
        return
    # A path may hold an @; and so may a password, or a /, that nobody encoded.
    for userinfo, host in {
        (rest.partition("/")[0].rpartition("@")[0], re.split(r"[/?#]", rest.partition("@")[2])[0]),
        (rest.rpartition("@")[0], re.split(r"[/?#]", rest.rpartition("@")[2])[0]),
    }:
        user, _, password = userinfo.partition(":")
        if not password:
            continue
        yield f"{scheme}://{userinfo}@{host}"
        yield f"{userinfo}@{host}"
        yield userinfo
        yield f"{unquote(user)}:{unquote(password)}"
        yield from {password, unquote(password), quote(unquote(password), safe="")}
    try:
        query = urlsplit(secret).query
    except ValueError:
        return
    yield from parse_qs(query).get("password", [])


def _word(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"


def _longest_first(texts: Iterable[str]) -> list[str]:
    """Sort texts so that none hides a part of another before that one is looked for."""
    return sorted(texts, key=lambda text: (-len(text), text))

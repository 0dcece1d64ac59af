"""Text out of mail, whatever it says of its own encoding. Nothing here raises for any bytes."""

from __future__ import annotations

import re
from email.header import decode_header
from email.message import Message
from html.parser import HTMLParser
from typing import Final

_CHINESE: Final = frozenset({"gb2312", "gbk", "gb18030", "x-gbk", "cp936", "gb_2312-80", "chinese", "hz-gb-2312"})
_GUESSES: Final = ("utf-8", "gb18030")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SPACES: Final = re.compile(r"[ \t\u00a0]+")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_HEADER_CHARACTERS_MAX: Final = 16_000
PART_BYTES_MAX: Final = 256_000
_TAGS: Final = re.compile(r"<[^>]{0,1000}>")
CUT: Final = "\n[…]"


def decoded(data: bytes, charset: str | None) -> str:
    """`data` as text: by its declared charset, else by the first guess that fits, else with marks for what is broken.

    Chinese programs declare GB2312 and send GBK or GB18030, which holds all three.
    """
    declared = (charset or "").strip().strip("\"'").lower()
    names = ("gb18030",) if declared in _CHINESE else (declared,) if declared and declared != "us-ascii" else ()
    for name in (*names, *_GUESSES):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    # Mostly right beats a wrong guess: the declared charset if there is such a one.
    try:
        return data.decode(names[0] if names else "utf-8", errors="replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", errors="replace")


def header_text(raw: str) -> str:
    """What `raw_header` gave (RFC 2047, or 8-bit as some programs send it) as one line of text."""
    try:
        pieces = decode_header(raw)
    except (ValueError, LookupError):
        pieces = [(raw, None)]
    text = "".join(
        decoded(piece, charset) if isinstance(piece, bytes) else _unescaped(piece) for piece, charset in pieces
    )
    return " ".join(clean(text).split())


def raw_header(message: Message, name: str) -> str:
    """The first header of this name as it stands, unfolded, undecoded; "" where there is none."""
    # `get` would lose raw 8-bit bytes, which stand here as lone surrogates.
    wanted = name.casefold()
    value = next((value for key, value in message.raw_items() if key.casefold() == wanted), "")
    return " ".join(str(value)[:_HEADER_CHARACTERS_MAX].split())


def part_text(part: Message) -> str:
    """A text part as text, cut to what can be of use."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        charset = part.get_content_charset()
    except (LookupError, ValueError):
        charset = None
    return decoded(data[:PART_BYTES_MAX], charset)


def clean(text: str) -> str:
    """Text without control characters and halves of characters, its line ends one kind."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def cut(text: str, characters: int) -> str:
    """At most so many characters, the end marked where something is missing."""
    return text if len(text) <= characters else text[: characters - len(CUT)] + CUT


def stripped_html(html: str) -> str:
    """What a reader of an HTML mail sees, in lines."""
    reader = _Visible()
    try:
        reader.feed(html)
        reader.close()
        text = "".join(reader.pieces)
    except (AssertionError, ValueError):
        text = _TAGS.sub(" ", html)  # markup that no parser takes: better with remains of it than not at all
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


class _Visible(HTMLParser):
    """Collects text; blocks become lines."""

    HIDDEN: Final = frozenset({"script", "style", "head", "title", "template"})
    BLOCKS: Final = frozenset(
        {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "blockquote", "pre", "table", "hr"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        del attrs
        if tag in self.HIDDEN:
            self._hidden += 1
        elif tag in self.BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if tag in self.HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in self.BLOCKS - {"br", "hr"}:
            self.pieces.append("\n")
        elif tag == "body":
            self._hidden = 0

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if not self._hidden:
            self.pieces.append(data.replace("\n", " "))


def _unescaped(text: str) -> str:
    """Raw 8-bit header bytes stand as lone surrogates: back to bytes, then guessed."""
    if text.isascii():
        return text
    return decoded(text.encode("utf-8", errors="surrogateescape"), None)

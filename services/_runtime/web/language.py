"""In which language a page answers."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language

OTHER: Final = {Language.ZH_CN: Language.EN, Language.EN: Language.ZH_CN}


def language_of(asked: str | None, accepted: str, of_requester: str | None = None) -> Language:
    """The page's language: what `?lang=` asks, else the requester's, else the browser's first that we have.

    `accepted` is the header Accept-Language; its order counts, its weights do not.
    """
    for tag in (asked, of_requester, *accepted.split(",")):
        primary = (tag or "").strip().split(";")[0].split("-")[0].casefold()
        if primary in {"zh", "en"}:
            return Language.ZH_CN if primary == "zh" else Language.EN
    return Language.ZH_CN

"""The customers' people: one for each ticket, with a mailbox of their own in their company's domain."""

import random
from dataclasses import dataclass
from typing import Final

_ZH_FAMILY: Final = ("王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴")
_ZH_GIVEN: Final = ("敏", "静", "磊", "洋", "艳", "勇", "军", "霞", "平", "欣怡", "子涵", "建国")
_EN_GIVEN: Final = ("Anna", "Tom", "Grace", "Peter", "Maya", "Oliver", "Ruth", "James")
_EN_FAMILY: Final = ("Meyer", "Novak", "Hansen", "Baker", "Lind", "Moreau", "Keller")
_DOMAINS: Final = {
    "zh-CN": ("huaxin-bank.example", "dongfang-retail.example", "jiangnan-hospital.example", "xinghe-school.example"),
    "en": ("nordwind.example", "halden-marine.example"),
}


@dataclass(frozen=True)
class Person:
    """Someone who asks. `requester_id` is the id that their company's systems have of them."""

    requester_id: str
    name: str
    email: str
    language: str


def person(number: int, language: str, chance: random.Random) -> Person:
    """Return the person with this number; two numbers are never the same person."""
    if language == "en":
        name = f"{chance.choice(_EN_GIVEN)} {chance.choice(_EN_FAMILY)}"
    else:
        name = chance.choice(_ZH_FAMILY) + chance.choice(_ZH_GIVEN)
    return Person(f"person-{number:04d}", name, f"person-{number:04d}@{chance.choice(_DOMAINS[language])}", language)

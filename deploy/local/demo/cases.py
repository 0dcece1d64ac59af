"""What customers ask, and what they will do later: drawn from a seed, so that two runs ask the same."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.local.demo.people import Person, person
from deploy.local.demo.scale import Scale

EMAIL: Final = "email"
HTTP_CHANNELS: Final = ("portal", "app", "phone", "chat", "wechat", "relay")
BY_THEMSELVES: Final = frozenset({"portal", "app"})
"""Channels on which the customer's person is logged in; the others are systems that send in what people say."""
CONVERSING: Final = frozenset({"chat", "wechat"})
"""Channels whose messages belong to a conversation."""
_ENGLISH_SHARE: Final = 0.3


@dataclass(frozen=True)
class Case:
    """One matter of one person, and how they behave.

    `repeated`: the same request is sent twice. `follows_up`: a further message comes. `confirms`: they agree by
    themselves once told that it is solved. `rating`: the CSAT they give when asked, None for those who don't answer.
    """

    number: int
    channel: str
    person: Person
    subject: str
    body: str
    details: Mapping[str, Any] = field(default_factory=dict)
    repeated: bool = False
    follows_up: bool = False
    confirms: bool = False
    cancels: bool = False
    rating: int | None = None

    @property
    def external_id(self) -> str:
        """Return the channel's own id of the first message."""
        return f"{self.channel}-{self.number:05d}"

    @property
    def reads_mail(self) -> bool:
        """Tell whether this person has a reason to look into their mailbox."""
        return self.confirms or self.rating is not None


@dataclass(frozen=True)
class _Matter:
    """Something to ask: subject and body in both languages, and what the form says besides."""

    zh: tuple[str, str]
    en: tuple[str, str]
    details: Mapping[str, Any] = field(default_factory=dict)
    weight: int = 10


_MATTERS: Final = (
    _Matter(
        ("网关报错 502", "今天上午开始，部分用户访问网关时报错 502，重试后有时可以恢复。"),
        (
            "Gateway answers 502",
            "Since this morning some users get error 502 from the gateway; a retry sometimes helps.",
        ),
        {"product": "gateway", "version": "4.2", "users_affected_percent": 3, "steps_to_reproduce": "GET /orders"},
        weight=22,
    ),
    _Matter(
        ("终端无法打印小票", "三号收银台的终端无法打印小票，重启后仍然如此。"),
        (
            "Terminal does not print receipts",
            "The terminal at desk three does not work: no receipts, even after a restart.",
        ),
        {"product": "terminal", "version": "2.0"},
        weight=18,
    ),
    _Matter(
        ("系统很慢", "云平台打开报表很慢，经常超时。"),
        ("Reports are slow", "Opening reports in the cloud is slow and often ends in a timeout."),
        {"product": "cloud", "version": "2026.10", "users_affected_percent": 5},
        weight=14,
    ),
    _Matter(
        ("登录功能异常", "约两成用户登录时提示异常，影响当天业务。"),
        (
            "Login fails for many users",
            "About a fifth of our users see an error when logging in; today's work suffers.",
        ),
        {"product": "cloud", "version": "2026.10", "users_affected_percent": 20, "urgency": "high"},
        weight=5,
    ),
    _Matter(
        ("核心系统全部无法使用", "核心业务中断，所有网点的终端全部离线，请立即处理！"),
        ("All terminals are down", "Total outage: every terminal in every branch is offline. Please act at once."),
        {"product": "terminal", "version": "2.0", "users_affected_percent": 80, "urgency": "high"},
        weight=2,
    ),
    _Matter(
        ("发票抬头如何修改", "请问上个月的发票抬头怎么修改？"),
        ("Change the name on an invoice", "How can the company name on last month's invoice be changed?"),
        {"issue_type": "billing"},
        weight=14,
    ),
    _Matter(
        ("申请产品培训", "新员工入职，希望安排一次云平台的使用培训。"),
        ("Training for new colleagues", "New colleagues have joined; we would like a training on the cloud product."),
        {"product": "cloud", "issue_type": "training"},
        weight=8,
    ),
    _Matter(
        ("投诉：问题反复出现", "同样的问题这个月已经出现三次，对处理结果不满意。"),
        ("Complaint: it keeps coming back", "The same problem came back three times this month. This is unacceptable."),
        {"issue_type": "complaint"},
        weight=5,
    ),
    _Matter(
        ("建议增加批量导出", "希望增加按月批量导出对账单的功能。"),
        ("Suggestion: export in bulk", "A suggestion: let us export the monthly statements in bulk."),
        {"product": "cloud", "issue_type": "feature_request"},
        weight=6,
    ),
    _Matter(
        ("如何设置打印机双面打印", "请问打印机怎样设置默认双面打印？"),
        ("How to print on both sides", "How do I set the printer to print on both sides by default?"),
        {"product": "printer", "issue_type": "how_to"},
        weight=12,
    ),
)
_COMPLAINTS: Final = (1, 2)
_PRAISE: Final = (4, 5, 5)


def http_cases(scale: Scale, *, first_number: int = 0) -> list[Case]:
    """Return the cases that come over HTTP, in the order in which they come."""
    chance = random.Random(f"http-{scale.seed}-{first_number}")  # noqa: S311 - the same seed asks the same
    numbers = range(first_number, first_number + scale.tickets)
    cancelling = _some(chance, numbers, scale.cancelled)
    return [_http_case(number, scale, chance, cancels=number in cancelling) for number in numbers]


def mail_cases(scale: Scale) -> list[Case]:
    """Return the cases that come by mail. The first ones answer our mail, add something, or send the same twice."""
    chance = random.Random(f"mail-{scale.seed}")  # noqa: S311 - the same seed asks the same
    cases = []
    for place in range(scale.mails):
        matter, someone = _drawn(chance, 100_000 + place)
        subject, body = matter.en if someone.language == "en" else matter.zh
        cases.append(
            Case(
                number=100_000 + place,
                channel=EMAIL,
                person=someone,
                subject=subject,
                body=body,
                repeated=place % 7 == 2,  # noqa: PLR2004 - every seventh mail program sends twice
                follows_up=place % 2 == 0,
                rating=_rating(scale, chance),
            )
        )
    return cases


def _http_case(number: int, scale: Scale, chance: random.Random, *, cancels: bool) -> Case:
    matter, someone = _drawn(chance, number)
    subject, body = matter.en if someone.language == "en" else matter.zh
    return Case(
        number=number,
        channel=HTTP_CHANNELS[number % len(HTTP_CHANNELS)],
        person=someone,
        subject=subject,
        body=body,
        details=matter.details,
        repeated=chance.random() < scale.repeated_share,
        follows_up=not cancels and chance.random() < scale.follow_up_share,
        confirms=not cancels and chance.random() < scale.confirming_share,
        cancels=cancels,
        rating=None if cancels else _rating(scale, chance),
    )


def _drawn(chance: random.Random, number: int) -> tuple[_Matter, Person]:
    language = "en" if chance.random() < _ENGLISH_SHARE else "zh-CN"
    matter = chance.choices(_MATTERS, weights=[each.weight for each in _MATTERS])[0]
    return matter, person(number, language, chance)


def _rating(scale: Scale, chance: random.Random) -> int | None:
    if chance.random() >= scale.rating_share:
        return None
    return chance.choice(_COMPLAINTS if chance.random() < scale.low_share else _PRAISE)


def _some(chance: random.Random, numbers: Sequence[int], count: int) -> frozenset[int]:
    return frozenset(chance.sample(numbers, min(count, len(numbers))))

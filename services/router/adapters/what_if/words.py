"""What the report says, in both languages. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language

ZH_CN: Final[dict[str, str]] = {
    "title": "派单试算",
    "subtitle": "用历史工单重放不同的人员名册或派单规则",
    "period": "期间",
    "pools": "资源池",
    "tickets": "工单",
    "pieces": "派单请求",
    "now": "现行",
    "then": "拟议",
    "recorded": "实际记录",
    "wait_mean": "平均等待",
    "wait_median": "中位数",
    "wait_p90": "90% 以内",
    "wait_longest": "最长",
    "waiting": "期末仍在等待",
    "attainment": "预计达标率",
    "breached": "预计超时",
    "spread": "负载差异（标准差）",
    "spread_note": "平均负载 {mean}，最高与最低相差 {widest}",
    "by_priority": "按优先级的平均等待",
    "priority": "优先级",
    "all": "全部",
    "queue": "等待队列长度",
    "carried": "每人负载（占其容量）",
    "technician": "工程师",
    "assignments": "派单数",
    "load": "负载",
    "unreadable": "未能使用的记录",
    "points": "{points} 个百分点",
    "made": "两侧均由生产环境的派单函数在模拟时间中得出：工单照原样到来，持有时间照旧；重放不写入任何内容。",
}

EN: Final[dict[str, str]] = {
    "title": "What if: assignment",
    "subtitle": "past work, assigned again with other people or by other rules",
    "period": "period",
    "pools": "pools",
    "tickets": "tickets",
    "pieces": "offers",
    "now": "today's",
    "then": "proposed",
    "recorded": "recorded",
    "wait_mean": "mean wait",
    "wait_median": "median",
    "wait_p90": "90 % within",
    "wait_longest": "longest",
    "waiting": "still waiting at the end",
    "attainment": "attainment predicted",
    "breached": "breaches predicted",
    "spread": "load spread (std. deviation)",
    "spread_note": "mean load {mean}, most less least {widest}",
    "by_priority": "Mean wait by priority",
    "priority": "priority",
    "all": "all",
    "queue": "Length of the queue",
    "carried": "Load by technician, of their capacity",
    "technician": "technician",
    "assignments": "assignments",
    "load": "load",
    "unreadable": "records that could not be used",
    "points": "{points} points",
    "made": "Both sides are decided by the production function in simulated time: work comes as it came and is held as "
    "long as it was. Nothing is written.",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}


def wait(seconds: float) -> str:
    """A wait in its two largest units, down to the second."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3_600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def percent(share: float | None) -> str:
    """A share as people read it."""
    return "—" if share is None else f"{100 * share:.1f} %"


def points(now: float | None, then: float | None) -> str:
    """The change in percentage points, with its sign."""
    return "—" if now is None or then is None else f"{100 * (then - now):+.1f}"

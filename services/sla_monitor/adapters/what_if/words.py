"""What the report says, in both languages. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language

ZH_CN: Final[dict[str, str]] = {
    "title": "策略试算",
    "subtitle": "用历史工单重放拟议的服务级别策略",
    "instead": "替代",
    "period": "开单时间",
    "tickets": "工单",
    "changed": "结论改变的工单",
    "events": "事件",
    "now": "现行",
    "then": "拟议",
    "attainment": "达标率",
    "level": "级别",
    "team": "团队",
    "pool": "资源池",
    "week": "周",
    "target": "时限指标",
    "by_level": "按级别的达标率",
    "by_team": "按团队的达标率",
    "by_week": "逐周达标率",
    "directions": "结论如何改变",
    "moved": "变化最大的工单",
    "moved_note": "按偏离拟议到期时间的幅度排列，仅列前 {count} 条。",
    "pressure": "到期压力",
    "pressure_note": "一周中每小时平均到期的时限数（{timezone}）。同一小时到期越多，需要的人手越多。",
    "difference": "差异",
    "busiest": "最忙的小时",
    "hour": "小时",
    "ticket": "工单号",
    "over": "超出／剩余",
    "late": "超出 {time}",
    "left": "剩余 {time}",
    "met": "达标",
    "breached": "超时",
    "open": "进行中",
    "absent": "不适用",
    "skipped": "未能使用的记录",
    "points": "{points} 个百分点",
    "days": "周一 周二 周三 周四 周五 周六 周日",
    "made": "结论由生产环境使用的同一函数得出；重放不写入任何内容。",
}

EN: Final[dict[str, str]] = {
    "title": "What if",
    "subtitle": "A proposed SLA policy, replayed over past tickets",
    "instead": "in place of",
    "period": "opened",
    "tickets": "tickets",
    "changed": "tickets whose verdict changes",
    "events": "events",
    "now": "today",
    "then": "proposed",
    "attainment": "attainment",
    "level": "level",
    "team": "team",
    "pool": "pool",
    "week": "week",
    "target": "target",
    "by_level": "Attainment by level",
    "by_team": "Attainment by team",
    "by_week": "Attainment by week",
    "directions": "Which way verdicts move",
    "moved": "Tickets that change most",
    "moved_note": "By their distance from the proposed due time, the first {count}.",
    "pressure": "Pressure by hour",
    "pressure_note": "Clocks due in each hour of the week, on average ({timezone}). The more at once, the more hands.",
    "difference": "difference",
    "busiest": "Busiest hours",
    "hour": "hour",
    "ticket": "ticket",
    "over": "over / left",
    "late": "{time} over",
    "left": "{time} left",
    "met": "met",
    "breached": "breached",
    "open": "running",
    "absent": "not applicable",
    "skipped": "records that could not be used",
    "points": "{points} points",
    "days": "Mon Tue Wed Thu Fri Sat Sun",
    "made": "Verdicts are those of the function that decides in production; the replay writes nothing.",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}


def percent(share: float | None) -> str:
    """A share as people read it."""
    return "—" if share is None else f"{100 * share:.1f} %"


def points(now: float | None, then: float | None) -> str:
    """The change in percentage points, with its sign."""
    return "—" if now is None or then is None else f"{100 * (then - now):+.1f}"


def duration(seconds: float) -> str:
    """A span in its two largest units."""
    minutes = round(abs(seconds) / 60)
    days, hours, minutes = minutes // 1_440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

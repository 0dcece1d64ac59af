"""What the board says, in both languages. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language
from services._runtime.web.words import PAGE_WORDS

ZH_CN: Final[dict[str, str]] = {
    **PAGE_WORDS[Language.ZH_CN],
    "title": "时限看板",
    "surge": "资源池 {pool} 超时激增：窗口内 {count} 项，始于",
    "lane.overdue": "已超时",
    "lane.waiting": "待确认升级",
    "lane.running": "即将到期",
    "lane.paused": "已暂停",
    "lane.late": "超时后完成",
    "tile.overdue": "已超时",
    "tile.waiting": "待确认",
    "tile.due": "一小时内到期",
    "tile.running": "计时中",
    "tile.paused": "已暂停",
    "none.overdue": "没有超时的工单。",
    "none.waiting": "没有待确认的升级。",
    "none.running": "没有计时中的时限。",
    "none.paused": "没有暂停的时限。",
    "none.late": "最近没有。",
    "since": "已 {time}",
    "to": "升级至",
    "cycle": "第 {number} 轮",
    "role.assignee": "负责人",
    "role.lead": "组长",
    "role.supervisor": "主管",
    "role.director": "总监",
    "role.emergency_team": "应急小组",
    "unavailable": "看板暂时无法显示，稍后会自动恢复。时限的判定不受影响。",
}

EN: Final[dict[str, str]] = {
    **PAGE_WORDS[Language.EN],
    "title": "SLA board",
    "surge": "surge of breaches in {pool}: {count} within the window, since",
    "lane.overdue": "Overdue",
    "lane.waiting": "Escalated, unanswered",
    "lane.running": "Due next",
    "lane.paused": "Paused",
    "lane.late": "Done late",
    "tile.overdue": "overdue",
    "tile.waiting": "unanswered",
    "tile.due": "due within an hour",
    "tile.running": "running",
    "tile.paused": "paused",
    "none.overdue": "Nothing is overdue.",
    "none.waiting": "Every escalation is answered for.",
    "none.running": "No clock is running.",
    "none.paused": "No clock is paused.",
    "none.late": "None lately.",
    "since": "for {time}",
    "to": "→",
    "cycle": "cycle {number}",
    "role.assignee": "assignee",
    "role.lead": "lead",
    "role.supervisor": "supervisor",
    "role.director": "director",
    "role.emergency_team": "emergency team",
    "unavailable": "The board can't be shown just now and comes back by itself. Verdicts are not affected.",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}

"""What the coordinator board says, in both languages. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language
from services._runtime.web.words import PAGE_WORDS

ZH_CN: Final[dict[str, str]] = {
    **PAGE_WORDS[Language.ZH_CN],
    "title": "调度看板",
    "since": "已 {time}",
    "unavailable": "看板暂时无法显示，稍后会自动恢复。派单不受影响。",
    "tile.waiting": "等待派单",
    "tile.overdue": "已超时",
    "tile.due": "一小时内到期",
    "tile.available": "可接单",
    "tile.utilisation": "负载率",
    "queue": "等待队列",
    "people": "工程师",
    "none.pools": "还没有资源池。",
    "none.queue": "没有等待的工单。",
    "none.people": "名册上没有工程师。",
    "no_target": "无时限",
    "weight": "工作量 {count}",
    "waits": "已等待",
    "pick": "选中",
    "assign": "派给…",
    "assign_title": "将 {ticket} 派给",
    "release": "退回队列",
    "transfer": "转池…",
    "transfer_title": "将 {ticket} 转到资源池",
    "cancel": "取消",
    "asked": "已提交",
    "assigned_hint": "把工单拖到工程师上，或点“派给…”。选中多张后，操作对它们全部生效。手工派单优先于一切规则。"
    "“转池…”把工单交给另一个资源池，等待时间照旧，原有的技能要求不再适用。",
    "refused_action": "没有执行：{reason}",
    "not_seen": "十秒内没有变化，请查看工单的记录。",
    "presence.available": "可接单",
    "presence.busy": "忙碌",
    "presence.away": "离开",
    "presence.offline": "离线",
    "full": "已满",
    "of": "{load} / {capacity}",
}

EN: Final[dict[str, str]] = {
    **PAGE_WORDS[Language.EN],
    "title": "Coordinator board",
    "since": "for {time}",
    "unavailable": "The board can't be shown just now and comes back by itself. Assignments are not affected.",
    "tile.waiting": "waiting",
    "tile.overdue": "overdue",
    "tile.due": "due within an hour",
    "tile.available": "available",
    "tile.utilisation": "utilisation",
    "queue": "Queue",
    "people": "Technicians",
    "none.pools": "There is no pool yet.",
    "none.queue": "Nothing waits.",
    "none.people": "Nobody is on the roster.",
    "no_target": "no target",
    "weight": "weight {count}",
    "waits": "waits",
    "pick": "Pick",
    "assign": "Assign…",
    "assign_title": "Assign {ticket} to",
    "release": "Requeue",
    "transfer": "Transfer…",
    "transfer_title": "Move {ticket} to the pool",
    "cancel": "Cancel",
    "asked": "asked for",
    "assigned_hint": "Drag a ticket onto a technician, or use “Assign…”; with several picked, all of them move. "
    "What is assigned by hand beats every rule. “Transfer…” gives a ticket to another pool: it keeps its age, and no "
    "longer asks for the skills that it needed here.",
    "refused_action": "Not done: {reason}",
    "not_seen": "Nothing changed within ten seconds; look at the ticket's events.",
    "presence.available": "available",
    "presence.busy": "busy",
    "presence.away": "away",
    "presence.offline": "offline",
    "full": "full",
    "of": "{load} / {capacity}",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}

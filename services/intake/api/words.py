"""What the progress page says, in the languages that customers read. Every language has the same keys: a test looks."""

from typing import Final

from schemas.vocabulary import Language

ZH_CN: Final[dict[str, str]] = {
    "title": "服务进度",
    "ticket": "工单",
    "status": "当前状态",
    "priority": "级别",
    "opened": "提交时间",
    "updated": "最近更新",
    "expected": "预计解决时间",
    "history": "处理过程",
    "reply": "工程师回复",
    "your_message": "您的补充",
    "solution": "解决方案",
    "reason": "说明",
    "merged": "已并入工单",
    "registering": "您的请求已收到，正在登记。本页会自动更新。",
    "expired_title": "链接无效",
    "expired": "此链接无效或已过期。请使用最近一次通知中的链接，或联系客服。",
    "unavailable_title": "暂时无法显示",
    "unavailable": "进度暂时无法显示，请稍后刷新。您的请求没有丢失。",
    "refreshes": "本页自动更新，无需刷新。",
    "other_language": "English",
    "step.received": "已受理",
    "step.assigned": "已派单",
    "step.in_progress": "处理中",
    "step.resolved": "已解决",
    "step.closed": "已关闭",
    "status.new": "已受理",
    "status.classified": "已分类",
    "status.queued": "正在安排工程师",
    "status.assigned": "已派单",
    "status.in_progress": "处理中",
    "status.pending": "等待您的回复",
    "status.on_hold": "暂停处理",
    "status.in_review": "方案审核中",
    "status.resolved": "已解决，待您确认",
    "status.closed": "已关闭",
    "status.cancelled": "已取消",
    "status.merged": "已合并",
    "event.opened": "请求已受理",
    "event.queued": "正在安排工程师",
    "event.assigned": "已指派工程师",
    "event.accepted": "工程师开始处理",
    "event.customer_replied": "您补充了信息",
    "event.agent_replied": "工程师已回复",
    "event.status_changed": "状态变更",
    "event.priority_changed": "级别已调整",
    "event.escalated": "已升级处理",
    "event.resolved": "问题已解决",
    "event.closed": "工单已关闭",
    "event.reopened": "工单已重新打开",
    "event.cancelled": "工单已取消",
    "event.merged": "工单已合并",
    "event.survey_offered": "已邀请您评价",
    "event.rated": "感谢您的评价",
}

EN: Final[dict[str, str]] = {
    "title": "Service progress",
    "ticket": "Ticket",
    "status": "Status",
    "priority": "Priority",
    "opened": "Received",
    "updated": "Last update",
    "expected": "Expected solution by",
    "history": "What has happened",
    "reply": "The engineer's answer",
    "your_message": "What you added",
    "solution": "Solution",
    "reason": "Note",
    "merged": "Continues in ticket",
    "registering": "We have your request and are registering it. This page updates by itself.",
    "expired_title": "This link does not work",
    "expired": "The link is not valid or has expired. Use the one in our latest message, or contact us.",
    "unavailable_title": "Not available right now",
    "unavailable": "Progress can't be shown right now. Please try again shortly; your request is safe.",
    "refreshes": "This page updates by itself.",
    "other_language": "中文",
    "step.received": "Received",
    "step.assigned": "Assigned",
    "step.in_progress": "In progress",
    "step.resolved": "Resolved",
    "step.closed": "Closed",
    "status.new": "Received",
    "status.classified": "Classified",
    "status.queued": "Finding an engineer",
    "status.assigned": "Assigned",
    "status.in_progress": "In progress",
    "status.pending": "Waiting for your answer",
    "status.on_hold": "On hold",
    "status.in_review": "Solution under review",
    "status.resolved": "Resolved, awaiting your confirmation",
    "status.closed": "Closed",
    "status.cancelled": "Cancelled",
    "status.merged": "Merged",
    "event.opened": "Request received",
    "event.queued": "Finding an engineer",
    "event.assigned": "Assigned to an engineer",
    "event.accepted": "An engineer is working on it",
    "event.customer_replied": "You added information",
    "event.agent_replied": "The engineer answered",
    "event.status_changed": "Status changed",
    "event.priority_changed": "Priority changed",
    "event.escalated": "Escalated",
    "event.resolved": "Resolved",
    "event.closed": "Closed",
    "event.reopened": "Reopened",
    "event.cancelled": "Cancelled",
    "event.merged": "Merged with another ticket",
    "event.survey_offered": "You were asked for a rating",
    "event.rated": "Thank you for your rating",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}
OTHER: Final = {Language.ZH_CN: Language.EN, Language.EN: Language.ZH_CN}


def language_of(asked: str | None, accepted: str, of_requester: str | None) -> Language:
    """The page's language: what `?lang=` asks, else the requester's, else the browser's first that we have.

    `accepted` is the header Accept-Language; its order counts, its weights do not.
    """
    for tag in (asked, of_requester, *accepted.split(",")):
        primary = (tag or "").strip().split(";")[0].split("-")[0].casefold()
        if primary in {"zh", "en"}:
            return Language.ZH_CN if primary == "zh" else Language.EN
    return Language.ZH_CN

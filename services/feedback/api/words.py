"""What the survey page says, in the languages that customers read. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language

ZH_CN: Final[dict[str, str]] = {
    "title": "服务评价",
    "ticket": "工单",
    "question": "您对本次服务满意吗？",
    "score.1": "非常不满意",
    "score.2": "不满意",
    "score.3": "一般",
    "score.4": "满意",
    "score.5": "非常满意",
    "comment": "还有什么想告诉我们的？（选填）",
    "submit": "提交评价",
    "other_language": "English",
    "no_score": "请先选择一个分数，再提交。",
    "too_long": "留言请不要超过 2000 字。",
    "try_again": "暂时无法保存，您填写的内容还在本页。请稍等片刻，再次提交。",
    "thanks_title": "谢谢您的评价",
    "thanks": "我们已收到您的评价。如果有不满意的地方，我们会尽快与您联系。",
    "expired_title": "评价已截止",
    "expired": "此链接已过期，评价已截止。如仍需帮助，请通过原渠道联系我们。",
    "forged_title": "链接无效",
    "forged": "此链接无效。请完整打开最近一次通知中的链接，或联系客服。",
}

EN: Final[dict[str, str]] = {
    "title": "How did we do?",
    "ticket": "Ticket",
    "question": "How satisfied are you with our service?",
    "score.1": "Very dissatisfied",
    "score.2": "Dissatisfied",
    "score.3": "Neither",
    "score.4": "Satisfied",
    "score.5": "Very satisfied",
    "comment": "Anything else you would like to tell us? (optional)",
    "submit": "Send",
    "other_language": "中文",
    "no_score": "Please choose a score first, then send.",
    "too_long": "Please keep the comment within 2,000 characters.",
    "try_again": "We could not save this just now. What you entered is still here: please send it again in a moment.",
    "thanks_title": "Thank you",
    "thanks": "We have received your rating. If something was not right, we will get in touch soon.",
    "expired_title": "This survey is closed",
    "expired": "The link has expired and the survey is closed. If you still need help, contact us as you did before.",
    "forged_title": "This link does not work",
    "forged": "Please open the whole link from our latest message, or contact customer service.",
}

WORDS: Final = {Language.ZH_CN: ZH_CN, Language.EN: EN}

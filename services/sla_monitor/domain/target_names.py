"""What targets are called in front of people. One that a policy adds is shown by its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.vocabulary import Language

ZH_CN: Final[Mapping[str, str]] = {
    "registration": "登记",
    "assignment": "派单",
    "first_response": "首次响应",
    "next_response": "后续响应",
    "periodic_update": "定期通报",
    "emergency_plan": "应急预案",
    "solution_offered": "提出方案",
    "resolution": "解决",
    "escalation_plan": "升级后方案",
    "manual_escalation": "人工升级",
    "dissatisfaction": "不满意处理",
    "customer_notified": "告知客户",
    "survey": "回访",
}


def target_name(lang: Language, target: str) -> str:
    """The name of a target in a language."""
    return ZH_CN.get(target, target) if lang is Language.ZH_CN else target.replace("_", " ")

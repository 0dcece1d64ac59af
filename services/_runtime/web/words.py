"""What all boards say, in both languages; each adds what is its own. Every language has the same keys: a test looks."""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Language

_ZH_CN: Final[dict[str, str]] = {
    "all_pools": "全部资源池",
    "pool": "资源池",
    "live": "实时",
    "offline": "连接中断，正在重连",
    "stale": "数据正在重建，可能不完整",
    "updated": "更新于",
    "more": "另有 {count} 项",
    "over": "超时 {time}",
    "left": "剩余 {time}",
    "unit.d": "天",
    "unit.h": "时",
    "unit.m": "分",
    "unit.s": "秒",
    "sign_in": "登录",
    "sign_in_hint": "请输入访问令牌（工程师或调度员）。令牌只保存在本浏览器的会话中。",
    "token": "访问令牌",
    "refused": "令牌无效、已过期或没有所需的角色。",
    "sign_out": "退出",
    "other_language": "English",
}

_EN: Final[dict[str, str]] = {
    "all_pools": "All pools",
    "pool": "Pool",
    "live": "live",
    "offline": "disconnected, trying again",
    "stale": "being rebuilt, may be incomplete",
    "updated": "as of",
    "more": "and {count} more",
    "over": "{time} over",
    "left": "{time} left",
    "unit.d": "d",
    "unit.h": "h",
    "unit.m": "min",
    "unit.s": "s",
    "sign_in": "Sign in",
    "sign_in_hint": "Enter an access token (technician or coordinator). It stays in this browser's session.",
    "token": "Access token",
    "refused": "The token is not valid, has expired, or lacks the role.",
    "sign_out": "Sign out",
    "other_language": "中文",
}

PAGE_WORDS: Final = {Language.ZH_CN: _ZH_CN, Language.EN: _EN}

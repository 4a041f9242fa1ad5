"""What members read about themselves: their own profile, and nothing else. No scores, ever. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.compose import escape

if TYPE_CHECKING:
    from engine.members.profiles import Profile

EMPTY = "承知しました。お預かりしていたご紹介の内容は、すべて消しました。"


def profile_shown(profile: Profile) -> str:
    """Show somebody what is kept of their introduction, and how to change it."""
    lines = [f"{label}: {escape(value)}" for label, value in _fields(profile) if value]
    if not lines:
        return EMPTY
    return (
        "ご紹介ありがとうございます。次のように承りました。\n"
        + "\n".join(lines)
        + "\n質問をお届けする先生を選ぶ手がかりにだけ使います。"
        "違うところがあれば「地域: 北海道」のように、消したいときは「地域: なし」とお書きください。"
    )


def _fields(profile: Profile) -> tuple[tuple[str, str], ...]:
    return (
        ("診療科", "・".join(profile.specialties)),
        ("地域", profile.region or ""),
        ("年代", profile.age_band or ""),
        ("形態", profile.form or ""),
        ("開業", f"{profile.opened}年" if profile.opened else ""),
    )

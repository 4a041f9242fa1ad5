"""What admins read when something needs them. They are doctors: plain words, and what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Counts:
    """What the digest counts: questions of the last day, and what waits now."""

    asked: int
    answered: int
    waiting: int
    open_cases: int
    failed: int


def silent_workers(names: Iterable[str]) -> str:
    """Some of the engine stands still."""
    return (
        f"運営の皆さまへ: 自動処理の一部（{'、'.join(names)}）が止まっているようです。"
        "お手数ですが、システムのご担当へお知らせください。"
    )


def stopped_worker(name: str) -> str:
    """A part of the engine met one failure after the other and waits."""
    return (
        f"運営の皆さまへ: 自動処理の一部（{name}）で不具合が続いたため、いったん止めております。"
        "届いた書き込みは失われておりません。お手数ですが、システムのご担当へお知らせください。"
    )


def silent_webhooks(missing: int) -> str:
    """Messages were found that no webhook told; they have been read meanwhile."""
    return (
        f"運営の皆さまへ: Chatworkからの通知が届いていないようです（{missing}件はこちらで読み取りました）。"
        "お手数ですが、Chatworkの「サービス連携」→「Webhook」で、状態が「有効」かどうかご確認をお願いいたします。"
    )


def emptied_database() -> str:
    """What the engine remembered is gone; it goes on, knowing nothing."""
    return (
        "運営の皆さまへ: これまでの記録（ご質問の経過や案件など）が見当たらなくなりました。"
        "新しい書き込みへの対応は続けております。お手数ですが、至急システムのご担当へお知らせください。"
    )


def digest(counts: Counts, lost: Iterable[tuple[int, int, int]], zone: ZoneInfo) -> str:
    """The last day in a few lines; `lost` are rooms with the span (epoch seconds) that could not be read."""
    lines = [f"・ご質問 {counts.asked}件（うちお返事のあったもの {counts.answered}件）" if counts.asked else ""]
    lines.append(f"・お返事をお待ちのご質問 {counts.waiting}件" if counts.waiting else "")
    lines.append(f"・ご判断をお待ちの案件 {counts.open_cases}件" if counts.open_cases else "")
    lines += [
        f"・読み取れなかった書き込み: ルーム {room_id}、{_moment(start, zone)}から{_moment(end, zone)}まで"
        for room_id, start, end in lost
    ]
    lines.append(
        f"・果たせなかった処理 {counts.failed}件（システムのご担当へお知らせください）" if counts.failed else ""
    )
    told = [line for line in lines if line]
    news = "\n".join(told) if told else "・新しいご質問はございませんでした。"
    return f"運営の皆さまへ: おはようございます。この一日のご報告です。\n{news}\nどうぞよい一日をお過ごしください。"


def restored(taken_at: float, restored_at: float, zone: ZoneInfo) -> str:
    """The engine was put back to an earlier state, and has read since what the rooms tell of the time between."""
    return (
        f"運営の皆さまへ: システムの記録を{_moment(taken_at, zone)}の時点に戻し、それ以降の書き込みを読み直しました。"
        f"恐れ入りますが、{_moment(restored_at, zone)}までの「承認」「却下」の一部は引き継げていないことがございます。"
        "お手数ですが、お気づきの案件がございましたら、あらためてお書きいただけますと幸いです。"
    )


def no_backup() -> str:
    """No copy of the records could be made; the engine goes on."""
    return (
        "運営の皆さまへ: 本日の記録の控え（バックアップ）を作成できませんでした。"
        "ふだんの対応には差し支えございません。お手数ですが、システムのご担当へお知らせください。"
    )


def lost_messages(start: int, end: int, zone: ZoneInfo) -> str:
    """Messages of a span can no longer be read."""
    return (
        f"運営の皆さまへ: {_moment(start, zone)}から{_moment(end, zone)}までの書き込みの一部を、"
        "こちらで読み取ることができませんでした。"
        "お手数ですが、この間にお返事のないご質問がなかったか、ご覧いただけますと幸いです。"
    )


def _moment(at: float, zone: ZoneInfo) -> str:
    moment = datetime.fromtimestamp(at, zone)
    return f"{moment.month}月{moment.day}日{moment.hour}時{moment.minute:02}分"

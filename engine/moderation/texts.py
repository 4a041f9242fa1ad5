"""What members and admins read about moderation. A warning blames nobody and offers a way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.chatwork.compose import escape, info, message_link

if TYPE_CHECKING:
    from collections.abc import Sequence

CATEGORIES = {
    "mounting": "マウント",
    "sarcasm": "嫌味",
    "insult": "暴言",
    "harassment": "嫌がらせ",
    "discrimination": "差別的な発言",
    "solicitation": "営業・勧誘",
    "personal_data": "個人情報",
}

LINE_LIMIT = 120

REQUEST = "ご確認のお願い"
_CARD = re.compile(rf"\[info\]\[title\]{REQUEST} (c\d{{1,12}})（")
_LINK = re.compile(rf"^{re.escape(message_link(0, '')[:-2])}(\d{{1,18}})-(\d{{1,20}})$", re.MULTILINE)


def card(
    *,
    case_id: str,
    category: str,
    action: str,
    words: Sequence[str],
    masked: str,
    room_id: int,
    message_id: str,
    strikes: int,
) -> str:
    """Put a case before the admins: what, why, where, and the words to decide it. Personal data are masked.

    `words` are those of the message that gave rise to it; for personal data their kinds.
    """
    line = " ".join(masked.split())
    line = line if len(line) <= LINE_LIMIT else line[: LINE_LIMIT - 1] + "…"
    advice = "注意をお送りする案です。" if action == "warn" else "判断に迷う書き込みです。ご覧ください。"
    seen = f"気になった箇所: {'、'.join(map(_piece, words))}\n" if words else ""
    history = f"この方の有効な注意は{strikes}件です。" if strikes else "この方への注意はこれまでありません。"
    return info(
        f"{REQUEST} {case_id}（{CATEGORIES[category]}）",
        f"{advice}\n「{escape(line)}」\n{seen}{message_link(room_id, message_id)}\n{history}\n"
        f"注意を送る場合は「承認 {case_id}」、見送る場合は「却下 {case_id}」とだけお書きください。\n"
        f"あとから「取消 {case_id}」で取り消せます。返信がなければ何も送りません。",
    )


def read_card(body: str) -> tuple[str, int, str] | None:
    """Which case one of our cards shows, and its message's room and id; None for any other text."""
    found, link = _CARD.match(body), _LINK.search(body)
    return (found[1], int(link[1]), link[2]) if found and link else None


def _piece(word: str) -> str:
    """A piece of the message; one cut out of a sentence says so, a label of something masked is whole."""
    return f"「{escape(word)}」" if word.startswith("〔") else f"「{escape(word)}…」"


_REQUESTS = {
    "mounting": "ほかの先生が質問しづらくなるおそれがある表現が含まれているようでした。",
    "sarcasm": "受け取る方によっては、つらく感じる表現が含まれているようでした。",
    "insult": "お相手を傷つけてしまう表現が含まれているようでした。",
    "harassment": "お相手が怖さを感じてしまう表現が含まれているようでした。",
    "discrimination": "特定の方々を傷つけてしまう表現が含まれているようでした。",
    "solicitation": "営業やご勧誘にあたる内容が含まれているようでした。この場ではご遠慮いただいております。",
    "personal_data": "患者さんなど個人を特定できる情報が含まれているようでした。お早めに削除をお願いいたします。",
}


def warning(category: str, room_id: int, message_id: str) -> str:
    """Ask the author, without blame, to be careful."""
    return (
        "いつもご参加いただき、ありがとうございます。運営よりお願いがございます。\n"
        f"{message_link(room_id, message_id)}\n"
        f"こちらのご投稿に、{_REQUESTS[category]}\n"
        "どなたでも安心して質問できる場にしたく、ご配慮いただけますと幸いです。"
        "行き違いがございましたら、ご遠慮なく運営までお知らせください。"
    )


def withdrawal(case_id: str) -> str:
    """Tell the author that a warning was a mistake of ours."""
    return (
        "先日お送りした運営からのお願いは、こちらの判断の誤りでした。取り消させていただきます。\n"
        f"ご不快な思いをおかけし、申し訳ございませんでした。（控え: {case_id}）"
    )


def decided(case_id: str, state: str) -> str:
    """Tell the admins what their word did."""
    outcome = {
        "approved": "注意をお送りします。",
        "rejected": "見送りました。何も送りません。",
        "undone": "取り消しました。注意は数に入りません。",
        "open": "却下を取り消しました。改めて「承認」か「却下」をお願いいたします。",
    }[state]
    return f"{case_id}: {outcome}"


def not_possible(case_id: str) -> str:
    """Tell the admins that their word does not fit the case."""
    return f"{case_id}: 該当する案件がないか、すでに判断済みのため、何も変更していません。"


def brake(pulled: bool) -> str:  # noqa: FBT001 - two sentences, chosen by what happened
    """Confirm the brake to the admins."""
    return (
        "送信をすべて停止しました。「再開」で元に戻ります。"
        if pulled
        else "送信を再開しました。溜まっていたものは、まだ必要かどうか確かめてから送ります。"
    )

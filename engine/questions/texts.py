"""What members read about questions. Humble, short, complete; two ways out in every invitation. Pure."""

from __future__ import annotations

from engine.chatwork.compose import doctor, escape, message_link, to

LINE_LIMIT = 60
"""Characters of the question quoted in an invitation."""


def one_line(text: str) -> str:
    """The question in one line, cut with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= LINE_LIMIT else line[: LINE_LIMIT - 1] + "…"


def invitation(account_id: int, name: str, room_id: int, message_id: str, question: str) -> str:
    """Ask one member by name, with a link and a line of the question."""
    return (
        f"{to(account_id, doctor(name))}\n"
        "お忙しいところ失礼いたします。よろしければ、こちらのご質問にお知恵を貸していただけないでしょうか。\n"
        f"「{escape(one_line(question))}」\n"
        f"{message_link(room_id, message_id)}\n"
        "ひとことでも、ご経験談でも助かります。ご質問のメッセージに返信していただければ届きます。\n"
        "今回は難しいようでしたら「パス」とだけお書きください。どうぞご無理なさらず。"
    )

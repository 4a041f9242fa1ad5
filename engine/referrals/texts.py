"""What vendors read in their Chatwork room or by e-mail: facts, no name, nothing the doctor did not agree to. Pure."""

from __future__ import annotations

from engine.chatwork.compose import escape, info
from engine.referrals.rules import Step

_LINES = {
    Step.RECEIVED: "ご紹介を承りました。ありがとうございます。",
    Step.JOINED: "ご紹介いただいた先生が参加されました。ありがとうございます。",
    Step.FIRST_POST: "ご紹介いただいた先生が、はじめてのご投稿をされました。",
    Step.DECLINED: "恐れ入りますが、今回のご紹介は見送りとさせていただきました。",
    Step.EXPIRED: "お預かりしていたご紹介は、期限が過ぎたため終了いたしました。",
}


def acknowledgement(step: Step, reference: str, code: str) -> str:
    """One line about a step, with the vendor's own reference."""
    return info("ご紹介のご報告", f"{_LINES[step]}\n貴社の控え: {escape(reference)}\n紹介コード: {code}")


def mail(step: Step, vendor: str, reference: str, code: str) -> tuple[str, str]:
    """Subject and text of an e-mail about a step; no line of the subject comes from outside."""
    text = (
        f"{vendor} ご担当者様\n\n"
        "平素よりお世話になっております。ご紹介について、下記のとおりご報告いたします。\n\n"
        f"{_LINES[step]}\n"
        f"貴社の控え: {reference}\n"
        f"紹介コード: {code}\n\n"
        "このメールは自動でお送りしています。ご不明な点は、コミュニティの運営までお問い合わせください。\n"
    )
    return "ご紹介のご報告", text

"""What the rules of moderation are made of: categories, weights, shared words, and whose words they are.

Every rule says what kind of thing it sees. None is a remembered sentence, and none fires on a word that is harmless in
a clinic. A rule alone rarely decides: weights of one category add up. Patterns look at one normalised sentence; gaps
are bounded and never cross it, so matching stays linear in the length of a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What is wrong with a message. The order breaks ties: the graver one is named."""

    PERSONAL_DATA = "personal_data"
    HARASSMENT = "harassment"
    DISCRIMINATION = "discrimination"
    INSULT = "insult"
    MOUNTING = "mounting"
    SARCASM = "sarcasm"
    SOLICITATION = "solicitation"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rule:
    """`weight` 1.0 is enough for a warning, 0.5 for a review.

    `on_self`: counts also in a sentence in which people speak of themselves.
    """

    name: str
    category: Category
    weight: float
    pattern: re.Pattern[str]
    on_self: bool = False


def rule(name: str, category: Category, weight: float, *patterns: str, on_self: bool = False) -> Rule:
    """Make a rule of alternative patterns."""
    return Rule(name, category, weight, re.compile("|".join(patterns)), on_self)


YOU = r"(?:先生|あなた|あんた|お前|おまえ|てめえ|貴様|貴方|君|きみ|皆さん|みなさん|院長|貴院)"
PERSON = (
    rf"(?:{YOU}|こいつ|そいつ|あいつ|(?<!冷)奴|(?<!お)やつ|連中|野郎|(?:あ|こ|そ)の(?:人|先生|医者|女|男|税理士|業者|スタッフ|患者|院長|受付|事務)"
    r"|医者|税理士|コンサル|事務長|受付|スタッフ|役人|業者|ひと|人が)"
)

# Sentences in which rude words are somebody else's …
REPORTED = re.compile(
    r"(?:と|って|など|みたいに|ような)[^。]{0,10}(?:言わ|いわ|書か|怒鳴ら|罵ら|返さ|呼ば|笑わ|叱ら|思わ|責め?ら|ののし|なじ)れ"
    r"|(?:と|って)(?:訴え|話さ|おっしゃ|漏ら|泣|自分を|ご自身を|言う患者)"
    r"|(?:と|って)(?:言う|いう|書く|返す|思う)(?:の|こと)?(?:は|も)?[^。]{0,6}(?:よくない|良くない|やめ|控え|失礼|避け)"
)
# … or are what people are asked to leave out. What admins sign is their own notice.
REMINDER = re.compile(
    r"お?控え(?:くだ|まし|いただ)|(?:やめ|止め)(?:ましょう|ていただけ)|ご遠慮|禁止|気をつけましょう|ルール(?:です|違反)"
)
OWN_REFERRAL_CODE = re.compile(r"(?:紹介コード[はが、:\s]*)?yr-?[0-9a-z]{4}-?[0-9a-z]{4}", re.IGNORECASE)
"""A newcomer is asked to write this code in the first post; it invites nobody."""

SIGNED_BY_ADMINS = re.compile(r"(?:運営|管理人|事務局)(?:より|です)")
# Sentences in which people laugh at or blame themselves, unless they turn to somebody in the same breath.
ON_ONESELF = re.compile(
    r"(?:私|僕|俺|わたし|自分|うち)(?:は|が|も|って|の(?:頭|ミス|不|無|勉強|知識|能力|記憶|せい|悪)|みたい|なんか|なんて|、|$)"
    r"|我ながら|お?恥ずかし|ここにいます|すみません|すいません|申し訳|ごめん|情けない(?:です|限り|院長|話)"
    r"|自己嫌悪|反省|しまいました|しまって|悩んで|落ち込"
)
ABOUT_OTHERS = re.compile(
    r"先生|あなた|あんた|お前|おまえ|てめえ|貴様|皆さん|みなさん|こいつ|あいつ|やつ|奴|ですよ$|なさい|くださ"
)

"""What a Chatwork body says, taken apart."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chatwork.markup import Parsed, Quote, Reply, SystemNotice, is_name_line, parse, without_emoticons

LIMIT = 65_535

TEXTS = {
    "plain words stay as they are": ("受付の制服、何着そろえましたか。", "受付の制服、何着そろえましたか。"),
    "a name line behind a mention goes": ("[To:11]野口さん\n図面を見ました", "図面を見ました"),
    "a name line may have blanks around the name": ("[To:11] 野口　さん \n図面を見ました", "図面を見ました"),
    "a name line may end the message": ("見ました。[To:11]野口先生", "見ました。"),
    "words on the mention's line stay": ("[To:11]図面はどれですか？", "図面はどれですか？"),
    "a sentence to somebody by name stays": (
        "[To:11]野口先生、図面を見ました\nいいですね",
        "野口先生、図面を見ました\nいいですね",
    ),
    "several mentions share a line": ("[To:11]野口さん [To:12]宮田さん\n集合です", "集合です"),
    "a mention in the middle breaks the line": ("先ほどは\n[To:11]野口さん\nどうも", "先ほどは\nどうも"),
    "a reply's name line goes": ("[rp aid=11 to=5-77]野口さん\n了解です", "了解です"),
    "a quote is not the author's word": ("[qt][qtmeta aid=11 time=9]何時？[/qt]\n9時です", "9時です"),
    "words around a quote do not run together": ("前[qt]中[/qt]後", "前\n後"),
    "code is not the author's word": ("設定です\n[code][To:11]値[/code]\n以上", "設定です\n\n以上"),
    "a box and its title are the author's words": (
        "[info][title]相談[/title]床材で迷っています[/info]",
        "相談\n床材で迷っています",
    ),
    "a rule separates": ("上[hr]下", "上\n下"),
    "a rule at the start adds nothing": ("[hr]下", "下"),
    "a link keeps its address": ("[url]https://example.com/a?b=1[/url]", "https://example.com/a?b=1"),
    "a person's icon and name are no words": ("[piconname:11]さん\nようこそ", "ようこそ"),
    "a file is no word": ("写真です\n[preview id=5 ht=150][download:5]前庭.png (12 KB)[/download]", "写真です"),
    "a task's text is not the sentence": (
        "[task aid=11 st=open lt=0 ltype=none]発注[/task]お願いします",
        "お願いします",
    ),
    "everybody's mention goes": ("[toall]\n明日は休診です", "明日は休診です"),
    "an unclosed quote is text": ("[qt]どこですか", "[qt]どこですか"),
    "a closing tag alone is text": ("以上[/qt]です", "以上[/qt]です"),
    "unclosed code is text": ("[code]どこですか", "[code]どこですか"),
    "a quote that closes around an open box keeps neither tag of the box": ("[qt][info]中[/qt]外[/info]", "外[/info]"),
    "a mention with a leading zero is text": ("[To:011]野口さん", "[To:011]野口さん"),
    "a mention that is cut off is text": ("[To:11 野口さん", "[To:11 野口さん"),
    "a name in brackets is text": ("[野口]です", "[野口]です"),
    "a deleted message is what it says": ("[deleted]", "[deleted]"),
    "an empty message is empty": ("", ""),
}


@pytest.mark.parametrize(("body", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_text_is_the_author_s_own_words(body: str, text: str) -> None:
    assert parse(body).text == text


def test_a_known_name_needs_no_honorific() -> None:
    assert parse("[rp aid=11 to=5-77] noguchi\ntest", names=["noguchi"]).text == "test"


def test_an_unknown_name_without_honorific_stays() -> None:
    assert parse("[rp aid=11 to=5-77] noguchi\ntest").text == "noguchi\ntest"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("野口さん", True),
        (" 野口 一郎 先生 ", True),
        ("運営さま", True),
        ("野口", False),
        ("", False),
        ("野口さん、こんにちは", False),
        ("本当ですか？野口先生", False),
        ("長" * 60 + "さん", False),
    ],
)
def test_a_name_line_is_a_name_and_nothing_else(line: str, expected: bool) -> None:  # noqa: FBT001 (a table's column)
    assert is_name_line(line) is expected


RELATIONS = {
    "a mention": ("[To:11]野口さん\nあ", Parsed("あ", mentions=(11,))),
    "two mentions, in order, each once": ("[To:12][To:11][To:12]あ", Parsed("あ", mentions=(12, 11))),
    "a reply": ("[rp aid=11 to=5-1789012345678901248]あ", Parsed("あ", replies=(Reply(11, 5, "1789012345678901248"),))),
    "two replies": ("[rp aid=1 to=5-7][rp aid=2 to=5-8]あ", Parsed("あ", replies=(Reply(1, 5, "7"), Reply(2, 5, "8")))),
    "everybody": ("[toall]あ", Parsed("あ", to_all=True)),
    "a mention inside a box counts": ("[info][To:11]あ[/info]", Parsed("あ", mentions=(11,))),
    "a mention behind an unclosed quote counts": ("[qt][To:11]あ", Parsed("[qt]あ", mentions=(11,))),
    "nothing inside a quote counts": (
        "[qt][qtmeta aid=11 time=9][To:12]宮田さん\n[rp aid=1 to=5-7][toall]い[/qt]あ",
        Parsed("あ", quotes=(Quote(11, 9, "い"),)),
    ),
    "nothing inside code counts": ("[code][To:12][toall][/code]あ", Parsed("あ", code=("[To:12][toall]",))),
    "nothing inside a task counts": ("[task aid=1 st=open][To:12]い[/task]あ", Parsed("あ", tasks=("い",))),
    "an icon does not notify": ("[picon:11][pname:12]あ", Parsed("あ")),
    "a reply without a message is unknown": ("[rp aid=11 to=5]あ", Parsed("[rp aid=11 to=5]あ")),
    "an id in full-width digits is unknown": ("[To:１１]あ", Parsed("[To:１１]あ")),
    "an endless id is unknown": (f"[To:{'1' * 20}]あ", Parsed(f"[To:{'1' * 20}]あ")),
}


@pytest.mark.parametrize(("body", "parsed"), RELATIONS.values(), ids=RELATIONS.keys())
def test_relations_count_where_they_notify(body: str, parsed: Parsed) -> None:
    assert parse(body) == parsed


QUOTES = {
    "author and time": ("[qt][qtmeta aid=11 time=1781000000]い[/qt]", [Quote(11, 1781000000, "い")]),
    "no time": ("[qt][qtmeta aid=11]い[/qt]", [Quote(11, None, "い")]),
    "no author": ("[qt]い[/qt]", [Quote(None, None, "い")]),
    "an author that is no id": ("[qt][qtmeta aid=0 time=x]い[/qt]", [Quote(None, None, "い")]),
    "an author that is too long": (f"[qt][qtmeta aid={'9' * 25}]い[/qt]", [Quote(None, None, "い")]),
    "a quote within a quote": (
        "[qt][qtmeta aid=1]外[qt][qtmeta aid=2]内[/qt]側[/qt]",
        [Quote(1, None, "外\n側"), Quote(2, None, "内")],
    ),
    "two quotes": ("[qt]い[/qt]あ[qt]う[/qt]", [Quote(None, None, "い"), Quote(None, None, "う")]),
    "code within a quote is quoted": ("[qt]い[code][/qt][/code][/qt]", [Quote(None, None, "い[/qt]")]),
    "the inner pair of an unbalanced nest": ("[qt][qt]い[/qt]", [Quote(None, None, "い")]),
    "the mark of a quote that stands alone": ("[qtmeta aid=1 time=2]い", []),
}


@pytest.mark.parametrize(("body", "quotes"), QUOTES.values(), ids=QUOTES.keys())
def test_quotes(body: str, quotes: list[Quote]) -> None:
    assert list(parse(body).quotes) == quotes


def test_files_tasks_and_code_are_kept_apart() -> None:
    parsed = parse(
        "[code]a[/code][download:5]表.pdf[/download][task aid=1 st=open lt=0 ltype=none]発注[/task][code]b[/code]"
    )
    assert (parsed.code, parsed.files, parsed.tasks) == (("a", "b"), ("表.pdf",), ("発注",))


NOTICES = {
    "somebody joined by link": (
        "[info][dtext:chatroom_chat_joined][/info]",
        SystemNotice(("chatroom_chat_joined",), ()),
    ),
    "an admin added two": (
        (
            "[info][title][dtext:chatroom_chat_edited][/title][dtext:chatroom_member_is][piconname:31][piconname:32]"
            "[dtext:chatroom_added][/info]"
        ),
        SystemNotice(("chatroom_chat_edited", "chatroom_member_is", "chatroom_added"), (31, 32)),
    ),
    "an admin removed somebody": (
        "[info][dtext:chatroom_member_is][pname:31][dtext:chatroom_deleted][/info]",
        SystemNotice(("chatroom_member_is", "chatroom_deleted"), (31,)),
    ),
    "somebody left": (
        "[info][dtext:chatroom_member_is][piconname:31][dtext:chatroom_leaved][/info]",
        SystemNotice(("chatroom_member_is", "chatroom_leaved"), (31,)),
    ),
    "a role changed, without a frame": (
        "[dtext:chatroom_member_is][piconname:31][dtext:chatroom_priv_changed]",
        SystemNotice(("chatroom_member_is", "chatroom_priv_changed"), (31,)),
    ),
    "a task was added": (
        "[info][title][dtext:task_added][/title][task aid=31 st=open lt=9 ltype=date]発注[/task][/info]",
        SystemNotice(("task_added",), ()),
    ),
    "somebody joined, in the older words": (
        "[info]チャットに参加しました。[/info]",
        SystemNotice(("chatroom_chat_joined",), ()),
    ),
    "an admin added somebody, in the older words": (
        "[info][title]チャット情報を変更しました。[/title]メンバー「[piconname:31]」を追加しました。[/info]",
        SystemNotice(("chatroom_chat_edited", "chatroom_member_is", "chatroom_added"), (31,)),
    ),
}


@pytest.mark.parametrize(("body", "notice"), NOTICES.values(), ids=NOTICES.keys())
def test_system_notices(body: str, notice: SystemNotice) -> None:
    parsed = parse(body)
    assert parsed.is_system
    assert parsed.notice == notice


def test_the_comment_on_an_uploaded_file_is_kept() -> None:
    parsed = parse("[info][title][dtext:file_uploaded][/title]平面図です\n[download:5]図.pdf[/download][/info]")
    assert (parsed.is_system, parsed.text, parsed.files) == (True, "平面図です", ("図.pdf",))


@pytest.mark.parametrize(
    "body",
    [
        "チャットに参加しました。よろしくお願いします",
        "昨日[info][dtext:chatroom_chat_joined][/info]と出ました",
        "[code][info][dtext:chatroom_chat_joined][/info][/code]",
        "[qt][info][dtext:chatroom_chat_joined][/info][/qt]",
        "[info][title]お知らせ[/title]新しくチャットに参加しました。[/info]",
        "[info]お知らせです[/info]",
    ],
)
def test_words_about_a_notice_are_no_notice(body: str) -> None:
    assert not parse(body).is_system


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("助かります(bow)", "助かります"),
        ("やった:)(*)(F)", "やった"),
        ("(1)と(2)、(案A)", "(1)と(2)、(案A)"),
        ("12:30に https://example.com/(abc で", "12:30に https://example.com/(abc で"),
    ],
)
def test_emoticons_can_be_dropped(text: str, without: str) -> None:
    assert without_emoticons(text) == without


MARKS = st.sampled_from(
    ["[To:11]", "[To:0]", "[rp aid=1 to=2-3]", "[toall]", "[hr]", "[picon:1]", "[piconname:2]", "さん"]
)
PAIRS = st.sampled_from(["[qt]", "[/qt]", "[code]", "[/code]", "[info]", "[/info]", "[title]", "[/title]", "[url]"])
GENERATED = st.sampled_from(["[qtmeta aid=1 time=2]", "[download:1]", "[/download]", "[task aid=1]", "[/task]"])
BROKEN = st.sampled_from(["[", "]", "[ ]", "[[ ]]", "[To:", "[info", "\n", "[preview id=1 ht=2]", "[dtext:task_done]"])
TAGS = MARKS | PAIRS | GENERATED | BROKEN
WORDS = st.text(alphabet="あいう漢字abc12、？", min_size=1, max_size=6)


@given(st.lists(TAGS | WORDS | st.text(max_size=5)).map("".join))
def test_no_body_raises(body: str) -> None:
    parse(body)


@given(
    st.lists(WORDS | st.sampled_from(["[To:11]", "[hr]", "[info]", "[/info]", "[toall]", "[qt]", "[picon:3]", "[x"]))
)
def test_words_outside_tags_are_kept(pieces: list[str]) -> None:
    body = "".join(pieces)
    words = "".join(piece for piece in pieces if not piece.startswith("["))
    kept = re.sub(r"\[(?:info|/info|qt)\]|\[x|\s", "", parse(body).text)
    assert kept == words


@given(st.text(alphabet="あいう12、。\n", max_size=30))
def test_text_without_tags_is_itself(text: str) -> None:
    assert parse(text) == Parsed(text.strip())


HOSTILE = {
    "opening brackets": "[",
    "closing brackets": "]",
    "quotes never closed": "[qt]",
    "quotes never opened": "[/qt]",
    "quotes within quotes": "[qt][qtmeta aid=1 time=2]",
    "code never closed": "[code]",
    "code closed and opened": "[/code][code]",
    "tags cut off": "[info",
    "attributes without end": "[task aid=1 ",
    "different tags never closed": "[qt][info][title]",
    "closing tags that cross": "[qt][info][/qt][/info]",
    "mentions": "[To:1]",
    "mentions with half a name": "[To:1]あ",
    "one endless attribute": "a",
    "name lines": "[To:1]あさん\n",
    "notices": "[dtext:chatroom_member_is]",
    "blanks": " ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies_take_linear_time(unit: str) -> None:
    """Four times the length may take at most twelve times as long; a quadratic parser would take sixteen."""
    small, large = (_seconds("[qtmeta " + unit * (size // len(unit))) for size in (LIMIT // 4, LIMIT))
    assert large < 12 * small + 0.05


def _seconds(body: str) -> float:
    return min(_once(body) for _ in range(3))


def _once(body: str) -> float:
    started = time.process_time()
    parse(body)
    return time.process_time() - started


def test_a_nest_of_quotes_is_taken_apart_whole() -> None:
    depth = LIMIT // len("[qt]あ[/qt]")
    parsed = parse("[qt]あ" * depth + "[/qt]" * depth)
    assert parsed.quotes == (Quote(None, None, "あ"),) * depth

"""Reading Chatwork's message notation. Building it is `engine.chatwork.compose`.

Bodies are typed by people, so every tag can be forged, cut off or nested without end. Reading therefore never raises,
takes time linear in the length, and trusts nothing: a tag that does not add up is text, as it is on Chatwork's screen.

https://developer.chatwork.com/docs/message-notation
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@dataclass(frozen=True, slots=True)
class Reply:
    """A `[rp]` tag: which message is answered, and who wrote that message."""

    account_id: int
    room_id: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A `[qt]` block. `text` is its own level only: a quote within a quote is a further `Quote`.

    Author and time (epoch seconds) are None where the block does not say; a quote never names its message.
    """

    account_id: int | None
    time: int | None
    text: str


@dataclass(frozen=True, slots=True)
class SystemNotice:
    """A generated message's `dtext` keys and the accounts it names, in order. A hint: anybody can type these tags."""

    keys: tuple[str, ...]
    account_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message body taken apart.

    `text` is what the author wrote in their own words: no tags, no quotes, code, tasks or file names, and no line that
    only names the person addressed. Mentions and replies are those that notify, so none from quotes and code.
    """

    text: str
    mentions: tuple[int, ...] = ()
    replies: tuple[Reply, ...] = ()
    to_all: bool = False
    quotes: tuple[Quote, ...] = ()
    code: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notice: SystemNotice | None = None

    @property
    def is_system(self) -> bool:
        """Whether the body begins with a frame that Chatwork generates."""
        return self.notice is not None


# Attributes stop at the next bracket: whatever is typed, no character is looked at more than a few times.
_ID = "[1-9][0-9]{0,18}"
_TAG = re.compile(
    rf"""\[(?:
      (?P<to>To:(?P<to_id>{_ID}))
    | (?P<reply>rp[ ]aid=(?P<author_id>{_ID})[ ]to=(?P<room_id>{_ID})-(?P<message_id>{_ID}))
    | (?P<to_all>toall)
    | (?P<code>code)
    | (?P<rule>hr)
    | (?P<person>(?:picon|piconname|pname):(?P<person_id>{_ID}))
    | (?P<system>dtext:(?P<key>[a-z_]+))
    | (?P<meta>qtmeta[ ][^][\n]*)
    | (?P<link>/?url)
    | (?P<preview>preview[ ][^][\n]*)
    | (?P<open>qt|info|title|task[ ][^][\n]*|download:[^][\n]*)
    | (?P<close>/(?:qt|info|title|task|download))
    )\]""",
    re.VERBOSE,
)
_CODE_END = "[/code]"
_SEPARATE = frozenset({"qt", "task", "download"})  # what stands in these is not the author's own text
_META_AID = re.compile(rf"\baid=({_ID})(?![0-9])")
_META_TIME = re.compile(r"\btime=([0-9]{1,12})(?![0-9])")
_NAME_LINE = re.compile(r"[^、。！？!?]{0,40}(?:さん|さま|様|先生|殿)")
_EMOTICON = re.compile(r"\((?:[a-z]{3,12}|[FYhy*^]|\^\^;|:/)\)|(?<![0-9A-Za-z])(?:[:;]-?[)(DpPo*|]|8-[)|]|\|-\))")

# What the web client shows for the keys; older messages hold these sentences in place of the tags.
_LITERALS = {
    "チャットに参加しました。": "chatroom_chat_joined",
    "チャット情報を変更しました。": "chatroom_chat_edited",
    "新しくグループチャットを作成しました。": "chatroom_groupchat_created",
    "コンタクトを追加しました。": "chatroom_contact_added",
    "メンバー「": "chatroom_member_is",
    "」を追加しました。": "chatroom_added",
    "」を削除しました。": "chatroom_deleted",
    "」が退席しました。": "chatroom_leaved",
    "」の権限を変更しました。": "chatroom_priv_changed",
}
_LITERAL = re.compile("|".join(map(re.escape, _LITERALS)))
_GENERATED = re.compile(r"\s*(?:\[info\](?:\[title\])?)?\[dtext:[a-z_]+\]")
_GENERATED_OLD = re.compile(rf"\s*\[info\](?:\[title\])?(?:{_LITERAL.pattern})")


def parse(body: str, names: Collection[str] = ()) -> Parsed:
    """Take a message body apart; `names` are members' display names, to know a name line without an honorific."""
    tags = list(_tags(body))
    reader = _Reader(frozenset(names))
    paired = _paired(tags)
    position = 0
    for index, tag in enumerate(tags):
        reader.words(body[position : tag.start()])
        if tag.lastgroup in ("open", "close") and index not in paired:
            reader.words(tag[0])
        else:
            reader.tag(tag)
        position = tag.end()
        if tag.lastgroup == "code":
            end = body.index(_CODE_END, position)
            reader.literal(body[position:end])
            position = end + len(_CODE_END)
    reader.words(body[position:])
    return reader.parsed(notice=_notice(body, tags))


def is_name_line(line: str) -> bool:
    """Whether a line is a name with an honorific and nothing else: `田中さん`, not `田中さん、お元気ですか`."""
    return _NAME_LINE.fullmatch(line.strip()) is not None


def without_emoticons(text: str) -> str:
    """Drop emoticon codes such as `(bow)` and `:)`, which Chatwork leaves in the body as plain text."""
    return _EMOTICON.sub("", text)


def _tags(body: str) -> Iterator[re.Match[str]]:
    """Yield well-formed tags in order, none from inside `[code]`, and `[code]` itself only where it is closed."""
    position = 0
    last_code_end = body.rfind(_CODE_END)
    while tag := _TAG.search(body, position):
        position = tag.end()
        if tag.lastgroup == "code":
            if last_code_end < position:
                continue
            position = body.index(_CODE_END, position)
        yield tag


def _paired(tags: list[re.Match[str]]) -> frozenset[int]:
    """Return the positions of opening and closing tags that belong together, properly nested."""
    paired: set[int] = set()
    waiting: list[tuple[str, int]] = []
    count: dict[str, int] = {}
    for index, tag in enumerate(tags):
        name = _name(tag)
        if tag.lastgroup == "open":
            waiting.append((name, index))
            count[name] = count.get(name, 0) + 1
        elif tag.lastgroup == "close" and count.get(name):
            opener = ""
            while opener != name:
                opener, start = waiting.pop()
                count[opener] -= 1
            paired |= {start, index}
    return frozenset(paired)


def _name(tag: re.Match[str]) -> str:
    return tag[0].strip("[]/").partition(" ")[0].partition(":")[0]


def _notice(body: str, tags: list[re.Match[str]]) -> SystemNotice | None:
    ids = tuple(int(tag["person_id"]) for tag in tags if tag.lastgroup == "person")
    if _GENERATED.match(body):
        return SystemNotice(tuple(tag["key"] for tag in tags if tag.lastgroup == "system"), ids)
    if _GENERATED_OLD.match(body):
        return SystemNotice(tuple(_LITERALS[found[0]] for found in _LITERAL.finditer(body)), ids)
    return None


@dataclass(slots=True)
class _Block:
    """Text being collected at one level: the message itself, or a quote, task or file within it."""

    kind: str
    pieces: list[str] = field(default_factory=list)
    account_id: int | None = None
    time: int | None = None

    def break_line(self) -> None:
        if self.pieces and not self.pieces[-1].endswith("\n"):
            self.pieces.append("\n")

    def describe(self, meta: str) -> None:
        aid, time = _META_AID.search(meta), _META_TIME.search(meta)
        self.account_id = int(aid[1]) if aid else None
        self.time = int(time[1]) if time else None

    def text(self) -> str:
        return "".join(self.pieces).strip()


class _Reader:
    """Collects what `parse` walks over. The first open block is the author's own text, the last one the innermost."""

    def __init__(self, names: frozenset[str]) -> None:
        own = _Block("own")
        self._names = names
        self._open = [own]
        self._blocks = [own]
        self._code: list[str] = []
        self._mentions: list[int] = []
        self._replies: list[Reply] = []
        self._to_all = False
        self._name_may_follow = False

    def words(self, text: str) -> None:
        """Take plain text; behind a tag that addresses somebody, leave out the line that only names them."""
        block = self._open[-1]
        if self._name_may_follow:
            line, _, rest = text.partition("\n")
            if line.strip() in self._names or is_name_line(line):
                block.break_line()
                text = rest
        self._name_may_follow = False
        if text:
            block.pieces.append(text)

    def literal(self, code: str) -> None:
        """Take the content of `[code]`, which within a quote is part of what is quoted."""
        if self._is_own:
            self._open[-1].break_line()
            self._code.append(code)
        else:
            self._open[-1].pieces.append(code)

    def tag(self, tag: re.Match[str]) -> None:
        kind = tag.lastgroup
        if kind == "open":
            self._enter(_name(tag))
        elif kind == "close":
            self._leave(_name(tag))
        elif kind == "meta":
            self._open[-1].describe(tag[0])
        elif kind == "rule":
            self._open[-1].break_line()
        else:
            self._name_may_follow = kind in ("to", "reply", "person")
            if self._is_own:
                self._relate(tag)

    def parsed(self, notice: SystemNotice | None) -> Parsed:
        own, *blocks = self._blocks
        return Parsed(
            text=own.text(),
            mentions=tuple(dict.fromkeys(self._mentions)),
            replies=tuple(dict.fromkeys(self._replies)),
            to_all=self._to_all,
            quotes=tuple(Quote(block.account_id, block.time, block.text()) for block in blocks if block.kind == "qt"),
            code=tuple(self._code),
            tasks=tuple(block.text() for block in blocks if block.kind == "task"),
            files=tuple(block.text() for block in blocks if block.kind == "download"),
            notice=notice,
        )

    @property
    def _is_own(self) -> bool:
        return len(self._open) == 1

    def _relate(self, tag: re.Match[str]) -> None:
        if tag.lastgroup == "to":
            self._mentions.append(int(tag["to_id"]))
        elif tag.lastgroup == "reply":
            self._replies.append(Reply(int(tag["author_id"]), int(tag["room_id"]), tag["message_id"]))
        elif tag.lastgroup == "to_all":
            self._to_all = True

    def _enter(self, name: str) -> None:
        self._open[-1].break_line()
        if name in _SEPARATE:
            block = _Block(name)
            self._open.append(block)
            self._blocks.append(block)

    def _leave(self, name: str) -> None:
        if name in _SEPARATE:
            self._open.pop()
        else:
            self._open[-1].break_line()

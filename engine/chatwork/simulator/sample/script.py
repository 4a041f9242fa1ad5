"""What the sample community talks about: three quarters of a minute of an ordinary lunch break.

Most questions are answered by somebody who happens to read along. One is not, so that the engine has somebody to ask;
one remark is unkind, so that an admin has something to decide; and two newcomers arrive on a vendor's recommendation.
"""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """Who says what, and when (in seconds). `reply` names a line, `to` a person; `key` makes a line nameable."""

    at: float
    who: str
    text: str
    key: str = ""
    reply: str = ""
    to: str = ""


class Arrival(NamedTuple):
    """A vendor tells a doctor about the community; the doctor comes, says hello, and is welcomed."""

    at: float
    reference: str
    doctor: str
    hello: str
    host: str
    welcome: str


SCRIPT = (
    Line(
        1,
        "nakano",
        "開業準備中の中野です。初歩的なことで恐縮ですが、保険医療機関の指定申請は、"
        "内覧会の前に済ませておくものでしょうか？",
        key="application",
    ),
    Line(
        4,
        "aoki",
        "うちのときは、厚生局の締切が毎月決まっていて、開院の前の月に出しました。"
        "締切日は県によって違うようですので、早めに一度お電話なさると安心かと思います。",
        key="application-answer",
        reply="application",
    ),
    Line(
        6,
        "kudo",
        "私は締切を1日過ぎてしまい、開院をひと月ずらした苦い思い出があります…。どうぞ余裕をもって(bow)",
        to="nakano",
    ),
    Line(
        8,
        "fujii",
        "高知の藤井です。受付のパートさんがなかなか決まりません。"
        "皆さまのところでは求人をどちらに出していらっしゃるか、教えてください。",
        key="staff",
    ),
    Line(
        9.5,
        "nakano",
        "青木先生、工藤先生、ありがとうございます！締切があること自体を存じませんでした。おかげさまで解決しました。",
        reply="application-answer",
    ),
    Line(
        11,
        "hayashi",
        "うちはハローワークと、院内の貼り紙です。患者さんのご家族が来てくださって、もう3年になります。",
        key="staff-answer",
        reply="staff",
    ),
    Line(
        12.5,
        "nishi",
        "離島で整形外科をしております西です。リハビリ室の床の張り替えで迷っております。"
        "滑りにくくて掃除もしやすい床材をご存じの先生、いらっしゃいますか？",
        key="floor",
    ),
    Line(
        13.5,
        "sakamoto",
        "スタッフの紹介が一番長続きしました。地方ですと、地域の広報誌も意外と見てくださるそうです。",
        to="fujii",
    ),
    Line(
        15,
        "miyata",
        "宮田です。これで3回目の質問になってしまい申し訳ないのですが、生活習慣病の療養計画書は、"
        "毎回ご署名をいただくのでしたっけ？どうしても忘れてしまいまして…。",
        key="plan",
    ),
    Line(
        16.5,
        "fujii",
        "林先生、坂本先生、ありがとうございます。さっそく貼り紙を作ってみます。大変助かりました。",
        reply="staff-answer",
    ),
    Line(
        18,
        "shimizu",
        "何度でも大丈夫ですよ、私も先月また調べ直しました。うちでは初回にご署名をいただき、"
        "2回目からはご説明して納得いただけたことを記録して、署名は省いています。",
        key="plan-answer",
        reply="plan",
    ),
    Line(
        20,
        "kurosaki",
        "同じことを3回も聞くなんて、さすがですね（笑）。そんなことも覚えられないのに、よく開業できましたね。",
        key="unkind",
        reply="plan",
    ),
    Line(
        21,
        "ueda",
        "上田です。お昼にすみません。電子カルテは、最初からクラウド型にされた方が多いのでしょうか。",
        key="records",
    ),
    Line(
        23,
        "tsuda",
        "忘れてしまうのは皆同じだと思います。私は机の横に付箋を貼っています。また何度でも聞いてくださいね。",
        reply="plan",
    ),
    Line(
        24.5,
        "toyama",
        "うちは開院からクラウド型です。自宅からも確認できて、往診のときも助かっています。",
        key="records-answer",
        reply="records",
    ),
    Line(
        26,
        "aoki",
        "何度聞いてもいい場所だと伺って、私もここに入れていただきました。お互いさまです。",
        to="miyata",
    ),
    Line(
        27.5,
        "hashimoto",
        "外山先生のお話、勉強になります。私は少しだけ違う考えで、山あいで回線が不安定なものですから、"
        "院内サーバー型にして助かりました。土地の事情によるのかもしれません。",
        key="other-view",
        reply="records-answer",
    ),
    Line(
        29,
        "miyata",
        "清水先生、津田先生、青木先生、ありがとうございます。付箋、さっそくまねいたします。解決しました！",
        reply="plan-answer",
    ),
    Line(
        31,
        "toyama",
        "なるほど、回線のことまでは考えが及びませんでした。橋本先生、ありがとうございます。",
        reply="other-view",
    ),
    Line(
        32.5,
        "ueda",
        "外山先生、橋本先生、ありがとうございます。うちも回線を調べてから決めることにします。",
        reply="records-answer",
    ),
    Line(
        35,
        "kimura",
        "木村です。発熱の方と妊婦さんの待合を分けたいのですが、どう工夫されているか伺えますと幸いです。",
        key="waiting",
    ),
    Line(
        38,
        "yasuda",
        "うちは車の中でお待ちいただいて、順番になりましたらお電話しています。駐車場のない日は裏口からです。",
        key="waiting-answer",
        reply="waiting",
    ),
    Line(
        40,
        "kobayashi",
        "ビルの2階なので、予約の時間そのものを分けました。最初の30分だけでも、ずいぶん落ち着きました。",
        to="kimura",
    ),
    Line(
        43,
        "kimura",
        "安田先生、小林先生、ありがとうございます！お電話でお呼びする方法、明日から試してみます。助かりました。",
        reply="waiting-answer",
    ),
    Line(45, "chiba", "皆さまのやりとり、いつも勉強になります。では午後の外来に行ってまいります(gogo)"),
)

ARRIVALS = (
    Arrival(
        10,
        "minato-7f3a",
        "wada",
        "はじめまして。栃木で来春の開業を目指しております、内科の和田俊介と申します。"
        "初歩的なことばかり伺うかと存じますが、どうぞよろしくお願いいたします。\n紹介コード: {code}",
        "endo",
        "和田先生、ようこそ。私も初歩的なことばかり伺っております。どうぞ気楽になさってください。",
    ),
    Arrival(
        19,
        "akebono-19c2",
        "negishi",
        "徳島の小児科医、根岸友香と申します。父の医院を継ぐ準備をしております。"
        "皆さまのやりとりに学ばせていただきたく参りました。\n紹介コード: {code}",
        "ogawa",
        "根岸先生、ようこそお越しくださいました。承継の苦労話でしたら、いくらでもございます（笑）",
    ),
)

ANSWERS_WHEN_ASKED = {
    "floor": (
        "お声がけありがとうございます。うちは病院用の防滑シートにしました。継ぎ目が少なく、モップがけだけで済みます。",
        "うちはタイルカーペットで一度失敗しまして、防滑の塩ビシートに替えました。車いすも軽く動きます。",
        "専門ではありませんが、うちの廊下は学校の体育館と同じ床材で、8年たっても滑りません。",
    ),
}
ANSWER_TO_ANYTHING = (
    "お声がけありがとうございます。うちの場合で恐縮ですが、まず近くの先生に伺って、"
    "同じやり方を小さく試してから決めました。ご参考になれば幸いです。"
)
NO_TIME = "申し訳ありません、今回はパスさせてください。"
THANKS = "ありがとうございます！とても参考になりました。おかげさまで解決しました。"

"""What hurts the community, and what only looks like it. The sentence is the id; most sentences are harmless."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine.moderation.abuse import DISCRIMINATION, HARASSMENT, INSULTS
from engine.moderation.detect import Action, judge
from engine.moderation.lexicon import Category
from engine.moderation.mounting import MOUNTING
from engine.moderation.sarcasm import SARCASM
from engine.moderation.solicitation import SOLICITATION

HARMFUL = {
    Category.MOUNTING: [
        "え、まだ紙カルテなんですか？今どきそんな院長がいるとは驚きです。",
        "そのレベルの知識で開業するとか、患者さんがかわいそうですね。",
        "医学部で何を習ってきたんですか？",
        "私は専門医を3つ持っていますが、先生はお持ちでないですよね。",
        "この程度の質問は自分で解決できるようにならないと、先が思いやられます。",
        "普通は開業前に知っておくべきことですけどね。",
        "うちの売上は先生のところの5倍です。やり方が違うんですよ。",
        "そんなの常識ですよ。今さら聞くことですか？",
        "レセプトも読めないのに院長をやってるんですか。",
        "旧帝大出身の私からすると、ちょっと信じられないレベルの会話です。",
        "先月も同じことを聞いてましたよね。いい加減覚えてください。",
        "素人さんは黙っていてください。",
        "そのくらい計算すればわかりますよね？小学校の算数です。",
        "開業して2年も経ってそれですか。私は1年目で借金を返し終えましたけど。",
        "先生、そこからですか？まいったな。",
        "わからない単語が出るたびに聞くのはやめて、まず通知を読む習慣をつけましょうね、先生。",
        "年間手術件数が私の10分の1の先生に言われたくないですね。",
        "経営者の自覚が足りないんじゃないですか。",
        "医局でちやほやされていた人ほど、こういう初歩でつまずくんですよね。",
        "そんな小さな規模でよく満足できますね。",
    ],
    Category.SARCASM: [
        "さすが院長先生、人に聞くのだけはお早いですね。",
        "そんなにお暇なら診察をされたらいかがですか。",
        "立派なご経歴なのに、その程度なんですね。",
        "先生の頭の中はいつも春なんでしょうね。",
        "すごいですねー、私なら恥ずかしくて書けません。",
        "ご丁寧に失敗談をありがとうございます。反面教師にさせていただきます。",
        "毎日質問ばかりで、お仕事は大丈夫ですか？",
        "ご立派なご意見ですこと。実践されているところをぜひ見てみたいものです。",
        "質問する前に5秒考えるという文化は、先生の地域にはないのでしょうか。",
        "いやあ、先生の行動力には頭が下がります。準備ゼロで突っ込むなんて誰にも真似できません。",
        "どうぞご自由に。失敗したときの報告だけ楽しみにしています。",
        "先生みたいな方がいると、自分の経営が上手に見えて助かります。",
    ],
    Category.INSULT: [
        "お前みたいなバカが院長とは世も末だな",
        "あの院長、マジで頭悪い",
        "ば か じ ゃ な い の",
        "ﾊﾞｶじゃねえの",
        "ほんと使えない人ですね。",
        "気持ち悪いんだよ、いちいち。",
        "性格が腐ってますよ、先生。",
        "このヤブ医者が。",
        "生きてる価値ないよ",
        "馬鹿な質問する奴は消えろよ",
        "医者のくせに日本語も書けないのか、この間抜け。",
        "こいつマジ無能すぎて草",
        "お前の病院なんか潰れちまえ",
        "あそこの院長は人間のクズです。",
    ],
    Category.HARASSMENT: [
        "これ以上続けるなら、先生の医院の口コミに全部書きますよ。",
        "住所も家族構成も調べました。楽しみにしていてください。",
        "みんなであの先生を無視しましょう。",
        "今すぐ返信しないと医師会にばらします。",
        "受付の子、胸大きいよね。今度紹介して(笑)",
        "いつまで黙ってるつもりですか。答えるまで毎日書き込みますよ。",
        "夜道には気をつけたほうがいいですよ",
        "明日までに謝らなければ、先生の実名をネットに晒します。",
        "奥さんにこのやり取り送りましょうか？",
        "女医さんはやっぱり脚がきれいな人じゃないとね。今度二人で飲みましょうよ。",
        "返信くれるまで帰しませんよ(笑) 既読ついてますよね？",
        "全員であのクリニックに星1を入れに行こうぜ。",
    ],
    Category.DISCRIMINATION: [
        "女医は産休ですぐ抜けるから採用しないほうがいい。",
        "生活保護の患者は時間にルーズで常識がない。",
        "外国人の患者は金を払わないから全部断ってる。",
        "精神科の患者は面倒くさいから関わりたくない。",
        "高齢者なんて医療費の無駄ですよ。",
        "これだからゆとり世代は困る。",
        "私立医大卒は金で医者になった連中でしょ。",
        "中国人の患者は声がでかくてマナーが悪いから来ないでほしい。",
        "男の看護師なんて気持ち悪いだけでしょう。",
        "シングルマザーはすぐ休むから面接で落としています。",
        "うつ病なんて甘えだから診断書は書きません。",
        "障害者雇用は足手まといになるだけです。",
    ],
    Category.SOLICITATION: [
        "当院の開業を支援したコンサルをご紹介できます。私に紹介料が入りますが、先生にも特典があります。",
        "クリニック専門のホームページ制作を行っております。今なら初期費用0円です。お問い合わせください。",
        "オンラインサロンを始めました。月3,000円で経営ノウハウを毎週配信します。登録はプロフィールから。",
        "医師限定の不動産投資セミナーを開催します。参加費無料、お申し込みはこちら https://example.com/s",
        "このサプリ、本当におすすめです。私のコードを使うと20%オフになります。",
        "絶対に値上がりする仮想通貨があります。興味がある方は個別に連絡ください。",
        "MRをしています。新薬の説明会を開きますので、ぜひお越しください。お弁当付きです。",
        "クリニック専門の人材紹介です。看護師が最短3日で決まります。ご連絡お待ちしております。",
        "先生方だけに特別なご案内です。中古エコーを50万円でお譲りします。個別メッセージください。",
        "開業コンサルをしております。初回面談は無料ですので、お気軽にお声がけください。",
    ],
    Category.PERSONAL_DATA: [
        "昨日来院された渡辺様（72歳）、心房細動でDOACを始めたのですが、用量はこれでよいでしょうか。",
        "カルテNo.20481の患者さん、予約日を間違えて登録してしまいました。",
        "小林健太くん（5歳）の熱性けいれんの件、紹介先を探しています。",
        "患者さんのお名前は中村様で、昭和32年4月8日生まれ、糖尿病です。",
        "この方、携帯は090-1111-2222です。再診の連絡をしてもらえませんか。",
        "保険証番号 12345678 の患者さん、資格喪失でした。",
        "住所は世田谷区桜丘3-4-5の方で、往診希望です。",
        "高橋さんという患者さんがいて、うつ病で休職中なんですが、診断書は何か月で書きますか。",
        "木村さんという80歳の女性、ご主人が救急搬送されて独居になりました。",
        "診察券番号 55231 の方のアレルギー情報を共有します。",
        "山崎陽子様のCT結果、膵癌でした。",
        "S41.3.15生まれの男性で、HIV陽性の方の紹介先を教えてください。",
        "個人番号は 1234 5678 9018 です。",
        "近藤様（03-5555-1234）に検査結果の電話をお願いします。",
    ],
}

HARMLESS = [
    "聞くなら今のうちですよ、担当の方が来週まででした。",
    "そんなことまで聞くなんて、と思わずにどうぞ。",
    "レセプトの返戻が多くて自分の勉強不足を痛感します。",
    "私みたいなバカでもわかる本を教えてください。",
    "税理士に「そんなことも知らないんですか」と言われて落ち込みました。",
    "はい、無理です。法律で決まっています。",
    "それは違うと思います。根拠は通知の3ページです。",
    "調べてもわからなかったので質問させてください。",
    "先に保健所へ確認してから図面を引くのがいいですよ。",
    "素晴らしいですね、うちでも真似させてください！",
    "さすが先生、仕事が早い！",
    "そのやり方は危ないと思います。やめたほうがいいです。",
    "うちは1日60人来ていますが、スタッフは5人です。ご参考まで。",
    "年商1億を超えました。皆さんのおかげです。",
    "知らなかったです。勉強になります。",
    "こんなことも知らずに開業してしまいました…",
    "皆さんすごすぎて自分が情けないです。",
    "若い先生方の勢いに元気をもらっています。",
    "女性医師の産休中の代診はどうされていますか？",
    "外国人の患者さんの問診票、何語まで用意していますか。",
    "生活保護の患者さんの医療券は毎月届きますか？",
    "高齢者の患者さんが多く、待ち時間が長くなりがちです。",
    "精神科の患者さんの紹介先に困っています。",
    "発達障害の診断書は小児科でも書けますか。",
    "認知症で理解力が低下している方への説明に悩んでいます。",
    "肥満の患者さんへの声かけ、どうされていますか。",
    "陰部の掻痒感を訴える方には何を処方しますか？",
    "死亡診断書の書き方を教えてください。",
    "殺菌灯は何時間つけていますか。",
    "自殺企図のある患者さんの対応マニュアルはありますか。",
    "バカ売れしている加湿器、受付にも置きました。",
    "ゴミの分別が厳しい地域で困っています。",
    "カスタマーサポートに電話しても繋がりません。",
    "うちのバカ犬がカルテを噛みました(笑)",
    "ハゲ治療の自費はいくらにしていますか。",
    "乳房の触診は看護師さんに同席してもらっていますか。",
    "電話番号は2つ聞いています。患者番号は5桁にしました。",
    "マイナンバーカードの読み取り機が壊れました。",
    "予約番号は1から9999までの4桁です。",
    "NTTの03-1234-5678に電話したら繋がりました。",
    "不動産会社の田中さんに相談したら、審査が通りました。",
    "スタッフの山田さんが結婚するので、お祝いを考えています。",
    "[To:31]佐藤さん\n糖尿病の患者さんの件、ありがとうございます。",
    "佐藤さん、先日の認知症の患者さんのお話、参考になりました。",
    "総額1,234万円、税込です。請求書番号は202607180001です。",
    "60代女性、骨粗鬆症。薬の変更を考えています。",
    "30代の男性で、片頭痛が続いている方がいます。",
    "おすすめの電子カルテの会社を教えてください。無料相談は使いましたか？",
    "うちはA社の予約システムで月2万円です。満足しています。",
    "弊社という言葉をどこまで使うか迷います。",
    "勉強会のご案内です。参加費は無料、運営が開催します。",
    "[qt]バカじゃないの[/qt]\nこれは言い過ぎだと思います。",
    "「死ね」と書かれた口コミがつきました。削除できますか。",
    "患者さんに「ヤブ医者」と怒鳴られました。つらいです。",
    "嫌味を言われた気がして落ち込んでいます。",
    "またまた質問ですみません。何度もごめんなさい。",
    "その件は前にも書きましたが、3年保存です。",
    "答えは1ページ目の表に書いてあります。",
    "厚生局に届出を送る期限はいつですか。",
    "保健所に通報されたらどう対応しますか。",
    "口コミに星1をつけられました。返信すべきでしょうか。",
    "スタッフに無視されている気がします。",
    "早めにお返事いただけると助かります。",
    "写真は受付の制服です。可愛いと好評でした。",
    "先生の投稿、いつも楽しみにしています。面白いです！",
    "暇な時間帯はどう過ごしていますか。",
    "楽な科なんてないですよね。",
    "私の時代は手書きでしたが、今は便利でいいですね。",
    "学生でも使えるくらい簡単な画面でした。",
    "そのくらいの金額なら普通だと思います。",
    "本気で移転を考えています。",
    "銀行員に甘いと言われました。",
    "見積もりが甘かったと反省しています。",
    "ご専門の先生にお聞きしたいです。",
    "なるほど、そういう発想はありませんでした！",
    "皆さんの意見が聞けて幸せです。",
    "誰も教えてくれなかったので助かります。",
    "今どきの診察券はアプリが多いんですね。",
    "それは常識的な範囲だと思います。",
    "普通は3か月前に届け出るものです。",
    "先生のところより私のほうが待ち時間が長いです。",
    "もう少し具体的に書いていただけると答えやすいです。",
    "その質問、私もしました。みんな通る道です。",
    "何度聞いても大丈夫ですよ。",
    "何回説明しても患者さんに伝わらず悩んでいます。",
    "いい加減な業者に当たって困っています。",
    "暇なら手伝ってほしいと妻に言われました。",
    "時間があるときに見ていただけると嬉しいです。",
    "スタッフが辞めてしまい、患者さんにご迷惑をかけています。",
    "院長に向いていないのかもと悩んでいます。",
    "センスのいい待合ですね！",
    "使えない機能が多い電子カルテでした。",
    "この機種は最悪でした。すぐ壊れます。",
    "気持ち悪いと訴える患者さんにはまず血圧を測ります。",
    "お腹が気持ち悪いそうです。",
    "女性は鉄欠乏が多いので採血しています。",
    "高齢者は脱水に気づきにくいので注意してください。",
    "外国人スタッフが採用できて助かっています。",
    "男性看護師の更衣室、どうしていますか。",
    "うつ病の患者さんの休職診断書は何か月で書きますか。",
    "障害者雇用の助成金について知りたいです。",
    "胸が大きく動いているか見てください。",
    "胸部X線の写真を見せてもらう手順を教えてください。",
    "訴訟になったら訴えますよと言われました。",
    "患者さんから「殺すぞ」と脅されました。警察に通報すべきでしょうか。",
    "クレーマーの患者さんを出禁にした経験はありますか。",
    "SNSに院内の写真を流すのはどこまで許されますか。",
    "ご連絡お待ちしております、とだけ書かれた手紙が届きました。",
    "MRさんの説明会のお弁当、断っていますか。",
    "中古エコーを50万円で買いました。満足です。",
    "コンサルは入れず自分で開業しました。費用は0円です。",
    "割引のある駐車場と契約しました。",
    "キャンペーンで届いた加湿器が便利です。",
    "確実に増える固定費は家賃です。",
    "木村先生に教わった通りにやりました。",
    "木村さんが80歳で引退されたそうです、薬局の。",
    "診察券番号は何桁にしていますか。",
    "生年月日は西暦で書いてもらっています。",
    "1985年4月1日開業のクリニックを継承します。",
    "電話は03-5555-1234に変わりました。よろしくお願いします。",
    "個人番号カードの更新に行ってきました。",
    "80歳女性、膵癌の方の在宅移行を相談させてください。",
    "皆さんの投稿を読むだけで幸せな気持ちになります。",
    "その勇気、見習いたいです！",
    "立派なクリニックですね。開院おめでとうございます。",
    "私なら怖くてできません。尊敬します。",
    "素人質問で恐縮ですが、敷金と保証金は違いますか。",
]


@pytest.mark.parametrize(
    ("category", "body"),
    [(category, body) for category, bodies in HARMFUL.items() for body in bodies],
)
def test_it_is_shown_to_an_admin(category: Category, body: str) -> None:
    judgement = judge(body)
    assert judgement.action is not Action.NONE
    assert judgement.category is category


@pytest.mark.parametrize("body", HARMLESS)
def test_it_is_left_alone(body: str) -> None:
    judgement = judge(body)
    assert (judgement.action, judgement.category) == (Action.NONE, Category.NONE), judgement.signals


def test_harmless_examples_outnumber_harmful_ones() -> None:
    assert len(HARMLESS) > sum(map(len, HARMFUL.values()))


@pytest.mark.parametrize(
    "body",
    ["し ね", "し\u3000ね\u3000よ", "死\u200bね", "ﾊﾞｶじゃねえの", "ば・か・じ・ゃ・な・い・の", "このﾔﾌﾞ医者が"],
)
def test_a_disguise_does_not_help(body: str) -> None:
    assert judge(body).category is Category.INSULT


@pytest.mark.parametrize(
    "body",
    [
        "[qt][qtmeta aid=31 time=9]さっさと消えろ[/qt]\nこれは見過ごせません。",
        "[code]黙れ[/code]",
        "「黙れ」と書くのは控えましょう。",
        "無能と言われて眠れません。",
        "人を無能と呼ぶような書き込みはご遠慮ください。",
        "バカ、アホなどの言葉が増えています。気持ちよく使えるようにしていきます。運営より",
        "無能な院長ですみません。",
    ],
)
def test_rude_words_that_are_not_said_to_anybody_are_left_alone(body: str) -> None:
    assert judge(body).action is Action.NONE


def test_a_put_down_weighs_more_as_an_answer() -> None:
    alone = judge("検索してから書き込んでは。")
    answer = judge("検索してから書き込んでは。", context=["看板の色は自由ですか？"])
    assert sum(signal.weight for signal in answer.signals) > sum(signal.weight for signal in alone.signals)


def test_the_context_alone_is_not_judged() -> None:
    assert judge("3年保存です。", context=["保存は何年ですか？", "黙れ"]).action is Action.NONE


def test_the_weight_decides_between_review_and_warning() -> None:
    assert judge("やっとスタートラインですね。").action is Action.REVIEW
    assert judge("やっとスタートラインですね。そんなことも知らないんですか。").action is Action.WARN


def test_signals_say_what_was_seen_without_personal_data() -> None:
    judgement = judge("昨日来院した渡辺様、肺炎です。そんなことも知らないんですか。")
    assert {signal.name for signal in judgement.signals} == {"name", "not even that"}
    assert "渡辺" not in repr(judgement)


def test_known_circumstances_are_shown_to_an_admin() -> None:
    judgement = judge("隣の小学校の校長先生がうつで通院されています。")
    assert (judgement.action, judgement.category) == (Action.REVIEW, Category.PERSONAL_DATA)


def test_rules_have_names_of_their_own() -> None:
    rules = (*INSULTS, *HARASSMENT, *DISCRIMINATION, *MOUNTING, *SARCASM, *SOLICITATION)
    assert len({rule.name for rule in rules}) == len(rules)


SHARED = Path(__file__).parents[3] / "shared" / "text"
with_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the labelled sentences (../shared/text) are not here")


@with_shared
def test_the_development_set_keeps_its_figures() -> None:
    rows = [json.loads(line) for line in (SHARED / "moderation_dev.jsonl").read_text("utf-8").splitlines()]
    outcomes = [(judge(row["text"], row.get("context", ())).action.value, row["label"]["action"]) for row in rows]
    for action in ("warn", "review"):
        hits = sum(found == meant == action for found, meant in outcomes)
        assert hits / sum(found == action for found, _ in outcomes) >= 0.95, f"precision of {action}"
        assert hits / sum(meant == action for _, meant in outcomes) >= 0.93, f"recall of {action}"


@with_shared
def test_what_identifies_a_person_is_masked_in_the_development_set() -> None:
    for line in (SHARED / "moderation_dev.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        masked = judge(row["text"]).masked
        assert not [piece for piece in row.get("pii", ()) if piece in masked], row["id"]


@with_shared
def test_ordinary_chat_is_hardly_ever_flagged() -> None:
    """At most 1 warning and 5 flags in 1,000 messages; every third message is counted."""
    lines = (SHARED / "ordinary_chat.jsonl").read_text("utf-8").splitlines()[::3]
    actions = [judge(json.loads(line)["text"]).action for line in lines]
    assert actions.count(Action.WARN) * 1000 <= len(actions)
    assert (len(actions) - actions.count(Action.NONE)) * 1000 <= 2 * len(actions)


HOSTILE = [
    "あ",
    "先生",
    "私は1",
    "1",
    "0",
    "市",
    "区1-",
    "山田様、",
    "氏名 ",
    "記号1",
    "A.",
    "[",
    "「",
    "し ",
    "みんなで",
    "女は",
    "と",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_long_bodies_take_linear_time(unit: str) -> None:
    """Four times the length may take at most twelve times as long; a quadratic rule would take sixteen."""
    small, large = (_seconds(unit * (size // len(unit))) for size in (16_383, 65_535))
    assert large < 12 * small + 0.05


def _seconds(body: str) -> float:
    started = time.process_time()
    judge(body)
    return time.process_time() - started

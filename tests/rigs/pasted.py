"""What people paste, as they paste it, and what each text must find in `WORLD` or be told.

`found` is the path of ids of what must be among the matches (`u1`, `u1/vid-0001`, `u1/vid-0001/CLIP`), `told:WORDS`
where nothing is there and the answer must hold these words, `refused:WORDS` where the text is bad input for that
reason.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tests.rigs.desk import clip, user, video

UUID: Final = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
UID: Final = "kT9xQ2mWnP4rLs8vBc3dFg6hJz1y"
NAME: Final = "clip_01_2_a+b c_split.mp4"
CAFE: Final = "clip_02_3_café_split.mp4"
KEY: Final = f"users/u1/vid-0001/clips/{NAME}"
CLIP: Final = "u1/vid-0001/vid-0001_2_split"
ACCENTED: Final = "u1/vid-0001/vid-0001_3_split"
SIGNED: Final = (
    f"https://acc.r2.cloudflarestorage.com/media/{quote(KEY)}?X-Amz-Credential=KEYID&X-Amz-Signature=deadbeef"
)
HISTORY: Final = "https://viralclipai.io/history/vid-0001"
SHARE: Final = "https://viralclipai.io/c/abc123xyz456"
YOUTUBE: Final = "https://youtu.be/dQw4w9WgXcQ"
FIREBASE: Final = "https://console.firebase.google.com/u/0/project/p/firestore/databases/-default-/data"
GOOGLE: Final = "https://console.cloud.google.com"
CLOUDFLARE: Final = "https://dash.cloudflare.com/0123456789abcdef0123456789abcdef/r2/default/buckets/media"

WORLD: Final[dict[str, dict[str, Any]]] = {
    "users/u1": user("u1", email="Ada.Lovelace@Example.com"),
    "users/u2": user("u2", email="josé.álvarez@correo.example"),
    "users/u3": user("u3", email="o'brien@example.com"),
    f"users/{UID}": user(UID, email="машa@почта.рф"),
    "users/cust@omer": user("cust@omer", email="one@odd.example"),
    "users/my user 1": user("my user 1", email="two@odd.example"),
    'users/"quoted"': user('"quoted"', email="three@odd.example"),
    "users/it's": user("it's", email="four@odd.example"),
    "users/a%40b": user("a%40b", email="five@odd.example"),
    "users/u1/videos/vid-0001": video("vid-0001", video_title="Best Café Moments — Top 10", youtube_id="dQw4w9WgXcQ"),
    "users/u1/videos/vid-0001/clips/vid-0001_2_split": clip("vid-0001", 2, filename=NAME, r2_key=KEY),
    "users/u1/videos/vid-0001/clips/vid-0001_3_split": clip(
        "vid-0001", 3, filename=CAFE, r2_key=f"users/u1/vid-0001/clips/{CAFE}"
    ),
    "share_slugs/abc123xyz456": {
        "user_id": "u1", "video_id": "vid-0001", "clip_id": "vid-0001_2_split", "enabled": True,
    },
    f"users/{UID}/videos/{UUID}": video(UUID, video_title="Лучшие моменты: Ёлка", youtube_id="aaaaaaaaaaa"),
    "users/u2/videos/vid-jp01": video("vid-jp01", video_title="東京タワーの夜景", video_url="https://vimeo.com/76979871"),
    "users/u2/videos/vid-ar01": video("vid-ar01", video_title="أفضل اللحظات", youtube_id="bbbbbbbbbbb"),
    "users/u2/videos/vid-kr01": video("vid-kr01", video_title="최고의 순간 모음", youtube_id="ccccccccccc"),
    "users/u2/videos/vid-en01": video("vid-en01", video_title="Video: how to win (it's over)", youtube_id="d" * 11),
    "users/u2/videos/vid-en02": video("vid-en02", video_title="AC/DC live — Straße", youtube_id="eeeeeeeeeee"),
}  # fmt: skip


class Pasted(NamedTuple):
    """One text, what it is taken for, and what comes of it."""

    text: str
    kind: str
    found: str


_THINGS = (
    ("ada.lovelace@example.com", "email", "u1"),
    ("Ada.Lovelace@Example.com", "email", "u1"),
    (UID, "uid", UID),
    (UUID, "uid", f"{UID}/{UUID}"),
    ("vid-0001_2_split", "clip_id", CLIP),
    (NAME, "file_name", CLIP),
    (YOUTUBE, "video_url", "u1/vid-0001"),
    (SHARE, "share_link", CLIP),
    (HISTORY, "video_id", "u1/vid-0001"),
    (SIGNED, "presigned_url", CLIP),
    ("Best Café Moments", "title", "u1/vid-0001"),
)
_AROUND = (
    "{}", " {} ", "{}.", "{},", "{};", "{}!", "{}…", '"{}"', "'{}'", "“{}”", "„{}“", "«{}»", "‹{}›", "「{}」", "『{}』",
    "({})", "[{}]", "<{}>", "`{}`", "“{}”.", "({}).", "\u200b{}\ufeff", "{}\n",
)  # fmt: skip
_WRAPPED = [Pasted(around.format(text), kind, found) for text, kind, found in _THINGS for around in _AROUND]

_CONSOLES = [
    Pasted(f"{FIREBASE}/~2Fusers~2Fu1", "document_path", "u1"),
    Pasted(f"{FIREBASE}/~2Fusers~2Fu1~2Fvideos~2Fvid-0001", "document_path", "u1/vid-0001"),
    Pasted(f"{FIREBASE}/~2Fusers~2Fu1~2Fvideos~2Fvid-0001~2Fclips~2Fvid-0001_2_split", "document_path", CLIP),
    Pasted(f"{FIREBASE}/~2Fusers~2Fcust~40omer", "document_path", "cust@omer"),
    Pasted(f"{FIREBASE}/~2Fshare_slugs~2Fabc123xyz456", "share_link", CLIP),
    Pasted(
        "https://console.firebase.google.com/project/p/firestore/data/~2Fusers~2Fu1~2Fvideos~2Fvid-0001?hl=de",
        "document_path",
        "u1/vid-0001",
    ),
    Pasted("https://console.firebase.google.com/project/p/authentication/users", "", "refused:console"),
    Pasted("https://console.firebase.google.com/project/p/firestore/data", "", "refused:console"),
    Pasted(f"{GOOGLE}/firestore/databases/-default-/data/panel/users/u1?project=p", "document_path", "u1"),
    Pasted(
        f"{GOOGLE}/firestore/databases/-default-/data/panel/users/u1/videos/vid-0001?project=p",
        "document_path",
        "u1/vid-0001",
    ),
    Pasted(f"{GOOGLE}/firestore/data/panel/users/my%20user%201?project=p", "document_path", "my user 1"),
    Pasted(
        f"{GOOGLE}/logs/query;query=jsonPayload.video_id%3D%22vid-0001%22;cursorTimestamp=2026-11-01?project=p",
        "video_id",
        "u1/vid-0001",
    ),
    Pasted(f"{GOOGLE}/storage/browser/_details/media/{quote(KEY)};tab=live_object?project=p", "r2_key", CLIP),
    Pasted(f"{GOOGLE}/home/dashboard?project=p", "", "refused:console"),
    Pasted(f"{CLOUDFLARE}/objects/{quote(KEY, safe='')}/details", "r2_key", CLIP),
    Pasted(f"{CLOUDFLARE}/objects/{quote(quote(KEY, safe=''), safe='')}/details", "r2_key", CLIP),
    Pasted(f"{CLOUDFLARE}?prefix=users%2Fu1%2Fvid-0001%2F", "document_path", "u1/vid-0001"),
    Pasted(f"{CLOUDFLARE}?prefix=users%2Fu1%2F", "document_path", "u1"),
    Pasted(CLOUDFLARE, "", "refused:console"),
]
_REDIRECTED = [
    Pasted(f"https://www.google.com/url?sa=D&q={quote(HISTORY, safe='')}&ust=1", "video_id", "u1/vid-0001"),
    Pasted(f"https://www.google.com/url?q={HISTORY}", "video_id", "u1/vid-0001"),
    Pasted(f"https://duckduckgo.com/l/?uddg={quote(HISTORY, safe='')}", "video_id", "u1/vid-0001"),
    Pasted(f"https://href.li/?{HISTORY}", "video_id", "u1/vid-0001"),
    Pasted(f"https://l.facebook.com/l.php?u={quote(YOUTUBE, safe='')}&h=x", "video_url", "u1/vid-0001"),
    Pasted(f"https://l.instagram.com/?u={quote(SHARE, safe='')}&e=x", "share_link", CLIP),
    Pasted(f"https://www.youtube.com/redirect?event=x&q={quote(SHARE, safe='')}", "share_link", CLIP),
    Pasted(f"https://consent.youtube.com/m?continue={quote(YOUTUBE, safe='')}&gl=DE", "video_url", "u1/vid-0001"),
    Pasted(f"https://slack-redir.net/link?url={quote(HISTORY, safe='')}", "video_id", "u1/vid-0001"),
    Pasted(f"https://vk.com/away.php?to={quote(SHARE, safe='')}", "share_link", CLIP),
    Pasted(f"https://t.umblr.com/redirect?z={quote(SHARE, safe='')}&t=x", "share_link", CLIP),
    Pasted(
        f"https://nam02.safelinks.protection.outlook.com/?url={quote(HISTORY, safe='')}&data=05",
        "video_id",
        "u1/vid-0001",
    ),
    Pasted(f"https://urldefense.com/v3/__{SHARE}__;!!Abc!x$", "share_link", CLIP),
    Pasted(
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__viralclipai.io_c_abc123xyz456&d=x", "share_link", CLIP
    ),
    Pasted(f"https://web.archive.org/web/20260101000000/{SHARE}", "share_link", CLIP),
    Pasted(
        f"https://www.google.com/url?q={quote('https://slack-redir.net/link?url=' + quote(HISTORY, safe=''), safe='')}",
        "video_id",
        "u1/vid-0001",
    ),
    Pasted(f"https://www.google.com/url?q={quote(SIGNED, safe='')}", "presigned_url", CLIP),
    Pasted("https://bit.ly/3abcDEF", "video_url", "told:shortened link"),
]
_LINKS = [
    Pasted("/history/vid-0001", "video_id", "u1/vid-0001"),
    Pasted("viralclipai.io/history/vid-0001?tab=clips#top", "video_id", "u1/vid-0001"),
    Pasted("https://viralclipai.io/en/history/vid-0001/", "video_id", "u1/vid-0001"),
    Pasted(f"https://viralclipai.io/history/{UUID}", "video_id", f"{UID}/{UUID}"),
    Pasted("https://viralclipai.io/history/nothing-0001", "video_id", "told:names of persons"),
    Pasted("http://localhost:8501/video?uid=u1&amp;video_id=vid-0001", "desk_link", "u1/vid-0001"),
    Pasted("http://localhost:8501/find?q=vid-0001", "uid", "u1/vid-0001"),
    Pasted("https://www.youtube.com/watch?feature=share&amp;v=dQw4w9WgXcQ", "video_url", "u1/vid-0001"),
    Pasted("https://music.youtube.com/watch?v=dQw4w9WgXcQ&list=x", "video_url", "u1/vid-0001"),
    Pasted("https://vimeo.com/76979871", "video_url", "u2/vid-jp01"),
    Pasted("https://vimeo.com/76979871.", "video_url", "u2/vid-jp01"),
    Pasted(f"<{YOUTUBE}|my video>", "video_url", "u1/vid-0001"),
    Pasted(f"[my video]({YOUTUBE})", "video_url", "u1/vid-0001"),
    Pasted(f'<a href="{YOUTUBE}">my video</a>', "video_url", "u1/vid-0001"),
    Pasted(f"see <{YOUTUBE}|this one> please", "log_line", "u1/vid-0001"),
    Pasted(SIGNED.replace("&", "&amp;"), "presigned_url", CLIP),
    Pasted(quote(SIGNED, safe=""), "presigned_url", CLIP),
    Pasted(f"s3://media/{KEY}", "r2_key", CLIP),
    Pasted(f"r2://media/{KEY}", "r2_key", CLIP),
]
_PEOPLE = [
    Pasted("mailto:ada.lovelace@example.com", "email", "u1"),
    Pasted("mailto:ada.lovelace@example.com?subject=Help%20me", "email", "u1"),
    Pasted("MAILTO:Ada.Lovelace@Example.com", "email", "u1"),
    Pasted("<mailto:ada.lovelace@example.com|ada.lovelace@example.com>", "email", "u1"),
    Pasted("[write](mailto:ada.lovelace@example.com)", "email", "u1"),
    Pasted("Ada Lovelace <ada.lovelace@example.com>", "email", "u1"),
    Pasted('"Lovelace, Ada" <Ada.Lovelace@Example.com>', "email", "u1"),
    Pasted("From: ada.lovelace@example.com", "email", "u1"),
    Pasted("E-mail: ada.lovelace@example.com", "email", "u1"),
    Pasted("ada.lovelace%40example.com", "uid", "u1"),
    Pasted("ADA.LOVELACE@EXAMPLE.COM", "email", "u1"),
    Pasted("o'brien@example.com", "email", "u3"),
    Pasted(unicodedata.normalize("NFD", "josé.álvarez@correo.example"), "email", "u2"),
    Pasted("jose.alvarez@correo.example", "email", "u2"),
    Pasted("Alvarez", "uid", "u2"),
    Pasted("lovelace", "uid", "u1"),
    Pasted("LOVELACE", "uid", "u1"),
    Pasted("Ada Lovelace", "title", "u1"),
    Pasted("lovelace ada", "title", "u1"),
    Pasted("José Álvarez", "title", "u2"),
    Pasted("@example.com", "email_prefix", "u1"),
    Pasted("@correo.example", "email_prefix", "u2"),
    Pasted("correo.example", "uid", "u2"),
    Pasted("МАШ", "title", UID),
    Pasted("почта.рф", "title", UID),
    Pasted("cust@omer", "email_prefix", "cust@omer"),
    Pasted("my user 1", "title", "my user 1"),
    Pasted('"quoted"', "uid", '"quoted"'),
    Pasted("it's", "title", "it's"),
    Pasted("a%40b", "uid", "a%40b"),
    Pasted("Grace Hopper", "title", "told:names of persons"),
    Pasted("+49 30 901820", "title", "told:telephone numbers"),
    Pasted("192.168.10.12", "uid", "told:network addresses"),
    Pasted("cus_N1a2b3c4d5e6f7", "uid", "told:payment"),
]
_FILES = [
    Pasted(quote(NAME), "file_name", CLIP),
    Pasted(quote(CAFE), "file_name", ACCENTED),
    Pasted(CAFE, "file_name", ACCENTED),
    Pasted(unicodedata.normalize("NFD", CAFE), "file_name", ACCENTED),
    Pasted(quote(unicodedata.normalize("NFD", CAFE)), "file_name", ACCENTED),
    Pasted("clip_02_3_café_split (1).mp4", "file_name", ACCENTED),
    Pasted("clip_02_3_café_split(2).mp4", "file_name", ACCENTED),
    Pasted("clip_02_3_café_split.jpg", "file_name", ACCENTED),
    Pasted(rf"C:\Users\Ana\Downloads\{CAFE}", "file_name", ACCENTED),
    Pasted(f"/Users/ana/Downloads/{CAFE}", "file_name", ACCENTED),
    Pasted(f"~/Downloads/{CAFE}", "file_name", ACCENTED),
    Pasted(f"file:///home/ana/{quote(CAFE)}", "file_name", ACCENTED),
    Pasted(f'Content-Disposition: attachment; filename="{CAFE}"', "log_line", ACCENTED),
    Pasted(f"attachment; filename*=UTF-8''{quote(CAFE)}", "log_line", ACCENTED),
    Pasted(f"users/u1/vid-0001/clips/{unicodedata.normalize('NFD', CAFE)}", "r2_key", ACCENTED),
    Pasted(f"https://cdn.example.com/m/users/u1/vid-0001/clips/{quote(CAFE)}", "cdn_url", ACCENTED),
]
_TITLES = [
    Pasted("best cafe moments", "title", "u1/vid-0001"),
    Pasted("BEST CAFÉ MOMENTS — TOP 10", "title", "u1/vid-0001"),
    Pasted(unicodedata.normalize("NFD", "Best Café"), "title", "u1/vid-0001"),
    Pasted("moments best", "title", "u1/vid-0001"),
    Pasted("mome caf", "title", "u1/vid-0001"),
    Pasted("moments", "uid", "u1/vid-0001"),
    Pasted("лучшие моменты", "title", f"{UID}/{UUID}"),
    Pasted("елка", "title", f"{UID}/{UUID}"),
    Pasted("東京タワーの夜景", "title", "u2/vid-jp01"),
    Pasted("夜景", "title", "u2/vid-jp01"),
    Pasted("「東京タワー」", "title", "u2/vid-jp01"),
    Pasted("أفضل اللحظات", "title", "u2/vid-ar01"),
    Pasted("أفضل اللحظات؟", "title", "u2/vid-ar01"),
    Pasted("최고의 순간", "title", "u2/vid-kr01"),
    Pasted("Video: how to win", "title", "u2/vid-en01"),
    Pasted("how to win (it's over)", "title", "u2/vid-en01"),
    Pasted("AC/DC live", "title", "u2/vid-en02"),
    Pasted("strasse", "uid", "u2/vid-en02"),
    Pasted("ada.lovelace＠example.com", "title", "u1"),
    Pasted("ada.lovelace@example。com", "email_prefix", "u1"),
    Pasted("vid\u20110001", "title", "u1/vid-0001"),
    Pasted("ｖｉｄ－０００１", "title", "u1/vid-0001"),
    Pasted("A title that no video has", "title", "told:said or shown"),
]
_LINES = [
    Pasted("2026-11-22T10:00:00Z ERROR render failed uid=u1 video_id=vid-0001", "log_line", "u1/vid-0001"),
    Pasted('{"level":"error","user_id":"u1","video_id":"vid-0001"}', "log_line", "u1/vid-0001"),
    Pasted(f"upload of {SIGNED} failed with 403", "log_line", CLIP),
    Pasted("customer ada.lovelace@example.com says: gone", "log_line", "u1"),
    Pasted(f"job for {UUID} died", "log_line", f"{UID}/{UUID}"),
    Pasted(f"job for {UID} died", "log_line", UID),
    Pasted("worker lost u1 at 12:00", "log_line", "u1"),
    Pasted("job vid-0001 died", "title", "u1/vid-0001"),
    Pasted("? ! ;", "", "refused:nothing to look for"),
    Pasted("“”", "title", "told:names of persons"),
    Pasted("🔥🔥 🔥", "", "refused:nothing to look for"),
]
CORPUS: Final = [*_WRAPPED, *_CONSOLES, *_REDIRECTED, *_LINKS, *_PEOPLE, *_FILES, *_TITLES, *_LINES]

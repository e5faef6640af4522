"""What the desk says of a clip from a few of its bytes is what Chromium's own player does with all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from storage.domain.media import MediaLook, look
from tests.rigs import clips, media

EVERY = {**clips.sound(), **clips.short(), **clips.cut(), **clips.others(), **clips.of_other_players()}
# Plays each address muted and eight times as fast, twelve at once: how it ended, frames shown and bytes of sound
# decoded. The clock alone proves nothing: Chromium runs to the end of a clip whose media are gone.
PLAY = """
async addresses => {
  const play = address => new Promise(done => {
    const video = document.createElement("video")
    const end = how => {
      const seen = [how, video.getVideoPlaybackQuality().totalVideoFrames, video.webkitAudioDecodedByteCount]
      video.remove()
      done(seen)
    }
    video.muted = true
    video.onended = () => end("ended")
    video.onerror = () => end("failed")
    document.body.append(video)
    video.src = address
    video.playbackRate = 8
    video.play().catch(() => {})
  })
  const results = []
  let next = 0
  const work = async () => {
    while (next < addresses.length) {
      const mine = next++
      results[mine] = await play(addresses[mine])
    }
  }
  await Promise.all(Array.from({ length: 12 }, work))
  return results
}
"""


def seen(content: bytes) -> MediaLook:
    return look("clip", len(content), lambda offset, length: content[offset : offset + length])


def test_chromium_plays_what_is_said_to_play_and_nothing_that_is_said_not_to(page: Page, tmp_path: Path) -> None:
    said = {name: seen(content).plays for name, content in EVERY.items()}
    with media.serving(tmp_path) as served:
        addresses = []
        for number, content in enumerate(EVERY.values()):
            served.extra[f"{number}.mp4"] = content
            addresses.append(f"{served.base}/{number}.mp4")
        page.set_content("<html><body></body></html>")
        results: list[Any] = page.evaluate(PLAY, addresses)
    plays = {
        name: how == "ended" and frames + sound > 0 for name, (how, frames, sound) in zip(EVERY, results, strict=True)
    }
    wrong = {name: (said[name], plays[name]) for name in EVERY if plays[name] != (said[name] == "plays")}
    doubtful = {name for name, answer in said.items() if answer == "not looked at"}  # of which nothing is claimed
    assert {name: wrong[name] for name in wrong if name not in doubtful} == {}
    assert doubtful == {*clips.of_other_players(), "a fragment a frame, but 40 bytes"}
    assert len(EVERY) - len(doubtful) >= 60

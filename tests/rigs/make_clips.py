"""Makes the clips of `tests/clips`: one second or so each, by several encoders and in several containers.

    python -m tests.rigs.make_clips

A tool and no test: it needs PyAV (`pip install av`, 36 MB) in an environment of its own. The files lie in the
repository.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "clips"
OPUS = {"acodec": "libopus", "rate_of_sound": 48_000, "samples": "s16"}
FAST_VP9 = {"vcodec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}
HEVC = {"vcodec": "libx265", "options": {"x265-params": "pools=1:frame-threads=1:log-level=none"}}
FRAGMENTS: dict[str, Any] = {"options": {"g": "6"}, "seconds": 2.0}
CLIPS: dict[str, dict[str, Any]] = {
    "x264_first": {},
    "x264_last": {"flags": ""},
    "x264_baseline": {"options": {"profile": "baseline"}},
    "x264_bframes": {"options": {"bf": "3", "g": "12"}, "seconds": 2.0},
    "x264_no_sound": {"acodec": None},
    "x264_444": {"pixels": "yuv444p"},
    "x264_odd": {"size": (62, 94)},
    "x264_half_second": {"seconds": 0.5},
    "x264_two_sounds": {"sounds": 2},
    "aac_alone": {"vcodec": None},
    "mp3_sound": {"acodec": "libmp3lame"},
    "opus_sound": OPUS,
    "vp9": FAST_VP9,
    "svtav1": {"vcodec": "libsvtav1", "options": {"preset": "12"}},
    "hevc": HEVC,
    "hevc_alone": {**HEVC, "acodec": None},
    "mpeg4": {"vcodec": "mpeg4"},
    "mpeg4_alone": {"vcodec": "mpeg4", "acodec": None},
    "frag_keyframe": {**FRAGMENTS, "flags": "frag_keyframe+empty_moov"},
    "frag_hybrid": {**FRAGMENTS, "flags": "frag_keyframe"},
    "frag_hybrid_flag": {**FRAGMENTS, "flags": "hybrid_fragmented"},
    "frag_every": {**FRAGMENTS, "flags": "frag_every_frame+empty_moov+default_base_moof"},
    "frag_dash": {**FRAGMENTS, "flags": "dash+frag_keyframe+empty_moov+default_base_moof+global_sidx"},
    "frag_no_trailer": {
        **FRAGMENTS, "seconds": 5.0, "flags": "frag_every_frame+empty_moov+default_base_moof+skip_trailer",
    },
    "quicktime": {"container": "mov", "flags": ""},
    "silence_90s": {"seconds": 90.0, "rate": 1, "loudness": 0.0, "rate_of_sound": 8_000},
    "webm_vp9": {**FAST_VP9, **OPUS, "container": "webm"},
    "matroska": {"container": "matroska"},
    "avi": {"vcodec": "mpeg4", "acodec": "libmp3lame", "container": "avi"},
    "ts": {"container": "mpegts"},
    "flv": {"container": "flv", "rate_of_sound": 44_100},
    "ogg": {"vcodec": None, **OPUS, "container": "ogg"},
    "mp3": {"vcodec": None, "acodec": "libmp3lame", "container": "mp3"},
    "wav": {"vcodec": None, "acodec": "pcm_s16le", "container": "wav", "samples": "s16", "seconds": 0.2},
    "adts": {"vcodec": None, "container": "adts"},
}  # fmt: skip


def main() -> int:
    """Writes every file into the folder and says how big each one is."""
    for name, how in CLIPS.items():
        path = FOLDER / f"{name}.mp4"
        make(path, **how)
        sys.stdout.write(f"{path.stat().st_size:>8,}  {path.name}\n")
    return 0


def make(
    path: Path, *, vcodec: str | None = "libx264", acodec: str | None = "aac", seconds: float = 1.0, rate: int = 12,
    size: tuple[int, int] = (64, 96), pixels: str = "yuv420p", flags: str = "+faststart", container: str = "mp4",
    options: dict[str, str] | None = None, sounds: int = 1, rate_of_sound: int = 16_000, samples: str = "fltp",
    loudness: float = 0.2,
) -> None:  # fmt: skip
    """One file; its name says nothing about what is in it."""
    muxing = {"fflags": "+bitexact"} | ({"movflags": flags} if flags and container in {"mp4", "mov"} else {})
    with av.open(str(path), "w", format=container, options=muxing) as output:
        video = output.add_stream(vcodec, rate=rate) if vcodec else None
        if video is not None:
            video.width, video.height, video.pix_fmt = *size, pixels
            usual = {"preset": "medium", "crf": "38", "x264-params": "threads=1"} if vcodec == "libx264" else {}
            video.options = {"flags": "+bitexact", **usual, **(options or {})}
        tones = []
        for _ in range(sounds if acodec else 0):
            tone = output.add_stream(acodec, rate=rate_of_sound, layout="mono")
            tone.bit_rate, tone.format, tone.options = 12_000, samples, {"flags": "+bitexact"}
            tones.append(tone)
        if video is not None:
            for frame in pictures(round(seconds * rate), rate, *size, pixels):
                output.mux(video.encode(frame))
            output.mux(video.encode())
        for tone in tones:
            for frame in sound(seconds, rate_of_sound, samples, loudness):
                output.mux(tone.encode(frame))
            output.mux(tone.encode())


def pictures(number: int, rate: int, width: int, height: int, pixels: str) -> Iterator[av.VideoFrame]:
    """A pattern that moves."""
    down, across = np.mgrid[0:height, 0:width]
    for index in range(max(1, number)):
        colours = [(across * 3 + index * 8) % 256, (down * 3 + index * 4) % 256, np.full_like(across, index * 10 % 256)]
        frame = av.VideoFrame.from_ndarray(np.stack(colours, axis=-1).astype(np.uint8), format="rgb24")
        frame = frame.reformat(format=pixels)
        frame.pts, frame.time_base = index, Fraction(1, rate)
        yield frame


def sound(seconds: float, rate: int, samples: str, loudness: float) -> Iterator[av.AudioFrame]:
    """One tone."""
    wave = loudness * np.sin(2 * np.pi * 330 * np.arange(int(seconds * rate)) / rate)
    wave = (wave * 32_767).astype(np.int16) if samples == "s16" else wave.astype(np.float32)
    for start in range(0, len(wave), 1_024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1_024], format=samples, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


if __name__ == "__main__":
    raise SystemExit(main())

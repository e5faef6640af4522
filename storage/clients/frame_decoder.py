"""Decodes a frame of the MP4 on standard input and writes it to standard output as a JPEG: `frame_decoder.py SECONDS`.

A process of its own, with bounds on memory and time and without the desk's environment, because it decodes what
customers uploaded. The frame and its width are those that the product takes (source: its `thumbnail.rs`: at 1 s, else
the first; 480 pixels wide).
"""

from __future__ import annotations

import io
import resource
import sys
from typing import Any

WIDTH = 480
QUALITY = 85
MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 60


def main(seconds: float) -> bytes:
    """The frame at this time, or the last one before it, as a JPEG."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    import av  # after the bounds

    with av.open(sys.stdin.buffer, mode="r", format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        found: Any = None
        for frame in container.decode(stream):
            found = frame if found is None or (frame.time or 0.0) <= seconds else found
            if frame.time is not None and frame.time >= seconds:
                break
    if found is None:
        raise ValueError("it has no frame")
    image = found.to_image()
    turned = getattr(found, "rotation", 0)
    image = image.rotate(turned, expand=True) if turned else image
    image = image.resize((WIDTH, max(2, round(image.height * WIDTH / image.width / 2) * 2)))
    body = io.BytesIO()
    image.save(body, "JPEG", quality=QUALITY)
    return body.getvalue()


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(main(float(sys.argv[1])))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")

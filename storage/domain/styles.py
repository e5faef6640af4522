"""The clip styles that the worker renders; unknown ones are shown as they are."""

STYLES = (
    "original",
    "split",
    "left_focus",
    "right_focus",
    "center_focus",
    "split_fast",
    "intelligent",
    "intelligent_split",
    "intelligent_speaker",
    "intelligent_split_speaker",
    "intelligent_motion",
    "intelligent_split_motion",
    "intelligent_split_activity",
    "intelligent_cinematic",
    "streamer_split",
    "streamer",
    "streamer_top_scenes",
)

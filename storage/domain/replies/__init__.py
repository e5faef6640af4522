"""Replies to customers, in the languages that the desk writes."""

from storage.domain.replies.reply import LANGUAGES, OWN, SPEECHES, Language, NamedClips, Reply, Size, Text, Value, reply

__all__ = ["LANGUAGES", "OWN", "SPEECHES", "Language", "NamedClips", "Reply", "Size", "Text", "Value", "reply"]

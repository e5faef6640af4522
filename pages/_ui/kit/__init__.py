"""The parts with which every page is drawn: states, tables, charts, badges, text, numbers, session keys."""

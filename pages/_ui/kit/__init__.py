"""The parts that every page is drawn with: states, tables, charts, badges, text, numbers, session keys."""

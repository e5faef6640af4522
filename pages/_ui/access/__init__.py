"""Who is asking, and may they: sign-in, roles, the guard in front of every page and every change."""

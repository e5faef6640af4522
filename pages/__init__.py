"""The pages of the desk, one file each; `pages._ui.nav` says how one is written."""

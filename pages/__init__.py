"""The pages of the desk, one file each; `pages._ui.nav` says how to write one."""

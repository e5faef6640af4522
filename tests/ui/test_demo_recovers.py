"""A desk that had attached to the demo of another process goes on when that process ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import streamlit as st

from pages._ui.data import resources
from storage.sandbox.demo import configured_folder
from storage.settings.reader import ROOT


def test_when_the_demos_owner_ends_the_desk_takes_over_with_the_same_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("R2_", "FIREBASE_", "FIRESTORE_")):
            monkeypatch.delenv(name)
    command = [sys.executable, "-m", "storage.sandbox.demo", "--directory", str(configured_folder())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as owner:
        assert owner.stdout is not None
        while "until Ctrl-C" not in (line := owner.stdout.readline()):
            assert line, "the demo ended before it ran"
        try:
            first = resources.stores()
            some = sorted(first.records.users().frame["uid"])
            reads = resources.users()
            assert reads.account(some[0])[0].uid == some[0]
            assert resources.stores() is first
            owner.kill()
            owner.wait()
            second = resources.stores()
            assert second is not first
            assert sorted(second.records.users().frame["uid"]) == some
            assert resources.users() is not reads
            assert resources.users().account(some[0])[0].uid == some[0]
            assert resources.stores() is second
        finally:
            owner.kill()
            resources.close()
            st.cache_data.clear()
            st.cache_resource.clear()

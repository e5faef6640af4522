"""The backends that one contract is held against."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from google.cloud import firestore
from hypothesis import HealthCheck, settings

from tests.contract.r2_fixtures import (  # noqa: F401 - pytest finds fixtures by their names here
    bucket,
    far_objects,
    far_writer,
    near,
    objects,
    proxy,
    r2_rig,
    writer,
)
from tests.rigs.firestore import (
    EmbeddedFirestore,
    FirestorePool,
    FirestoreRig,
    available_firestores,
    firestore_pool,
)
from tests.rigs.reruns import pytest_terminal_summary  # noqa: F401 - pytest finds hooks by their names here

# Each process would compile the whole desk anew where nothing keeps what Python compiles it to, as in many containers.
# SeaweedFS takes a third less CPU for each call on one core, with a rare look for garbage.
sys.dont_write_bytecode = False
gc.disable()  # until everything is imported and collected
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.update({"GOMAXPROCS": "1", "GOGC": "400"})

# An example takes as long as the machine lets it: how long is no property of what is tested.
settings.register_profile("desk", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("desk")

# A browser paints, decodes and times out by itself, on machines that may be busy with something else at that moment:
# what fails there is tried twice more, and the first failure is printed at the end of the run (tests/rigs/reruns.py).
# Nothing else is tried again: a test that fails now and then has found a race, of the product or of its own.
TRIED_AGAIN = "tests/browser/"


@pytest.fixture(scope="session", autouse=True)
def own_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The demo that tests start, here or in servers of their own, is theirs: never the one that somebody uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEMO_FOLDER", str(tmp_path_factory.mktemp("demo")))
        yield


@pytest.fixture(scope="module", autouse=True)
def pages_begin_anew() -> Iterator[None]:
    """Closes the pages before and after each file: none shows the world, or the figures, of another."""
    close_the_pages()
    yield
    close_the_pages()


_MAIN = sys.modules["__main__"]


def close_the_pages() -> None:
    """Closes the stores of the pages, and forgets what they have read.

    Streamlit leaves the script that it ran last as `__main__`, which each process forked later would run again.
    """
    sys.modules["__main__"] = _MAIN
    if resources := sys.modules.get("pages._ui.data.resources"):  # only where something has drawn a page
        import streamlit

        resources.close()
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()


# Fixtures that start a store, or a browser.
BACKENDS = frozenset({"r2_rig", "firestores", "embedded", "browser"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the choice that `make quick` makes."""
    parser.addoption("--no-backends", action="store_true", help="leaves out what needs a store or a browser")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests in a browser to be tried again, and leaves out what needs a backend where that is asked for."""
    if config.getoption("no_backends"):
        left_out = [item for item in items if BACKENDS & set(getattr(item, "fixturenames", ()))]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        if item.path.relative_to(config.rootpath).as_posix().startswith(TRIED_AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


def pytest_collection_finish() -> None:
    """Lets the garbage collector look at less, and seldom: what was imported for the tests is no garbage.

    Else it takes a sixth of the whole CPU.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, 50, 1_000)


@pytest.fixture(scope="session")
def firestores() -> Iterator[FirestorePool]:
    """Each kind of Firestore, started when first asked for."""
    with firestore_pool() as pool:
        yield pool


@pytest.fixture(scope="session", params=available_firestores())
def firestore_rig(request: pytest.FixtureRequest, firestores: FirestorePool) -> FirestoreRig:
    """Every kind of Firestore in turn."""
    return firestores.rig(request.param)


@pytest.fixture
def db(firestore_rig: FirestoreRig) -> firestore.Client:
    """A client for an empty project, on every kind of Firestore in turn."""
    return firestore_rig.client(firestore_rig.fresh_project())


@pytest.fixture
def embedded() -> Iterator[EmbeddedFirestore]:
    """A Firestore of our own for one test alone: its faults and counts are nobody else's."""
    with EmbeddedFirestore() as rig:
        yield rig


@pytest.fixture
def embedded_db(embedded: EmbeddedFirestore) -> firestore.Client:
    """A client for an empty project of `embedded`."""
    return embedded.client(embedded.fresh_project())

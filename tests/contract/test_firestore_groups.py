"""Collection groups, ranges of names, everything below a collection, and parents that are no documents."""

from __future__ import annotations

import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter as Where

PATHS = [
    "users/u/videos/v1/clips/a",
    "users/u/videos/v1/clips/b",
    "users/u/videos/v2/clips/c",
    "users/u!/videos/v1/clips/d",
    "users/u1/videos/v1/clips/e",
    "users/u1/videos/v1",
    "users/v/clips/f",
    "clips/g",
]


@pytest.fixture
def tree(db: firestore.Client) -> firestore.Client:
    """Clips below videos that mostly do not exist, below users of which one does."""
    batch = db.batch()
    for number, path in enumerate(PATHS):
        batch.set(db.document(path), {"n": number, "status": "done" if number % 2 else "failed"})
    batch.set(db.document("users/u1"), {"n": 100})
    batch.commit()
    return db


def ids(query: firestore.Query) -> str:
    """The ids that a query finds, in order, as one word."""
    return "".join(snapshot.id for snapshot in query.stream())


def of_user(db: firestore.Client, uid: str) -> firestore.Query:
    """All clips of one user: a range of names that are no clips themselves."""
    query = db.collection_group("clips").order_by("__name__")
    start, end = db.document(f"users/{uid}"), db.document(f"users/{uid}\0")
    return query.start_at({"__name__": start}).end_before({"__name__": end})


def test_a_group_holds_the_collections_of_one_id_wherever_they_lie(tree: firestore.Client) -> None:
    assert ids(tree.collection_group("clips")) == "gabcdef"


def test_a_group_can_be_filtered_and_ordered(tree: firestore.Client) -> None:
    group = tree.collection_group("clips")

    assert ids(group.where(filter=Where("status", "==", "done"))) == "gbd"
    assert ids(group.order_by("n", direction=firestore.Query.DESCENDING).limit(3)) == "gfe"


@pytest.mark.parametrize(("uid", "found"), [("u", "abc"), ("u!", "d"), ("u1", "e"), ("v", "f"), ("no", "")])
def test_a_range_of_names_gives_the_clips_of_one_user(tree: firestore.Client, uid: str, found: str) -> None:
    assert ids(of_user(tree, uid)) == found


def test_such_a_range_can_be_filtered_counted_and_paged(tree: firestore.Client) -> None:
    query = of_user(tree, "u")
    first = query.limit(2).get()

    assert ids(query.where(filter=Where("status", "==", "done"))) == "b"
    assert query.count().get()[0][0].value == 3
    assert ids(query.start_after({"__name__": first[-1].reference})) == "c"


def test_a_range_of_names_can_be_a_filter_too(tree: firestore.Client) -> None:
    group = tree.collection_group("clips")
    query = group.where(filter=Where("__name__", ">=", tree.document("users/u")))
    query = query.where(filter=Where("__name__", "<", tree.document("users/u\0")))

    assert ids(query) == "abc"
    assert ids(query.where(filter=Where("status", "==", "failed"))) == "ac"
    assert ids(group.where(filter=Where("__name__", ">", tree.document("users/u/videos/v2")))) == "cdef"


def test_recursive_gives_everything_below_a_collection(tree: firestore.Client) -> None:
    below = tree.document("users/u1").collection("videos").recursive()

    assert [snapshot.reference.path for snapshot in below.stream()] == [
        "users/u1/videos/v1",
        "users/u1/videos/v1/clips/e",
    ]
    assert len(list(tree.collection("users").recursive().stream())) == len(PATHS)
    assert ids(tree.collection("clips").recursive()) == "g"


def test_recursive_with_nothing_but_names(tree: firestore.Client) -> None:
    names = tree.collection("users").recursive().select(["__name__"])

    assert {tuple(snapshot.to_dict()) for snapshot in names.stream()} == {()}


def test_listed_documents_include_parents_that_do_not_exist(tree: firestore.Client) -> None:
    assert [reference.id for reference in tree.collection("users").list_documents()] == ["u", "u!", "u1", "v"]
    videos = tree.document("users/u").collection("videos")
    assert [reference.id for reference in videos.list_documents()] == ["v1", "v2"]
    assert ids(videos) == ""


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_lists_come_in_pages(tree: firestore.Client, size: int) -> None:
    listed = tree.collection("users").list_documents(page_size=size)

    assert [reference.id for reference in listed] == ["u", "u!", "u1", "v"]


def test_a_long_list_needs_no_page_size(db: firestore.Client) -> None:
    batch = db.batch()
    for number in range(200):
        batch.set(db.document(f"c/{number:03}/d/x"), {"v": 1})
    batch.commit()

    assert len(list(db.collection("c").list_documents())) == 200
    assert len(list(db.collection("c").list_documents(page_size=1_000))) == 200


def test_collections_are_listed_below_any_path(tree: firestore.Client) -> None:
    def collections(path: str) -> list[str]:
        return [collection.id for collection in tree.document(path).collections()]

    assert [collection.id for collection in tree.collections()] == ["clips", "users"]
    assert collections("users/u") == ["videos"]
    assert collections("users/v") == ["clips"]
    assert collections("users/nobody") == []


def test_the_last_document_takes_its_phantom_parents_with_it(tree: firestore.Client) -> None:
    for path in ("users/u/videos/v1/clips/a", "users/u/videos/v1/clips/b", "users/u/videos/v2/clips/c"):
        tree.document(path).delete()

    assert [reference.id for reference in tree.collection("users").list_documents()] == ["u!", "u1", "v"]


def test_the_client_can_delete_a_whole_tree(tree: firestore.Client) -> None:
    assert tree.recursive_delete(tree.collection("users")) == len(PATHS)

    assert ids(tree.collection_group("clips")) == "g"
    assert list(tree.collection("users").list_documents()) == []

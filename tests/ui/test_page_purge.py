"""The page Purge up to the deed: what a plan shows, and what is refused with nothing deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from grpc import StatusCode
from streamlit.testing.v1 import AppTest

from pages._ui.access import identity
from pages._ui.data import loads, purges
from pages._ui.kit import session
from pages._ui.kit.format import size
from pages._ui.kit.text import md
from pages._ui.views.purge import home
from storage.actions.purge.jobs import Request
from storage.actions.purge.plans import approve, stored_plan, to_text
from storage.domain.policy import Actor
from storage.domain.purge.scope import Scope, plan_key
from storage.errors import NotPermitted, Refused, Stale
from tests.rigs.lists import lists
from tests.ui.conftest import open_page, param
from tests.ui.purge_desk import (  # noqa: F401 - fixtures, found by name
    CLIP,
    MAKER,
    SECOND,
    USER,
    VIDEO,
    WHY,
    a_customer,
    a_desk,
    at,
    fill,
    has,
    press,
    read,
)

OPERATIONS = Actor("operations@demo.local", frozenset({"operations"}), "local")


def test_a_plan_is_made_from_the_address_and_shows_all_of_it_and_changes_nothing(desk, before):
    app = desk.open(uid="u1", video_id="video-aaa")
    assert "u1/video-aaa" in read(app)
    press(app, "purge-make")
    plan = purges.read_plan(param(app, "plan"))
    text = read(app)
    assert (plan.scope, plan.maker) == (VIDEO, MAKER.email)
    assert [metric.value for metric in app.metric] == ["9", size(plan.total_bytes).text, "6", "1", "0"]
    assert plan.fingerprint[:16] in text
    assert "share link" in text
    assert "What it would do: storage" in text
    assert desk.world.snapshot() == before


def test_a_second_click_gets_the_plan_of_the_first(desk, before, monkeypatch):
    def twice() -> tuple[str, str]:
        app = desk.open(uid="u1", video_id="video-aaa")
        press(app, "purge-make")
        first = param(app, "plan")
        app.query_params.clear()
        app.query_params["uid"], app.query_params["video_id"] = "u1", "video-aaa"
        press(app.run(), "purge-make")
        return first, param(app, "plan")

    first, second = twice()
    assert first == second
    monkeypatch.setattr(session, "SAME_CLICK_SECONDS", 0.0)  # a later click makes a plan of what is there then
    first, second = twice()
    assert first != second


def again(shown: AppTest, **query: str) -> AppTest:
    """The page Purge at this address, in the session of one who was there."""
    shown.switch_page("pages/purge.py")
    shown.query_params.clear()
    for name, value in query.items():
        shown.query_params[name] = value
    return shown.run()


@pytest.mark.parametrize(
    ("button", "scope"), [("video-fix-purge", VIDEO), (f"video-plan_purge-{CLIP.clips[0].clip_id}", CLIP)]
)
def test_a_button_of_video_makes_the_plan_at_once_and_its_address_alone_makes_none(
    desk, before, monkeypatch, button, scope
):
    ids = home.ids(scope)
    shown = open_page("video", role="operations", **ids)
    shown.button(button).click().run()
    plan = purges.read_plan(param(shown, "plan"))
    assert (plan.scope, plan.maker) == (scope, OPERATIONS.email)
    assert plan.fingerprint[:16] in read(shown)
    assert desk.world.snapshot() == before
    links = [one.proto.label for one in shown.get("page_link")]
    assert ("Only some of its clips" in links) == (scope == VIDEO)
    assert param(again(shown, **ids), "plan") == plan.plan_id, "a second click, which comes late, leads to the plan"
    monkeypatch.setattr(session, "SAME_CLICK_SECONDS", 0.0)
    assert param(again(shown, **ids), "plan") == plan.plan_id
    for deep in (desk.open(role="operations", **ids), again(shown, **ids), again(shown, some="yes", **ids)):
        assert has(deep, "purge-make-one")
        assert not param(deep, "plan")
    assert [entry["outcome"] for entry in desk.world.log.search(action="purge.plan")] == ["done"]


def test_a_plan_that_cannot_be_made_at_once_says_why_above_the_form_and_is_not_tried_again(desk, before):
    shown = open_page("video", **home.ids(VIDEO))
    faults = desk.world.firestore.faults
    faults.refuse("Commit", StatusCode.PERMISSION_DENIED, times=None)
    try:
        shown.button("video-fix-purge").click().run()
    finally:
        faults.clear()
    assert "Access denied" in read(shown)
    assert has(shown, "purge-make-one")
    assert not param(again(shown, **home.ids(VIDEO)), "plan")


def test_a_plan_says_whose_it_is_and_takes_no_orders_from_a_title(desk, before):
    video = {"video_id": "video-aaa", "status": "completed", "video_title": "**[x](http://evil.test)**"}
    desk.world.put_documents({"users/u1/videos/video-aaa": video})
    plan = desk.plan(VIDEO)
    app = desk.open(plan=plan.plan_id)
    assert "u1@example.com" in read(app)
    assert any(md("**[x](http://evil.test)**") in block.value for block in app.markdown)
    assert "u1@example.com" in read(desk.open(uid="u1", video_id="video-aaa"))
    desk.world.firestore.client(desk.world.project).document("users/u1").delete()
    loads.forget_user("u1")
    assert "a customer without a document of their own" in read(desk.open(plan=plan.plan_id))


def test_every_list_of_the_plan_can_be_opened(desk, before):
    plan = desk.plan(VIDEO)
    app = desk.open(plan=plan.plan_id)
    texts = {}
    for name in [option for option in app.segmented_control[0].options if option != "By kind"]:
        app.segmented_control[0].set_value(name).run()
        texts[name] = read(app)
    assert all(any(item.key[:200] in text for text in texts.values()) for item in plan.objects)
    assert all(any(item.path in text for text in texts.values()) for item in plan.documents)
    assert all(any(item.field in text for text in texts.values()) for item in plan.counters)


@pytest.mark.parametrize("phrase", ["", "u1", "U1/VIDEO-AAA", "u1/video-aaa/", "u1/video-aaa "])
def test_the_button_is_dead_until_the_name_is_there_to_the_letter(desk, before, phrase):
    plan = desk.plan(VIDEO)
    app = fill(desk.open(plan=plan.plan_id), plan, phrase=phrase)
    assert app.button(at(app, "purge-apply")).disabled
    assert "type the id exactly" in read(app)
    fill(app, plan)
    assert not app.button(at(app, "purge-apply")).disabled
    assert desk.world.snapshot() == before


def test_a_wrong_name_is_refused_by_the_action_whatever_the_button_was(desk, before):
    plan = desk.plan(VIDEO)
    app = fill(desk.open(plan=plan.plan_id), plan)
    app.text_input(at(app, "purge-phrase")).set_value("u1/video-bbb")
    press(app)
    assert not param(app, "job")
    with pytest.raises(Refused, match="not the scope's name"):
        purges.begin(plan, Request("u1/video-bbb", WHY), MAKER)
    assert desk.world.log.search(action="purge.apply")[0]["outcome"] == "refused"
    assert desk.world.snapshot() == before


def test_what_was_typed_is_forgotten_when_the_confirmation_is_opened_again(desk, before):
    plan = desk.plan(VIDEO)
    app = fill(desk.open(plan=plan.plan_id), plan)
    press(app, "purge-over")
    assert has(app, "purge-open")
    press(app, "purge-open")
    assert app.text_input(at(app, "purge-phrase")).value == ""
    assert app.text_input(at(app, "purge-reason")).value == ""
    assert app.button(at(app, "purge-apply")).disabled


def test_a_plan_that_lapsed_while_it_was_read_is_refused(desk, before):
    plan = desk.plan(CLIP)
    app = fill(desk.open(plan=plan.plan_id), plan)
    desk.world.pass_time(timedelta(minutes=31))
    press(app)
    assert "has expired" in read(app)
    assert desk.world.snapshot() == before


def test_a_plan_that_has_lapsed_can_only_be_made_anew(desk, before):
    plan = desk.plan(CLIP)
    desk.world.pass_time(timedelta(minutes=31))
    app = desk.open(plan=plan.plan_id)
    assert "This plan has expired" in read(app)
    assert not any(has(app, name) for name in ("purge-apply", "purge-open", "purge-approve"))


def test_a_world_that_moved_is_refused_and_the_page_says_what_moved(desk, before):
    plan = desk.plan(VIDEO)
    app = fill(desk.open(plan=plan.plan_id), plan)
    fresh = "users/u1/video-aaa/clips/clip_07_7_new_split.mp4"
    desk.world.put_objects({fresh: (b"new", "video/mp4")})
    press(app)
    assert "The scope changed" in read(app)
    assert fresh in read(app)
    objects, documents = desk.world.snapshot()
    assert ({key for key in objects if key != fresh}, documents) == (set(before[0]), before[1])


def test_a_plan_that_was_altered_where_it_is_kept_is_refused(desk, before):
    plan = desk.plan(VIDEO)
    app = fill(desk.open(plan=plan.plan_id), plan)
    altered = json.loads(to_text(plan))
    altered["objects"] = altered["objects"][1:]
    desk.world.purging.writers.objects.put(plan_key(plan.plan_id), json.dumps(altered).encode(), "application/json")
    press(app)
    assert "altered" in read(app)
    resealed = replace(plan, objects=plan.objects[1:])
    desk.world.purging.writers.objects.put(plan_key(plan.plan_id), to_text(resealed).encode(), "application/json")
    press(app)
    assert "not the one that was shown" in read(app)
    assert desk.world.snapshot() == before


def test_a_blocked_plan_says_why_and_offers_nothing_to_press(desk, before):
    path = "users/u1/videos/video-aaa"
    documents = {path: {"video_id": "video-aaa", "status": "processing", "updated_at": desk.world.now()}}
    desk.world.put_documents(documents)
    app = desk.open(plan=desk.plan(VIDEO).plan_id)
    assert "is being processed" in read(app)
    assert not any(has(app, name) for name in ("purge-apply", "purge-open", "purge-approve"))


def test_a_whole_user_waits_for_a_second_person_who_sees_the_same_plan(desk, before):
    plan = desk.plan(USER)
    maker = fill(desk.open(plan=plan.plan_id), plan)
    assert maker.button(at(maker, "purge-apply")).disabled
    assert "a second person's approval" in read(maker)
    assert not has(maker, "purge-approve")
    second = desk.open(role="second-admin", plan=plan.plan_id)
    assert plan.fingerprint[:16] in read(second)
    assert second.button(at(second, "purge-approve")).disabled
    second.checkbox(at(second, "purge-seen")).check().run()
    press(second, "purge-approve")
    assert "approved exactly this plan" in read(second)
    maker.run()
    assert not maker.button(at(maker, "purge-apply")).disabled
    assert desk.world.snapshot() == before


def test_a_plan_that_needs_no_approval_waits_for_whoever_may_apply_it(desk, before):
    plan = desk.plan(CLIP)  # operations make plans and apply none
    for role in ("admin", "second-admin"):
        overview = open_page("overview", role=role)
        assert "Ready to apply" in read(overview)
        (link,) = [one.proto for one in overview.get("page_link") if one.proto.label == "Look and apply"]
        assert link.query_string == f"plan={plan.plan_id}"
    assert "Ready to apply" not in read(open_page("overview", role="operations"))
    desk.world.apply(plan, MAKER)
    loads.forget_purges()
    assert "or purge waits for you." in read(open_page("overview", role="second-admin"))


def test_whoever_approved_cannot_apply_and_who_made_it_cannot_approve(desk, before):
    plan = desk.plan(USER)
    approve(desk.world.purging, plan, SECOND)
    app = desk.open(role="second-admin", plan=plan.plan_id)
    assert "You approved this plan" in read(app)
    assert not any(has(app, name) for name in ("purge-apply", "purge-open", "purge-approve"))
    with pytest.raises(Refused, match="a second person must approve"):
        purges.begin(plan, Request(plan.scope.spelled, WHY), SECOND)
    assert "Send the link" not in read(desk.open(plan=plan.plan_id))
    overview = open_page("overview")  # it waits for its maker now
    assert "Approved, ready to apply" in read(overview)
    (link,) = [one.proto for one in overview.get("page_link") if one.proto.label == "Look and apply"]
    assert link.query_string == f"plan={plan.plan_id}"
    second = open_page("overview", role="second-admin").get("page_link")
    assert not [one for one in second if one.proto.label.startswith("Look and")]
    with pytest.raises(Refused, match="cannot approve"):
        purges.approve(plan, MAKER)
    with pytest.raises(Refused, match="does not decline"):
        purges.decline(plan, "not now", MAKER)
    assert desk.world.snapshot() == before


def test_a_no_is_recorded_with_its_reason_and_the_maker_reads_it(desk, before):
    plan = desk.plan(USER)
    app = desk.open(role="second-admin", plan=plan.plan_id)
    app.text_input(at(app, "purge-decline_reason")).set_value("wrong **customer**").run()
    press(app, "purge-decline-")
    assert "wrong **customer**" in read(desk.open(plan=plan.plan_id))
    entry = desk.world.log.search(action="purge.decline")[0]
    assert (entry["actor"], entry["fingerprint"]) == (SECOND.email, plan.fingerprint)


def test_its_maker_discards_a_plan_and_everybody_reads_by_whom(desk, before):
    plan = desk.plan(USER, OPERATIONS)
    assert not has(desk.open(role="engineer", plan=plan.plan_id), "purge-discard"), "neither its maker nor an admin"
    second = desk.open(role="second-admin", plan=plan.plan_id)
    maker = press(desk.open(role="operations", plan=plan.plan_id), "purge-discard")
    assert "Discarded by operations@demo.local" in read(maker)
    second.run()
    for app in (maker, second, desk.open(plan=plan.plan_id)):
        assert "Discarded by operations@demo.local" in read(app)
        assert not any(has(app, name) for name in ("purge-discard", "purge-approve", "purge-apply", "purge-open"))
    assert "No open plans" in read(desk.open())
    with pytest.raises(Refused, match="was discarded"):
        purges.begin(plan, Request(plan.scope.spelled, WHY), MAKER)
    assert desk.world.snapshot() == before


def test_erasing_takes_a_second_person_and_a_ticket_even_for_a_clip(desk, before):
    plan = desk.plan(CLIP)
    app = desk.open(plan=plan.plan_id)
    app.toggle(at(app, "purge-erase")).set_value(True).run()
    fill(app, plan, ticket="")
    text = read(app)
    assert app.button(at(app, "purge-apply")).disabled
    assert "erasing keeps no quarantine" in text
    assert "the ticket" in text
    assert "a second person's approval" in text


def test_a_role_that_is_taken_away_stops_whoever_has_the_page_open(desk, before, monkeypatch):
    plan = desk.plan(CLIP)
    app = fill(desk.open(plan=plan.plan_id), plan)
    monkeypatch.setattr(identity, "PERSONAS", {**identity.PERSONAS, MAKER.email: frozenset({"support"})})
    press(app)
    assert "No access" in " ".join(str(block.proto.title) for block in app.warning) or "needs the role" in read(app)
    engineer = replace(MAKER, roles=frozenset({"engineer"}))
    for act in (
        lambda: purges.begin(plan, Request(plan.scope.spelled, "why"), engineer),
        lambda: purges.approve(plan, replace(SECOND, roles=frozenset({"engineer"}))),
        lambda: purges.decline(plan, "not now", replace(SECOND, roles=frozenset({"engineer"}))),
        lambda: purges.make(CLIP, replace(engineer, roles=frozenset({"support"}))),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert desk.world.snapshot() == before


@pytest.mark.parametrize("role", ["operations", "engineer"])
def test_who_may_only_plan_makes_a_plan_that_an_admin_applies(desk, before, role):
    shown = press(desk.open(role=role, uid="u1", video_id="video-aaa"), "purge-make")
    name = param(shown, "plan")
    assert "Applying this plan needs the role admin" in read(shown).replace("*", "")
    assert not any(has(shown, f"purge-{what}") for what in ("apply-", "approve-", "decline-", "erase-"))
    assert "video-aaa" in read(shown)
    assert stored_plan(desk.world.purging, name).maker == f"{role}@demo.local"


def test_who_may_only_plan_sees_which_rule_stops_the_approval(desk, before):
    shown = desk.open(role="operations", plan=desk.plan(USER).plan_id)
    approve = shown.button(at(shown, "purge-approve_stopped"))
    assert approve.disabled
    assert "needs the role admin" in approve.help
    assert not has(desk.open(plan=desk.plan(USER, SECOND).plan_id), "purge-approve_stopped")


@pytest.mark.parametrize("role", ["support", "nobody"])
def test_who_may_not_plan_sees_nothing_of_it(desk, before, role):
    app = desk.open(role=role, plan=desk.plan(CLIP).plan_id)
    assert len(app.metric) + len(lists(app)) + len(app.text_input) <= 1  # the search box of every page
    assert "video-aaa" not in read(app)


@pytest.mark.parametrize(
    "query",
    [
        {"plan": "../certificates/x"}, {"plan": "plan-1"}, {"job": "../ops"}, {"job": "purge-20260101-000000-0000000g"},
        {"uid": "a/b"}, {"uid": "u1", "clip_id": "c1"}, {"uid": "users"}, {"plan": "plan-20260101-000000-00000000"},
        {"job": "purge-20260101-000000-00000000"},
    ],
    ids=str,
)  # fmt: skip
def test_an_address_that_names_nothing_gets_an_answer_and_no_button(desk, query):
    app = desk.open(**query)
    assert read(app)
    assert not has(app, "purge-make-")
    assert "Something went wrong" not in read(app)


def test_chosen_clips_of_a_video_are_planned_together(desk, before):
    app = desk.open(uid="u1", video_id="video-aaa")
    scope = Scope.of("u1", "video-aaa", ["video-aaa_0_split", "video-aaa_1_split"])
    assert scope.spelled == "u1/video-aaa/2 clips"
    plan = purges.read_plan(purges.make(scope, MAKER))
    shown = desk.open(plan=plan.plan_id)
    assert "Chosen clips" in read(shown)
    assert "u1/video-aaa/2 clips" in read(shown)
    assert "Only some of its clips" in read(app)


def test_a_plan_of_another_name_in_its_place_is_refused(desk, before):
    plan, other = desk.plan(CLIP), desk.plan(VIDEO)
    desk.world.purging.writers.objects.put(plan_key(plan.plan_id), to_text(other).encode(), "application/json")
    with pytest.raises(Stale, match="Another plan"):
        purges.read_plan(plan.plan_id)


def test_a_customers_loss_blocks_the_plan_until_somebody_says_that_it_is_known(desk, before):
    world = desk.world
    world.purging.writers.objects.delete([key for key in world.objects() if "/u1/video-aaa/clips/clip_" in key])
    app = desk.open(plan=desk.plan(VIDEO).plan_id)
    text = read(app)
    assert "Blocked" in text
    assert "4 of 4 objects that completed clips claim are not there" in text
    assert "1 of 1 objects of other customers that were looked for as a control is there" in text
    assert not has(app, "purge-apply")
    assert app.button(at(app, "purge-acknowledged")).disabled
    app.checkbox(at(app, "purge-acknowledge-plan")).check().run()
    press(app, "purge-acknowledged")
    plan = purges.read_plan(param(app, "plan"))
    assert (plan.blocked, plan.claims.acknowledged, len(plan.claims.missing)) == ((), True, 4)
    assert "acknowledged as missing" in read(app)
    assert plan.scope == VIDEO


def test_a_doubt_about_the_bucket_offers_no_acknowledgement(desk, before):
    desk.world.purging.writers.objects.delete(list(desk.world.objects()))
    app = desk.open(plan=desk.plan(VIDEO).plan_id)
    assert "implausible" in read(app)
    assert not has(app, "purge-acknowledged")


def test_a_plan_of_an_older_version_is_shown_and_can_only_be_made_anew(desk, before):
    plan = desk.plan(VIDEO)
    old = replace(plan, seal="")
    desk.world.purging.writers.objects.put(plan_key(plan.plan_id), to_text(old).encode(), "application/json")
    app = desk.open(plan=plan.plan_id)
    assert "This plan has no seal" in read(app)
    assert "u1/video-aaa" in read(app)
    assert not [button for button in app.button if "purge" in button.label.casefold()]
    forged = replace(plan, seal=f"deployment:{'0' * 64}")
    desk.world.purging.writers.objects.put(plan_key(plan.plan_id), to_text(forged).encode(), "application/json")
    with pytest.raises(Stale, match="not sealed by this desk"):
        purges.read_plan(plan.plan_id)
    assert desk.world.snapshot() == before

"""Every id of a plan or job says where it is shown, and nothing else does."""

from __future__ import annotations

import pytest

from storage.domain import joint_repair, orphans
from storage.domain.places import place_of, places_in

REST = "20260101-120000-0123abcd"


@pytest.mark.parametrize(
    ("name", "address", "command"),
    [
        (f"plan-{REST}", f"/purge?plan=plan-{REST}", "purge"),
        (f"purge-{REST}", f"/purge?job=purge-{REST}", "purge"),
        (f"purge-{REST}-undo", f"/purge?job=purge-{REST}-undo", "purge"),
        (f"purge-{REST}-empty", f"/purge?job=purge-{REST}-empty", "purge"),
        (f"rplan-{REST}", f"/processing?repair=rplan-{REST}", "repair"),
        (f"repair-{REST}-undo", f"/processing?repair=repair-{REST}-undo", "repair"),
        (f"oplan-{REST}", f"/uploads?orphans=oplan-{REST}", "orphans"),
        (f"orphans-{REST}", f"/uploads?orphans=orphans-{REST}", "orphans"),
    ],
)
def test_an_id_leads_to_its_page_and_its_commands(name: str, address: str, command: str) -> None:
    place = place_of(name)
    assert place is not None
    assert (place.address(name), place.command) == (address, command)


@pytest.mark.parametrize("form", [joint_repair.FORM, orphans.FORM])
def test_the_plan_of_each_form_and_its_job_lie_at_one_place(form: joint_repair.PlanForm) -> None:
    name = f"{form.plan_prefix}{REST}"
    plan, job = place_of(name), place_of(form.job_id(name))
    assert plan is not None
    assert job is not None
    assert (plan.page, plan.parameter, plan.command) == (job.page, job.parameter, job.command)


def test_the_ids_in_a_text_are_found_once_and_whole() -> None:
    text = f"The purge purge-{REST} (https://desk.example/uploads?orphans=oplan-{REST}), purge-{REST}. Xrplan-{REST}"
    assert list(places_in(text)) == [f"purge-{REST}", f"oplan-{REST}"]
    assert list(places_in(f"change repair-{REST}-0 of nothing-{REST}")) == []


@pytest.mark.parametrize(
    "name",
    ["", "u1", "purge", f"purge-{REST}x", f"x-{REST}", f"purge-{REST}/../x", f"repair-{REST}-0", f"purge-{REST}\n"],
)
def test_nothing_else_is_such_an_id(name: str) -> None:
    assert place_of(name) is None

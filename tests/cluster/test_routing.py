"""Which replica a request goes to, as a visitor of a cluster would have it."""

from __future__ import annotations

import pytest

from avatar.cluster.replicas import SILENT_S, Replica, ReplicaTable, replica_of, total_calls
from avatar.cluster.routing import ranked, route
from avatar.cluster.scaling import replicas_wanted
from avatar.cluster.view import LOST_S, ClusterView

FIRST = Replica("aaaaaaa1", "http://10.0.0.1:1", calls=3, places=4)
SECOND = Replica("bbbbbbb2", "http://10.0.0.2:1", calls=1, places=4)
DRAINING = Replica("ccccccc3", "http://10.0.0.3:1", calls=1, places=4, draining=True)
ALL = [FIRST, SECOND, DRAINING]
ROOM = "room-of-everybody"


def test_a_new_call_goes_where_there_is_most_room_and_never_to_a_replica_that_drains() -> None:
    way = route("POST", "/whip", {"avatar": "mira"}, ALL)
    assert way.candidates == (SECOND, FIRST) and way.begins_call


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/whip/{}", "/api/calls/{}", "/api/calls/{}/recording"])
def test_what_is_about_a_call_goes_to_its_replica_even_while_that_drains(method: str, path: str) -> None:
    for replica in ALL:
        way = route(method, path.format(f"{replica.name}0123456789abcdef"), {}, ALL)
        assert way.candidates == (replica,) and not way.begins_call


def test_a_call_whose_replica_has_gone_is_lost_and_nobody_else_is_asked() -> None:
    way = route("GET", "/whip/ddddddd40123456789abcdef", {}, ALL)
    assert way.lost and not way.candidates
    assert route("GET", "/whip/short", {}, ALL).lost


def test_people_of_one_room_come_together_whoever_comes_first() -> None:
    begun = route("POST", "/whip", {"room": ROOM}, [FIRST, SECOND]).candidates
    assert begun == route("POST", "/whip", {"room": ROOM, "name": "Ada"}, [SECOND, FIRST]).candidates
    held = Replica("ccccccc3", "http://10.0.0.3:1", calls=4, places=4, draining=True, rooms=frozenset({ROOM}))
    assert route("POST", "/whip", {"room": ROOM}, [FIRST, SECOND, held]).candidates == (held,)
    assert route("GET", f"/api/rooms/{ROOM}", {}, [FIRST, SECOND, held]).candidates == (held,)


def test_a_watch_link_leads_to_its_call_whoever_chose_it() -> None:
    made = f"{SECOND.name}0123456789abcdef"
    assert route("POST", f"/whep/{made}", {}, ALL).candidates == (SECOND,)
    chosen = "my-own-watch-link-token"
    holder = Replica("eeeeeee5", "http://10.0.0.5:1", watch=frozenset({chosen}))
    assert route("POST", f"/whep/{chosen}", {}, [*ALL, holder]).candidates == (holder,)
    assert route("POST", "/whip", {"watch": chosen}, [*ALL, holder]).candidates == (holder,)
    began_at = route("POST", "/whip", {"watch": chosen}, [FIRST, SECOND]).candidates[0]
    looked_for = route("GET", f"/whep/{chosen}", {}, [FIRST, SECOND])
    assert looked_for.candidates[0] == began_at and looked_for.may_be_elsewhere


def test_uploads_of_one_visitor_take_turns_at_one_replica_while_others_come_and_go() -> None:
    before = route("POST", "/api/avatars", {}, [FIRST, SECOND], visitor="192.0.2.1").candidates[0]
    other = Replica("fffffff6", "http://10.0.0.6:1")
    after = route("POST", "/api/avatars", {}, [FIRST, SECOND, other], visitor="192.0.2.1").candidates[0]
    assert after in (before, other)
    keys = [f"192.0.2.{number}" for number in range(200)]
    shares = [sum(ranked(key, [FIRST, SECOND])[0] == one for key in keys) for one in (FIRST, SECOND)]
    assert min(shares) > 60, "and visitors are spread"


def test_a_name_that_begins_with_no_replica() -> None:
    assert replica_of("aaaaaaa1") is None, "a replica's own name is nobody's call"
    assert replica_of("AAAAAAA1xxxxxxxx") is None
    assert replica_of("aaaaaaa1x") == "aaaaaaa1"


def test_a_replica_that_falls_silent_is_taken_for_dead() -> None:
    table = ReplicaTable()
    table.tell(FIRST, 0.0)
    table.tell(SECOND, 3.0)
    assert table.alive(3.0) == [FIRST, SECOND] and total_calls(table.alive(3.0)) == 4
    assert table.alive(SILENT_S + 1) == [SECOND]
    table.leave(SECOND.name)
    table.leave(SECOND.name)
    assert table.alive(SILENT_S + 1) == []


def test_a_gateway_goes_by_what_it_has_seen_itself() -> None:
    view = ClusterView()
    assert not view.told
    view.update([FIRST, SECOND], 0.0)
    for _ in range(3):
        view.placed(SECOND)
    assert route("POST", "/whip", {}, view.replicas(0.1)).candidates[0] == FIRST, "calls on their way count"
    view.lost(FIRST, 0.2)
    assert [replica.name for replica in view.replicas(0.3)] == [SECOND.name]
    view.update([FIRST, SECOND], 0.5)
    assert view.replicas(0.6) == [SECOND], "the table does not know yet"
    assert view.replicas(LOST_S + 1) == [FIRST, SECOND]


def test_there_are_as_many_replicas_as_calls_need_and_room_for_some_more() -> None:
    assert replicas_wanted(0, 4, least=2, most=10) == 2
    assert replicas_wanted(6, 4, least=1, most=10) == 2
    assert replicas_wanted(7, 4, least=1, most=10) == 3
    assert replicas_wanted(1000, 4, least=1, most=10) == 10
    assert replicas_wanted(3, 0, least=1, most=5) == 5, "where nothing fits, more is tried"

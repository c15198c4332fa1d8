"""Who makes room for whom, when a server has no more."""

from __future__ import annotations

from avatar.server.admission import GRACE_S, OPEN_PER_REQUEST, Admission, ConnectionTable

SMALL = Admission(requests=4, requests_per_address=2)


def table_of(admission: Admission = SMALL) -> ConnectionTable[str]:
    return ConnectionTable(admission)


def test_the_connection_idle_for_longest_makes_room() -> None:
    table = table_of()
    for number in range(2 * OPEN_PER_REQUEST):
        assert table.enter(f"c{number}", "192.0.2.1", float(number)) == []
    table.begin("c0", 10.0, receiving=False)
    table.rest("c0", 11.0)
    assert table.enter("new", "192.0.2.1", 12.0) == ["c1"]
    table.leave("c1")
    assert len(table) == 2 * OPEN_PER_REQUEST and "new" in table


def test_one_address_takes_no_room_from_others() -> None:
    table = table_of()
    for number in range(2 * OPEN_PER_REQUEST):
        table.enter(f"greedy {number}", "192.0.2.1", float(number))
    assert table.enter("other", "192.0.2.2", 9.0) == []
    assert table.enter("greedy again", "192.0.2.1", 10.0) == ["greedy 0"]


def test_many_addresses_share_the_server() -> None:
    table = table_of()
    for number in range(4 * OPEN_PER_REQUEST):
        assert table.enter(f"c{number}", f"192.0.2.{number}", float(number)) == []
    assert table.enter("new", "192.0.2.100", 20.0) == ["c0"]


def test_requests_at_work_are_never_cut_off_and_one_too_many_is_told_to_wait() -> None:
    table = table_of()
    for number in range(2):
        table.enter(f"c{number}", "192.0.2.1", 0.0)
        assert table.begin(f"c{number}", 0.0, receiving=False) == (True, None)
    table.enter("new", "192.0.2.1", 100.0)
    assert table.begin("new", 100.0, receiving=False) == (False, None)
    table.rest("new", 100.1)
    table.rest("c0", 100.2)
    assert table.begin("new", 100.3, receiving=False) == (True, None)


def test_the_slowest_sender_makes_room_for_a_request_but_not_at_once() -> None:
    table = table_of()
    for name, received in (("quick", 100_000), ("slow", 10)):
        table.enter(name, "192.0.2.1", 0.0)
        table.begin(name, 0.0, receiving=True)
        table.receive(name, received, more=True)
    table.enter("new", "192.0.2.1", GRACE_S / 2)
    assert table.begin("new", GRACE_S / 2, receiving=False) == (False, None)
    table.rest("new", GRACE_S / 2)
    assert table.begin("new", GRACE_S, receiving=False) == (True, "slow")


def test_a_body_that_has_come_is_work() -> None:
    table = table_of()
    for name in ("a", "b"):
        table.enter(name, "192.0.2.1", 0.0)
        table.begin(name, 0.0, receiving=True)
        table.receive(name, 10, more=False)
    table.enter("new", "192.0.2.1", 60.0)
    assert table.begin("new", 60.0, receiving=False) == (False, None)


def test_a_newcomer_goes_itself_where_nobody_can() -> None:
    table = table_of(Admission(requests=1, requests_per_address=1))
    for number in range(OPEN_PER_REQUEST):
        table.enter(f"c{number}", f"192.0.2.{number}", 0.0)
        table.begin(f"c{number}", 0.0, receiving=False)
    assert table.enter("new", "192.0.2.9", 1.0) == ["new"]


def test_leaving_may_be_said_twice() -> None:
    table = table_of()
    table.enter("a", "192.0.2.1", 0.0)
    table.leave("a")
    table.leave("a")
    assert len(table) == 0

"""Two events become one exchange; an event without a partner is dropped."""

from collections import Counter

import pytest

from serving.collector.joining import (
    ID_TWICE,
    NO_PARTNER,
    NO_ROOM,
    REQUEST,
    RESPONSE,
    Exchange,
    Joiner,
)


@pytest.fixture
def dropped() -> Counter[str]:
    return Counter()


@pytest.fixture
def joiner(dropped: Counter[str]) -> Joiner:
    def drop(reason: str, count: int) -> None:
        dropped[reason] += count

    return Joiner(seconds=60, max_bytes=10_000, dropped=drop)


@pytest.mark.parametrize("kinds", [(REQUEST, RESPONSE), (RESPONSE, REQUEST)])
def test_they_come_in_either_order(joiner: Joiner, kinds: tuple[str, str]) -> None:
    bodies = {REQUEST: b"what", RESPONSE: b"that"}
    first, second = kinds
    assert joiner.add("id", first, bodies[first], 0) is None
    found = joiner.add("id", second, bodies[second], 1)
    assert found == Exchange(b"what", b"that")


@pytest.mark.parametrize("kinds", [(REQUEST, RESPONSE), (RESPONSE, REQUEST)])
def test_the_path_is_the_requests(joiner: Joiner, kinds: tuple[str, str]) -> None:
    paths = {REQUEST: "/v1/models/letters/versions/3", RESPONSE: "/"}
    for kind in kinds:
        found = joiner.add("id", kind, b"", 0, paths[kind])
    assert found is not None
    assert found.path == paths[REQUEST]


def test_others_are_not_mixed_up(joiner: Joiner) -> None:
    joiner.add("a", REQUEST, b"1", 0)
    joiner.add("b", REQUEST, b"2", 0)
    assert joiner.add("b", RESPONSE, b"3", 0) == Exchange(b"2", b"3")
    assert joiner.add("a", RESPONSE, b"4", 0) == Exchange(b"1", b"4")


def test_a_request_that_failed_has_no_answer(
    joiner: Joiner, dropped: Counter[str]
) -> None:
    joiner.add("id", REQUEST, b"what", 0)
    joiner.expire(59)
    assert not dropped
    joiner.expire(60)
    assert dropped == {NO_PARTNER: 1}
    assert joiner.add("id", RESPONSE, b"late", 61) is None


def test_an_id_that_comes_twice_says_nothing_of_who_is_whose(
    joiner: Joiner, dropped: Counter[str]
) -> None:
    joiner.add("id", REQUEST, b"1", 0)
    joiner.add("id", REQUEST, b"2", 0)
    assert joiner.add("id", RESPONSE, b"3", 0) is None
    assert joiner.add("id", RESPONSE, b"4", 0) is None
    assert dropped == {ID_TWICE: 4}
    # A minute later the same id is accepted again.
    joiner.add("id", REQUEST, b"5", 60)
    assert joiner.add("id", RESPONSE, b"6", 60) == Exchange(b"5", b"6")


def test_the_oldest_make_room(joiner: Joiner, dropped: Counter[str]) -> None:
    joiner.add("a", REQUEST, bytes(4000), 0)
    joiner.add("b", REQUEST, bytes(4000), 0)
    joiner.add("c", REQUEST, b"1", 0)
    assert dropped == {NO_ROOM: 1}
    assert joiner.add("a", RESPONSE, b"", 0) is None
    assert joiner.add("b", RESPONSE, b"", 0) == Exchange(bytes(4000), b"")


def test_events_without_a_body_take_room_as_well(
    joiner: Joiner, dropped: Counter[str]
) -> None:
    for number in range(100):
        joiner.add(number, REQUEST, b"", 0)
    assert dropped == {NO_ROOM: 91}

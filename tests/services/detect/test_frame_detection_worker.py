"""The worker's loop: ticks, ring, state, and one bad message that stops nothing."""

from collections.abc import Sequence

import pytest

from geo.errors import SnapshotError
from services.detect.worker import Decoded, FrameDetectionWorker
from services.events import Conclusion, Detection, Gap, Heard, Received, Reception, Tick

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 100 * SECOND

    def __call__(self) -> int:
        return self.now


class Source:
    def __init__(self, clock: Clock, batches: Sequence[Sequence[Received]]) -> None:
        self._clock = clock
        self._batches = list(batches)

    @property
    def empty(self) -> bool:
        return not self._batches

    def get(self, timeout_s: float) -> list[Received]:
        assert timeout_s > 0
        self._clock.now += SECOND // 2
        return list(self._batches.pop(0)) if self._batches else []


class Keeper:
    """Sink, ring and state port in one."""

    def __init__(self, state: bytes | None = None) -> None:
        self.sent: list[Conclusion] = []
        self.kept: list[Received] = []
        self.state = state
        self.saves = 0

    def send(self, events: Sequence[Conclusion]) -> None:
        self.sent.extend(events)

    def keep(self, received: Received) -> None:
        self.kept.append(received)

    def load(self) -> bytes | None:
        return self.state

    def save(self, state: bytes) -> None:
        self.state = state
        self.saves += 1


class Counting:
    """A stage that counts."""

    def __init__(self) -> None:
        self.count = 0
        self.ticks = 0

    def push(self, item: Heard | Gap | Tick) -> list[Detection | Reception]:
        if isinstance(item, Tick):
            self.ticks += 1
        self.count += 1
        return []

    def snapshot(self) -> bytes:
        return str(self.count).encode()

    def restore(self, state: bytes) -> None:
        if not state.isdigit():
            raise SnapshotError("snapshot is damaged: start without it")
        self.count = int(state)


def decode(item: Received | Tick) -> list[Decoded]:
    if isinstance(item, Tick):
        return []
    if item.payload == b"bad":
        raise ZeroDivisionError
    return [Gap("g", "s", "frame", "1", 0, 0, item.received_at_ns)]


def worker(
    batches: Sequence[Sequence[Received]], keeper: Keeper, stage: Counting
) -> tuple[FrameDetectionWorker, Source]:
    clock = Clock()
    source = Source(clock, batches)
    built = FrameDetectionWorker(
        source=source,
        decode=decode,
        detection=stage,
        sink=keeper,
        ring=keeper,
        state=keeper,
        now_ns=clock,
    )
    return built, source


def message(payload: bytes = b"ok") -> Received:
    return Received(1, "straja/v1/g/fibre/s/frame", payload)


def test_it_ticks_each_second_and_saves_each_ten() -> None:
    keeper, stage = Keeper(), Counting()
    built, source = worker([[] for _ in range(44)], keeper, stage)
    built.run(lambda: source.empty)
    assert 21 <= stage.ticks <= 23
    assert keeper.saves == 3


def test_messages_are_kept_decoded_and_what_follows_is_sent() -> None:
    keeper, stage = Keeper(), Counting()
    built, source = worker([[message(), message()]], keeper, stage)
    built.run(lambda: source.empty)
    assert len(keeper.kept) == built.messages == 2
    assert len(keeper.sent) == 2
    assert built.failures == 0


def test_one_bad_message_stops_nothing_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    keeper, stage = Keeper(), Counting()
    built, source = worker([[message(), message(b"bad"), message()]], keeper, stage)
    built.run(lambda: source.empty)
    assert built.failures == 1
    assert len(keeper.sent) == 2
    assert len(keeper.kept) == 3
    assert "failed in detection" in capsys.readouterr().out


def test_a_saved_state_is_taken_up_and_a_damaged_one_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = Counting()
    built, source = worker([[]], Keeper(b"41"), stage)
    built.run(lambda: source.empty)
    assert built.restored
    assert stage.count > 41
    built, source = worker([[]], Keeper(b"rubbish"), Counting())
    built.run(lambda: source.empty)
    assert not built.restored
    assert "learned anew" in capsys.readouterr().out

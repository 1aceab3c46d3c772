"""What a score goes by; the definitions stand in the testers' guide and in the docstrings here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Limits of matching and of GOSPA; all are ours, and none follows a setting of detection.

    Attributes:
        gate_m: an alert this near to an actor may be for it: who is sent there finds it.
        gate_sigmas: and farther by so many sigmas of the alert's own place.
        most_m: never farther than this.
        train_m: but so much farther from a train whose wagons' places the truth does not tell;
            assumed.
        lag_s: an alert may stand where the actor was so long ago.
        lead_s: or where it is so much later, for clocks that are a little fast.
        settle_s: revisions up to so long after an alert was raised count for its match.
        early_s: an alert may be raised so long before its actor comes within reach: truth knows
            reach by a rule of thumb, and a good sensor hears farther.
        late_s: and so long after it has left it, or has ended.
        together_m: crossings that stay this near go together.
        together_share: of the shorter one's time within reach that they must share.
        own_report_s: how long a report of one of ours says where it is.
        cut_off_m: GOSPA's c.
        order: GOSPA's p.
        member_m: tracks this near to any member of an actor that counts several may be of its
            other members.
        coast_s: a track's place is carried on with its velocity for so long at most.
        seed: of the bootstrap.
    """

    gate_m: float = 150.0
    gate_sigmas: float = 3.0
    most_m: float = 300.0
    train_m: float = 500.0
    lag_s: float = 10.0
    lead_s: float = 2.0
    settle_s: float = 30.0
    early_s: float = 60.0
    late_s: float = 30.0
    together_m: float = 50.0
    together_share: float = 0.5
    own_report_s: float = 30.0
    cut_off_m: float = 100.0
    order: float = 2.0
    member_m: float = 25.0
    coast_s: float = 10.0
    seed: int = 1

"""Which seeds are for tuning and which for figures, as committed in ``deploy/seeds.toml``."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geo.errors import ConfigError
from sensors.simulators.cases import Case

_FILE = Path(__file__).resolve().parents[2] / "deploy" / "seeds.toml"


class SeedSet(StrEnum):
    """What seeds are for."""

    TUNING = "tuning"
    FIGURES = "figures"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedRange(_Table):
    """Seeds that follow each other."""

    first_seed: int = Field(ge=0, lt=2**32)
    scenes: int = Field(gt=0, le=100_000)

    @property
    def seeds(self) -> range:
        """All of them."""
        return range(self.first_seed, self.first_seed + self.scenes)


class SeedRanges(_Table):
    """A range for each purpose."""

    tuning: SeedRange
    figures: SeedRange

    def of(self, name: SeedSet) -> SeedRange:
        """The range of a purpose."""
        return self.figures if name is SeedSet.FIGURES else self.tuning


class Seeds(SeedRanges):
    """Ranges of drawn scenes, the difficulties that these have in turn, and ranges of cases."""

    difficulties: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] = Field(min_length=1)
    cases: Mapping[Case, SeedRanges] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        everything: list[SeedRanges] = [self, *self.cases.values()]
        ranges = [some.of(name).seeds for some in everything for name in SeedSet]
        for one, other in pairwise(sorted(ranges, key=lambda seeds: seeds.start)):
            if other.start < one.stop:
                raise ValueError(
                    "ranges of tuning and figures that do not overlap, nor those of cases; seed "
                    f"{other.start} is in two"
                )
        return self

    def chosen(
        self, name: SeedSet, scenes: int | None, first_seed: int | None, case: Case | None = None
    ) -> range:
        """Seeds to draw.

        Args:
            name: of the range.
            scenes: so many from its begin; all when None.
            first_seed: another begin, outside all ranges of figures.
            case: whose range; that of drawn scenes when None.

        Raises:
            ConfigError: more than the range has, or seeds of figures by the back door.
        """
        if case is not None and case not in self.cases:
            known = ", ".join(self.cases) or "none"
            raise ConfigError(
                f"case {str(case)!r} has no seeds: wanted one of those that do ({known})"
            )
        own = (self if case is None else self.cases[case]).of(name)
        if first_seed is None:
            if scenes is not None and scenes > own.scenes:
                raise ConfigError(
                    f"--scenes is {scenes}: wanted at most {own.scenes}, so many seeds are for "
                    f"{name}; give --first-seed for others"
                )
            return own.seeds[: own.scenes if scenes is None else scenes]
        found = range(first_seed, first_seed + (own.scenes if scenes is None else scenes))
        for kept in (self.figures, *(some.figures for some in self.cases.values())):
            if found.start < kept.seeds.stop and kept.seeds.start < found.stop:
                raise ConfigError(
                    f"--first-seed is {first_seed}: seeds {kept.seeds.start} to "
                    f"{kept.seeds.stop - 1} are kept for figures; take others, or --seeds figures"
                )
        return found

    def difficulty(self, seed: int) -> float:
        """How difficult the scene of a seed is."""
        return self.difficulties[seed % len(self.difficulties)]


def seed_set(name: str) -> SeedSet:
    """Which range a person means.

    Raises:
        ConfigError: where it is neither.
    """
    try:
        return SeedSet(name)
    except ValueError:
        raise ConfigError(f"--seeds is {name!r}: wanted tuning or figures") from None


def shipped_seeds(path: Path = _FILE) -> Seeds:
    """Read the committed file.

    Raises:
        ConfigError: where it is none.
    """
    try:
        return Seeds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"{path.name}: wanted ranges of seeds ({error})") from error

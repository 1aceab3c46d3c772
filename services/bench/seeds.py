"""Which seeds are for tuning and which for figures, as committed in ``deploy/seeds.toml``."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geo.errors import ConfigError

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


class Seeds(_Table):
    """Both ranges, and the difficulties that scenes have in turn."""

    difficulties: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] = Field(min_length=1)
    tuning: SeedRange
    figures: SeedRange

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        one, other = self.tuning.seeds, self.figures.seeds
        if one.start < other.stop and other.start < one.stop:
            raise ValueError("ranges of tuning and figures that do not overlap")
        return self

    def chosen(self, name: SeedSet, scenes: int | None, first_seed: int | None) -> range:
        """Seeds to draw.

        Args:
            name: of the range.
            scenes: so many from its begin; all when None.
            first_seed: another begin, outside the range of figures.

        Raises:
            ConfigError: more than the range has, or seeds of figures by the back door.
        """
        own = self.figures if name is SeedSet.FIGURES else self.tuning
        if first_seed is None:
            if scenes is not None and scenes > own.scenes:
                raise ConfigError(
                    f"--scenes is {scenes}: wanted at most {own.scenes}, so many seeds are for "
                    f"{name}; give --first-seed for others"
                )
            return own.seeds[: own.scenes if scenes is None else scenes]
        found = range(first_seed, first_seed + (own.scenes if scenes is None else scenes))
        kept = self.figures.seeds
        if found.start < kept.stop and kept.start < found.stop:
            raise ConfigError(
                f"--first-seed is {first_seed}: seeds {kept.start} to {kept.stop - 1} are kept for "
                "figures; take others, or --seeds figures"
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

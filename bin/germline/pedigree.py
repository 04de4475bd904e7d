"""What a PED file says of samples: sex and parents."""

from dataclasses import dataclass
from pathlib import Path

_SEXES = {"1": "male", "2": "female"}


@dataclass(frozen=True)
class Person:
    """One line of a PED file; '' stands for a parent or a sex that it does not know."""

    sex: str
    parents: tuple[str, ...]


def read_pedigree(file: Path) -> dict[str, Person]:
    """Return the people of a PED file by their names; its form was checked before the run."""
    people = {}
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        _family, name, father, mother, sex, *_ = line.split()
        parents = tuple(parent for parent in (father, mother) if parent != "0")
        people[name] = Person(_SEXES.get(sex, ""), parents)
    return people


def is_parent(people: dict[str, Person], one: str, other: str) -> bool:
    """Whether one of the two is given as a parent of the other."""
    nobody = Person("", ())
    return one in people.get(other, nobody).parents or other in people.get(one, nobody).parents

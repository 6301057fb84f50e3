"""Nobody gets to a repository that is not allowed, not by links, dots, or changing links while the server looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vinculum.errors import (
    Error,
    InvalidRepository,
    ParentPathDoesNotExist,
    PathAlreadyExists,
    PathNotAllowed,
    RepositoryAlreadyExists,
    RepositoryDoesNotExist,
)
from vinculum.remote.access import Doorkeeper, Restrictions, WorkingDirectory, expand
from vinculum.repository.repository import Repository


@pytest.fixture
def allowed(place: Path) -> Path:
    (place / "allowed").mkdir()
    (place / "secret").mkdir()
    return place / "allowed"


@pytest.fixture
def doorkeeper(allowed: Path) -> Doorkeeper:
    return Doorkeeper(Restrictions([str(allowed)]))


def create(doorkeeper: Doorkeeper, path: object, *, make_parent_dirs: bool = False) -> None:
    doorkeeper.create(str(path), make_parent_dirs=make_parent_dirs, append_only=False, storage_quota=0)


@pytest.mark.parametrize(
    ("path", "paths", "repositories", "is_allowed"),
    [
        ("/a/b", [], [], True),
        ("/a/b", ["/a"], [], True),
        ("/a", ["/a"], [], True),
        ("/ab", ["/a"], [], False),
        ("/", ["/a"], [], False),
        ("/b", ["/a", "/b"], [], True),
        ("/a", ["/"], [], True),
        ("/a/b", [], ["/a"], False),
        ("/a", [], ["/a/"], True),
        ("/a", [], ["/a/b"], False),
        ("/a/b", ["/a"], ["/a/b"], True),
        ("/a/c", ["/a"], ["/a/b"], False),
        ("/a/b", ["/c"], ["/a/b"], False),
    ],
)
def test_restrictions(path: str, paths: list[str], repositories: list[str], is_allowed: bool) -> None:
    assert Restrictions(paths, repositories).allow(path) == is_allowed


def test_a_restriction_may_itself_be_a_link(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to("real")
    assert Restrictions([str(place / "link")]).allow(str(place / "real" / "repo"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/repo", "/srv/repo"),
        ("repo", "repo"),
        ("/./repo", "repo"),
        ("/.//etc", "/etc"),
        ("~/repo", "{base}/repo"),
        ("/~/repo", "{base}/repo"),
        ("~", "{base}/"),
        ("~root/repo", "{root}/repo"),
        ("/~root/repo", "{root}/repo"),
        ("~nobody knows/repo", "~nobody knows/repo"),
    ],
)
def test_paths_of_clients(text: str, path: str, place: Path) -> None:
    assert expand(text) == path.format(base=place, root=os.path.expanduser("~root"))


def test_relative_paths_begin_where_the_server_was_started(place: Path) -> None:
    doorkeeper = Doorkeeper(Restrictions())
    for name in ("one", "two"):
        create(doorkeeper, name)
        assert doorkeeper.enter(name) == str(place / name)


@pytest.mark.parametrize("way", ["../secret", "{place}/secret", "link", "link/../secret", "deep/../../secret", "/./../secret"])
def test_what_is_elsewhere_cannot_be_entered_nor_made(way: str, doorkeeper: Doorkeeper, allowed: Path, place: Path) -> None:
    (allowed / "link").symlink_to("../secret")
    Repository.create(str(place / "secret"))
    os.chdir(allowed)
    doorkeeper = Doorkeeper(Restrictions([str(allowed)]))
    for name in ("", "/new"):
        text = way.format(place=place) + name
        with pytest.raises(PathNotAllowed, match=r"not allowed: "):
            doorkeeper.enter(text)
        with pytest.raises(PathNotAllowed):
            create(doorkeeper, text, make_parent_dirs=True)
    assert os.getcwd() == str(allowed)
    assert not (place / "secret" / "new").exists()


def test_links_within_what_is_allowed_are_followed(doorkeeper: Doorkeeper, allowed: Path) -> None:
    Repository.create(str(allowed / "repo"))
    (allowed / "link").symlink_to("repo")
    assert doorkeeper.enter(str(allowed / "link")) == str(allowed / "repo")


def swapped_when_entered(monkeypatch: pytest.MonkeyPatch, entry: Path, target: Path) -> list[str]:
    """Puts a link to `target` in the place of `entry` just before it is entered, which is after it was checked."""
    done: list[str] = []
    chdir = os.chdir

    def strike(path: str) -> None:
        if os.path.basename(path) == entry.name and not done:
            done.append(path)
            if entry.exists():
                entry.rename(entry.with_name("moved"))
            entry.symlink_to(target)
        chdir(path)

    monkeypatch.setattr(os, "chdir", strike)
    return done


def test_a_link_that_appears_after_the_check_leads_nowhere(
    doorkeeper: Doorkeeper, allowed: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Repository.create(str(place / "secret"))
    Repository.create(str(allowed / "repo"))
    struck = swapped_when_entered(monkeypatch, allowed / "repo", place / "secret")
    with pytest.raises(PathNotAllowed):
        doorkeeper.enter(str(allowed / "repo"))
    assert struck


@pytest.mark.parametrize("struck", ["above", "above/new", "empty"])
def test_nothing_is_made_behind_a_link_that_appears_after_the_check(
    struck: str, doorkeeper: Doorkeeper, allowed: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (allowed / "above").mkdir()
    (allowed / "empty").mkdir()
    done = swapped_when_entered(monkeypatch, allowed / struck, place / "secret")
    with pytest.raises(PathNotAllowed):
        create(doorkeeper, allowed / ("empty" if struck == "empty" else "above/new/repo"), make_parent_dirs=True)
    assert done
    assert os.listdir(place / "secret") == []


def test_the_server_stays_where_it_is(doorkeeper: Doorkeeper, allowed: Path, place: Path) -> None:
    create(doorkeeper, allowed / "repo")
    path = doorkeeper.enter(str(allowed / "repo"))
    (allowed / "repo").rename(allowed / "moved")
    (allowed / "repo").symlink_to(place / "secret")
    with Repository(path, exclusive=True, storage=WorkingDirectory(), place=".") as store:
        store.put(bytes(32), b"object")
        store.commit()
        assert (allowed / "moved" / "lock.exclusive").is_dir()
        store.destroy()
    assert os.listdir(place / "secret") == []
    assert not (allowed / "moved").exists()


def test_parent_directories_are_made_on_request(doorkeeper: Doorkeeper, allowed: Path) -> None:
    path = allowed / "a" / "b" / "c"
    with pytest.raises(ParentPathDoesNotExist):
        create(doorkeeper, path)
    create(doorkeeper, path, make_parent_dirs=True)
    assert doorkeeper.enter(str(path)) == str(path)


def test_one_repository_may_be_made_in_a_directory_that_is_not_allowed_itself(place: Path) -> None:
    doorkeeper = Doorkeeper(Restrictions(repositories=[str(place / "repo")]))
    create(doorkeeper, place / "repo")
    for other in ("other", "repo/below", ""):
        with pytest.raises(PathNotAllowed):
            create(doorkeeper, place / other)


def test_nothing_is_overwritten(doorkeeper: Doorkeeper, allowed: Path) -> None:
    create(doorkeeper, allowed / "repo")
    for name in ("repo", "repo/within"):
        with pytest.raises(RepositoryAlreadyExists):
            create(doorkeeper, allowed / name)
    (allowed / "used").mkdir()
    (allowed / "used" / "file").touch()
    for name in ("used", "used/file"):
        with pytest.raises(PathAlreadyExists):
            create(doorkeeper, allowed / name)


def test_what_is_not_there(doorkeeper: Doorkeeper, allowed: Path) -> None:
    (allowed / "file").touch()
    (allowed / "loop").symlink_to("loop")
    for name, error in (
        ("nothing", RepositoryDoesNotExist),
        ("file", InvalidRepository),
        ("x" * 5000, Error),
        ("loop", OSError),
    ):
        with pytest.raises(error):
            doorkeeper.enter(str(allowed / name))


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", "up", "out", "~", "~root", "\udcff"]), max_size=12), st.booleans())
def test_no_spelling_gets_out(tmp_path_factory: pytest.TempPathFactory, parts: list[str], absolute: bool) -> None:
    place = tmp_path_factory.getbasetemp() / "spelling"
    inside = place / "inside"
    if not place.exists():
        (inside / "a" / "b").mkdir(parents=True)
        (inside / "up").symlink_to("..")
        (inside / "a" / "out").symlink_to("/")
    before = os.getcwd()
    os.chdir(inside)
    try:
        where = Doorkeeper(Restrictions([str(inside)])).enter(("/" if absolute else "") + "/".join(parts))
    except (PathNotAllowed, RepositoryDoesNotExist, InvalidRepository):
        pass
    else:
        assert Path(where).is_relative_to(inside)
    finally:
        os.chdir(before)

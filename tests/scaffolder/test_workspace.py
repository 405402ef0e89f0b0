from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from scaffolder import workspace
from scaffolder.errors import ActionFailed, PathRefused
from scaffolder.workspace import Store, Workspace, walk

OUTSIDE = [
    "/etc/passwd",
    "../outside",
    "a/../../outside",
    "a/b/../../../outside",
    "..",
    "..\\outside",
    "a\\..\\..\\outside",
    "~/x",
    "~root/x",
    "C:/x",
    "c:\\x",
    "//server/share",
    "a\x00b",
    ".git",
    ".git/hooks/post-checkout",
    "sub/.git/config",
    ".GIT/config",
    ".Git/config",
    ".git./config",
    ".git /config",
    "git~1/config",
    ".g\u200cit/config",
    ".git::$INDEX_ALLOCATION/config",
    "a" * 300,
    "/".join(["a" * 200] * 20),
]


@pytest.fixture
def room(tmp_path: Path) -> Workspace:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "in").mkdir()
    return Workspace(tmp_path / "in")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_outside_is_refused(room: Workspace, path: str) -> None:
    for ask in (room.path, room.to_write, room.folder, lambda name: room.write(name, b"x")):
        with pytest.raises(PathRefused):
            ask(path)
    assert list(room.root.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["a", "./a", "a/b/c", "a/./b", ".github/workflows/ci.yml", ".gitignore", "a..b", "...", "ü/ñ"]
)
def test_a_path_inside_is_taken(room: Workspace, path: str) -> None:
    room.write(path, b"x")
    assert room.path(path).read_bytes() == b"x"


def test_an_error_repeats_the_path_and_says_what_to_write(room: Workspace) -> None:
    with pytest.raises(
        PathRefused, match=r"'\.\./x' leads out of the workspace\. Write it without \.\. in it"
    ):
        room.path("../x")


@pytest.mark.parametrize("target", ["../outside", "/etc", "../outside/secret"])
def test_links_that_lead_out_are_neither_read_nor_written(room: Workspace, target: str) -> None:
    (room.root / "link").symlink_to(target)
    for path in ("link", "link/secret", "link/new"):
        with pytest.raises(PathRefused):
            room.path(path)
        with pytest.raises(PathRefused):
            room.write(path, b"x")
    assert (room.root.parent / "outside" / "secret").read_text() == "secret"


def test_links_through_each_other_that_lead_out_are_refused(room: Workspace) -> None:
    (room.root / "a").symlink_to("b")
    (room.root / "b").symlink_to("../outside")
    with pytest.raises(PathRefused):
        room.path("a/secret")


def test_links_in_a_circle_are_refused(room: Workspace) -> None:
    (room.root / "a").symlink_to("b")
    (room.root / "b").symlink_to("a")
    with pytest.raises(PathRefused):
        room.path("a/x")


def test_a_link_into_git_s_own_folder_is_refused(room: Workspace) -> None:
    (room.root / ".git").mkdir()
    (room.root / "link").symlink_to(".git")
    with pytest.raises(PathRefused):
        room.write("link/config", b"x")


def test_writing_replaces_a_link_and_not_what_it_points_to(room: Workspace) -> None:
    room.write("a", b"a")
    (room.root / "link").symlink_to("a")
    room.write("link", b"new")
    assert room.path("a").read_bytes() == b"a"
    assert not (room.root / "link").is_symlink()


def test_a_file_in_the_place_of_a_folder_is_said(room: Workspace) -> None:
    room.write("a", b"a")
    with pytest.raises(ActionFailed, match="part of its path is a file"):
        room.write("a/b", b"x")
    with pytest.raises(ActionFailed, match="is a file, and a folder is needed"):
        room.folder("a")


# Walking sources


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "sub/../../secret", "../../../../../../etc"])
def test_a_source_with_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (source / "link").symlink_to(target)
    with pytest.raises(PathRefused, match="link is a link that leads out of its folder"):
        list(walk(source))


def test_a_source_with_a_link_to_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").symlink_to("b")
    (source / "b").symlink_to("../secret")
    with pytest.raises(PathRefused):
        list(walk(source))


def test_a_source_with_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PathRefused, match="neither a file nor a folder"):
        list(walk(tmp_path))


def test_a_link_that_stays_inside_is_walked_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    assert [(entry.path, entry.is_link) for entry in walk(tmp_path)] == [("a", False), ("link", True)]


def test_git_s_own_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    assert list(walk(tmp_path)) == []


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MAX_FILES", 2, "more than 2 files"),
        ("MAX_BYTES", 5, "more than 5 bytes"),
        ("MAX_FILE_BYTES", 1, "at most 1"),
    ],
)
def test_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str
) -> None:
    monkeypatch.setattr(workspace, limit, value)
    for name in "abc":
        (tmp_path / name).write_text("xx")
    with pytest.raises(ActionFailed, match=words):
        list(walk(tmp_path))


# States


@pytest.fixture
def store(folders: Path) -> Store:
    return Store(uuid4())


def test_a_step_begins_with_the_newest_committed_state(store: Store) -> None:
    work = store.copy_for(0)
    (work / "a").write_text("0")
    store.commit(work, 0)
    work = store.copy_for(2)
    (work / "a").write_text("2")
    assert (store.before(2) / "a").read_text() == "0"
    store.commit(work, 2)
    assert (store.before(3) / "a").read_text() == "2"


def test_what_an_earlier_try_of_a_step_committed_is_dropped(store: Store) -> None:
    first = store.copy_for(1)
    (first / "half").write_text("x")
    store.commit(first, 1)
    store.drop_states(from_step=1)
    assert list(store.copy_for(2).iterdir()) == []


def test_tidying_keeps_only_what_the_next_step_needs(store: Store) -> None:
    for step in (0, 1):
        work = store.copy_for(step)
        (work / str(step)).write_text("x")
        store.commit(work, step)
    store.scratch()
    store.tidy(1)
    assert [found.name for found in store.home.iterdir()] == ["after-0001"]
    assert not store.has_lost_files([0, 1])


def test_files_that_are_gone_are_noticed(store: Store) -> None:
    assert not store.has_lost_files([])
    assert store.has_lost_files([0])


def test_copies_keep_links_and_executable_bits(store: Store) -> None:
    work = store.copy_for(0)
    (work / "run").write_text("x")
    (work / "run").chmod(0o755)
    (work / "link").symlink_to("run")
    store.commit(work, 0)
    again = store.copy_for(1)
    assert (again / "link").is_symlink()
    assert os.access(again / "run", os.X_OK)


# Growing


def test_writing_stops_before_there_is_too_much(room: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "MAX_BYTES", 10)
    room.folder("sub").write("a", b"x" * 8)
    with pytest.raises(ActionFailed, match="more than 10 bytes"):
        room.write("b", b"xxx")
    assert not (room.root / "b").exists()


def test_what_was_there_before_counts_and_what_is_replaced_does_not_count_twice(
    room: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_BYTES", 10)
    monkeypatch.setattr(workspace, "MAX_FILES", 3)
    (room.root / "before").write_bytes(b"x" * 6)
    for _ in range(5):
        room.write("a", b"xxx")
    room.folder("b")
    with pytest.raises(ActionFailed, match="more than 3 files"):
        room.folder("c")


def test_a_path_of_very_many_folders_is_refused(room: Workspace) -> None:
    with pytest.raises(PathRefused, match="more than 100 folders deep"):
        room.write("a/" * 100 + "x", b"x")


def test_a_source_of_very_many_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / ("a/" * 101)).mkdir(parents=True)
    with pytest.raises(PathRefused, match="more than 100 folders deep"):
        list(walk(tmp_path))


def test_a_name_that_is_not_utf_8_is_refused_in_words(tmp_path: Path, room: Workspace) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "caf\udce9").touch()  # how Python writes a byte that is no UTF-8
    with pytest.raises(PathRefused, match="is not written in UTF-8"):
        list(walk(tmp_path / "source"))
    with pytest.raises(PathRefused, match="is not written in UTF-8"):
        room.path("caf\udce9")


def test_a_link_below_a_link_is_judged_where_it_really_lies(room: Workspace) -> None:
    room.write("a/b/c/x", b"x")
    room.link("a/b/c/up", Path("../../.."))
    with pytest.raises(PathRefused, match="would lead out of the workspace"):
        room.link("a/b/c/up/link", Path("../../../x"))
    assert not (room.root / "link").is_symlink()

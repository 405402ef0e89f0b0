"""The files of one run, and the only way to their paths.

    PORTICO_HOME/workspaces/<run>/after-0003/   the files as step 3 left them

A step that changes files works on a copy; `commit` gives the copy its name in one rename. A worker that dies leaves
its copy behind and the last committed state untouched, so the interrupted step begins again from there. No code of a
template runs here, so nothing changes a path between its check and its use.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import UUID

from django.conf import settings

from scaffolder.errors import ActionFailed, PathRefused

MAX_FILES = 20_000
MAX_BYTES = 256 * 1024 * 1024  # of all files together
MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 2_000
MAX_DEPTH = 100  # folders in folders; copying and removing them takes a frame of Python each
_STATE = "after-{:04d}"


@dataclass(frozen=True)
class Limits:
    """What a workspace may hold."""

    files: int
    bytes: int
    file_bytes: int

    def refuse_too_much(self, path: str, size: int, count: int, total: int) -> None:
        """Raises `ActionFailed`."""
        if count > self.files:
            raise ActionFailed(f"There are more than {self.files:,} files. Make the skeleton smaller.")
        if size > self.file_bytes:
            raise ActionFailed(f"{path} has {size:,} bytes; at most {self.file_bytes:,} are taken.")
        if total > self.bytes:
            raise ActionFailed(
                f"The files have more than {self.bytes:,} bytes together. Make the skeleton smaller."
            )


def of_a_run() -> Limits:
    return Limits(MAX_FILES, MAX_BYTES, MAX_FILE_BYTES)


@dataclass(frozen=True)
class Entry:
    """A file, folder or link below a folder; `path` is relative, with `/`."""

    path: str
    real: Path
    is_folder: bool = False
    is_link: bool = False
    is_executable: bool = False
    size: int = 0


class _Tally:
    """How much a workspace holds, kept up to date by its writes and counted anew for each who begins to write."""

    def __init__(self, root: Path, limits: Limits | None) -> None:
        self._root, self._limits = root, limits
        self._files, self._bytes, self._is_counted = 0, 0, False

    def add(self, target: Path, relative: str, size: int = 0) -> None:
        """Call before `target` is made or replaced. Raises `ActionFailed` when there would be too much."""
        if not self._is_counted:
            for entry in walk(self._root):
                self._files, self._bytes = self._files + 1, self._bytes + entry.size
            self._is_counted = True
        before = target.lstat().st_size if os.path.lexists(target) else None
        self._files += before is None
        self._bytes += size - (before or 0)
        (self._limits or of_a_run()).refuse_too_much(relative, size, self._files, self._bytes)


class Workspace:
    """A folder that nothing leads out of and that does not grow without end."""

    def __init__(self, root: Path, tally: _Tally | None = None, limits: Limits | None = None) -> None:
        self.root = root.resolve()
        self._tally = tally or _Tally(self.root, limits)

    def path(self, relative: str) -> Path:
        """Where `relative` lies. Raises `PathRefused` for what is not inside, or is git's own."""
        cleaned = checked_relative(relative)
        found = self.root / cleaned
        try:
            real = found.resolve()
        except (OSError, RuntimeError) as error:
            raise PathRefused(
                f"The path {relative!r} cannot be followed: its links go in a circle."
            ) from error
        if real != self.root and not real.is_relative_to(self.root):
            raise PathRefused(
                f"The path {relative!r} leads out of the workspace through a link. Name a file inside."
            )
        checked_relative(real.relative_to(self.root).as_posix())
        return found

    def to_write(self, relative: str) -> Path:
        """As `path`, with the folders above made; a link in its place is removed, never written through."""
        found = self.path(relative)
        if found == self.root:
            raise PathRefused(f"The path {relative!r} names the whole workspace. Name a file in it.")
        try:
            found.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ActionFailed(f"{relative} cannot be made: a part of its path is a file already.") from None
        if found.is_symlink():
            found.unlink()
        return found

    def folder(self, relative: str) -> Workspace:
        """A folder of the workspace, made if need be, as a workspace of its own."""
        found = self.path(relative)
        if not found.is_dir():
            self._tally.add(found, relative)
        try:
            found.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ActionFailed(f"{relative} is a file, and a folder is needed there.") from None
        return Workspace(found, self._tally)

    def write(self, relative: str, content: bytes, *, executable: bool = False) -> None:
        target = self.to_write(relative)
        if target.is_dir():
            raise ActionFailed(f"{relative} is a folder already, so no file of that name can be written.")
        self._tally.add(target, relative, len(content))
        target.write_bytes(content)
        target.chmod(0o755 if executable else 0o644)

    def link(self, relative: str, pointed: Path) -> None:
        """A symbolic link to `pointed`, as seen from where the link really lies: its folders may be links too."""
        target = self.to_write(relative)
        if not _stays_inside(self.root, target.parent.resolve(), pointed):
            raise PathRefused(f"The link {relative!r} would lead out of the workspace. Leave it out.")
        self._tally.add(target, relative)
        target.symlink_to(pointed)

    def entries(self) -> list[Entry]:
        return list(walk(self.root))

    def check(self) -> None:
        """Raises `ActionFailed` when there is too much, too deep, or a link that leads out, wherever it came from."""
        for _ in walk(self.root):
            pass


def checked_relative(relative: str) -> str:
    """`relative` in its plainest form. Raises `PathRefused` for absolute paths, `..`, and git's own folder."""
    text = relative.replace("\\", "/") if "\\" in relative else relative
    if not _is_unicode(text):
        raise PathRefused(f"The path {relative!r} is not written in UTF-8. Rename it.")
    parts = [part for part in PurePosixPath(text).parts if part != "."]
    if "\x00" in text or text.startswith(("/", "~")) or (len(text) > 1 and text[1] == ":"):
        raise PathRefused(f"The path {relative!r} is not relative. Write it without a beginning /.")
    if ".." in parts:
        raise PathRefused(f"The path {relative!r} leads out of the workspace. Write it without .. in it.")
    if any(_is_gits_own(part) for part in parts):
        raise PathRefused(f"The path {relative!r} belongs to git itself, which templates cannot touch.")
    if len(text.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise PathRefused(f"The path {relative[:60]!r}… is too long.")
    if len(parts) > MAX_DEPTH:
        raise PathRefused(f"The path {relative[:60]!r}… is more than {MAX_DEPTH} folders deep.")
    return "/".join(parts)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_gits_own(part: str) -> bool:
    """`.git` in every spelling that a file system may take for it."""
    plain = "".join(letter for letter in part.casefold() if letter.isascii()).rstrip(". ").split(":")[0]
    return plain in (".git", "git~1")


def walk(root: Path) -> Iterator[Entry]:
    """Everything below `root`, folders before what is in them, sorted; no `.git`.

    Raises `PathRefused` for links that lead out and for devices, `ActionFailed` for too much.
    """
    real_root, count, total = root.resolve(), 0, 0
    limits = of_a_run()
    waiting = [real_root]
    while waiting:
        folder = waiting.pop()
        below = []
        for found in sorted(os.scandir(folder), key=lambda item: item.name):
            if _is_gits_own(found.name):
                continue
            entry = _entry(real_root, Path(found.path), found.stat(follow_symlinks=False))
            count, total = count + 1, total + entry.size
            limits.refuse_too_much(entry.path, entry.size, count, total)
            yield entry
            if entry.is_folder:
                below.append(entry.real)
        waiting += reversed(below)


def _entry(root: Path, found: Path, status: os.stat_result) -> Entry:
    path = found.relative_to(root).as_posix()
    if not _is_unicode(path) or path.count("/") >= MAX_DEPTH:
        checked_relative(path)
    if stat.S_ISDIR(status.st_mode):
        return Entry(path, found, is_folder=True)
    if stat.S_ISLNK(status.st_mode):
        if not _stays_inside(root, found.parent, found.readlink()):
            raise PathRefused(
                f"{path} is a link that leads out of its folder, which is not followed. Remove it."
            )
        return Entry(path, found, is_link=True)
    if not stat.S_ISREG(status.st_mode):
        raise PathRefused(f"{path} is neither a file nor a folder. Remove it.")
    return Entry(path, found, is_executable=bool(status.st_mode & stat.S_IXUSR), size=status.st_size)


def _stays_inside(root: Path, folder: Path, pointed: Path) -> bool:
    """Both as it is written and as it is followed. `folder` is a real path."""
    if pointed.is_absolute() or not Path(os.path.normpath(folder / pointed)).is_relative_to(root):
        return False
    try:
        return (folder / pointed).resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a circle, or longer than the system takes
        return False


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


class Store:
    """The committed states of one run's files."""

    def __init__(self, run_id: UUID) -> None:
        self.home = settings.PORTICO_HOME / "workspaces" / str(run_id)

    @staticmethod
    def every() -> list[Path]:
        """The folders of all runs that have files."""
        home = settings.PORTICO_HOME / "workspaces"
        return [found for found in home.iterdir() if _is_run(found.name)] if home.is_dir() else []

    def before(self, step: int) -> Path:
        """The files that step `step` (from 0) begins with: the newest state of an earlier step, else nothing."""
        earlier = [self.home / _STATE.format(index) for index in range(step - 1, -1, -1)]
        found = next((state for state in earlier if state.is_dir()), None)
        if found is None:
            self._make_home()
            found = self.home / "empty"
            found.mkdir(exist_ok=True)
        return found

    def copy_for(self, step: int) -> Path:
        """A copy for step `step` to change."""
        self._make_home()
        fresh = Path(tempfile.mkdtemp(dir=self.home, prefix="work-"))
        shutil.copytree(self.before(step), fresh, symlinks=True, dirs_exist_ok=True)
        return fresh

    def commit(self, work: Path, step: int) -> None:
        """From here on `work` is what step `step` left."""
        work.rename(self.home / _STATE.format(step))

    def scratch(self) -> Path:
        """A folder beside the files, for git's own data; goes with the run."""
        self._make_home()
        return Path(tempfile.mkdtemp(dir=self.home, prefix="scratch-"))

    def tidy(self, step: int) -> None:
        """Drop what nobody begins with any more, once step `step` is recorded as done."""
        keep = self.before(step + 1)
        for found in self.home.iterdir():
            if found != keep:
                shutil.rmtree(found, ignore_errors=True)

    def has_lost_files(self, changing_steps_done: list[int]) -> bool:
        """Whether steps that are done left files which are not here any more."""
        return (
            bool(changing_steps_done) and not (self.home / _STATE.format(max(changing_steps_done))).is_dir()
        )

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def _make_home(self) -> None:
        """Nobody else may look in: rendered files can hold secrets."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(mode=0o700, exist_ok=True)

    def drop_states(self, *, from_step: int) -> None:
        """What earlier tries left of a step and those after it. Call as the owner of the run: nobody else may."""
        for found in self.home.glob("after-*"):
            if int(found.name.removeprefix("after-")) >= from_step:
                shutil.rmtree(found)

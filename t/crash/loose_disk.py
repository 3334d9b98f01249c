"""The disk of disk.py, but of a file system that keeps names in no order: ext2, or ext4 without its journal.

 * Every directory becomes durable by itself: of the names made and removed in it since its last sync, a prefix is
   there after the cut, whatever is there of others. So a rename may be there by half, or by none of its halves.
 * A sync of a directory makes durable what was done in it before, and how it is reached itself. A sync of a file does so
   for its own creation. A sync of everything covers everything.
 * Bytes: as there.
"""
from disk import (CREATE, LINK, MAKE_DIRECTORY, NAMES, REMOVE_DIRECTORY, RENAME, SYNC_ALL_END, SYNC_END, UNLINK, Disk,
                  Folder)


class Half:
    """What one change does in one directory: `name` leads to `what` from then on, or to nothing."""
    __slots__ = ('number', 'folder', 'name', 'what', 'made')

    def __init__(self, number, folder, name, what, made=False):
        self.number, self.folder, self.name, self.what, self.made = number, folder, name, what, made

    def apply(self):
        if self.what is None:
            self.folder.entries.pop(self.name, None)
        else:
            self.folder.entries[self.name] = self.what


class LooseDisk(Disk):
    """self.folder is what every running process sees; each folder in it knows what is on disk."""

    def forced_names(self):
        return []

    def begin(self):
        super().begin()
        self.halves, self.stable, self.above, self.known = {}, {}, {}, []
        self.top = self.folder
        self.remember(self.top, None)

    def remember(self, folder, above):
        self.known.append(folder)  # so that its id is nobody else's
        self.stable[id(folder)] = dict(folder.entries)
        self.above[id(folder)] = above
        for entry in folder.entries.values():
            if isinstance(entry, Folder):
                self.remember(entry, folder)

    # ---- on the way ----
    def change(self, number, path, what, made=False):
        folder, name = self.find(self.top, path)
        half = Half(number, folder, name, what, made)
        half.apply()
        self.halves.setdefault(id(folder), []).append(half)

    def at(self, path):
        folder, name = self.find(self.top, path)
        return folder.entries.get(name)

    def take(self, number, kind, inode, path, other):
        if kind == CREATE:
            self.change(number, path, self.new_file(inode), made=True)
        elif kind == MAKE_DIRECTORY:
            folder = Folder(inode)
            self.remember(folder, self.find(self.top, path)[0])
            self.change(number, path, folder)
        elif kind in (UNLINK, REMOVE_DIRECTORY):
            self.change(number, path, None)
        elif kind == LINK:
            self.change(number, other, self.at(path))
        elif kind == RENAME:
            moved = self.at(path)
            self.change(number, other, moved)
            self.change(number, path, None)
            if isinstance(moved, Folder):
                self.above[id(moved)] = self.find(self.top, other)[0]

    def settle(self, folder, before):
        """What was done in it before that event is on disk."""
        rest = []
        for half in self.halves.get(id(folder), []):
            if half.number < before:
                self.keep(half)
            else:
                rest.append(half)
        self.halves[id(folder)] = rest

    def keep(self, half):
        names = self.stable[id(half.folder)]
        if half.what is None:
            names.pop(half.name, None)
        else:
            names[half.name] = half.what

    def sync(self, inode, before):
        folders = [half.what for halves in self.halves.values() for half in halves
                   if isinstance(half.what, Folder) and half.what.inode == inode]
        for folder in [f for _, f in self.walk(self.top, '') if f.inode == inode] + folders:
            self.settle(folder, before)
            self.reach(folder, before)
        if inode in self.by_inode:
            number = self.by_inode[inode]
            for halves in self.halves.values():
                for half in [h for h in halves if h.made and h.what == number and h.number < before]:
                    self.keep(half)
                    halves.remove(half)
                    self.reach(half.folder, before)

    def reach(self, folder, before):
        """The way to a directory, as far as it is new."""
        above = self.above.get(id(folder))
        if above is None:
            return
        for half in [h for h in self.halves.get(id(above), []) if h.what is folder and h.number < before]:
            self.keep(half)
            self.halves[id(above)].remove(half)
        self.reach(above, before)

    def advance(self, point):
        for number, kind, inode, offset, path, other, data in self.events[self.point:point]:
            if kind in NAMES:
                self.take(number, kind, inode, path, other)
            elif kind == SYNC_END:
                self.sync(inode, offset)
                if inode in self.by_inode:
                    self.files[self.by_inode[inode]].sync(offset)
            elif kind == SYNC_ALL_END:
                for _, folder in list(self.walk(self.top, '')):
                    self.settle(folder, offset)
                for file in self.files:
                    file.sync(offset)
            else:
                self.note_bytes(number, kind, inode, offset, data)
        self.point = max(self.point, point)

    # ---- a cut ----
    def cut(self, dice, target):
        weather = dice.choice(('worst', 'names', 'bytes', 'all', 'any', 'any', 'any', 'any'))
        lost = []
        mode = {'worst': 'old', 'names': 'old', 'bytes': 'new', 'all': 'new'}.get(weather)
        folder = self.after_cut(self.top, dice, weather, lost)
        self.write(folder, target, dice, mode, {})
        return f'{weather}, lost {len(lost)} changes of names in {len(set(lost))} folders'

    def after_cut(self, folder, dice, weather, lost):
        halves = self.halves.get(id(folder), [])
        count = {'worst': 0, 'bytes': 0, 'names': len(halves), 'all': len(halves)}.get(
            weather, dice.choice((0, len(halves), dice.randrange(len(halves) + 1))))
        lost.extend([id(folder)] * (len(halves) - count))
        names = dict(self.stable[id(folder)])
        for half in halves[:count]:
            names.pop(half.name, None)
            if half.what is not None:
                names[half.name] = half.what
        found = Folder(folder.inode)
        found.entries = {name: self.after_cut(what, dice, weather, lost) if isinstance(what, Folder) else what
                         for name, what in names.items()}
        return found

"""From a trace of file system calls to the states that a disk may be in after the power was cut.

The model, true for xfs, btrfs and ext4 with its own journal (loose_disk.py has the one for others):
 * Names (create, link, rename, unlink, mkdir) become durable in the order in which they were made: after the cut a
   prefix of them is there. A sync of a directory covers the names made in it before, the sync of a file its own
   creation, a sync of everything all names; and so whatever was made earlier.
 * Bytes that were not synced may be there or not, each sector of 512 bytes by itself; what a file grew by may be
   zeros; a size may be any that the file had since its last sync.
 * What was synced is there, and may be overwritten by what was written later.
"""
import mmap
import os
import random
import struct

(CREATE, MAKE_DIRECTORY, LINK, RENAME, UNLINK, REMOVE_DIRECTORY, WRITE, TRUNCATE, ALLOCATE, PAGE,
 SYNC_BEGIN, SYNC_END, SYNC_ALL_BEGIN, SYNC_ALL_END) = range(1, 15)
NAMES = (CREATE, MAKE_DIRECTORY, LINK, RENAME, UNLINK, REMOVE_DIRECTORY)
ENTRY = struct.Struct('<IHHHHIQQQ')
SECTOR = 512


class File:
    """Bytes on the disk, and what was done to them since the last sync."""
    __slots__ = ('stable', 'pending')

    def __init__(self, stable=b''):
        self.stable = bytearray(stable)
        self.pending = []  # (number, kind, offset, data)

    def sync(self, before):
        keep = []
        for change in self.pending:
            if change[0] < before:
                self.apply(self.stable, change)
            else:
                keep.append(change)
        self.pending = keep

    @staticmethod
    def apply(content, change):
        _, kind, offset, data = change
        if kind == TRUNCATE:
            if offset < len(content):
                del content[offset:]
            else:
                content.extend(bytes(offset - len(content)))
        elif kind == ALLOCATE:
            if offset > len(content):
                content.extend(bytes(offset - len(content)))
        else:
            if kind == PAGE:  # a mapping may be longer than the file
                data = data[:max(0, len(content) - offset)]
            if offset > len(content):
                content.extend(bytes(offset - len(content)))
            content[offset:offset + len(data)] = data

    def after_cut(self, dice, mode):
        """mode: 'old' nothing that is not synced, 'new' everything, 'torn' any of it."""
        if not self.pending or mode == 'old':
            return self.stable
        content = bytearray(self.stable)
        if mode == 'new':
            for change in self.pending:
                self.apply(content, change)
            return content
        if dice.random() < 0.3:  # written back in order, as far as it came
            for change in self.pending[:dice.randrange(len(self.pending) + 1)]:
                self.apply(content, change)
            return content
        return self.torn(dice, content)

    def torn(self, dice, content):
        sizes, whole = [len(content)], bytearray(content)
        for change in self.pending:
            self.apply(whole, change)
            sizes.append(len(whole))
        content.extend(bytes(max(0, max(sizes) - len(content))))
        share = dice.choice((0.1, 0.5, 0.9))
        for number, kind, offset, data in self.pending:
            if kind in (WRITE, PAGE):
                self.some_sectors(dice, share, content, offset, data)
            elif kind == TRUNCATE and offset < len(content) and dice.random() < share:
                content[offset:] = bytes(len(content) - offset)
        del content[dice.choice(sizes):]
        return content

    @staticmethod
    def some_sectors(dice, share, content, offset, data):
        at = offset
        while at < offset + len(data):
            end = min(at - at % SECTOR + SECTOR, offset + len(data))
            if dice.random() < share and end <= len(content):
                content[at:end] = data[at - offset:end - offset]
            at = end


class Folder:
    __slots__ = ('inode', 'entries')

    def __init__(self, inode):
        self.inode, self.entries = inode, {}

    def copy(self):
        twin = Folder(self.inode)
        twin.entries = {name: entry.copy() if isinstance(entry, Folder) else entry
                        for name, entry in self.entries.items()}
        return twin


class Disk:
    """Advances over the trace; at any point writes out a state that the disk may be in."""

    def __init__(self, root, trees):
        """root: the instance's folder as it is now, at rest: everything in it is durable."""
        self.root, self.trees = root, trees
        self.files = []      # by object number
        self.by_inode = {}   # inode -> object number, as of the point reached
        self.folder = Folder(0)
        self.folder_inodes = set()
        self.names = []      # (number, kind, path, other, object or inode), those not yet applied to self.folder
        self.point = 0
        for tree in trees:
            self.take_folder(os.path.join(root, tree), self.place(tree, make=True))

    # ---- the beginning ----
    def place(self, path, make=False):
        """The Folder of a path relative to the root."""
        folder = self.folder
        for name in path.split('/') if path else []:
            if make and name not in folder.entries:
                folder.entries[name] = Folder(0)
            folder = folder.entries[name]
        return folder

    def take_folder(self, path, folder):
        if not os.path.isdir(path):
            return
        folder.inode = os.stat(path).st_ino
        self.folder_inodes.add(folder.inode)
        for name in os.listdir(path):
            full = os.path.join(path, name)
            status = os.lstat(full)
            if os.path.isdir(full):
                below = folder.entries[name] = Folder(0)
                self.take_folder(full, below)
            elif os.path.isfile(full):
                if status.st_ino not in self.by_inode:
                    with open(full, 'rb') as file:
                        self.new_file(status.st_ino, file.read())
                folder.entries[name] = self.by_inode[status.st_ino]

    def new_file(self, inode, content=b''):
        self.by_inode[inode] = len(self.files)
        self.files.append(File(content))
        return self.by_inode[inode]

    # ---- on the way ----
    def read_trace(self, path):
        # Long recordings are gigabytes: what was written stays in the file, and events point into it.
        with open(path, 'rb') as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if os.path.getsize(path) else b''
        self.events, at = [], 0
        prefix = self.root + '/'
        while at < len(data):
            size, kind, path_bytes, other_bytes, _, pid, number, inode, offset = ENTRY.unpack_from(data, at)
            assert size >= ENTRY.size and number == len(self.events), f'the trace has a hole at {at}'
            here = at + ENTRY.size
            name = str(data[here:here + path_bytes], 'utf-8')
            other = str(data[here + path_bytes:here + path_bytes + other_bytes], 'utf-8')
            strip = lambda text: text[len(prefix):] if text.startswith(prefix) else None
            self.events.append((number, kind, inode, offset, strip(name), strip(other),
                                data[here + path_bytes + other_bytes:at + size]))
            at += size
        return self.events

    def forced_names(self):
        """At each event, how many of the names' operations must be durable: a list of (event, count)."""
        forced, count, names, folders, created = [], 0, 0, {}, {}
        for path, folder in self.walk(self.folder, ''):
            folders[path] = folder.inode
        last_in, starts = {}, {}  # folder's inode -> [(event, names made up to then)]
        for number, kind, inode, offset, path, other, _ in self.events:
            if kind in NAMES:
                names += 1
                if kind == MAKE_DIRECTORY:
                    folders[path] = inode
                if kind == CREATE:
                    created[inode] = (number, names)
                for touched in (path, other):
                    if touched:
                        parent = folders.get(touched.rpartition('/')[0])
                        last_in.setdefault(parent, []).append((number, names))
                if kind == RENAME and path in folders:
                    for old in [f for f in folders if f == path or f.startswith(path + '/')]:
                        folders[other + old[len(path):]] = folders.pop(old)
            elif kind == SYNC_END:
                for made_at, made in reversed(last_in.get(inode, [])):
                    if made_at < offset:
                        count = max(count, made)
                        break
                if inode in created and created[inode][0] < offset:
                    count = max(count, created[inode][1])
            elif kind == SYNC_ALL_BEGIN:
                starts[number] = names
            elif kind == SYNC_ALL_END:
                count = max(count, starts[offset])
            forced.append(count)
        return forced

    def walk(self, folder, path):
        yield path, folder
        for name, entry in folder.entries.items():
            if isinstance(entry, Folder):
                yield from self.walk(entry, f'{path}/{name}' if path else name)

    def prepare(self, trace):
        self.read_trace(trace)
        self.begin()

    def __getstate__(self):
        """As it was before prepare(), which is asked for again."""
        return {name: value for name, value in self.__dict__.items() if name not in ('events', 'forced')}

    def begin(self):
        self.forced = self.forced_names()
        self.made = self.stable_names = 0

    def lie(self):
        """From now on a disk on which no sync has any effect: what a server without syncs would find."""
        self.events = [e for e in self.events if e[1] not in (SYNC_END, SYNC_ALL_END)]
        self.begin()

    def note_bytes(self, number, kind, inode, offset, data):
        if kind in (WRITE, TRUNCATE, ALLOCATE, PAGE) and inode in self.by_inode:
            self.files[self.by_inode[inode]].pending.append((number, kind, offset, data))

    def advance(self, point):
        """Everything before event `point` has happened."""
        for number, kind, inode, offset, path, other, data in self.events[self.point:point]:
            if kind in NAMES:
                self.made += 1
                what = self.new_file(inode) if kind == CREATE else self.by_inode.get(inode, inode)
                if kind == MAKE_DIRECTORY:
                    what = inode
                self.names.append((kind, path, other, what))
            elif kind == SYNC_END:
                if inode in self.by_inode:
                    self.files[self.by_inode[inode]].sync(offset)
            elif kind == SYNC_ALL_END:
                for file in self.files:
                    file.sync(offset)
            else:
                self.note_bytes(number, kind, inode, offset, data)
        self.point = max(self.point, point)
        must = self.forced[self.point - 1] if self.point else 0
        ripe = must - self.stable_names
        if ripe > 0:
            for change in self.names[:ripe]:
                self.apply_name(self.folder, change)
            del self.names[:ripe]
            self.stable_names = must

    @staticmethod
    def find(folder, path):
        *above, name = path.split('/')
        for step in above:
            folder = folder.entries[step]
        return folder, name

    def apply_name(self, top, change):
        kind, path, other, what = change
        if kind in (CREATE, MAKE_DIRECTORY):
            folder, name = self.find(top, path)
            folder.entries[name] = what if kind == CREATE else Folder(what)
        elif kind in (UNLINK, REMOVE_DIRECTORY):
            folder, name = self.find(top, path)
            folder.entries.pop(name, None)
        elif kind == LINK:
            source, name = self.find(top, path)
            target, new = self.find(top, other)
            target.entries[new] = source.entries[name]
        elif kind == RENAME:
            source, name = self.find(top, path)
            target, new = self.find(top, other)
            target.entries[new] = source.entries.pop(name)

    # ---- a cut ----
    def cut(self, dice, target):
        """Writes a state into the folder `target`; answers in words what was chosen."""
        weather = dice.choice(('worst', 'worst', 'names', 'bytes', 'all', 'any', 'any', 'any', 'any'))
        count = {'worst': 0, 'bytes': 0, 'names': len(self.names), 'all': len(self.names)}.get(
            weather, dice.randrange(len(self.names) + 1))
        folder = self.folder.copy()
        for change in self.names[:count]:
            self.apply_name(folder, change)
        mode = {'worst': 'old', 'names': 'old', 'bytes': 'new', 'all': 'new'}.get(weather)
        self.write(folder, target, dice, mode, {})
        return f'{weather}, {count} of {len(self.names)} names'

    def write(self, folder, path, dice, mode, written):
        os.makedirs(path, exist_ok=True)
        for name, entry in sorted(folder.entries.items()):
            full = os.path.join(path, name)
            if isinstance(entry, Folder):
                self.write(entry, full, dice, mode, written)
            elif entry in written:
                os.link(written[entry], full)
            else:
                content = self.files[entry].after_cut(dice, mode or dice.choice(('old', 'new', 'torn', 'torn')))
                descriptor = os.open(full, os.O_WRONLY | os.O_CREAT, 0o600)
                os.write(descriptor, content)
                os.close(descriptor)
                written[entry] = full


def dice_of(seed, number):
    return random.Random(f'{seed} {number}')

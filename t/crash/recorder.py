"""The Python side of the preloaded recorder: its control block (recorder/recorder.h)."""
import errno
import mmap
import os
import shutil
import struct

import frame

TREES = ('queue', 'store', 'journal')
BYTES = 8192 + 16 * (1 << 18)
CHANGES = ('open', 'write', 'sync', 'rename', 'link', 'unlink', 'mkdir', 'allocate', 'rmdir')
LOOKS = ('look', 'stat', 'read', 'list')  # look: to open what is there
CALLS = {name: 1 << n for n, name in enumerate(CHANGES + LOOKS)}
FIELDS = struct.Struct('<IIIIQQII32s64s256sQQ16Q')
PATH_AT = 72


class Recorder:
    def __init__(self, folder, root):
        self.control, self.trace, self.root = os.path.join(folder, 'control'), os.path.join(folder, 'trace'), root
        # The loader takes a blank for the end of a name; the folder of a test has none.
        self.library = shutil.copy(frame.program('recorder.so'), folder)
        with open(self.control, 'wb') as file:
            file.truncate(BYTES)
        with open(self.control, 'r+b') as file:
            self.memory = mmap.mmap(file.fileno(), BYTES)

    def environment(self, trace, *also):
        """For the daemons; trace: record, else only fail. also: other names of the root."""
        found = {'LD_PRELOAD': self.library, 'RECORDER_CONTROL': self.control,
                 'RECORDER_TREE': ':'.join(os.path.join(root, tree) for root in (self.root, *also) for tree in TREES)}
        return {**found, 'RECORDER_TRACE': self.trace} if trace else found

    def fields(self):
        return FIELDS.unpack_from(self.memory)

    def entries(self):
        """Length of the trace, in entries."""
        return self.fields()[11]

    def fail(self, call, at, number, times=1, path=''):
        """From the at-th call of this kind on, so many fail with that errno; number 0: they write half.
        path: only calls on paths that hold this."""
        struct.pack_into('<I', self.memory, 4, 0)
        struct.pack_into('<IIQQI', self.memory, 8, number, times, at, 0, 0)
        struct.pack_into('<64s256s', self.memory, PATH_AT, path.encode(), b'')
        struct.pack_into('<I', self.memory, 4, CALLS[call])

    def count(self, path=''):
        """From now on calls are only counted."""
        struct.pack_into('<64s', self.memory, PATH_AT, path.encode())
        struct.pack_into('<16Q', self.memory, FIELDS.size - 128, *[0] * 16)
        struct.pack_into('<IIQQI', self.memory, 8, errno.EIO, 0, 1 << 60, 0, 0)
        struct.pack_into('<I', self.memory, 4, sum(CALLS.values()))

    def counted(self):
        """{call: how often it was made since}; no call is counted any more."""
        struct.pack_into('<I', self.memory, 4, 0)
        return dict(zip(CALLS, self.fields()[13:]))

    def calm(self):
        """No call fails any more; answers how many did, and where the last was."""
        struct.pack_into('<I', self.memory, 4, 0)
        fields = self.fields()
        return fields[6], fields[10].split(b'\0')[0].decode()

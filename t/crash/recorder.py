"""The Python side of the preloaded recorder: its control block (recorder/recorder.h)."""
import mmap
import os
import shutil
import struct

import frame

TREES = ('queue', 'store', 'journal')
BYTES = 8192 + 16 * (1 << 18)
OPEN, WRITE, SYNC, RENAME, LINK, UNLINK, MAKE_DIRECTORY, ALLOCATE = (1 << n for n in range(8))
CALLS = {'open': OPEN, 'write': WRITE, 'sync': SYNC, 'rename': RENAME, 'link': LINK, 'unlink': UNLINK,
         'mkdir': MAKE_DIRECTORY, 'allocate': ALLOCATE}
FIELDS = struct.Struct('<IIIIQQII32s256sQQ')


class Recorder:
    def __init__(self, folder, root):
        self.control, self.trace, self.root = os.path.join(folder, 'control'), os.path.join(folder, 'trace'), root
        # The loader takes a blank for the end of a name; the folder of a test has none.
        self.library = shutil.copy(frame.program('recorder.so'), folder)
        with open(self.control, 'wb') as file:
            file.truncate(BYTES)
        with open(self.control, 'r+b') as file:
            self.memory = mmap.mmap(file.fileno(), BYTES)

    def environment(self, trace):
        """For the daemons; trace: record, else only fail."""
        found = {'LD_PRELOAD': self.library, 'RECORDER_CONTROL': self.control,
                 'RECORDER_TREE': ':'.join(os.path.join(self.root, tree) for tree in TREES)}
        return {**found, 'RECORDER_TRACE': self.trace} if trace else found

    def fields(self):
        return FIELDS.unpack_from(self.memory)

    def entries(self):
        """Length of the trace, in entries."""
        return self.fields()[-2]

    def fail(self, call, at, number, times=1):
        """From the at-th call of this kind on, so many fail with that errno; number 0: they write half."""
        struct.pack_into('<I', self.memory, 4, 0)
        struct.pack_into('<IIQQI', self.memory, 8, number, times, at, 0, 0)
        self.memory[72:328] = bytes(256)
        struct.pack_into('<I', self.memory, 4, CALLS[call])

    def calm(self):
        """No call fails any more; answers how many did, and where the last was."""
        struct.pack_into('<I', self.memory, 4, 0)
        fields = self.fields()
        return fields[6], fields[9].split(b'\0')[0].decode()

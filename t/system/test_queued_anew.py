#!/usr/bin/env python3
"""What is taken from the queue and queued anew arrives once, wherever the program that does so dies."""
import os
import tempfile

import waxwing

PASSWORD = 'correct horse'
FAILPOINT = os.path.join(tempfile.gettempdir(), f'waxwing-anew-{os.getpid()}')

# Names are made: of the mark, of the message; the log has them; it is synced; behind that the old file goes, then the mark.
POINTS = ('durable.publish=exit@1', 'durable.publish=exit@2', 'journal.append=exit@1', 'journal.sync=exit@1', 'queue.remove=exit@1',
          'durable.remove=exit@1', 'durable.remove=exit@2')


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.edit('local.rules', ''.join(f'{channel}.test  $U%example.test@{channel}-daemon\n' for channel in ('process', 'reprocess')))
    box.edit('imta.cnf', lambda text: text.replace('\nims-ms ', '\nims-ms defragment '))
    box.edit('mappings', '\nCONVERSIONS\n\n  IN-CHAN=tcp_*;OUT-CHAN=ims-ms;TAG=convert;CONVERT  Yes\n'
             '\nFROM_ACCESS\n\n  *|convert@far.test|*  $G$Yconvert\n')
    box.edit('option.dat', 'INCLUDE_CONVERSIONTAG=2\n')
    box.command('imsimta', 'cnbuild')
    box.env['WAXWING_FAILPOINTS'] = FAILPOINT
    box.start()


def tearDownModule():
    for name in (FAILPOINT, FAILPOINT + '.passed'):
        if os.path.exists(name):
            os.unlink(name)


class QueuedAnew(waxwing.TestCase):
    users = 0

    def user(self):
        QueuedAnew.users += 1
        name = f'user{QueuedAnew.users}'
        self.box.user(name, PASSWORD)
        return name

    def send(self, to, text='Subject: x\r\n\r\nx\r\n', sender='alice@far.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, to, text)

    def arm(self, text):
        with open(FAILPOINT + '.new', 'w') as file:
            file.write(text + '\n')
        os.rename(FAILPOINT + '.new', FAILPOINT)

    def dies_at_each(self, program, send, more=()):
        for point in POINTS + more:
            users = [self.user(), self.user()]
            self.arm(f'{program}:{point}')
            send(users)
            try:
                waxwing.wait_until(lambda: not os.path.exists(FAILPOINT), 'somebody to die')
                self.box.wait_queue_empty()
                self.assertEqual([self.count(user) for user in users], [1, 1])
            except AssertionError as problem:
                raise AssertionError(f'{program} was to die at {point}') from problem
        folder = os.path.join(self.box.root, 'resubmit')
        waxwing.wait_until(lambda: not os.listdir(folder), f'{folder} to be empty, since all is done')

    def count(self, user):
        with self.box.imap(user, PASSWORD) as client:
            return int(client.select('INBOX')[1][0])

    def test_process(self):
        self.dies_at_each('process', lambda users: self.send([f'{user}@process.test' for user in users]))

    def test_reprocess(self):
        self.dies_at_each('reprocess', lambda users: self.send([f'{user}@reprocess.test' for user in users]))

    def test_conversion(self):
        self.dies_at_each('conversion', lambda users: self.send([f'{user}@example.test' for user in users], sender='convert@far.test'))

    def test_defragment(self):
        log = self.box.log('defragment')

        def pieces(users):
            name = users[0]
            for number in (1, 2, 3):
                inner = f'Subject: the whole of {name}\r\n\r\n' if number == 1 else ''
                self.send([f'{user}@example.test' for user in users], f'Subject: {number}\r\nMIME-Version: 1.0\r\n'
                          f'Content-Type: message/partial; id="{name}"; number={number}; total=3\r\n\r\n{inner}line\r\n')
                if number < 3:
                    log.wait(rf'mta\.deferred .*{name}@.*piece {number} of 3 waits for the others')
        self.dies_at_each('defragment', pieces, ('durable.publish=exit@3', 'durable.publish=exit@4', 'queue.remove=exit@2', 'queue.remove=exit@3'))


if __name__ == '__main__':
    waxwing.main()

"""SORT and THREAD against a model that is written from RFC 5256 alone, in another language and another way."""
import calendar
import random
import re
import unittest
from email.utils import formatdate

import waxwing

PASSWORD = 'secret'
COUNT = 120


def setUpModule():
    waxwing.start_shared()


class Message:
    def __init__(self, number, rng, earlier):
        self.number = number
        self.sent = calendar.timegm((2026, 1, 1, 0, 0, 0)) + rng.randrange(500) * 3600
        self.arrived = calendar.timegm((2026, 3, 1, 0, 0, 0)) + rng.randrange(40) * 3600
        self.base = rng.choice(['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'x' + str(number)])
        self.reply = rng.random() < 0.4
        self.sender = rng.choice(['ann', 'Bob', 'carl', 'dora'])
        self.name = rng.choice(['', 'Zoe', 'yan', 'Xaver Y.'])
        self.to = rng.choice(['eve', 'Fay', 'gus'])
        self.cc = rng.choice(['', 'hal', 'Ida'])
        self.size = rng.randrange(50)
        self.id = None if rng.random() < 0.05 else f'm{rng.randrange(number) if rng.random() < 0.05 else number}@x'
        self.references = []
        if earlier and rng.random() < 0.7:
            parent = rng.choice(earlier)
            self.references = parent.references + [parent.id] if parent.id else list(parent.references)
            if rng.random() < 0.2:
                self.references = self.references[-2:]
            if rng.random() < 0.2:
                self.references.append(f'lost{rng.randrange(8)}@x')
        self.references = list(dict.fromkeys(self.references))

    def text(self):
        lines = [f'Date: {formatdate(self.sent)}',
                 'Subject: ' + ('Re: [l] ' if self.reply else '') + self.base.upper(),
                 f'From: {self.name} <{self.sender}@s.test>' if self.name else f'From: {self.sender}@s.test',
                 f'To: {self.to}@t.test']
        lines += [f'Cc: <{self.cc}@c.test>'] if self.cc else []
        lines += [f'Message-ID: <{self.id}>'] if self.id else []
        lines += ['References: ' + '\r\n '.join(f'<{r}>' for r in self.references)] if self.references else []
        return '\r\n'.join(lines + ['', 'x' * self.size, ''])


KEYS = {
    'ARRIVAL': lambda m: m.arrived,
    'DATE': lambda m: m.sent,
    'SIZE': lambda m: len(m.text()),
    'SUBJECT': lambda m: m.base,
    'FROM': lambda m: m.sender.lower(),
    'TO': lambda m: m.to.lower(),
    'CC': lambda m: m.cc.lower(),
    'DISPLAYFROM': lambda m: (m.name or m.sender + '@s.test').lower(),
    'DISPLAYTO': lambda m: m.to.lower() + '@t.test',
}


class Node:
    def __init__(self, message=None):
        self.message, self.parent, self.children = message, None, []

    def adopt(self, child):
        if child.parent:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def above(self, other):
        while other:
            if other is self:
                return True
            other = other.parent
        return False

    def first(self):
        return self.message or min((c.first() for c in self.children), key=date_of)

    def text(self, inner=False):
        own = [str(self.message.number)] if self.message else []
        if len(self.children) == 1:
            own.append(self.children[0].text(True))
        elif self.children:
            own.append(''.join(c.text() for c in self.children))
        return ' '.join(own) if inner else '(' + ' '.join(own) + ')'


def date_of(message):
    return message.sent, message.number


def by_references(messages):
    table, nodes = {}, []
    for m in messages:
        chain = [table.setdefault(r, Node()) for r in m.references]
        for parent, child in zip(chain, chain[1:]):
            if not child.parent and not child.above(parent):
                parent.adopt(child)
        node = table.setdefault(m.id, Node()) if m.id else Node()
        if node.message:
            node = Node()
        node.message = m
        nodes.append(node)
        if node.parent:
            node.parent.children.remove(node)
            node.parent = None
        if chain and not node.above(chain[-1]):
            chain[-1].adopt(node)
    roots = list(dict.fromkeys(n for n in list(table.values()) + nodes if not n.parent))

    def pruned(node, is_root):
        children = [p for c in node.children for p in pruned(c, False)]
        node.children = children
        for c in children:
            c.parent = node
        if node.message or (is_root and len(children) > 1):
            return [node]
        for c in children:
            c.parent = None
        return children

    roots = [p for r in roots for p in pruned(r, True)]
    roots.sort(key=lambda r: date_of(r.first()))
    subjects = {}
    for root in roots:
        known = subjects.get(root.first().base)
        if not known or (known.message and (not root.message or (known.message.reply and not root.message.reply))):
            subjects[root.first().base] = root
    result = list(roots)
    for root in roots:
        base = root.first().base
        known = subjects[base]
        if known is root:
            continue
        result.remove(root)
        if not known.message and not root.message:
            for child in list(root.children):
                known.adopt(child)
        elif not known.message or (root.message.reply and not known.message.reply):
            known.adopt(root)
        else:
            both = Node()
            result[result.index(known)] = both
            both.adopt(known)
            both.adopt(root)
            subjects[base] = both

    def order(siblings):
        siblings.sort(key=lambda n: date_of(n.first()))
        for n in siblings:
            order(n.children)

    order(result)
    return ''.join(r.text() for r in result)


def by_subject(messages):
    threads = {}
    for m in sorted(messages, key=date_of):
        threads.setdefault(m.base, []).append(str(m.number))
    out = ''
    for root, *rest in threads.values():
        out += f'({root})' if not rest else f'({root} {rest[0]})' if len(rest) == 1 else \
            f'({root} ' + ''.join(f'({n})' for n in rest) + ')'
    return out


class Sorting(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        waxwing._shared.user('sorter', PASSWORD)

    def setUp(self):
        self.client = self.box.imap('sorter', PASSWORD)
        self.addCleanup(self.client.logout)

    def fill(self, seed, count):
        rng, messages = random.Random(seed), []
        box = f'box{seed}'
        self.client.create(box)
        for n in range(1, count + 1):
            messages.append(Message(n, rng, messages))
            m = messages[-1]
            when = '"' + formatdate(m.arrived)[5:].replace(' ', '-', 2).rjust(26) + '"'
            self.assertEqual(self.client.append(box, None, when, m.text().encode())[0], 'OK')
        self.client.select(box)
        return messages

    def ask(self, name, *arguments, uid=False):
        tag = self.client._new_tag().decode()
        self.client.send(f'{tag} {"UID " if uid else ""}{name} {" ".join(arguments)}\r\n'.encode())
        untagged = []
        while True:
            line = self.client.readline().decode().rstrip('\r\n')
            if line.startswith(tag):
                self.assertTrue(line.startswith(tag + ' OK'), line)
                self.client.tagged_commands.pop(tag.encode(), None)
                return untagged, tag
            untagged.append(line)

    def sort(self, keys, search='ALL', **more):
        untagged, _ = self.ask('SORT', f'({keys})', 'UTF-8', search, **more)
        self.assertRegex(untagged[0], r'^\* SORT( \d+)*$')
        return [int(n) for n in untagged[0].split()[2:]]

    def test_every_key_and_pairs_of_them(self):
        messages = self.fill(1, COUNT)
        for first in KEYS:
            for second in list(KEYS)[::2]:
                for reverse in (False, True):
                    expected = sorted(messages, key=KEYS[second])
                    expected.sort(key=KEYS[first], reverse=reverse)
                    got = self.sort(('REVERSE ' if reverse else '') + f'{first} {second}')
                    self.assertEqual(got, [m.number for m in expected], (first, second, reverse))

    def test_a_part_of_the_mailbox_by_number_and_by_uid(self):
        messages = self.fill(2, 40)
        self.client.store('1:3,7', '+FLAGS', r'(\Deleted)')
        self.client.expunge()
        left = [m for m in messages if m.number not in (1, 2, 3, 7)]
        self.client.store('1:9', '+FLAGS', r'(\Flagged)')
        by_date = [m.number for m in sorted(left, key=KEYS['DATE'])]
        flagged = {m.number for m in left[:9]}
        self.assertEqual(self.sort('DATE', 'FLAGGED', uid=True), [n for n in by_date if n in flagged])
        self.assertEqual(self.sort('DATE', uid=True), by_date)
        numbers = {m.number: n for n, m in enumerate(left, 1)}
        self.assertEqual(self.sort('DATE', '5:*'), [numbers[n] for n in by_date if numbers[n] >= 5])
        self.assertEqual(self.sort('DATE', 'SUBJECT nothing'), [])
        got, _ = self.ask('THREAD', 'ORDEREDSUBJECT', 'UTF-8', 'ALL', uid=True)
        self.assertEqual(got[0], '* THREAD ' + by_subject(left))
        got, _ = self.ask('THREAD', 'REFERENCES', 'UTF-8', 'NOT', 'ALL')
        self.assertEqual(got[0], '* THREAD')

    def test_threads(self):
        for seed in range(10, 13):
            messages = self.fill(seed, COUNT)
            for algorithm, model in (('REFERENCES', by_references), ('ORDEREDSUBJECT', by_subject)):
                got, _ = self.ask('THREAD', algorithm, 'UTF-8', 'ALL')
                self.assertEqual(got[0], '* THREAD ' + model(messages), (seed, algorithm))
            self.assertEqual(sorted(int(n) for n in re.findall(r'\d+', got[0])), list(range(1, COUNT + 1)))

    def test_a_message_that_comes_later_is_sorted_in(self):
        messages = self.fill(3, 5)
        self.assertEqual(self.sort('SUBJECT'), [m.number for m in sorted(messages, key=KEYS['SUBJECT'])])
        self.client.append('box3', None, None, b'Subject: aaa\r\nDate: 1 Jan 1990 00:00 +0000\r\n\r\n')
        self.client.noop()
        self.assertEqual(self.sort('SUBJECT')[0], 6)
        self.assertEqual(self.sort('DATE')[0], 6)

    def test_return_options(self):
        messages = self.fill(4, 6)
        order = [m.number for m in sorted(messages, key=KEYS['SIZE'])]
        got, tag = self.ask('SORT', 'RETURN (MIN MAX COUNT)', '(SIZE)', 'UTF-8', 'ALL')
        self.assertEqual(got[0], f'* ESEARCH (TAG "{tag}") COUNT 6 MIN {order[0]} MAX {order[-1]}')
        got, tag = self.ask('SORT', 'RETURN ()', '(SIZE)', 'UTF-8', 'ALL')
        prefix = f'* ESEARCH (TAG "{tag}") ALL '
        self.assertTrue(got[0].startswith(prefix), got)
        told = []
        for piece in got[0][len(prefix):].split(','):
            first, _, last = piece.partition(':')
            told += range(int(first), int(last or first) + 1)
        self.assertEqual(told, order)


if __name__ == '__main__':
    unittest.main()

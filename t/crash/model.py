"""What a user's mailboxes must hold, and what they may hold while an answer is outstanding.

Every message bears a tag of its own in its header and a body that follows from the tag, so that one look tells
whose it is and whether it is whole. A State is {folder: {tag: flags}}. An operation that was answered leads from
one state to the next; one whose answer was lost, to any of its alternatives(). Mail on its way is kept apart:
it comes into the INBOX at any time, once.
"""
import random
import re

INBOX = 'INBOX'


# ---- messages -----------------------------------------------------------------------------------
BULK_BYTES = 200_000  # so large that a few fill a segment of the journal, and no file of their own is synced


def size_of(tag):
    """Mostly small; some so large that they take the way of large messages; -bulk- is what its name says."""
    if '-bulk-' in tag:
        return BULK_BYTES
    dice = random.Random('size ' + tag)
    return dice.choice((0, 200, 900, 1500, 3000, 4000, 9000) if dice.random() > 0.04 else (70_000, 300_000))


def message_of(tag, user):
    """The bytes that the sender gives away. user: whose it is, for 'never another user's mail'."""
    dice = random.Random('body ' + tag)
    lines = ['.', '..', '.leading dot', 'From the start of a line', 'trailing blanks   ', '']
    size, wanted = 0, size_of(tag)
    while size < wanted:
        lines.append(''.join(dice.choices('abcdefghij klmnopqrstuvwxyz.,', k=dice.randrange(0, 78))))
        size += len(lines[-1]) + 2
    to = ', '.join(f'<{name}@example.test>' for name in user.split(','))
    return (f'From: Ann <ann@elsewhere.test>\r\nTo: {to}\r\nSubject: {tag}\r\n'
            f'Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{tag}@elsewhere.test>\r\nX-Tag: {tag}\r\n'
            f'X-User: {user}\r\n\r\n' + '\r\n'.join(lines) + f'\r\nend of {tag}\r\n').encode()


class Wrong(AssertionError):
    """What is there is not what must be there."""


class NotThere(Wrong):
    """Mail that was accepted is not to be seen, and nothing else is wrong."""


def identify(raw, user):
    """The tag of a message as it was fetched, which must be one of the user's, whole and unchanged."""
    found = re.search(rb'^X-Tag: (\S+)\r$', raw, re.M)
    if not found:
        raise Wrong(f'{user} has a message that was never sent: {raw[:200]!r}')
    tag = found.group(1).decode()
    owner = re.search(rb'^X-User: (\S+)\r$', raw, re.M)
    owners = owner.group(1).decode() if owner else '?'
    if user not in owners.split(','):
        raise Wrong(f'{user} sees mail of {owners}: {tag}')
    wanted = message_of(tag, owners)
    if not raw.endswith(wanted):
        raise Wrong(f'{user}: message {tag} was changed: {len(raw)} bytes for {len(wanted)}: {raw[:300]!r}')
    trace = raw[:-len(wanted)].decode('utf-8', 'replace')
    for line in re.split(r'\r\n(?![ \t])', trace.rstrip('\r\n')) if trace else []:
        if not re.match(r'(Return-Path|Received|Delivered-To):', line):
            raise Wrong(f'{user}: message {tag} has more than trace fields in front: {line!r}')
    return tag


# ---- operations: what they do to a state ---------------------------------------------------------
def copied(state):
    return {folder: dict(messages) for folder, messages in state.items()}


class Append:
    def __init__(self, folder, tag, flags):
        self.folder, self.tag, self.flags = folder, tag, frozenset(flags)

    def apply(self, state):
        new = copied(state)
        new[self.folder][self.tag] = self.flags
        return new

    def alternatives(self, state):
        return [state, self.apply(state)]


class PerMessage:
    """An operation that may have been done for some of its messages when it was cut off."""

    def apply(self, state):
        for tag in self.tags:
            state = self.one(state, tag)
        return state

    def alternatives(self, state):
        states = [state]
        for tag in self.tags:
            states += [self.one(s, tag) for s in states]
        return states


class Flags(PerMessage):
    def __init__(self, folder, tags, how, flags):
        self.folder, self.tags, self.how, self.flags = folder, tags, how, frozenset(flags)

    def one(self, state, tag):
        new = copied(state)
        old = new[self.folder][tag]
        new[self.folder][tag] = {'+': old | self.flags, '-': old - self.flags, '': self.flags}[self.how]
        return new


class Expunge(PerMessage):
    def __init__(self, folder, tags):
        self.folder, self.tags = folder, tags

    def one(self, state, tag):
        new = copied(state)
        new[self.folder].pop(tag, None)
        return new


class Copy:
    """All or none."""

    def __init__(self, source, tags, target):
        self.source, self.tags, self.target = source, tags, target

    def apply(self, state):
        new = copied(state)
        for tag in self.tags:
            new[self.target][tag] = new[self.source][tag]
        return new

    def alternatives(self, state):
        return [state, self.apply(state)]


class Move(Copy):
    """The copy, then the expunge: both may be there for a while, never none."""

    def apply(self, state):
        new = super().apply(state)
        for tag in self.tags:
            del new[self.source][tag]
        return new

    def alternatives(self, state):
        both = super().apply(state)
        return [state] + Expunge(self.source, self.tags).alternatives(both)


class Whole:
    def alternatives(self, state):
        return [state, self.apply(state)]


class Create(Whole):
    def __init__(self, folder):
        self.folder = folder

    def apply(self, state):
        return {**state, self.folder: state.get(self.folder, {})}


class Delete(Whole):
    def __init__(self, folder):
        self.folder = folder

    def apply(self, state):
        return {folder: messages for folder, messages in state.items() if folder != self.folder}


class Rename(Whole):
    """With what is below; one step for the whole tree."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def apply(self, state):
        def name(folder):
            below = folder == self.old or folder.startswith(self.old + '/')
            return self.new + folder[len(self.old):] if below else folder
        return {name(folder): messages for folder, messages in state.items()}


class Seen:
    """New mail was seen in the INBOX: from now on it must be there."""

    def __init__(self, tags):
        self.tags = tags

    def apply(self, state):
        return {**state, INBOX: {**state[INBOX], **{tag: frozenset() for tag in self.tags}}}


class Found:
    """What was seen after an answer had been lost: whether the operation was done, and from now on what is there."""

    def __init__(self, state):
        self.state = copied(state)

    def apply(self, state):
        return copied(self.state)


# ---- comparing ----------------------------------------------------------------------------------
def difference(wanted, found):
    """In words; empty when they are the same."""
    words = []
    for folder in sorted(set(wanted) | set(found)):
        if folder not in found or folder not in wanted:
            words.append(f'folder {folder!r} is {"missing" if folder in wanted else "there, and should not be"}')
            continue
        want, have = wanted[folder], found[folder]
        words += [f'{tag} is missing in {folder}' for tag in sorted(set(want) - set(have))]
        words += [f'{tag} is in {folder}, and should not be' for tag in sorted(set(have) - set(want))]
        words += [f'{tag} in {folder} has flags {sorted(have[tag])} for {sorted(want[tag])}'
                  for tag in sorted(set(want) & set(have)) if want[tag] != have[tag]]
    return words


class Account:
    """One user's mailboxes as the model has them."""

    def __init__(self, user):
        self.user = user
        self.state = {INBOX: {}}
        self.pending = None          # the operation whose answer is outstanding
        self.must, self.may = set(), set()  # mail on its way: accepted; nobody knows
        self.known = set()           # every tag that ever came in: it must not come again

    def expect(self, tag, certain):
        (self.must if certain else self.may).add(tag)

    @classmethod
    def at(cls, user, log, moment):
        """The account as it was at a moment of the user's log: [operation, begun, ended], ended None or 'unknown' where
        there was no answer. What became of such a one is not known before the Found that follows it."""
        account = cls(user)
        for operation, begun, ended in log:
            if isinstance(operation, Append) and begun < moment:
                account.known.add(operation.tag)
            if ended is not None and ended != 'unknown' and ended <= moment:
                account.state = operation.apply(account.state)
                if isinstance(operation, Found):
                    account.pending = None
                elif isinstance(operation, Seen):
                    account.known |= set(operation.tags)
            elif begun < moment:
                account.pending = operation
        return account

    def arrivals(self, found):
        """What is new in the INBOX, which must be on its way; the rest of what was found."""
        inbox = found.get(INBOX, {})
        fresh = {tag for tag in inbox if tag not in self.known and tag in self.must | self.may}
        rest = {**found, INBOX: {tag: flags for tag, flags in inbox.items() if tag not in fresh}}
        for tag in fresh:
            if inbox[tag]:
                raise Wrong(f'{self.user}: new message {tag} has flags {sorted(inbox[tag])}')
        return fresh, rest

    def settle(self, found, everything=False):
        """Takes what is there, {folder: {tag: flags}}, for the truth when it may be the truth; Wrong else.

        everything: nothing is on its way any more."""
        fresh, rest = self.arrivals(found)
        candidates = self.pending.alternatives(self.state) if self.pending else [self.state]
        if rest not in candidates:
            nearest = min((difference(c, rest) for c in candidates), key=len)
            raise Wrong(f'{self.user}: ' + '; '.join(nearest[:20]) +
                        (f' (after {vars(self.pending)} without an answer)' if self.pending else ''))
        if everything and self.must - fresh - self.known:
            raise NotThere(f'{self.user}: accepted and lost: {sorted(self.must - fresh - self.known)}')
        self.known |= fresh
        self.must -= fresh
        self.may -= fresh
        if everything:
            self.may.clear()
        self.state = found
        self.pending = None
        return fresh

"""Random damage to one file of an instance, and which part of the instance a file belongs to."""
import os
import re


def kind_of(path):
    """Which part of the instance a file belongs to."""
    name = os.path.basename(path)
    if path.startswith('queue/'):
        return 'queue'
    if path.startswith('journal/'):
        return 'journal'
    if path.startswith('store/mboxlist'):
        return 'list'
    if name.endswith('.msg'):
        return 'message'
    return 'index' if name == 'store.idx' else 'cache' if re.fullmatch(r'store\.c\d+', name) else 'other ' + name


def used_size(path):
    """Without the zeros at its end: logs are laid out far longer than what they hold."""
    with open(path, 'rb') as file:
        return len(file.read().rstrip(b'\0'))


def damage(path, dice):
    """In words what was done."""
    whole = os.path.getsize(path)
    size = used_size(path) if dice.random() < 0.8 else whole
    how = dice.choice(('flip', 'flip', 'flip', 'zero', 'cut', 'longer', 'noise', 'remove', 'empty'))
    if how == 'remove':
        os.unlink(path)
        return how
    with open(path, 'r+b') as file:
        if how == 'cut':
            file.truncate(dice.randrange(size) if size else 0)
        elif how == 'empty':
            file.truncate(0)
        elif how == 'longer':
            file.seek(0, 2)
            file.write(dice.randbytes(dice.choice((1, 128, 4096))))
        elif how == 'noise':
            file.write(dice.randbytes(size))
        elif how == 'zero':
            file.seek(dice.randrange(size + 1) // 512 * 512)
            file.write(bytes(dice.choice((512, 4096))))
            file.truncate(max(whole, 1))
        else:
            for _ in range(dice.choice((1, 1, 4, 16))):
                at = dice.randrange(size) if size else 0
                file.seek(at)
                old = file.read(1) or b'\0'
                file.seek(at)
                file.write(bytes([old[0] ^ 1 << dice.randrange(8)]))
    return how

"""Tables in which each two values of two options meet."""

import collections
import itertools


def contains(row, part):
    return all(key in row and row[key] == value for key, value in part.items())


def table(options, refused=()):
    """Rows in which all pairs of values meet, but for those that cannot.

    Each row starts from a pair that has met in none yet, and takes of every other option,
    those of many values first, the value that makes most such pairs, of two such values
    the one that has more to meet: tables are as short as those of larger programs.

    Args:
      options: dict, name = list of values.
      refused: list of dicts of two names and values each that no row has.

    Returns:
      List of dicts, name = value.
    """
    names = sorted(options, key=lambda name: -len(options[name]))
    options = {name: list(enumerate(options[name])) for name in names}

    def is_allowed(row):
        values = {name: value for name, (_, value) in row.items()}
        return not any(contains(values, part) for part in refused)

    def pairs_of(row):
        # Of indices: values may have no hash, or equal those of another type.
        indices = [(name, row[name][0]) for name in options if name in row]
        return set(itertools.combinations(indices, 2))

    missing = {}
    for first, second in itertools.combinations(options, 2):
        for pair in itertools.product(options[first], options[second]):
            row = dict(zip((first, second), pair, strict=True))
            if is_allowed(row):
                missing |= dict.fromkeys(pairs_of(row), row)

    def longer(row, name, left):
        """The row with the best value of another option."""

        def gain(index):
            met = pairs_of(row | {name: options[name][index]}) & missing.keys()
            return len(met), left[name, index]

        values = [row | {name: value} for value in options[name]]
        indices = [i for i, row in enumerate(values) if is_allowed(row)]
        return values[max(indices, key=gain)]

    rows = []
    while missing:
        left = collections.Counter(itertools.chain.from_iterable(missing))
        row = next(iter(missing.values()))
        for name in [name for name in options if name not in row]:
            row = longer(row, name, left)
        for pair in pairs_of(row):
            missing.pop(pair, None)
        rows.append({name: row[name][1] for name in options})
    return rows

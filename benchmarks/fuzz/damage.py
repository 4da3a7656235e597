"""Files that went wrong, and files of strangers who want them to."""

import io
import json
import pickle
import struct
import warnings
import zipfile

import numpy as np

_HUGE = (10**4, 10**6, 10**10, 2**31, 2**63, 10**30)
_ODD = (
    *_HUGE,
    *(-size for size in _HUGE),
    0,
    -1,
    1.5,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "planar",
    "float64",
    "bfloat16",
    "\x1b[31m" + "long" * 1_000,
    [],
    [1],
    [10**10],
    [0, 10**10],
    [[]],
    {},
    {"array": "u", "is_variable": True},
    {"class": "Normal", "arguments": {"loc": 0, "scale": 1}},
    {"class": "Laplace", "arguments": {}},
    {"class": "Sample", "arguments": {}},
)
_TYPES = ("<f4", "<f8", ">f4", "<f2", "|O", "<c16", "|V4", "<U9", "<i8", "<M8[s]", "x")


def damage(content, rng):
    """What became of an archive of arrays.

    Args:
      content: its bytes.
      rng: `random.Random`.

    Returns:
      Pair of the kind of damage, `str`, and the bytes.
    """
    kind = rng.choice(list(_KINDS))
    return kind, _KINDS[kind](content, rng)


def _truncate(content, rng):
    return content[: rng.randrange(len(content))]


def _flip(content, rng):
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _overwrite(content, rng):
    start = rng.randrange(len(content))
    length = rng.choice((1, 4, 16, 200))
    filling = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))
    return content[:start] + filling + content[start + length :]


def _splice(content, rng):
    """Parts twice, left out, or in another order."""
    cuts = sorted(rng.randrange(len(content)) for _ in range(3))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    return b"".join(rng.choice(parts) for _ in range(rng.randint(1, 6)))


def _replace(content, rng):
    """Something else altogether."""
    array = io.BytesIO()
    np.save(array, np.ones(3))
    return rng.choice(
        (
            b"",
            b"hello",
            b"PK",
            b"PK\x05\x06" + bytes(18),
            b"PK\x05\x06" + b"\xff" * 18,
            array.getvalue(),
            pickle.dumps(dict(a=1)),
            rng.randbytes(rng.choice((1, 30, 5_000))),
            b"\x89PNG\r\n\x1a\n" + bytes(50),
            json.dumps(dict(format="tfp_flows/flow")).encode(),
        )
    )


def _members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _pack(members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def _array(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _change_metadata(content, rng):
    """One value in the metadata, of any depth, is another."""
    members = _members(content)
    if "metadata.npy" not in members:
        return _change_header(content, rng)
    array = np.load(io.BytesIO(members["metadata.npy"]))
    metadata = json.loads(str(array))
    place = metadata
    while True:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
            place = place[key]
            continue
        if isinstance(place, dict) and rng.random() < 0.2:
            del place[key]
        else:
            place[key] = rng.choice(_ODD)
        break
    text = json.dumps(metadata)
    if rng.random() < 0.1:
        nested = ("[" * 50_000, '{"a":' * 5_000)
        text = rng.choice((*nested, text[:-1], "9" * 10_000, "null"))
    if rng.random() < 0.1:  # an object in an object in an object
        record = {"class": "Normal", "arguments": {}}
        for _ in range(rng.choice((5, 100, 300))):
            arguments = {"distribution": record, "reinterpreted_batch_ndims": 0}
            record = {"class": "Independent", "arguments": arguments}
        text = json.dumps(dict(metadata, version=2, base=record))
    if rng.random() < 0.1:
        around = [dict(step="invert", bijector=None)] * rng.choice((50, 10_000))
        text = json.dumps(dict(metadata, version=2, around=around))
    return _pack((members | {"metadata.npy": _array(np.array(text))}).items())


def _change_header(content, rng):
    """One array is declared to be something else, with a checksum that is right."""
    members = _members(content)
    name = rng.choice(list(members))
    old = members[name]
    end = 10 + int.from_bytes(old[8:10], "little")
    shape = rng.choice(
        (
            (),
            (0,),
            (rng.choice(_HUGE),),
            (rng.choice(_HUGE), 0),
            (-1,),
            (2, 3),
            (1,) * rng.choice((5, 40, 300)),
        )
    )
    header = dict(
        descr=rng.choice(_TYPES),
        fortran_order=rng.choice((False, True, 0)),
        shape=shape,
    )
    text = rng.choice((repr(header), repr(header), "(" * 5_000, "-" * 9_000 + "1", "{"))
    version = rng.choice((1, 1, 1, 2, 3, 9))
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    start = b"\x93NUMPY" + bytes([version, 0]) + length
    return _pack((members | {name: start + text.encode() + old[end:]}).items())


def _change_array(content, rng):
    """One array has other values, shape or dtype, or is not there."""
    members = _members(content)
    name = rng.choice(list(members))
    array = np.load(io.BytesIO(members.pop(name)))
    if array.dtype.kind == "f" and array.size and rng.random() < 0.5:
        array = array.copy()
        array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf))
    else:
        array = rng.choice(
            (
                None,
                array[..., None],
                array.astype(object),
                np.zeros(array.shape, np.complex64),
                np.zeros(array.shape, np.int8),
                np.full(array.shape, "text"),
                np.zeros([*array.shape, 3], np.float32),
                np.ones(100_000, np.float32),
            )
        )
    if array is None:
        return _pack(members.items())
    return _pack([*members.items(), (name, _array(array))])


def _bomb(content, rng):
    """Far more than it looks, by compression or by false sizes."""
    members = _members(content)
    name = rng.choice(list(members))
    zeros = _array(np.zeros(rng.choice((10**5, 10**7)), np.float32))
    if rng.random() < 0.5:
        return _pack((members | {name: zeros}).items(), zipfile.ZIP_DEFLATED)
    packed = bytearray(_pack((members | {name: zeros[:1_000]}).items()))
    size = struct.pack("<I", rng.choice((1, 10**9, 2**32 - 1)))
    entry = packed.rfind(b"PK\x01\x02")
    packed[entry + 20 : entry + 24] = size
    packed[entry + 24 : entry + 28] = size
    return bytes(packed)


def _change_entry(content, rng):
    """Flags, methods and offsets in the directory, and members too many."""
    if rng.random() < 0.3:
        members = list(_members(content).items())
        return _pack([*members * rng.choice((2, 300)), ("a/", b""), ("../up", b"1")])
    damaged = bytearray(content)
    entry = damaged.rfind(b"PK\x01\x02")
    at, form = rng.choice(
        ((6, "<H"), (8, "<H"), (10, "<H"), (16, "<I"), (28, "<H"), (30, "<H"), (42, "<I"))
    )
    value = rng.choice((1, 8, 12, 14, 64, 99, 2**16 - 1, 2**31, 2**32 - 1))
    struct.pack_into(form, damaged, entry + at, value % 256 ** struct.calcsize(form))
    return bytes(damaged)


_KINDS = {
    "truncated": _truncate,
    "bits flipped": _flip,
    "bytes overwritten": _overwrite,
    "parts in another order": _splice,
    "something else": _replace,
    "other metadata": _change_metadata,
    "other header": _change_header,
    "other array": _change_array,
    "larger than it looks": _bomb,
    "other directory": _change_entry,
}

# Nobody writes a checksum that is right by accident.
BY_ACCIDENT = frozenset(list(_KINDS)[:5])

"""Archives of arrays: no more memory than the file is long, and one error."""

import io
import json
import zipfile

import numpy as np
import pytest

from tfp_flows.files import Format, InvalidFileError, read_arrays

FORMAT = Format("test/file", versions=(1, 2), is_not="no test", advice="write one")
METADATA = dict(format="test/file", version=1)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_members(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members:
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "array",
    [
        np.ones([2, 3], "f")[:, ::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4, dtype=">i4"),
        np.array(True),
        np.zeros([0, 3], np.float16),
        np.array(["a", "βγ"]),
        np.array([1j, 2.0]),
    ],
    ids=lambda array: array.dtype.str,
)
def test_reads_what_numpy_writes(tmp_path, array):
    FORMAT.write(tmp_path / "a.npz", METADATA, dict(a=array))
    metadata, arrays = FORMAT.read(tmp_path / "a.npz")
    assert metadata == METADATA
    np.testing.assert_array_equal(arrays["a"], array)
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["a"].dtype == array.dtype


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }\n"
MALICIOUS = {
    "declares more than there is": HEADER % "1000000000000",
    "declares nothing of much": HEADER % ("0, " + 18 * "9"),
    "more digits than an int may have": HEADER % (5_000 * "9"),
    "many axes": HEADER % (50 * "1,"),
    "negative": HEADER % "-1",
    "objects": HEADER.replace("<f4", "|O") % "1",
    "a structure": HEADER.replace("'<f4'", "[('a', '<f4')]") % "1",
    "nested brackets": 5_000 * "(",
    "code": "__import__('os').system('false')",
    "no end": HEADER[:20],
}


@pytest.mark.parametrize("header", MALICIOUS.values(), ids=MALICIOUS)
def test_headers_are_not_trusted(tmp_path, header):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    write_members(tmp_path / "a.npz", [("a.npy", content + b"1234")])
    with pytest.raises(InvalidFileError, match="'a'") as caught:
        read_arrays(tmp_path / "a.npz")
    assert "pickle" not in str(caught.value)


def test_compressed_files_take_a_hundred_times_their_size_at_most(tmp_path):
    path = tmp_path / "a.npz"
    digits = np.arange(10_000) // 50
    np.savez_compressed(path, digits=digits, rest=np.ones(3))
    np.testing.assert_array_equal(
        read_arrays(path, names=["digits"], compressed=True)["digits"], digits
    )
    with pytest.raises(InvalidFileError, match="too many for a file"):
        read_arrays(path)
    np.savez_compressed(path, zeros=np.zeros(10**6))
    with pytest.raises(InvalidFileError, match="8,000,128 bytes, too many"):
        read_arrays(path, compressed=True)


def test_members_that_lie_about_their_size(tmp_path):
    path, content = tmp_path / "a.npz", npy(np.zeros(10**6))
    write_members(path, [("a.npy", content)], compression=zipfile.ZIP_DEFLATED)
    size = len(content).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1_000).to_bytes(4, "little")))
    with pytest.raises(InvalidFileError):
        read_arrays(path, compressed=True)


def test_members_that_are_not_read(tmp_path):
    path = tmp_path / "a.npz"
    good = ("a.npy", npy(np.ones(2)))
    for bad in ("a", "other.txt"):
        write_members(path, [good, (bad, b"1")])
        with pytest.raises(InvalidFileError, match="no array"):
            read_arrays(path)
    assert list(read_arrays(path, names=["a"])) == ["a"]
    write_members(path, [good], compression=zipfile.ZIP_BZIP2)
    with pytest.raises(InvalidFileError, match="compressed otherwise"):
        read_arrays(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (METADATA | dict(version=3), "has format 'test/file' version 3.* up to 2; write"),
        (METADATA | dict(format="other"), "has format 'other' version 1"),
        (METADATA | dict(version=True), r"is no test, or is damaged \(.*version"),
        (METADATA | dict(version="1"), "damaged"),
        ({}, "does not name a format"),
        ([], "does not name a format"),
    ],
)
def test_metadata(tmp_path, metadata, message):
    np.savez(tmp_path / "a.npz", metadata=np.array(json.dumps(metadata)))
    with pytest.raises(InvalidFileError, match=message):
        FORMAT.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "metadata",
    [np.array(20_000 * "["), np.array("{"), np.array(["{}"]), np.array(1), None],
    ids=["nested", "no JSON", "a vector", "a number", "missing"],
)
def test_what_is_no_metadata(tmp_path, metadata):
    arrays = dict(a=np.ones(1)) if metadata is None else dict(metadata=metadata)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InvalidFileError, match="`metadata`"):
        FORMAT.read(tmp_path / "a.npz")


def test_any_byte_may_be_wrong(tmp_path):
    """Every third in turn; the checksums of archives do not cover their directories."""
    path, array = tmp_path / "a.npz", np.arange(3.0)
    FORMAT.write(path, METADATA, dict(a=array))
    whole = path.read_bytes()
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            _, arrays = FORMAT.read(path)
        except InvalidFileError:
            continue
        assert arrays["a"].tobytes() == array.tobytes()


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(InvalidFileError, match="no regular file"):
        read_arrays(tmp_path)
    with pytest.raises(TypeError, match="`path`"):
        read_arrays(3)

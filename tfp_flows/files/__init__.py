"""Files: written whole or not at all, by one at a time, and read with suspicion."""

from tfp_flows.files.archives import Format, InvalidFileError, read_arrays
from tfp_flows.files.locks import locked
from tfp_flows.files.writing import (
    as_path,
    prepare_file,
    prepare_folder,
    remove_parts,
    replacing,
    write_csv,
    write_json,
    write_text,
)

__all__ = [
    "Format",
    "InvalidFileError",
    "as_path",
    "locked",
    "prepare_file",
    "prepare_folder",
    "read_arrays",
    "remove_parts",
    "replacing",
    "write_csv",
    "write_json",
    "write_text",
]

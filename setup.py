"""Metadata and dependencies of tfp_flows; tool settings are in pyproject.toml."""

import os
import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "tfp_flows" / "version.py").read_text("utf-8")
).group(1)

# Known where a release is built; an index page shows what is beside the README by links.
REPOSITORY = os.environ.get("GITHUB_REPOSITORY")


def long_description() -> str:
    """The README, in a release with absolute links to the files of its tag."""
    text = (HERE / "README.md").read_text("utf-8")
    if REPOSITORY is None:
        return text
    images = f"https://raw.githubusercontent.com/{REPOSITORY}/v{VERSION}/"
    files = f"https://github.com/{REPOSITORY}/blob/v{VERSION}/"
    text = re.sub(r"(!\[[^\]]*\]\()(?!http)", rf"\1{images}", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!http)", rf"\1{files}", text)


REPORT = ["typst>=0.13"]
SWEEPS = ["joblib>=1.3"]
TENSORBOARD = ["tensorboard>=2.18"]
TEST = [
    "codespell>=2.3",
    "hypothesis>=6.100",
    "ipykernel>=6.29",
    "mpmath>=1.3",
    "mypy>=1.11",
    "nbclient>=0.10",
    "pytest>=8",
    "pytest-xdist>=3.5",
    "ruff>=0.8",
    "scikit-learn>=1.3",
    "scipy>=1.11.1",
    *TENSORBOARD,
    *REPORT,
    *SWEEPS,
]

setup(
    name="tfp_flows",
    version=VERSION,
    description="Planar, radial, Sylvester and autoregressive flows for TFP",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="The authors of tfp_flows",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="normalizing-flows variational-inference tensorflow-probability keras",
    project_urls={"Source": f"https://github.com/{REPOSITORY}"} if REPOSITORY else {},
    python_requires=">=3.10",
    packages=find_packages(include=["tfp_flows", "tfp_flows.*"]),
    package_data={"tfp_flows": ["py.typed"]},
    install_requires=[
        "arviz>=0.18,<1",
        "keras>=3.7",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "tensorflow>=2.18",
        "tensorflow-probability[tf]>=0.25",
        "tqdm>=4.64",
    ],
    extras_require={
        "docs": [
            "furo",
            "myst-nb>=1.1",
            "sphinx>=7.4",
            "sphinx-design>=0.6",
            "sphinxcontrib-katex>=0.9.11",
        ],
        "notebooks": [
            "ipykernel>=6.29",
            "jupyterlab>=4.2",
            "nbclient>=0.10",
            "scikit-learn>=1.3",
        ],
        "report": REPORT,
        "sweeps": SWEEPS,
        "tensorboard": TENSORBOARD,
        "test": TEST,
    },
    entry_points={"console_scripts": ["tfp-flows = tfp_flows.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Mathematics",
    ],
)

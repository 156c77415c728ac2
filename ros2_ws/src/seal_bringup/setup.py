# SPDX-License-Identifier: Apache-2.0
"""Build of seal_bringup; its version and description stand in package.xml alone."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
MANIFEST = ElementTree.parse(HERE / "package.xml").getroot()
NAME = MANIFEST.findtext("name")
MAINTAINER = MANIFEST.find("maintainer")


def share(folder: str) -> tuple[str, list[str]]:
    """The files of one folder, to share/seal_bringup/<folder>."""
    files = sorted(path for path in (HERE / folder).glob("*") if path.is_file())
    return f"share/{NAME}/{folder}", [str(path.relative_to(HERE)) for path in files]


setup(
    name=NAME,
    version=MANIFEST.findtext("version"),
    description=" ".join(MANIFEST.findtext("description").split()),
    maintainer=MAINTAINER.text,
    maintainer_email=MAINTAINER.get("email"),
    license=MANIFEST.findtext("license"),
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_dir={"": "."},
    package_data={NAME: ["report/assets/*", "live/assets/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *(share(folder) for folder in ("launch", "config", "config/robots", "rviz", "foxglove")),
    ],
    install_requires=["setuptools"],
    extras_require={"ray": ["ray==2.60.0"]},
    python_requires=">=3.10,<3.14",
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "ages_node = seal_bringup.nodes.ages_node:main",
            "live_node = seal_bringup.nodes.live_node:main",
            "monitor_node = seal_bringup.nodes.monitor_node:main",
            "seal = seal_bringup.cli.app:main",
        ],
    },
)

# SPDX-License-Identifier: Apache-2.0
"""Build of seal_mapping; its version and description stand in package.xml alone."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
MANIFEST = ElementTree.parse(HERE / "package.xml").getroot()
NAME = MANIFEST.findtext("name")
MAINTAINER = MANIFEST.find("maintainer")

setup(
    name=NAME,
    version=MANIFEST.findtext("version"),
    description=" ".join(MANIFEST.findtext("description").split()),
    maintainer=MAINTAINER.text,
    maintainer_email=MAINTAINER.get("email"),
    license=MANIFEST.findtext("license"),
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_dir={"": "."},
    package_data={NAME: ["labels/objects/*.json"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    python_requires=">=3.10,<3.14",
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "mapping_node = seal_mapping.nodes.mapping_node:main",
            "recorder_node = seal_mapping.nodes.recorder_node:main",
            "heading_node = seal_mapping.nodes.heading_node:main",
            "label_node = seal_mapping.nodes.label_node:main",
        ],
    },
)

# SPDX-License-Identifier: Apache-2.0
"""Build of sim_bridge; its version and description stand in package.xml alone."""

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
    package_data={NAME: ["*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    python_requires=">=3.10,<3.14",
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "fake_robot_node = sim_bridge.nodes.fake_robot_node:main",
            "robot_bridge_node = sim_bridge.nodes.robot_bridge_node:main",
            "sim_bridge_node = sim_bridge.nodes.sim_bridge_node:main",
        ],
    },
)

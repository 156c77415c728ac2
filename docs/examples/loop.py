# SPDX-License-Identifier: Apache-2.0
"""SEAL in one process, without ROS: writes `labels`, a COCO dataset, and the detector `tuned.safetensors`."""

from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.source import Recording
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.detector.detector import load_detector
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_policy.explorer import Explorer
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.loop import explore
from sim_bridge.worlds import open_simulator


def main(steps: int = 300, iterations: int = 300) -> None:
    """Explore a home, label every frame through the 3D map, fine-tune the detector."""
    world, recording = open_simulator("train_01"), Recording()
    explore(world, load_detector(), VoxelMap(), Explorer(FrontierPolicy()), steps, recording.add)
    write_dataset(recording, LabelProp(), DatasetWork("labels"))
    finetune("seal-small", "labels", "tuned.safetensors", FinetuneConfig(iterations=iterations))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Labelling as a service: a bag becomes a dataset while the node keeps answering."""

from __future__ import annotations

import sys
import threading

from std_msgs.msg import String
from std_srvs.srv import Trigger

from seal_mapping.bags.reader import open_bag
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.labels.propagate import LabelConfig
from seal_mapping.voxels.config import MapConfig
from seal_perception.errors import SealError
from seal_perception.nodes.base import SealNode, run_node
from seal_perception.nodes.params import declare, declare_config


class LabelNode(SealNode):
    """Service `label` labels the bag `bag` into the folder `out`; topic `label/progress` says how far it is.

    The answer to the service says that the work has begun; the last message on the topic starts with "done" or
    "failed". Parameters: `bag`, `out`, `label.*` (LabelConfig), `map.*` (MapConfig); read when the service is called.
    """

    def __init__(self) -> None:
        super().__init__("label")
        declare(self, "bag", "", "bag to label", changeable=True)
        declare(self, "out", "labels", "folder of the dataset", changeable=True)
        self._label_config = declare_config(self, LabelConfig, "label")
        self._map_config = declare_config(self, MapConfig, "map")
        self._progress = self.advertise(String, "label/progress", latched=True)
        self._worker: threading.Thread | None = None
        self.create_service(Trigger, "label", self._on_label)

    def _on_label(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._worker is not None and self._worker.is_alive():
            response.success, response.message = False, "already labelling"
            return response
        bag, out = self.get_parameter("bag").value, self.get_parameter("out").value
        self._worker = threading.Thread(target=self._work, args=(bag, out), daemon=True)
        self._worker.start()
        response.success, response.message = True, f"labelling {bag} into {out}"
        return response

    def _work(self, bag: str, out: str) -> None:
        try:
            labeller = LabelProp(self._label_config, self._map_config)
            summary = write_dataset(open_bag(bag), labeller, DatasetWork(out, progress=self._say_progress))
        except (SealError, ValueError, OSError) as error:
            self._progress.publish(String(data=f"failed: {error}"))
            self.get_logger().error(f"cannot label {bag}: {error}")
            return
        self._progress.publish(String(data=f"done: {out}"))
        self.get_logger().info(
            f"labelled {bag} into {out}: {summary['frames']} frames, {summary['annotations']} annotations"
        )

    def _say_progress(self, done: int, total: int) -> None:
        self._progress.publish(String(data=f"{done}/{total}"))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(LabelNode, "label"))


if __name__ == "__main__":
    main()

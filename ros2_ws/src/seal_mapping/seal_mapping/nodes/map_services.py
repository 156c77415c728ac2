# SPDX-License-Identifier: Apache-2.0
"""The mapping node's services: `map/save`, `map/get`, `map/load`, `map/reset`."""

from __future__ import annotations

from typing import Any

from nav_msgs.srv import GetMap, LoadMap
from std_srvs.srv import Trigger

from seal_mapping.nodes import map_messages as convert
from seal_mapping.voxels.resume import MisfitError
from seal_perception.errors import SealError


class MapServices:
    """Serves the map of a node.

    Args:
        node: the mapping node, with `save`, `grid`, `take_over` and `begin_anew`.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        node.create_service(Trigger, "map/save", self._on_save)
        node.create_service(GetMap, "map/get", self._on_get)
        node.create_service(LoadMap, "map/load", self._on_load)
        node.create_service(Trigger, "map/reset", self._on_reset)

    def _on_save(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            path = self._node.save()
            response.success = path is not None
            response.message = str(path or "nothing to save: set save_path, and map a frame")
        except (SealError, OSError) as error:
            response.success, response.message = False, str(error)
        return response

    def _on_get(self, _: GetMap.Request, response: GetMap.Response) -> GetMap.Response:
        response.map = self._node.grid()
        return response

    def _on_load(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        logger = self._node.get_logger()
        response.result = LoadMap.Response.RESULT_MAP_DOES_NOT_EXIST
        try:
            path = convert.url_to_path(request.map_url)
            response.result = LoadMap.Response.RESULT_INVALID_MAP_DATA if path.is_file() else response.result
            self._node.take_over(path)
            response.result = LoadMap.Response.RESULT_SUCCESS
            response.map = self._node.grid()
        except MisfitError as error:
            response.result = LoadMap.Response.RESULT_INVALID_MAP_METADATA
            logger.error(f"map not loaded: {error}")
        except SealError as error:
            logger.error(f"map not loaded: {error}")
        except OSError as error:
            response.result = LoadMap.Response.RESULT_UNDEFINED_FAILURE
            logger.error(f"map not loaded: {error}")
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, f"a new map begins; forgotten: {self._node.begin_anew()}"
        self._node.get_logger().info(response.message)
        return response
